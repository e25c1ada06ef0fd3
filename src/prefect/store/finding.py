"""Which run is meant, and may it be had? What every store says when the answer is no."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.exceptions import RunHeld, RunMissing
from prefect.store.records import FlowRun


def the_one(id: str, candidates: Sequence[FlowRun]) -> FlowRun:
    """The run with an id, or the only one whose id begins so.

    Args:
        id: the whole id, or its beginning.
        candidates: runs whose ids begin so, in the order of their ids; two are enough.
    """
    if not candidates:
        raise no_run(id)
    if candidates[0].id == id or len(candidates) == 1:
        return candidates[0]
    raise RunMissing(
        f"Several flow runs have ids that begin with {id!r}, such as {candidates[0].id} and {candidates[1].id}: "
        "give more characters."
    )


def no_run(id: str) -> RunMissing:
    return RunMissing(f"There is no flow run {id!r} in the history: check the id, and that this is the right store.")


def no_version(digest: str) -> RunMissing:
    return RunMissing(f"There is no version {digest!r} of a flow in the history: no run uses it any more.")


def held(run: FlowRun) -> RunHeld:
    """The error for a run that another process holds."""
    return RunHeld(
        f"The process {run.owner!r} works at the flow run {run.id}: wait for its end, or stop that process. If it was "
        "killed, the run is free as soon as its lease is over."
    )


def changed(run: FlowRun, epoch: int) -> RunHeld:
    """The error for a run that somebody worked at since the caller looked at it."""
    return RunHeld(
        f"Another process worked at the flow run {run.id} in the meantime (its epoch is {run.epoch}, not {epoch}): "
        "look at it again, then try again."
    )
