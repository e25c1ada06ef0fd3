"""Files that are complete or not there.

A file is first written beside its place and then moved there in one step, so a reader finds all of it or nothing,
whenever the writer dies.
"""

from __future__ import annotations

import os
from contextlib import suppress
from uuid import uuid4


def write_file(path: str, data: bytes) -> None:
    """Put a file in place, complete, over whatever is there."""
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    draft = os.path.join(directory, f".{uuid4().hex}.tmp")  # its own name, as a long one may leave no room for more
    try:
        with open(draft, "xb") as file:
            file.write(data)
        os.replace(draft, path)
    except BaseException:
        forget(draft)
        raise


def forget(path: str) -> None:
    """Remove a draft if it is there; the error that ended it is the one to report, not that it cannot be removed."""
    with suppress(OSError):
        os.unlink(path)
