"""A lock that the processes of one machine take in turn.

It belongs to the open file: when its process dies, in whatever way, the system lets go of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows: SQLite's own locks have to do
    fcntl = None

CLOSED = -1


class LockFile:
    """A file that is there only to be locked, by one thread of a process at a time.

    Args:
        path: where it is; it is made if it does not exist, in a directory that does.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.descriptor = CLOSED

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock; wait for whoever holds it now."""
        if fcntl is None:
            yield
            return
        if self.descriptor == CLOSED:
            self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give back the file; the next use opens it again."""
        if self.descriptor != CLOSED:
            os.close(self.descriptor)
            self.descriptor = CLOSED
