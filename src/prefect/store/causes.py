"""Why a task run is as it is: the chain of causes, from the run that somebody asks about to its roots.

```
report  TriggerFailed   the trigger all_successful refused: 1 of 3 upstream runs did not succeed
└─ clean[1]  TriggerFailed   …
   └─ load[1]  Failed        Unexpected error: FileNotFoundError('b.csv')      a root: its own code
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from prefect.store.reading import NOT_BEGUN, UNHAPPY, Address, RunReading
from prefect.store.records import WHOLE, RunTask, TaskRun
from prefect.store.recorder import RUNNING

SHOWN = 5
"""So many causes of one kind are followed; the others are counted."""


class Cause(NamedTuple):
    """One link of the chain.

    Attributes:
        address: the task run.
        state: the type of its state.
        message: that of the state.
        rule: what in the engine brought it there.
        causes: the runs before it that made the rule do so.
        further: how many more such runs there are.
    """

    address: Address
    state: str
    message: str | None
    rule: str
    causes: Sequence[Cause]
    further: int

    def lines(self, depth: int = 0) -> Iterator[str]:
        """For people: one line for each link."""
        lead = "   " * (depth - 1) + "└─ " if depth else ""
        told = f": {self.message}" if self.message else ""
        yield f"{lead}{self.address}  {self.state}{told}"
        inset = "   " * depth
        yield f"{inset}   {self.rule}"
        for cause in self.causes:
            yield from cause.lines(depth + 1)
        if self.further:
            yield f"{inset}└─ and {self.further:,} more"


def why(reading: RunReading, address: Address, depth: int = 20) -> Cause:
    """Why a task run is as it is.

    Args:
        reading: the run.
        address: the task run.
        depth: how many links the chain may have.
    """
    row = reading.task_run(address)
    state = NOT_BEGUN if row is None else row.state
    message = None if row is None else row.message
    if address.child == WHOLE and address.task.width is not None:
        return of_a_map(reading, address, state, message, depth)
    culprits = list(to_blame(reading, address, state))
    followed = [why(reading, each, depth - 1) for each in culprits[:SHOWN]] if depth else []
    rule = rule_of(reading, address, state, row, bool(culprits))
    return Cause(address, state, message, rule, followed, len(culprits) - len(followed))


def of_a_map(reading: RunReading, address: Address, state: str, message: str | None, depth: int) -> Cause:
    """Of a mapped task, the children that did not succeed are the causes."""
    task = address.task
    unhappy = [Address(task, row.index) for row in children(reading, task) if row.state in UNHAPPY]
    followed = [why(reading, each, depth - 1) for each in unhappy[:SHOWN]] if depth else []
    rule = f"a map of {task.width:,} children, {len(unhappy):,} of which did not succeed"
    return Cause(address, state, message, rule, followed, len(unhappy) - len(followed))


def children(reading: RunReading, task: RunTask) -> list[TaskRun]:
    return [row for row in reading.store.task_runs(reading.run.id, task.number) if row.index != WHOLE]


def rule_of(reading: RunReading, address: Address, state: str, row: TaskRun | None, blamed: bool) -> str:
    """What in the engine brings a run to such a state."""
    document = task_document(reading, address.task.slug)
    trigger = name_of(document.get("trigger"))
    rules = {
        "TriggerFailed": f"its trigger {trigger} refused the states before it",
        "Skipped": "an upstream task was skipped, and it skips then, too" if blamed else "it was told to skip",
        "Failed": "its own code, or a rule about its inputs, failed; nothing before it is to blame",
        "Crashed": "what it ran on died",
        "TimedOut": f"it ran longer than its timeout of {document.get('timeout')} s",
        "Cached": "a value from earlier was used instead of running",
        "Cancelled": "the run was stopped before it was over",
        "Retrying": f"it failed and waits for the next of its {document.get('max_retries')} retries",
        "Paused": "it waits until a person resumes it",
        RUNNING: "it is at work, or its process died over it",
        NOT_BEGUN: "it waits for those before it" if blamed else "the run stopped before its turn came",
    }
    return rules.get(state) or ran(reading, address, row, trigger)


def ran(reading: RunReading, address: Address, row: TaskRun | None, trigger: str) -> str:
    """Why a run that succeeded ran at all."""
    running = [event for event in reading.happened(address) if event.state == RUNNING and event.message]
    told = f" {running[-1].message}" if running else ""
    times = f", at attempt {row.attempt}" if row is not None and row.attempt > 1 else ""
    return f"its trigger {trigger} let it run{times}.{told}"


def to_blame(reading: RunReading, address: Address, state: str) -> Iterator[Address]:
    """The runs just before a run that are the cause of its state."""
    wanted: Mapping[str, tuple[str, ...]] = {
        "TriggerFailed": UNHAPPY,
        "Skipped": ("Skipped",),
        NOT_BEGUN: (*UNHAPPY, NOT_BEGUN, RUNNING, "Retrying", "Paused"),
    }
    for upstream in before(reading, address) if state in wanted else ():
        row = reading.task_run(upstream)
        found = NOT_BEGUN if row is None else row.state
        if found == "Mapped":
            rows = children(reading, upstream.task)
            yield from (Address(upstream.task, row.index) for row in rows if row.state in wanted[state])
        elif found in wanted[state]:
            yield upstream


def before(reading: RunReading, address: Address) -> Iterator[Address]:
    """The runs that a run reads, or waits for; a child reads the child of the same index in a map before it."""
    seen: set[tuple[str, int]] = set()
    for edge in reading.document["edges"]:
        upstream = reading.tasks.get(edge["upstream_task"])
        if edge["downstream_task"] != address.task.slug or upstream is None:
            continue
        lane = edge["mapped"] and not edge["flattened"] and upstream.width is not None
        child = address.child if lane and address.child != WHOLE else WHOLE
        if (upstream.slug, child) not in seen:
            seen.add((upstream.slug, child))
            yield Address(upstream, child)


def task_document(reading: RunReading, slug: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next((each for each in reading.document["tasks"] if each["slug"] == slug), {})
    return found


def name_of(described: Any) -> str:
    """The name of a function, as documents describe it."""
    name = described.get("fn") or described.get("name") if isinstance(described, dict) else described
    return str(name or "all_successful").rpartition(".")[2]
