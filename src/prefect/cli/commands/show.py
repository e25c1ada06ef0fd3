"""`prefect show RUN`: a run of the history, or one task of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import click

from prefect.cli import moments, options, output, past, run_page, task_page
from prefect.store.reading import RunReading, is_under_way

POLL = 0.5
"""For so many seconds nobody looks whether something is new."""


@click.command("show")
@options.which_run
@click.option("--task", metavar="TASK[INDEX]", help="Only this task, or this child of a mapped one.")
@click.option("--values", is_flag=True, help="Show values, too.")
@click.option("--follow", "-f", is_flag=True, help="Keep on showing it until it is over.")
@options.store
@options.as_json
def command(which: str, task: str | None, values: bool, follow: bool, url: str | None, as_json: bool) -> None:
    """Show a run: how its tasks ended, how long they took, and what to do next.

    RUN is its id, the beginning of one, or "last".

    \b
    prefect show last
    prefect show last --task clean
    prefect show last --task "clean[7]" --values
    """
    with past.run_at(url, which) as reading:
        if task is not None:
            reading.find(task)  # a mistake is told before anybody waits
        if follow:
            reading = followed(reading, lambda each: page(each, task, values), live=not as_json)
        if as_json:
            output.print_json(document(reading, task, values))
        else:
            output.print_parts(*page(reading, task, values))


def page(reading: RunReading, task: str | None, values: bool) -> Iterable[output.Part]:
    if task is not None:
        return task_page.page(reading, reading.find(task), values)
    return run_page.page(reading, moments.now(), values)


def document(reading: RunReading, task: str | None, values: bool) -> object:
    if task is not None:
        return task_page.document(reading, reading.find(task), values)
    return run_page.document(reading, moments.now(), values)


def followed(reading: RunReading, draw: Callable[[RunReading], Iterable[output.Part]], live: bool) -> RunReading:
    """Wait until nobody works at a run any more, and draw it meanwhile, on a terminal; the run as it is then."""
    with output.live(live) as show:
        while is_under_way(reading.run, moments.now()):
            show(draw(reading))
            time.sleep(POLL)
            reading = past.again(reading)
    return reading
