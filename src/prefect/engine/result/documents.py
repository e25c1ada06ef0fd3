"""Results as documents: of which class they are, where the value is and how to read it; never the value itself.

```python
{
    "type": "prefect.engine.results.LocalResult",
    "location": "/data/2024/add",
    "stored": {"size": 120, "digest": "9f2c…"},
    "settings": {"dir": "/data"},
    "serializer": {"type": "prefect.engine.serializers.JSONSerializer"},
}
```

Only what stands in the tables here gets into a document, so that credentials cannot. What the tables do not know, such
as a result of your own, keeps its location, and comes back as a plain `Result`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from prefect.engine import results, serializers
from prefect.engine.result.base import NoResult, Result, Stored
from prefect.engine.result.stored import StoredResult
from prefect.engine.serializers import CompressedSerializer, Serializer
from prefect.utilities.documents import Document, Fields, is_plain

BASE = "prefect.engine.result.Result"
RESULTS = "prefect.engine.results."
SERIALIZERS = "prefect.engine.serializers."

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "AzureResult": ("container", "connection_string_secret"),
    "ConstantResult": (),
    "GCSResult": ("bucket",),
    "LocalResult": ("dir",),
    "PrefectResult": (),
    "S3Result": ("bucket",),
}
"""The settings that tell where each class keeps values; `connection_string_secret` is the name of a secret."""

FIXED: Mapping[str, Mapping[str, Any]] = {"LocalResult": {"validate_dir": False}}
"""Arguments that make a constructor take the settings as they are."""

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "CompressedSerializer": ("serializer", "format", "compress_kwargs", "decompress_kwargs"),
    "DateTimeSerializer": (),
    "JSONSerializer": (),
    "PandasSerializer": ("file_type", "serialize_kwargs", "deserialize_kwargs"),
    "PickleSerializer": (),
}
"""The arguments of each serializer."""

COMPRESSIONS = ("bz2", "gzip", "lzma", "zlib")


# --- writing ----------------------------------------------------------------------------------------------------------


def result_document(result: Result) -> Document | None:
    """Describe a result without its value; None describes `NoResult`."""
    if result is NoResult:
        return None
    result = getattr(result, "stored_as", None) or result
    return {
        "type": type_name(type(result)),
        "location": result.location,
        "stored": stored_document(result),
        "settings": {name: text_of(result, name) for name in SETTINGS.get(known_name(type(result)), ())},
        "serializer": serializer_document(result.serializer),
    }


def type_name(kind: type[Result]) -> str:
    """The name of a class as it is imported."""
    if kind is Result:
        return BASE
    name = known_name(kind)
    return f"{RESULTS}{name}" if name else f"{kind.__module__}.{kind.__qualname__}"


def known_name(kind: type[Result]) -> str:
    """The name of a class that can come back; empty for others."""
    return kind.__name__ if kind.__module__.startswith(RESULTS) and kind.__name__ in SETTINGS else ""


def text_of(result: Result, setting: str) -> str | None:
    value = getattr(result, setting, None)
    return value if isinstance(value, str) else None


def stored_document(result: Result) -> Document | None:
    """What is known about the stored bytes."""
    return None if result.stored is None else result.stored._asdict()


def serializer_document(serializer: Serializer) -> Document:
    """Describe a serializer; an option that cannot be written is None, and then the serializer does not come back."""
    kind = type(serializer)
    name = kind.__name__ if getattr(serializers, kind.__name__, None) is kind else ""
    options = {option: option_document(serializer, option) for option in OPTIONS.get(name, ())}
    return {"type": f"{kind.__module__}.{kind.__qualname__}", **options}


def option_document(serializer: Any, option: str) -> Any:
    if option == "format":
        return compression_name(serializer)
    value = getattr(serializer, option)
    if isinstance(value, Serializer):
        return serializer_document(value)
    return value if is_plain(value) else None


def compression_name(serializer: CompressedSerializer) -> str | None:
    """The module that a serializer compresses with; None for functions of your own."""
    functions = (serializer.compress, serializer.decompress)
    module = getattr(serializer.compress, "__module__", None)
    names = [(getattr(each, "__module__", None), getattr(each, "__name__", None)) for each in functions]
    known = module in COMPRESSIONS and names == [(module, "compress"), (module, "decompress")]
    return module if known else None


# --- reading ----------------------------------------------------------------------------------------------------------


def result_from(fields: Fields) -> Result:
    """The result that a document describes, without a value; a plain `Result` if its class cannot be had here."""
    location = fields.maybe("location", fields.text)
    stored = stored_from(fields)
    made = known_result(fields)
    if made is None:
        return Result(location=location)
    new = made.at(location)
    if isinstance(new, StoredResult):
        new.stored = stored
    return new


def stored_from(fields: Fields) -> Stored | None:
    """What has to be found at the location when the value is read."""
    found = fields.maybe("stored", fields.inner)
    return None if found is None else Stored(found.whole("size", least=0), found.text("digest"))


def known_result(fields: Fields) -> Result | None:
    """A result of one of the known classes; None if it is of none, or if it cannot be made here."""
    kind, settings = fields.text("type"), fields.inner("settings")
    serializer = serializer_from(fields.inner("serializer"))
    if serializer is None:
        return None
    if kind == BASE:
        return Result(serializer=serializer)
    name = kind.removeprefix(RESULTS)
    if name not in SETTINGS or kind != f"{RESULTS}{name}":
        return None
    given: dict[str, Any] = {each: settings.maybe(each, settings.text) for each in SETTINGS[name]}
    if name != "ConstantResult":
        given["serializer"] = serializer
    made: Result | None = made_if_possible(results, name, {**given, **FIXED.get(name, {})})
    return made


def serializer_from(fields: Fields) -> Serializer | None:
    """The serializer that a document describes; None if it is of your own, or cannot be made here."""
    name = fields.text("type").removeprefix(SERIALIZERS)
    if name not in OPTIONS:
        return None
    options = {each: fields.value(each) for each in OPTIONS[name]}
    if "serializer" in options:
        options["serializer"] = serializer_from(fields.inner("serializer"))
    if None in options.values() or options.get("format", "gzip") not in COMPRESSIONS:
        return None
    made: Serializer | None = made_if_possible(serializers, name, options)
    return made


def made_if_possible(home: ModuleType, name: str, arguments: Mapping[str, Any]) -> Any:
    """A new object of a class; None if what it needs is not installed or not set up here."""
    try:
        return getattr(home, name)(**arguments)
    except Exception:  # a document has to be readable everywhere, and the location is worth keeping all the same
        return None
