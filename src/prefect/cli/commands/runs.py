"""`prefect runs`: the runs in the history, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from prefect.cli import moments, options, output, past
from prefect.engine.state import KINDS
from prefect.store.base import Store
from prefect.store.reading import DIED, STOPPED, RunReading, condition, is_under_way
from prefect.store.records import FlowRun, RunFilter

MANY = 10_000
"""So many runs are looked through for those whose condition is not written down, but worked out."""

CONDITIONS = (*KINDS, DIED, STOPPED)


@click.command("runs")
@click.option("--flow", metavar="NAME", help="Only runs of this flow.")
@click.option(
    "--state",
    "states",
    type=click.Choice(CONDITIONS, case_sensitive=False),
    metavar="STATE",
    multiple=True,
    help=f"Only runs in this state; also {DIED} and {STOPPED}.",
)
@click.option("--since", metavar="TIME", callback=options.time_point, help="Only newer ones: 2h, 7d, 2026-11-01.")
@click.option("--tag", metavar="TAG", help="Only runs with this tag.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@click.option("--nested", is_flag=True, help="Also runs inside of tasks of other runs.")
@options.store
@options.as_json
def command(
    flow: str | None,
    states: tuple[str, ...],
    since: int | None,
    tag: str | None,
    limit: int,
    nested: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """List the runs of flows, the newest first.

    A run that came to no end is "died" if its process is gone, and "stopped" if that let go of it.

    \b
    prefect runs
    prefect runs --flow etl --state Failed --since 2h
    """
    now = moments.now()
    which = RunFilter(flow=flow, since=since, tag=tag, parent=None if nested else "")
    with past.history_at(url) as store:
        found = matching(store, which, states, limit, now)
        documents = [{**past.document(run, now), "progress": progress(store, run, now)} for run in found]
    if as_json:
        output.print_json(documents)
    elif not found:
        output.print_lines(
            "There are no such runs." if which != RunFilter(parent="") or states else "There are no runs."
        )
    else:
        output.print_table(HEADERS, [row(run, each, now) for run, each in zip(found, documents, strict=True)])


HEADERS = ("run", "flow", "name", "state", "started", "took", "done", "attempts")


def matching(store: Store, which: RunFilter, states: Sequence[str], limit: int, now: int) -> list[FlowRun]:
    """The runs that are asked for; how one without an end is depends on its process, unknown to the store."""
    if not states:
        return store.runs(which, limit)
    found = store.runs(which, MANY)
    return [run for run in found if condition(run, now) in states][:limit]


def progress(store: Store, run: FlowRun, now: int) -> dict[str, int] | None:
    """How many task runs of a run that is under way are over, of how many that are known."""
    if run.ended is not None or not is_under_way(run, now):
        return None
    reading = RunReading(store, run)
    tasks = [task for task in reading.tasks.values() if not reading.described(task.slug).get("auto_generated")]
    numbers = {task.number for task in tasks}
    over = sum(count for (task, state), count in store.counts(run.id).items() if task in numbers and is_end(state))
    known = sum(1 if task.width is None else task.width for task in tasks)
    return {"over": min(over, known), "known": known}


def is_end(state: str) -> bool:
    """Is a task run that is in such a state over? The end of a map is that of its children."""
    return state != "Mapped" and KINDS[state]("").is_finished()


def row(run: FlowRun, document: dict[str, Any], now: int) -> tuple[Any, ...]:
    done = document["progress"]
    return (
        past.short(run),
        run.flow,
        "" if run.name == run.flow else run.name,
        output.named_state(document["condition"]),
        moments.shown(run.started or run.created, now),
        moments.span(document["seconds"]) if run.ended is not None or done else "",
        f"{done['over']:,} of {done['known']:,}" if done else "",
        str(run.attempts) if run.attempts > 1 else "",
    )
