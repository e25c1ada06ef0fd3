"""What goes where: results to stdout, for people as tables or for programs as one JSON document; the log to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from prefect.engine.state import State
from prefect.utilities.logging import StdoutHandler, get_logger

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDE = 10_000
"""Columns of what is no terminal: nothing is cut or wrapped for a program."""


@contextmanager
def channels(as_json: bool) -> Iterator[None]:
    """While code of the user runs: the log goes to stderr, and so does all that is printed if stdout is for JSON."""
    with log_to_stderr(), nothing_on_stdout() if as_json else nullcontext():
        yield


@contextmanager
def log_to_stderr() -> Iterator[None]:
    handlers = [each for each in get_logger().handlers if isinstance(each, StdoutHandler)]
    before = [each.pinned for each in handlers]
    for each in handlers:
        each.pinned = sys.stderr
    try:
        yield
    finally:
        for each, stream in zip(handlers, before, strict=True):
            each.pinned = stream


@contextmanager
def nothing_on_stdout() -> Iterator[None]:
    """Send to stderr what this process, and those that it starts, would print."""
    kept = None
    with suppress(AttributeError, OSError, ValueError):  # a stream that is no file
        sys.stdout.flush()
        kept = os.dup(1) if (sys.stdout.fileno(), sys.stderr.fileno()) == (1, 2) else None
    try:
        if kept is not None:
            os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


# --- JSON -------------------------------------------------------------------------------------------------------------


def print_json(document: Any) -> None:
    """Print a document; what JSON does not know is told in words."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=plain))


def plain(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else str(value)


# --- tables -----------------------------------------------------------------------------------------------------------


def console() -> Console:
    """The terminal that stdout is; of a pipe, one without colours and without an edge."""
    from rich.console import Console

    made = Console(highlight=False, markup=False, emoji=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = WIDE
    return made


def text(content: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(content, style)


def state_text(state: type[State] | None) -> Text:
    """The name of a state in its colour."""
    return text(state.__name__, state.color) if state else text("")


def end_text(name: str, state: State, more: str = "") -> Text:
    """How a flow ended: `etl: Failed. 1 of 1 reference tasks failed.`"""
    end = text("").append(name, "bold").append(": ").append_text(state_text(type(state)))
    return end.append(f"{more}. {state.message or ''}".rstrip())


def print_lines(*lines: str | Text) -> None:
    """Print lines of text, wrapped at the edge of the terminal."""
    to = console()
    for line in lines:
        to.print(line)


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """Print rows below headers; the last column takes the room that is left, and a column without content is left out.

    Args:
        headers: one for each column; if all are empty, there is no line of headers.
        rows: the cells.
    """
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_header=any(headers))
    cells = list(rows)
    used = [n for n in range(len(headers)) if any(len(row[n]) for row in cells)]
    for n in used:
        table.add_column(headers[n], no_wrap=n != used[-1], overflow="fold")
    for row in cells:
        table.add_row(*(row[n] for n in used))
    to = console()
    with to.capture() as captured:
        to.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip(), color=True if to.is_terminal else None)
