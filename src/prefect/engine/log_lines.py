"""Lines of the log of a run, as records; and how those that are logged on a worker get to the process that drives.

```
worker   logger ─▶ Gatherer ─▶ the list in the context of the job ── with the states ──▶ driver ─▶ Reporter.logged
```
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any, NamedTuple

from prefect.utilities.context import lookup
from prefect.utilities.logging import get_logger

LINES = "_log_lines"
"""The key of the context under which a job on a worker keeps what it logs."""

FORMATTER = logging.Formatter()


class LogLine(NamedTuple):
    """One line.

    Attributes:
        at: when, in microseconds since 1970.
        level: as in `logging`.
        logger: its name.
        task: the slug of the task that wrote it, if one did.
        index: the child; -1 for none.
        message: the text.
    """

    at: int
    level: int
    logger: str
    task: str | None
    index: int  # type: ignore[assignment]  # nobody misses the method of tuples
    message: str


def line_of(record: logging.LogRecord) -> LogLine:
    """A record as a line, with the run that logged it."""
    message = record.getMessage()
    if record.exc_info:
        message = f"{message}\n{FORMATTER.formatException(record.exc_info)}"
    index = lookup("map_index")
    return LogLine(
        at=int(record.created * 1e6),
        level=record.levelno,
        logger=record.name,
        task=lookup("task_slug"),
        index=-1 if index is None else index,
        message=message,
    )


class Gatherer(logging.Handler):
    """Adds each line to the list in the context, if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        lines = lookup(LINES)
        if lines is None:
            return
        try:
            lines.append(line_of(record))
        except Exception:
            self.handleError(record)


def gathering(flow_facts: dict[str, Any], watched: bool) -> tuple[dict[str, Any], list[LogLine]]:
    """The context for a job on a worker, and the list into which its lines go; they do only if it is watched."""
    lines: list[LogLine] = []
    if not watched:
        return flow_facts, lines
    gather_here()
    return {**flow_facts, LINES: lines}, lines


@cache
def gather_here() -> None:
    """Gather lines in this process, from now on."""
    get_logger().addHandler(Gatherer())
