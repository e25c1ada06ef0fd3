"""Cached states in files, so that other processes and later runs find them.

```
<home_dir>/caches/<digest of the key>.jsonl      one state a line, appended when it is made; the values stay where they
                                                 were stored, a line only tells the location
```

Only states whose values are stored somewhere can be found again; the others are kept in memory. A line that was cut off
by a crash is passed over: the worst that happens to a cache is that a task runs again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from threading import Lock
from typing import Any

from prefect.configuration import config
from prefect.engine.cache import MemoryCache, Shelf, expired
from prefect.engine.state import Cached, State
from prefect.exceptions import PrefectException
from prefect.utilities.datetimes import utcnow
from prefect.utilities.files import write_file
from prefect.utilities.hashing import digest
from prefect.utilities.logging import get_logger

SPARE = 64
"""So many useless lines may be in a file before it is written anew."""


class FileCache(MemoryCache):
    """Keeps cached states in a directory; it may be used by many threads and processes at once.

    Args:
        directory: it is made when there is something to keep.
    """

    def __init__(self, directory: str) -> None:
        super().__init__()
        self.directory = directory
        self.logger = get_logger("FileCache")
        self._lock = Lock()
        self._paths: dict[str, str] = {}
        self._read: dict[str, tuple[int, int]] = {}  # which file it was, and up to where it was read

    def shelf(self, key: str) -> Shelf:
        with self._lock:
            self._read_news(key)
        return super().shelf(key)

    def add(self, key: str, state: Cached) -> bool:
        with self._lock:
            self._read_news(key)  # a worker of ours may have written it
            new = super().add(key, state)
            if new and is_stored(state):
                self._append(key, line_of(key, state))
        return new

    def only(self, keys: Iterable[str]) -> FileCache:
        new = FileCache(self.directory)
        for key in keys:
            new._shelves[key] = self.shelf(key)
            new._read.update({key: self._read[key]} if key in self._read else {})
        return new

    def __reduce__(self) -> tuple[Any, ...]:
        return restored, (self.directory, self._shelves, self._read)

    def path(self, key: str) -> str:
        if key not in self._paths:
            self._paths[key] = os.path.join(self.directory, f"{digest(key)}.jsonl")
        return self._paths[key]

    def _append(self, key: str, line: bytes) -> None:
        try:
            os.makedirs(self.directory, exist_ok=True)
            file = os.open(self.path(key), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, line)
                self._pass_over(key, os.fstat(file), len(line))
            finally:
                os.close(file)
        except OSError as error:
            self.logger.warning("Later processes will not find this cached value: %s", error)

    def _pass_over(self, key: str, file: os.stat_result, length: int) -> None:
        """A line of our own need not be read, unless somebody else wrote as well."""
        known = self._read.get(key, (file.st_ino, 0))
        if known == (file.st_ino, file.st_size - length):
            self._read[key] = (file.st_ino, file.st_size)

    def _read_news(self, key: str) -> None:
        """Take in what was appended since the last look; a file that was put anew is read from its beginning."""
        try:
            there = os.stat(self.path(key))
        except FileNotFoundError:
            return
        known, offset = self._read.get(key, (there.st_ino, 0))
        offset = offset if known == there.st_ino else 0
        if offset >= there.st_size:
            return
        with open(self.path(key), "rb") as file:
            file.seek(offset)
            data = file.read(there.st_size - offset)
        whole, found, rest = data.rpartition(b"\n")
        self._read[key] = (there.st_ino, offset + len(data) - len(rest))
        if found:
            self._take_in(key, whole.split(b"\n"))

    def _take_in(self, key: str, lines: list[bytes]) -> None:
        shelf = super().shelf(key)
        for state in states_of(key, lines):
            shelf.add(state)
        if len(lines) > 2 * len(shelf) + SPARE:
            self._rewrite(key, shelf)

    def _rewrite(self, key: str, shelf: Shelf) -> None:
        """Leave out what is of no use any more."""
        now = utcnow()
        kept = [state for state in reversed(shelf.newest()) if is_stored(state) and not expired(state, now)]
        write_file(self.path(key), b"".join(line_of(key, state) for state in kept))


def restored(directory: str, shelves: dict[str, Shelf], read: dict[str, tuple[int, int]]) -> FileCache:
    cache = FileCache(directory)
    cache._shelves, cache._read = shelves, read
    return cache


def is_stored(state: Cached) -> bool:
    return state._result.location is not None


def line_of(key: str, state: Cached) -> bytes:
    return json.dumps({"key": key, "state": state.serialize()}).encode() + b"\n"


def states_of(key: str, lines: list[bytes]) -> Iterator[Cached]:
    """The states that lines tell of; what cannot be read is as good as not there."""
    for line in lines:
        state = state_of(key, line)
        if state is not None:
            yield state


def state_of(key: str, line: bytes) -> Cached | None:
    try:
        document: dict[str, Any] = json.loads(line)
        state = State.deserialize(document["state"])
    except (ValueError, LookupError, TypeError, PrefectException):
        return None
    return state if isinstance(state, Cached) and document.get("key") == key else None


def default_cache() -> FileCache:
    """The cache of this process, which it shares with others that have the same home directory."""
    return cache_in(os.path.join(os.path.expanduser(config.home_dir), "caches"))


@lru_cache(maxsize=64)
def cache_in(directory: str) -> FileCache:
    return FileCache(directory)
