"""Files that are complete or not there.

A file is first written beside its place and then moved there in one step, so a reader finds all of it or nothing,
whenever the writer dies.
"""

from __future__ import annotations

import os
from contextlib import suppress
from uuid import uuid4


def write_file(path: str, data: bytes, private: bool = False) -> None:
    """Put a file in place, complete, over whatever is there.

    Args:
        path: where; directories that are missing are made.
        data: its content.
        private: only this user can read it, and look into directories that are made.
    """
    directory = os.path.dirname(path)
    make_directory(directory, private)
    draft = os.path.join(directory, f".{uuid4().hex}.tmp")  # its own name, as a long one may leave no room for more
    try:
        with open(draft, "xb", opener=privately if private else None) as file:
            file.write(data)
        os.replace(draft, path)
    except BaseException:
        forget(draft)
        raise


def make_directory(path: str, private: bool = False) -> None:
    """Make a directory, and those above it that are missing."""
    if not private or os.path.isdir(path):
        os.makedirs(path, exist_ok=True)
        return
    make_directory(os.path.dirname(path), private)
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)


def privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def forget(path: str) -> None:
    """Remove a draft if it is there; the error that ended it is the one to report, not that it cannot be removed."""
    with suppress(OSError):
        os.unlink(path)
