"""One task of a run as a page: its children, or what happened to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from prefect.cli import moments, output, past
from prefect.cli.run_page import MOST_VALUE, picture, task_document, value_of
from prefect.store.reading import Address, RunReading
from prefect.store.recorder import PLAIN
from prefect.store.records import FLOW, WHOLE, Event, TaskRun
from prefect.store.values import shown

if TYPE_CHECKING:
    from rich.console import RenderableType

MOST_CHILDREN = 20
"""So many children have a row of their own."""


def page(reading: RunReading, address: Address, values: bool = False) -> Iterator[RenderableType]:
    """The parts of the page."""
    if address.child == WHOLE and address.task.width is not None:
        yield from map_page(reading, address, values)
        return
    name, row = past.label(reading, address), reading.task_run(address)
    state = output.named_state(reading.state(address))
    told = "" if row is None or row.message == PLAIN else row.message or ""
    yield output.text("").append(name, "bold").append(": ").append_text(state).append(f". {told}" if told else "")
    if row is not None and row.value is not None and values:
        yield output.text("value ", "dim").append(shown(row.value, 10 * MOST_VALUE))
    yield ""
    yield events_table(reading.happened(address))


def events_table(events: Sequence[Event]) -> RenderableType:
    rows = [
        (
            moments.clock(event.at),
            output.named_state(event.state),
            str(event.attempt),
            "" if event.message == PLAIN else event.message or "",
        )
        for event in events
        if event.task != FLOW
    ]
    return output.table(("when", "state", "attempt", "message"), rows)


# --- maps -------------------------------------------------------------------------------------------------------------


def map_page(reading: RunReading, address: Address, values: bool) -> Iterator[RenderableType]:
    summary = reading.summary(address.task)
    yield picture(past.label(reading, address), summary.counts, sorted(reading.durations(address.task)))
    rows = told_children(reading, address, values)
    if rows:
        yield ""
        yield children_table(rows, values)
    more = sum(summary.counts.values()) - len(rows)
    if rows and more > 0:
        yield output.text(f"and {more:,} more children", "dim")


def told_children(reading: RunReading, address: Address, values: bool) -> list[TaskRun]:
    """The first children with a life of their own; with `values`, the first of all."""
    task = address.task
    if values:
        rows = (reading.task_run(Address(task, index)) for index in range(min(task.width or 0, MOST_CHILDREN)))
        return [row for row in rows if row is not None]
    every = reading.store.task_runs(reading.run.id, task.number, limit=MOST_CHILDREN + 1)
    return [row for row in every if row.index != WHOLE][:MOST_CHILDREN]


def children_table(rows: Sequence[TaskRun], values: bool) -> RenderableType:
    cells = [
        (
            f"[{row.index}]",
            output.named_state(row.state),
            "" if row.ended is None or row.started is None else moments.span((row.ended - row.started) / 1e6),
            str(row.attempt) if row.attempt > 1 else "",
            shown(row.value, MOST_VALUE) if values else "",
            "" if row.message == PLAIN else row.message or "",
        )
        for row in rows
    ]
    return output.table(("child", "state", "took", "attempts", "value", "message"), cells)


# --- documents --------------------------------------------------------------------------------------------------------


def document(reading: RunReading, address: Address, values: bool = False) -> dict[str, Any]:
    """The page as plain values."""
    if address.child == WHOLE and address.task.width is not None:
        children = [child_document(row, values) for row in told_children(reading, address, values)]
        return {**task_document(reading, reading.summary(address.task), values), "told": children}
    row = reading.task_run(address)
    return {
        **past.address_document(address),
        "state": reading.state(address),
        "message": None if row is None else row.message,
        **({"value": value_of(reading, address.task, address.child)} if values else {}),
        "events": [event_document(event) for event in reading.happened(address)],
    }


def child_document(row: TaskRun, values: bool) -> dict[str, Any]:
    own = {"index": row.index, "state": row.state, "message": row.message, "attempts": row.attempt}
    return {**own, "value": shown(row.value)} if values else own


def event_document(event: Event) -> dict[str, Any]:
    return {
        "at": moments.iso(event.at),
        "state": event.state,
        "attempt": event.attempt,
        "message": event.message,
    }
