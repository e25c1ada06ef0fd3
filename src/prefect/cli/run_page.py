"""A run of the history as a page: what it was, how its tasks ended, what failed, and what to do next.

```
etl: Failed. 1 of 1 reference tasks failed.

run         b738312c-7672-4ed2-91cd-563e72143ab0
started     14:37:34, 3 min ago

task   state    children             took
clean  Failed   9 Success, 1 Failed  1.2 ms

clean  ████████████████████████████████████████  9 Success, 1 Failed
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from prefect.cli import bars, moments, output, past
from prefect.engine.state import KINDS
from prefect.store import ownership
from prefect.store.reading import (
    DIED,
    NOT_BEGUN,
    OWN_FAILURES,
    WAITING,
    Address,
    RunReading,
    TaskSummary,
    condition,
    is_under_way,
)
from prefect.store.recorder import PLAIN
from prefect.store.records import UNOWNED, WHOLE, FlowRun, RunTask, TaskRun
from prefect.store.values import shown

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

MOST_FAILURES = 5
"""So many failures are told of."""

MOST_MAPS = 8
"""So many maps are drawn."""

CELLS = 40
"""How long a bar is."""

COLUMNS = 24
"""How long a histogram is."""

QUANTILES = {"p50": 0.5, "p95": 0.95, "max": 1.0}
"""Which durations of a map are told: half of its children were quicker, 95 of 100 were, all were."""

MOST_VALUE = 60
"""So many characters of a value stand in a table."""


# --- the whole run ----------------------------------------------------------------------------------------------------


def page(reading: RunReading, now: int, values: bool = False) -> Iterator[RenderableType]:
    """The parts of the page."""
    summaries = [each for each in reading.summaries() if is_told(reading, each)]
    yield headline(reading.run, now)
    yield ""
    yield facts(reading.run, now)
    yield ""
    yield tasks_table(reading, summaries, values)
    yield from maps(reading, summaries)
    yield from failures(reading)
    yield from advice(reading, now)


def is_told(reading: RunReading, summary: TaskSummary) -> bool:
    """Is it more than a value, or a list of values, that somebody wrote down in the flow?"""
    return summary.state != "Success" or not reading.described(summary.task.slug).get("auto_generated")


def headline(run: FlowRun, now: int) -> Text:
    """How it is: `etl: Failed. 1 of 1 reference tasks failed.`"""
    state = condition(run, now)
    line = output.text("").append(run.flow, "bold").append(": ").append_text(output.named_state(state))
    return line.append(f". {'' if state == DIED else run.message or ''}".rstrip())


def facts(run: FlowRun, now: int) -> RenderableType:
    seconds = past.seconds_of(run, now)
    told = {
        "run": run.id,
        "name": "" if run.name == run.flow else run.name,
        "started": moments.shown(run.started, now),
        "took": moments.span(seconds) if run.ended is not None else "",
        "attempts": str(run.attempts) if run.attempts > 1 else "",
        "owner": owner(run, now),
        "parameters": ", ".join(f"{name} = {shown(value, MOST_VALUE)}" for name, value in run.parameters.items()),
        "tags": ", ".join(run.tags),
        "source": run.source or "",
        "inside of": run.parent or "",
        "version": run.version[: past.SHORT],
    }
    return output.table(("", ""), [(output.text(name, "dim"), text) for name, text in told.items() if text])


def owner(run: FlowRun, now: int) -> str:
    """Who works at it, if somebody should."""
    if run.lease_until == UNOWNED:
        return ""
    return f"{ownership.described(run.owner)}{'' if is_under_way(run, now) else ', which died'}"


def tasks_table(reading: RunReading, summaries: Sequence[TaskSummary], values: bool) -> RenderableType:
    names = past.names(reading)
    rows = [
        (
            names[each.task.slug],
            output.named_state(each.state),
            told_counts(each.counts) if len(each.counts) > 1 or each.counts.keys() - {each.state} else total(each),
            moments.span(seconds_of(each)),
            str(each.attempts) if each.attempts > 1 else "",
            value_of(reading, each.task) if values else "",
            message_of(each),
        )
        for each in summaries
    ]
    return output.table(("task", "state", "children", "took", "attempts", "value", "message"), rows)


def told_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in counts.items())


def total(summary: TaskSummary) -> str:
    return f"{sum(summary.counts.values()):,}" if summary.counts else ""


def seconds_of(summary: TaskSummary) -> float | None:
    """From its beginning to its end."""
    if summary.started is None or summary.ended is None:
        return None
    return (summary.ended - summary.started) / 1e6


def message_of(summary: TaskSummary) -> str:
    return "" if summary.counts or summary.message == PLAIN else summary.message or ""


def value_of(reading: RunReading, task: RunTask, child: int = WHOLE) -> str:
    row = reading.task_run(Address(task, child)) if child != WHOLE or task.width is None else None
    return "" if row is None else shown(row.value, MOST_VALUE)


# --- maps -------------------------------------------------------------------------------------------------------------


def maps(reading: RunReading, summaries: Sequence[TaskSummary]) -> Iterator[RenderableType]:
    """How the children of mapped tasks ended, and how long they took."""
    mapped = [each for each in summaries if sum(each.counts.values()) > 1]
    for each in mapped[:MOST_MAPS]:
        yield ""
        yield picture(past.names(reading)[each.task.slug], each.counts, sorted(reading.durations(each.task)))
    if len(mapped) > MOST_MAPS:
        yield ""
        yield output.text(f"and {len(mapped) - MOST_MAPS:,} more maps", "dim")


def picture(name: str, counts: Mapping[str, int], durations: Sequence[float]) -> RenderableType:
    """A bar of states, and a histogram of durations."""
    rows: list[tuple[str, Text, str]] = [(name, bar(counts), told_counts(counts))]
    if durations:
        drawn = output.text(bars.histogram(durations, min(COLUMNS, len(durations))), "cyan")
        spread = [f"{name} {moments.span(bars.quantile(durations, share))}" for name, share in QUANTILES.items()]
        rows.append(("", drawn, ", ".join(spread)))
    return output.table(("", "", ""), rows)


def bar(counts: Mapping[str, int]) -> Text:
    drawn = output.text("")
    for state, cells in sorted(bars.shares(counts, CELLS).items(), key=waits):
        drawn.append("░" * cells if state == NOT_BEGUN else "█" * cells, KINDS[state].color)
    return drawn


def waits(share: tuple[str, int]) -> tuple[bool, bool]:
    """What is over comes first, then what is under way, then what has not begun."""
    return share[0] in WAITING, share[0] == NOT_BEGUN


# --- failures and advice ----------------------------------------------------------------------------------------------


class Failure(NamedTuple):
    """A run that failed by itself."""

    name: str
    row: TaskRun


def failures(reading: RunReading) -> Iterator[RenderableType]:
    """The first runs that failed by themselves; those that were drawn into it are in the table."""
    found = own_failures(reading, MOST_FAILURES + 1)
    if not found:
        return
    yield ""
    yield output.text("failed", "dim")
    rows = [(each.name, output.named_state(each.row.state), each.row.message or "") for each in found[:MOST_FAILURES]]
    yield output.table(("", "", ""), rows)
    if len(found) > MOST_FAILURES:
        yield output.text("and more: look at one task with --task NAME", "dim")


def own_failures(reading: RunReading, limit: int | None = None) -> list[Failure]:
    tasks = {task.number: task for task in reading.tasks.values()}
    rows = reading.unhappy(states=OWN_FAILURES, limit=limit)
    return [Failure(past.label(reading, Address(tasks[row.task], row.index)), row) for row in rows]


def advice(reading: RunReading, now: int) -> Iterator[RenderableType]:
    """What to do about a run that did not succeed."""
    run = reading.run
    if is_under_way(run, now) or KINDS[run.state]("").is_successful():
        return
    found = own_failures(reading, 1)
    steps = [(f"prefect resume {past.short(run)}", "go on with it: what succeeded is kept")]
    if found:
        name = past.quoted(found[0].name)
        steps.insert(0, (f"prefect why {past.short(run)} {name}", "see what led to it"))
        steps.insert(1, (f"prefect replay {past.short(run)} {name}", "run it again, alone"))
    yield ""
    yield output.table(("", ""), [(step, output.text(what, "dim")) for step, what in steps])


# --- documents --------------------------------------------------------------------------------------------------------


def document(reading: RunReading, now: int, values: bool = False) -> dict[str, Any]:
    """The page as plain values."""
    failed = own_failures(reading, MOST_FAILURES)
    return {
        **past.document(reading.run, now),
        "tasks": [task_document(reading, each, values) for each in reading.summaries()],
        "failures": [{"task": each.name, "state": each.row.state, "message": each.row.message} for each in failed],
    }


def task_document(reading: RunReading, summary: TaskSummary, values: bool) -> dict[str, Any]:
    task = summary.task
    own = {
        "task": task.slug,
        "name": task.name,
        "state": summary.state,
        "message": summary.message,
        "started": moments.iso(summary.started),
        "ended": moments.iso(summary.ended),
        "seconds": summary.seconds,
        "attempts": summary.attempts,
        **({"value": value_of(reading, task)} if values else {}),
    }
    if task.width is None:
        return own
    durations = sorted(reading.durations(task))
    spread = {name: bars.quantile(durations, share) for name, share in QUANTILES.items()} if durations else {}
    return {**own, "children": task.width, "counts": summary.counts, "durations": spread}
