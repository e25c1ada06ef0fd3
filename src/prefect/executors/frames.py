"""Frames: what a pool and its worker processes say to each other, through pipes.

```
kind (1 byte) ─ number (8) ─ size (8) ─ content (size)
```

| from the pool | |
|---|---|
| KEEP | here is the shared value of this number; keep it |
| DROP | forget the shared value of this number |
| CALL | call what is pickled here; the number is the sum of the options STREAM and TIMED |
| END | there is nothing more to do |

| from a worker | |
|---|---|
| READY | I have started |
| BEGUN | what has a limit began, at this time of the system's clock, in ns; only for calls with the option TIMED |
| OVER | it is over; the number is 1 if it was cut short |
| ITEM | the function yielded this; only for calls with the option STREAM |
| VALUE | the function returned this; empty for calls with the option STREAM |
| ERROR | the function raised this |
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

KEEP, DROP, CALL, END, READY, BEGUN, OVER, ITEM, VALUE, ERROR = range(10)
STREAM, TIMED = 1, 2

HEAD = Struct("<BQQ")
PIECE = 65536  # what a pipe holds


class Frame(NamedTuple):
    """Something that was said."""

    kind: int
    number: int
    content: bytes


def written(kind: int, number: int = 0, content: bytes = b"") -> list[bytes]:
    """A frame as bytes; large contents are not copied."""
    head = HEAD.pack(kind, number, len(content))
    return [head + content] if len(content) < PIECE else [head, content]


def write(pipe: int, kind: int, number: int = 0, content: bytes = b"") -> None:
    """Write a frame, and wait until all of it is in the pipe."""
    for part in written(kind, number, content):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(pipe, rest) :]


def read(pipe: int) -> Frame:
    """Wait for a frame.

    Raises:
        EOFError: nobody is there any more to write one.
    """
    kind, number, size = HEAD.unpack(read_exactly(pipe, HEAD.size))
    return Frame(kind, number, read_exactly(pipe, size))


def read_exactly(pipe: int, size: int) -> bytes:
    pieces = []
    while size:
        piece = os.read(pipe, min(size, PIECE))
        if not piece:
            raise EOFError
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Inbox:
    """Takes in bytes as they come; iterating gives the frames that are complete."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        self._data += data

    def __iter__(self) -> Iterator[Frame]:
        data = self._data
        while len(data) >= HEAD.size:
            kind, number, size = HEAD.unpack_from(data)
            end = HEAD.size + size
            if len(data) < end:
                return
            with memoryview(data) as view:
                content = bytes(view[HEAD.size : end])
            del data[:end]
            yield Frame(kind, number, content)
