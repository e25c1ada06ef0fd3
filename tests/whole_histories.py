"""What the history of a run has to be, whatever happened to it: every child succeeded once, and nothing is missing.

```
run ─▶ tasks ─▶ children: one Success each        numbers of events and stretches: 1, 2, 3, … last_seq
```
"""

from __future__ import annotations

from collections import Counter

from killed_runs import Killed
from prefect.store import stretches
from prefect.store.base import Store
from prefect.store.opening import open_store
from prefect.store.records import WHOLE, FlowRun, RunFilter


def store_of(killed: Killed) -> Store:
    """Where the runs are written down, connected anew."""
    store = open_store(killed.url or f"sqlite:///{killed.home}/history.db")
    store.close()
    return store


def run_of(killed: Killed, name: str = "lanes") -> FlowRun:
    """The only run of a flow."""
    [run] = store_of(killed).runs(RunFilter(flow=name))
    return run


def successes(store: Store, run: str, number: int) -> Counter[int]:
    """How many committed successes each child of a task has."""
    found: Counter[int] = Counter()
    for stretch in store.stretches(run, number):
        found.update(stretches.indices_of(stretch))
    found.update(row.index for row in store.task_runs(run, number, states=["Success"]) if row.index != WHOLE)
    return found


def numbers(store: Store, run: str) -> list[int]:
    """The numbers of all events and stretches."""
    return sorted([*(each.seq for each in store.events(run)), *(each.seq for each in store.stretches(run))])


def check_whole(killed: Killed, name: str = "lanes") -> FlowRun:
    """The history tells of a run that succeeded, with every child once, and is over."""
    store, run = store_of(killed), run_of(killed, name)
    assert (run.state, run.lease_until) == ("Success", 0)
    for task in store.tasks(run.id):
        if task.width is not None:
            assert successes(store, run.id, task.number) == dict.fromkeys(range(killed.lanes), 1)
    assert numbers(store, run.id) == list(range(1, run.last_seq + 1))
    return run


def check_once(killed: Killed, spare: int, name: str = "lanes") -> FlowRun:
    """As `check_whole`; and the values are right and in order, with at most so many executions more than children."""
    state, message, values = killed.outcome(name)
    assert state == "Success", message
    assert values == [index * 2 for index in range(killed.lanes)]
    executions = killed.executions(name)
    assert len(executions) == 3 * killed.lanes
    assert executions.total() <= 3 * killed.lanes + spare
    return check_whole(killed, name)
