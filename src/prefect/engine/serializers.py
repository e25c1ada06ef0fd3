"""How values become bytes and come back."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from io import BytesIO, StringIO
from typing import Any, TypeAlias

from prefect.exceptions import TaskSettingError, TaskSettingTypeError
from prefect.utilities import serialization

Squeeze: TypeAlias = Callable[..., bytes]

BASE64_PICKLE = b"gA"
"""How the opening bytes of a pickle (`80` and a low number) read in base64."""

STOP = b"."
"""How every pickle ends."""


class Serializer:
    """Base of everything that turns values into bytes and back; two of the same type are equal."""

    def serialize(self, value: Any) -> bytes:
        """The bytes of a value."""
        raise NotImplementedError(f"{type(self).__name__} has to define serialize(value) -> bytes")

    def deserialize(self, value: bytes) -> Any:
        """The value of some bytes."""
        raise NotImplementedError(f"{type(self).__name__} has to define deserialize(bytes) -> value")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class PickleSerializer(Serializer):
    """Pickles, with functions and classes of the script itself included."""

    def serialize(self, value: Any) -> bytes:
        return serialization.dumps(value)

    def deserialize(self, value: bytes) -> Any:
        pickled = b64decode(value, validate=True) if value.startswith(BASE64_PICKLE) else value
        if not pickled.endswith(STOP):  # pickle itself reads on to the first end and ignores what follows
            raise ValueError("these bytes do not end as a pickle does")
        return serialization.loads(pickled)


class JSONSerializer(Serializer):
    """JSON texts."""

    def serialize(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def deserialize(self, value: bytes) -> Any:
        return json.loads(value)


class DateTimeSerializer(Serializer):
    """Moments as ISO 8601 texts; one without a time zone is in UTC."""

    def serialize(self, value: datetime) -> bytes:
        if not isinstance(value, datetime):
            raise TaskSettingTypeError(f"DateTimeSerializer stores datetimes only, but this is {value!r}")
        return aware(value).isoformat().encode()

    def deserialize(self, value: bytes) -> datetime:
        return aware(datetime.fromisoformat(value.decode()))


def aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


class PandasSerializer(Serializer):
    """Pandas tables as files of a type that pandas knows, such as `"csv"` or `"parquet"`.

    Args:
        file_type: the end of `DataFrame.to_...` and `pandas.read_...`.
        deserialize_kwargs: options for `pandas.read_...`.
        serialize_kwargs: options for `DataFrame.to_...`.
    """

    def __init__(
        self,
        file_type: str,
        deserialize_kwargs: Mapping[str, Any] | None = None,
        serialize_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        check_file_type(file_type)
        self.file_type = file_type
        self.deserialize_kwargs = dict(deserialize_kwargs or {})
        self.serialize_kwargs = dict(serialize_kwargs or {})

    def serialize(self, value: Any) -> bytes:
        write = getattr(value, f"to_{self.file_type}")
        data = in_bytes_or_text(
            lambda: written(write, BytesIO(), self.serialize_kwargs),
            lambda: written(write, StringIO(), self.serialize_kwargs).encode(),
        )
        return bytes(data)

    def deserialize(self, value: bytes) -> Any:
        read = getattr(import_module("pandas"), f"read_{self.file_type}")
        return in_bytes_or_text(
            lambda: read(BytesIO(value), **self.deserialize_kwargs),
            lambda: read(StringIO(value.decode()), **self.deserialize_kwargs),
        )

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = Serializer.__hash__


def check_file_type(file_type: str) -> None:
    pandas = import_module("pandas")
    if hasattr(pandas.DataFrame, f"to_{file_type}") and hasattr(pandas, f"read_{file_type}"):
        return
    known = sorted(
        name[3:] for name in dir(pandas.DataFrame) if name[:3] == "to_" and hasattr(pandas, f"read_{name[3:]}")
    )
    raise TaskSettingError(f"Pandas does not write and read {file_type!r} files; it does {', '.join(known)}")


def in_bytes_or_text(in_bytes: Callable[[], Any], in_text: Callable[[], Any]) -> Any:
    """Some file types of pandas take binary files and some take text files: find out by trying."""
    try:
        return in_bytes()
    except Exception as error:
        try:
            return in_text()
        except Exception:
            raise error from None


def written(write: Callable[..., Any], file: Any, options: Mapping[str, Any]) -> Any:
    write(file, **options)
    return file.getvalue()


class CompressedSerializer(Serializer):
    """Another serializer's bytes, compressed.

    Args:
        serializer: makes the bytes.
        format: a module with the functions `compress` and `decompress`: bz2, gzip, lzma, zlib or any other.
        compress: a function from bytes to bytes, with `decompress` instead of `format`.
        decompress: its inverse.
        compress_kwargs: options for `compress`.
        decompress_kwargs: options for `decompress`.
    """

    def __init__(
        self,
        serializer: Serializer,
        format: str | None = None,
        compress: Callable[..., bytes] | None = None,
        decompress: Callable[..., bytes] | None = None,
        compress_kwargs: Mapping[str, Any] | None = None,
        decompress_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.serializer = serializer
        self.compress, self.decompress = compression(format, compress, decompress)
        self.compress_kwargs = dict(compress_kwargs or {})
        self.decompress_kwargs = dict(decompress_kwargs or {})

    def serialize(self, value: Any) -> bytes:
        return self.compress(self.serializer.serialize(value), **self.compress_kwargs)

    def deserialize(self, value: bytes) -> Any:
        return self.serializer.deserialize(self.decompress(value, **self.decompress_kwargs))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = Serializer.__hash__


def compression(format: str | None, compress: Squeeze | None, decompress: Squeeze | None) -> tuple[Squeeze, Squeeze]:
    """The two functions of a compression, given as a module's name or as the functions themselves."""
    if (compress is None) != (decompress is None):
        raise TaskSettingError("Give compress and decompress together: one of them undoes the other")
    if (format is None) == (compress is None):
        raise TaskSettingError("Give either format or the functions compress and decompress")
    if compress is not None and decompress is not None:
        return compress, decompress
    return functions_of(str(format))


def functions_of(format: str) -> tuple[Squeeze, Squeeze]:
    module = import_module(format)
    try:
        return module.compress, module.decompress
    except AttributeError as error:
        raise TaskSettingError(
            f"The module {format!r} lacks compress or decompress: choose one such as gzip, or give the functions"
        ) from error
