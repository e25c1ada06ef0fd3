"""Values in files of this machine.

A value is first written to a file beside its own and then moved there in one step, so a reader finds all of it or
nothing, whenever the writer dies.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from errno import ENOENT
from typing import Any
from uuid import uuid4

from prefect.configuration import config
from prefect.engine.result.base import Result, fill
from prefect.exceptions import PrefectException
from prefect.utilities.files import write_file


class LocalResult(Result):
    """Keeps values in files.

    Args:
        dir: the directory of the files; `results` in the home directory of the configuration if not given.
        validate_dir: make `dir` absolute now, with `~` resolved; False keeps it as it is, for another machine.
        **kwargs: the arguments of `Result`; a location is a path inside `dir`, or an absolute one.
    """

    def __init__(self, dir: str | os.PathLike[str] | None = None, validate_dir: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        path = os.path.join(config.home_dir, "results") if dir is None else os.fspath(dir)
        self.dir = os.path.abspath(os.path.expanduser(path)) if validate_dir else path

    @property
    def default_location(self) -> str:
        """A fresh file name that tells when it was made."""
        moment = datetime.now(UTC).strftime("%Y-%m-%dt%H-%M-%S-%f")
        return f"prefect-result-{moment}-{uuid4().hex[:8]}"

    def read(self, location: str) -> Result:
        """The value in a file, as a new result."""
        new = self.at(location)
        path = self.path(location)
        new.value = self.value_of(path, content(path))
        return new

    def write(self, value_: Any, **kwargs: Any) -> Result:
        """Store a value in the file that the location names; the new result has its absolute path."""
        new = self.from_value(value_)
        path = os.path.abspath(self.path(self.locate(kwargs)))
        write_file(path, self.serializer.serialize(value_))
        return new.at(path)

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Whether there is a file at a location; with `kwargs` the location is a template to fill first."""
        return os.path.isfile(self.path(fill(location, kwargs) if kwargs else location))

    def path(self, location: str) -> str:
        return os.path.join(self.dir, location)

    def value_of(self, path: str, data: bytes) -> Any:
        try:
            return self.serializer.deserialize(data)
        except Exception as error:
            raise PrefectException(
                f"The file {path!r} does not hold a value that {self.serializer!r} can read "
                f"({type(error).__name__}: {error}); if it is damaged, delete it to have the value made again"
            ) from error


def content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            ENOENT, "No result is stored in this file; check the location and `dir`", path
        ) from error
