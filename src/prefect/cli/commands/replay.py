"""`prefect replay RUN TASK[INDEX] [FILE]`: run one task of a run again, alone, with the inputs it had."""

from __future__ import annotations

import logging
import pdb
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import click

from prefect.cli import options, output, past
from prefect.cli.flow_files import PACKAGE, flow_of_run, told
from prefect.engine.state import State
from prefect.store.reading import RunReading
from prefect.store.replaying import Replay, replay
from prefect.store.resuming import checked


@click.command("replay")
@options.which_run
@click.argument("task", metavar="TASK[INDEX]")
@options.own_file
@click.option("--pdb", "debugged", is_flag=True, help="If it fails, look around there in the debugger.")
@click.option("--promote", is_flag=True, help="If it succeeds, write its value into the run.")
@options.log_level
@options.store
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    which: str,
    task: str,
    target: str | None,
    debugged: bool,
    promote: bool,
    log_level: str | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Run one task, or one child of a mapped one, again: in this process, with exactly the inputs it had.

    The code is that of now. Retries, caches, targets and state handlers are left out. Nothing is written into the run,
    unless you say --promote; then `prefect resume` goes on from there.

    \b
    prefect replay last "clean[7]"
    prefect replay last "clean[7]" --pdb
    prefect replay last "clean[7]" flow.py --promote
    """
    if debugged and as_json:
        raise click.UsageError("--json prints one document, and --pdb talks to you: leave out one of them.")
    with output.channels(as_json), output.logging_at(log_level), past.run_at(url, which) as reading:
        address = reading.find(task)
        with flow_of_run(reading.run, target) as flow:
            found = replay(reading.store, checked(reading.run, flow), flow, address)
            if not as_json:
                show_inputs(reading, found)
            with errors_told_once(found):
                state = found.go()
            promoted = promote and state.is_successful()
            if promoted:
                found.promote(state)
            if not as_json:
                show(reading, found, state, promote)
            if debugged:
                debug(state)
            findings = document(found, state, promoted)
    if as_json:
        output.print_json(findings)
    ctx.exit(0 if state.is_successful() else 1)


@contextmanager
def errors_told_once(found: Replay) -> Iterator[None]:
    """The log leaves out the error that ends the task: it is shown below."""
    logger = found.runner.task.logger

    def is_other(record: logging.LogRecord) -> bool:
        return not (record.levelno == logging.ERROR and record.exc_info and record.name == logger.name)

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


# --- what is shown ----------------------------------------------------------------------------------------------------


def show_inputs(reading: RunReading, found: Replay) -> None:
    output.print_lines(output.text(past.label(reading, found.address), "bold"))
    rows = [(output.text(f"  {name}", "dim"), value) for name, value in found.shown().items()]
    output.print_table(("", ""), rows)


def show(reading: RunReading, found: Replay, state: State, promote: bool) -> None:
    output.print_parts("", output.end_text(past.label(reading, found.address), state))
    if state.is_successful():
        output.print_table(("", ""), [(output.text("  value", "dim"), found.words(state.result))])
    else:
        output.print_lines(*traceback_of(state))
    if promote:
        output.print_parts("", *outcome(reading, state))


def traceback_of(state: State) -> list[str]:
    """Where the task failed, beginning with its own code."""
    error = state.result
    if not isinstance(error, BaseException) or error.__traceback__ is None:
        return []
    return ["", *"".join(told(error)).rstrip().splitlines()]


def outcome(reading: RunReading, state: State) -> Iterator[output.Part]:
    """What became of the wish to write the value into the run."""
    if not state.is_successful():
        yield "Nothing was written into the run: only a success can be."
        return
    yield "The value was written into the run. Go on from there:"
    yield f"  prefect resume {past.short(reading.run)}"


def document(found: Replay, state: State, promoted: bool) -> dict[str, Any]:
    succeeded = state.is_successful()
    return {
        **past.address_document(found.address),
        "inputs": found.shown(),
        "state": type(state).__name__,
        "message": state.message,
        "value": found.words(state.result) if succeeded else None,
        "traceback": "\n".join(traceback_of(state)).strip() or None,
        "promoted": promoted,
    }


# --- the debugger -----------------------------------------------------------------------------------------------------


def debug(state: State) -> None:
    """Look around where the task failed."""
    error = state.result
    place = own_part(error.__traceback__) if isinstance(error, BaseException) else None
    if place is None:
        output.print_lines("", "There is nothing to look at in the debugger: no error came out of its code.")
        return
    pdb.post_mortem(place)


def own_part(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without our own frames above those of the task."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(PACKAGE):
        trace = trace.tb_next
    return trace
