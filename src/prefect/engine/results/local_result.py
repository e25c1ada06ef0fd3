"""Values in files of this machine.

A value is first written to a file beside its own and then moved there in one step, so a reader finds all of it or
nothing, whenever the writer dies.
"""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from prefect.configuration import config
from prefect.engine.result.stored import StoredResult
from prefect.utilities.files import write_file

FULL = "There is no room left: free some, or choose another `dir`."
FORBIDDEN = "Give this user the right to use the file and its directory, or choose another `dir`."
IN_THE_WAY = "A file is where a directory has to be, or the other way round: choose another location."

ADVICE = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: "The value is larger than a file may be here: split it, compress it, or choose another `dir`.",
    errno.EACCES: FORBIDDEN,
    errno.EPERM: FORBIDDEN,
    errno.EROFS: FORBIDDEN,
    errno.EISDIR: IN_THE_WAY,
    errno.ENOTDIR: IN_THE_WAY,
    errno.EEXIST: IN_THE_WAY,
    errno.ENAMETOOLONG: "The name is longer than the system allows: shorten the location.",
}


class LocalResult(StoredResult):
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

    def fetch(self, location: str) -> bytes | None:
        """The bytes of a file."""
        try:
            with open(self.path(location), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def put(self, location: str, data: bytes) -> None:
        """Put a file in place, with the directories it needs."""
        write_file(self.path(location), data)

    def holds(self, location: str) -> bool:
        """Whether there is a file."""
        return os.path.isfile(self.path(location))

    def address(self, location: str) -> str:
        """The absolute path of a location."""
        return os.path.abspath(self.path(location))

    def path(self, location: str) -> str:
        return os.path.join(self.dir, location)

    def advice(self, error: Exception) -> str:
        """What to do about an error of the file system."""
        number = error.errno if isinstance(error, OSError) else None
        return ADVICE.get(number or 0) or super().advice(error)
