"""The rules of the history: which state may follow which, who may write about a run, and who may take it over. Pure.

```
waiting ──▶ any                     Pending Scheduled Paused Resume Retrying Queued Submitted
at work ──▶ any                     Running Cancelling Looped
over    ──▶ waiting, at work        whatever is over begins anew before it is over again …
        └─▶ one of its own kind     … or is told more precisely: Success ─▶ Cached, Mapped ─▶ Mapped (all are over)
```
"""

from __future__ import annotations

from enum import Enum

from prefect.engine.state import KINDS, Finished, Looped, Success
from prefect.store.records import Batch, FlowRun


class Kind(Enum):
    """What a state means for the states after it."""

    OPEN = "waiting or at work"
    SUCCESS = "over, and succeeded"
    FAILURE = "over, and did not succeed"


def kind_of(state: str) -> Kind:
    """The kind of a type of states; a type that is not known here may come and go."""
    found = KINDS.get(state)
    if found is None or not issubclass(found, Finished) or issubclass(found, Looped):
        return Kind.OPEN
    return Kind.SUCCESS if issubclass(found, Success) else Kind.FAILURE


def may_follow(old: str | None, new: str) -> bool:
    """May a task run that is in one type of state come to another, without a step between them?

    Args:
        old: the type of its state; None if it has none yet.
        new: the type of the new one.
    """
    if old is None or Kind.OPEN in (kind_of(old), kind_of(new)):
        return True
    return kind_of(old) is kind_of(new)


class Verdict(Enum):
    """What is done with a batch."""

    WRITE = "it is what comes next"
    PASS_OVER = "it was written before, and its acknowledgement got lost"
    REFUSE = "its writer does not own the run any more, or a batch before it is missing"


def verdict(batch: Batch, epoch: int, last_seq: int) -> Verdict:
    """Whether a batch may be written to a run.

    Args:
        batch: the batch.
        epoch: that of the owner of the run.
        last_seq: the last number of the run.
    """
    if batch.epoch != epoch:
        return Verdict.REFUSE
    if batch.after == last_seq:
        return Verdict.WRITE
    return Verdict.PASS_OVER if batch.last_seq <= last_seq else Verdict.REFUSE


def may_be_claimed(run: FlowRun, now: int, dead: str | None = None) -> bool:
    """May a process take over a run: is it nobody's, is its lease over, or is its owner known to be dead?"""
    return run.lease_until <= now or run.owner == dead
