"""Why a task run is as it is: the chain of causes, from the run that somebody asks about to its roots.

```
report  TriggerFailed: The trigger 'all_successful' refused the states of the upstream tasks.
   its trigger all_successful refused the states before it
└─ clean[1]  TriggerFailed: …
   └─ load[1]  Failed: Unexpected error: FileNotFoundError('b.csv')
         its own code failed; nothing before it is to blame                                        a root
```

A run is blamed on those just before it that could make the rule behind its state do what it did. One that was told of
is not told of again, so a chain is never longer than the flow is large.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from prefect.store.reading import NOT_BEGUN, UNHAPPY, WAITING, Address, RunReading
from prefect.store.recorder import RUNNING
from prefect.store.records import WHOLE, RunTask, TaskRun

SHOWN = 5
"""So many causes of one run are followed; the others are counted."""

TOLD = "as told above"

BLAMED: Mapping[str, tuple[str, ...]] = {
    "TriggerFailed": UNHAPPY,
    "Skipped": ("Skipped",),
    NOT_BEGUN: (*UNHAPPY, *WAITING),
}
"""For each state that can come of others: in which states those are that made it come about."""


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
    causes: Sequence[Cause] = ()
    further: int = 0

    def lines(self, depth: int = 0) -> Iterator[str]:
        """For people: two lines for each link."""
        lead = "   " * (depth - 1) + "└─ " if depth else ""
        told = f": {self.message}" if self.message else ""
        yield f"{lead}{self.address}  {self.state}{told}"
        inset = "   " * depth
        yield f"{inset}   {self.rule}"
        for cause in self.causes:
            yield from cause.lines(depth + 1)
        if self.further:
            yield f"{inset}└─ and {self.further:,} more"


def why(reading: RunReading, address: Address) -> Cause:
    """Why a task run is as it is."""
    return link(reading, address, set())


def link(reading: RunReading, address: Address, told: set[Address]) -> Cause:
    """One link of the chain, and those below it.

    Args:
        reading: the run.
        address: the task run.
        told: those that the chain has already.
    """
    row, state = reading.task_run(address), reading.state(address)
    message = None if row is None else row.message
    if address in told:
        return Cause(address, state, message, TOLD)
    told.add(address)
    if address.child == WHOLE and address.task.width is not None:
        return of_a_map(reading, address, message, told)
    blamed = list(to_blame(reading, address, state))
    rule = rule_of(reading, address, state, row, bool(blamed))
    return Cause(address, state, message, rule, *followed(reading, blamed, told))


def of_a_map(reading: RunReading, address: Address, message: str | None, told: set[Address]) -> Cause:
    """Of a mapped task, the children that did not succeed are the causes."""
    summary = reading.summary(address.task)
    counts = ", ".join(f"{count:,} {state}" for state, count in summary.counts.items()) or "none"
    unhappy = children(reading, address.task, UNHAPPY)
    links, further = followed(reading, unhappy, told)
    return Cause(address, summary.state, message, f"the states of its children: {counts}", links, further)


def followed(reading: RunReading, blamed: Sequence[Address], told: set[Address]) -> tuple[Sequence[Cause], int]:
    """The links for the first of some runs, and how many more there are."""
    return [link(reading, each, told) for each in blamed[:SHOWN]], max(0, len(blamed) - SHOWN)


def children(reading: RunReading, task: RunTask, states: tuple[str, ...]) -> list[Address]:
    return [Address(task, row.index) for row in reading.unhappy(task, states) if row.index != WHOLE]


# --- what comes before ------------------------------------------------------------------------------------------------


def to_blame(reading: RunReading, address: Address, state: str) -> Iterator[Address]:
    """The runs just before a run that are the cause of its state."""
    wanted = BLAMED.get(state, ())
    for upstream in before(reading, address) if wanted else ():
        if upstream.child == WHOLE and upstream.task.width is not None:
            yield from blamed_in_a_map(reading, upstream.task, wanted)
            continue
        if reading.state(upstream) in wanted:
            yield upstream


def blamed_in_a_map(reading: RunReading, task: RunTask, wanted: tuple[str, ...]) -> Iterator[Address]:
    """The children that are to blame; those that have not begun stand in no list, so the map stands for them."""
    found = children(reading, task, wanted)
    if not found and reading.summary(task).state in wanted:
        found = [Address(task, WHOLE)]
    yield from found


def before(reading: RunReading, address: Address) -> Iterator[Address]:
    """The runs that a run reads, or waits for; a child reads the child of the same index in a map before it."""
    seen: set[Address] = set()
    for edge in reading.document["edges"]:
        upstream = reading.tasks.get(edge["upstream_task"])
        if edge["downstream_task"] != address.task.slug or upstream is None:
            continue
        lane = edge["mapped"] and not edge["flattened"] and upstream.width is not None
        found = Address(upstream, address.child if lane else WHOLE)
        if found not in seen:
            seen.add(found)
            yield found


# --- rules ------------------------------------------------------------------------------------------------------------


def rule_of(reading: RunReading, address: Address, state: str, row: TaskRun | None, blamed: bool) -> str:
    """What in the engine brings a run to such a state."""
    described = reading.described(address.task.slug)
    rules = {
        "TriggerFailed": f"its trigger {trigger_of(reading, address)} refused the states before it",
        "Skipped": "something before it was skipped, and it is skipped then, too" if blamed else "it was told to skip",
        "Failed": failed(row),
        "Crashed": "what it ran on died",
        "TimedOut": f"it ran longer than its timeout of {described.get('timeout')} s",
        "Cancelled": "the run was stopped before this was over",
        "Retrying": f"it failed, and waits for the next of its {described.get('max_retries')} retries",
        "Paused": "it waits until a person resumes it",
        RUNNING: "it is at work, or its process died over it",
        NOT_BEGUN: "it waits for what is before it" if blamed else "the run stopped before its turn came",
    }
    return rules.get(state) or succeeded(reading, address, row)


def failed(row: TaskRun | None) -> str:
    attempts = "" if row is None or row.attempt < 2 else f" in each of its {row.attempt} attempts"
    return f"its own code failed{attempts}; nothing before it is to blame"


def succeeded(reading: RunReading, address: Address, row: TaskRun | None) -> str:
    """Why a run that succeeded ran at all, or did not have to."""
    started = [event for event in reading.happened(address) if event.state == RUNNING]
    if not started and row is not None and row.state == "Cached":
        return "a value from earlier was used, and none of its code ran"
    times = f", and attempt {row.attempt} succeeded" if row is not None and row.attempt > 1 else ""
    reason = next((f". {event.message}" for event in reversed(started) if event.message), "")
    return f"its trigger {trigger_of(reading, address)} let it run{times}{reason}".removesuffix(".")


def trigger_of(reading: RunReading, address: Address) -> str:
    """The name of its trigger, as documents describe functions."""
    trigger = reading.described(address.task.slug).get("trigger") or {
        "name": "of a task that is not in the flow any more"
    }
    return str(trigger["name"]).rpartition(".")[2]
