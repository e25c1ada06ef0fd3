"""Lines of a log, up to 1,000 together, compressed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

from prefect.engine.log_lines import LogLine
from prefect.store.records import LogChunk

LINES = 1_000
"""How many lines are in a chunk, at most."""

QUICKLY = 1
"""The level of compression."""


def pack(lines: Sequence[LogLine]) -> list[LogChunk]:
    """Lines as chunks, in their order."""
    return [packed(lines[start : start + LINES]) for start in range(0, len(lines), LINES)]


def packed(lines: Sequence[LogLine]) -> LogChunk:
    # Column by column, as what is alike is compressed best when it stands together.
    columns = json.dumps(list(zip(*lines, strict=True)), separators=(",", ":"))
    return LogChunk(lines[0].at, lines[-1].at, len(lines), zlib.compress(columns.encode(), QUICKLY))


def unpack(chunk: LogChunk) -> list[LogLine]:
    """The lines of a chunk."""
    columns = json.loads(zlib.decompress(chunk.data))
    return [LogLine(*line) for line in zip(*columns, strict=True)]
