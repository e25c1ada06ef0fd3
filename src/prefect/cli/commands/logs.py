"""`prefect logs RUN`: the lines that a run logged."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

import click

from prefect.cli import moments, options, output, past
from prefect.engine.log_lines import LogLine
from prefect.store.log_lines import unpack
from prefect.store.reading import Address, RunReading, is_under_way
from prefect.store.records import WHOLE

POLL = 0.5
"""For so many seconds nobody looks whether something is new."""

COLOURS = {logging.DEBUG: "dim", logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "bold red"}


@click.command("logs")
@options.which_run
@click.option("--task", metavar="TASK[INDEX]", help="Only lines of this task, or of this child of a mapped one.")
@click.option(
    "--level", type=click.Choice(options.LEVELS, case_sensitive=False), help="Only lines of this level, or above."
)
@click.option("--tail", metavar="N", type=click.IntRange(0), help="Only the last so many lines.")
@click.option("--follow", "-f", is_flag=True, help="Keep on printing until the run is over.")
@options.store
@options.as_json
def command(
    which: str, task: str | None, level: str | None, tail: int | None, follow: bool, url: str | None, as_json: bool
) -> None:
    """Print the log of a run.

    \b
    prefect logs last
    prefect logs last --task "clean[7]"
    prefect logs last --level warning --tail 20
    """
    if follow and as_json:
        raise click.UsageError("--json prints one document, so it cannot follow: leave out --follow.")
    with past.run_at(url, which) as reading:
        wanted = Wanted(reading, task, level)
        seen = Seen(reading)
        lines = ending(wanted.of(seen.more()), tail)
        if as_json:
            output.print_json([document(line) for line in lines])
            return
        show(lines)
        while follow and is_under_way(reading.run, moments.now()):
            time.sleep(POLL)
            reading = past.again(reading)
            show(wanted.of(seen.more()))


class Wanted:
    """Which lines are asked for.

    Args:
        reading: the run.
        task: the task, or the child, that wrote them.
        level: the lowest level.
    """

    def __init__(self, reading: RunReading, task: str | None, level: str | None) -> None:
        self.address: Address | None = None if task is None else reading.find(task)
        self.level = logging.NOTSET if level is None else logging.getLevelNamesMapping()[level]

    def of(self, lines: Iterable[LogLine]) -> Iterator[LogLine]:
        return (line for line in lines if line.level >= self.level and self.is_of_task(line))

    def is_of_task(self, line: LogLine) -> bool:
        if self.address is None:
            return True
        return line.task == self.address.task.slug and self.address.child in (WHOLE, line.index)


class Seen:
    """How far the log of a run was read."""

    def __init__(self, reading: RunReading) -> None:
        self.reading = reading
        self.chunks = 0

    def more(self) -> Iterator[LogLine]:
        """The lines that were written since."""
        for chunk in islice(self.reading.store.logs(self.reading.run.id), self.chunks, None):
            self.chunks += 1
            yield from unpack(chunk)


def ending(lines: Iterable[LogLine], count: int | None) -> Iterable[LogLine]:
    return lines if count is None else deque(lines, count)


def show(lines: Iterable[LogLine]) -> None:
    output.print_lines(*map(words, lines))


def words(line: LogLine) -> output.Text:
    """`14:02:11.123  INFO     clean[7]  Task 'clean[7]': starting`"""
    colour = COLOURS.get(line.level, "")
    told = output.text(f"{moments.clock(line.at)}  ", "dim").append(f"{logging.getLevelName(line.level):8} ", colour)
    return told.append(f"{writer(line)}  " if line.task else "", "bold").append(line.message)


def writer(line: LogLine) -> str:
    return str(line.task) if line.index == WHOLE else f"{line.task}[{line.index}]"


def document(line: LogLine) -> dict[str, object]:
    return {
        "at": moments.iso(line.at),
        "level": logging.getLevelName(line.level),
        "logger": line.logger,
        "task": line.task,
        "index": None if line.index == WHOLE else line.index,
        "message": line.message,
    }
