"""What goes where: results to stdout, for people as tables or for programs as one JSON document; the log to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from prefect.engine.state import KINDS, Crashed, State
from prefect.utilities.logging import StdoutHandler, get_logger

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text as Text

    Part: TypeAlias = RenderableType
    """Something that can be printed."""

LEVEL_VARIABLE = "PREFECT__LOGGING__LEVEL"

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


@contextmanager
def logging_at(level: str | None) -> Iterator[None]:
    """Log at a level, in this process and in workers that are started."""
    if level is None:
        yield
        return
    logger, variable = get_logger(), os.environ.get(LEVEL_VARIABLE)
    before = logger.level
    logger.setLevel(level)
    os.environ[LEVEL_VARIABLE] = level
    try:
        yield
    finally:
        logger.setLevel(before)
        os.environ.pop(LEVEL_VARIABLE)
        os.environ.update({} if variable is None else {LEVEL_VARIABLE: variable})


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


def named_state(name: str) -> Text:
    """The name of a state in its colour, or of what became of a run that came to none."""
    if name in KINDS:
        return state_text(KINDS[name])
    return text(name, Crashed.color if name == "died" else "dim")


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
    """Print rows below headers; see `table`."""
    print_parts(table(headers, rows))


def table(headers: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """Rows below headers; the last column takes the room that is left, and a column without content is left out.

    Args:
        headers: one for each column; if all are empty, there is no line of headers.
        rows: the cells.
    """
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_header=any(headers))
    cells = list(rows)
    used = [n for n in range(len(headers)) if any(len(row[n]) for row in cells)]
    for n in used:
        made.add_column(headers[n], no_wrap=n != used[-1], overflow="fold")
    for row in cells:
        made.add_row(*(row[n] for n in used))
    return made


def print_parts(*parts: Part) -> None:
    """Print parts of a page, without blanks at the ends of lines."""
    to = console()
    for part in parts:
        with to.capture() as captured:
            to.print(part)
        for line in captured.get().splitlines():
            click.echo(line.rstrip(), color=True if to.is_terminal else None)


@contextmanager
def live(wanted: bool = True) -> Iterator[Callable[[Iterable[Part]], None]]:
    """A page that changes: what is shown takes the place of what was shown before; only on a terminal."""
    from rich.console import Group
    from rich.live import Live

    to = console()
    if not wanted or not to.is_terminal:
        yield lambda parts: None
        return
    with Live(console=to, transient=True, auto_refresh=False) as view:
        yield lambda parts: view.update(Group(*parts), refresh=True)
