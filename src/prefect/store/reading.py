"""Reading one run from the history: its tasks, how each of their runs is, and what happened to it.

What the store holds in two shapes, rows and stretches, is one here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from prefect.exceptions import RunMissing
from prefect.store import ownership, stretches
from prefect.store.base import Store
from prefect.store.recorder import PLAIN, RUNNING
from prefect.store.records import FLOW, UNOWNED, WHOLE, Event, FlowRun, RunTask, Stretch, TaskRun, micros
from prefect.store.values import kept_in

CHILD = re.compile(r"(.+)\[(\d+)\]")
NOT_BEGUN = "Pending"
DIED, STOPPED = "died", "stopped"
"""What became of a run that came to no end: its process is gone, or has let go of it."""

OWN_FAILURES = ("Failed", "Crashed", "TimedOut", "ValidationFailed")
"""How runs end whose own work went wrong, rather than that of a run before them."""

UNHAPPY = (*OWN_FAILURES, "TriggerFailed", "Cancelled")
"""The states that a map with such children is said to be in, the worst first."""

WAITING = (RUNNING, "Retrying", "Paused", "Scheduled", NOT_BEGUN)
"""The states in which a run is not over, the one that tells most first."""

NEVER_RAN = ("TriggerFailed", "Skipped")
"""How runs end in which no code of the task ran, so that their durations tell nothing."""

MOST_NAMES = 10
"""So many tasks are named to somebody who asked for one that does not exist."""


class Address(NamedTuple):
    """A task run of a run.

    Attributes:
        task: the task.
        child: the index of the child; `WHOLE` for none.
    """

    task: RunTask
    child: int

    def __str__(self) -> str:
        return self.task.slug if self.child == WHOLE else f"{self.task.slug}[{self.child}]"


class TaskSummary(NamedTuple):
    """How a task is.

    Attributes:
        task: the task.
        state: the type of its state; of a mapped task, the least happy one among its children.
        message: that of its state.
        counts: how many children are in which state; empty if it is not mapped.
        started: when the first of its runs began, in microseconds since 1970.
        ended: when the last of them ended; None if that is not known, or still to come.
        attempts: how often its code was started; of a mapped task, at most.
        seconds: how long its runs took, together.
    """

    task: RunTask
    state: str
    message: str | None
    counts: Mapping[str, int]
    started: int | None
    ended: int | None
    attempts: int
    seconds: float


def condition(run: FlowRun, now: int) -> str:
    """How a run is, at a time: the type of its state; `DIED` or `STOPPED` if it has no end and nobody works at it."""
    if run.ended is not None:
        return run.state
    if run.lease_until == UNOWNED:
        return STOPPED
    return run.state if is_under_way(run, now) else DIED


def is_under_way(run: FlowRun, now: int) -> bool:
    """Does a process work at a run?"""
    return run.lease_until > now and not ownership.is_dead(run.owner)


class RunReading:
    """One run, as the history tells of it.

    Args:
        store: where it is written down.
        run: the run.
    """

    def __init__(self, store: Store, run: FlowRun) -> None:
        self.store = store
        self.run = run

    @cached_property
    def tasks(self) -> dict[str, RunTask]:
        """The tasks of the run, by slug, in running order."""
        return {task.slug: task for task in self.store.tasks(self.run.id)}

    @cached_property
    def document(self) -> dict[str, Any]:
        """The graph of the flow, as `flow.serialize()` describes it."""
        document: dict[str, Any] = json.loads(self.store.version(self.run.version).document)["flow"]
        return document

    # --- finding -----------------------------------------------------------------------------------------------------

    def find(self, text: str) -> Address:
        """The task run that somebody means: `task`, `task-1` or `task-1[5]`.

        Raises:
            RunMissing: there is none, or there are several.
        """
        matched = CHILD.fullmatch(text)
        if matched is None or any(text in (task.slug, task.name) for task in self.tasks.values()):
            return Address(self.find_task(text), WHOLE)
        task = self.find_task(matched[1])
        return Address(task, self._checked_child(task, int(matched[2])))

    def find_task(self, name: str) -> RunTask:
        """The task with a slug, or the only one with a name.

        Raises:
            RunMissing: there is none, or there are several.
        """
        if name in self.tasks:
            return self.tasks[name]
        found = [task for task in self.tasks.values() if name == task.name]
        if len(found) == 1:
            return found[0]
        which = "Several tasks are called" if found else "There is no task"
        raise RunMissing(f"{which} {name!r} in the run {self.run.id}: choose {choice(found or self.tasks.values())}.")

    def _checked_child(self, task: RunTask, child: int) -> int:
        if not self.is_mapped(task):
            raise RunMissing(f"The task {task.slug!r} is not mapped, so it has no child {child}: leave out the index.")
        if task.width is not None and child >= task.width:
            have = f"{task.width:,} {'child' if task.width == 1 else 'children'}, counted from 0"
            raise RunMissing(f"There is no child {child} of {task.slug!r}, which has {have}.")
        return child

    def is_mapped(self, task: RunTask) -> bool:
        """Has a task children, or would it have some?"""
        return task.width is not None or bool(self.described(task.slug).get("mapped"))

    def at_first(self, task: RunTask) -> str:
        """The state of a task of which nothing is told: constants are there from the beginning."""
        return "Success" if str(self.described(task.slug).get("type")).endswith(".Constant") else NOT_BEGUN

    def described(self, slug: str) -> Mapping[str, Any]:
        """What the document of the flow says about a task; nothing about one that is not in the flow any more."""
        return self._descriptions.get(slug, {})

    @cached_property
    def _descriptions(self) -> dict[str, Mapping[str, Any]]:
        return {each["slug"]: each for each in self.document["tasks"]}

    def task_run(self, address: Address) -> TaskRun | None:
        """How a task run is; None if it has not begun."""
        number, child = address.task.number, address.child
        found: TaskRun | None = next(iter(self.store.task_runs(self.run.id, number, child)), None)
        if child == WHOLE:
            return found
        for stretch in self.store.stretches(self.run.id, number, child):
            position = stretches.position(stretch, child)
            if position is not None and (found is None or stretch.seq > found.seq):
                found = from_stretch(stretch, child, position)
        return found

    def state(self, address: Address) -> str:
        """The type of the state of a task run; of a mapped task, the least happy one among its children."""
        if address.child == WHOLE and address.task.width is not None:
            return self.summary(address.task).state
        row = self.task_run(address)
        return self.at_first(address.task) if row is None else row.state

    def happened(self, address: Address) -> list[Event]:
        """What happened to a task run, or to all runs of a mapped task, in order; plain children count together."""
        number, child = address.task.number, address.child
        events = self.store.events(self.run.id, number, None if child == WHOLE else child)
        for stretch in self.store.stretches(self.run.id, number, None if child == WHOLE else child):
            position = None if child == WHOLE else stretches.position(stretch, child)
            if child == WHOLE or position is not None:
                events += plain_events(stretch, position)
        return in_order(events)

    # --- summing up --------------------------------------------------------------------------------------------------

    def summaries(self) -> list[TaskSummary]:
        """How each task is, in running order."""
        rows: dict[int, list[TaskRun]] = {}
        for row in self.store.task_runs(self.run.id):
            rows.setdefault(row.task, []).append(row)
        packed: dict[int, list[Stretch]] = {}
        for stretch in self.store.stretches(self.run.id):
            packed.setdefault(stretch.task, []).append(stretch)
        return [
            summary(task, rows.get(task.number, []), packed.get(task.number, []), self.at_first(task))
            for task in self.tasks.values()
        ]

    def summary(self, task: RunTask) -> TaskSummary:
        """How one task is."""
        rows = self.store.task_runs(self.run.id, task.number)
        return summary(task, rows, list(self.store.stretches(self.run.id, task.number)), self.at_first(task))

    def unhappy(
        self, task: RunTask | None = None, states: tuple[str, ...] = UNHAPPY, limit: int | None = None
    ) -> list[TaskRun]:
        """Runs that did not succeed, in the order of task and index."""
        number = None if task is None else task.number
        return self.store.task_runs(self.run.id, number, states=states, limit=limit)

    def durations(self, task: RunTask) -> list[float]:
        """How long each run of a task took in which its code ran to an end, in seconds."""
        rows = self.store.task_runs(self.run.id, task.number)
        found = [row_seconds(row) for row in rows if row.ended is not None and is_work(row, task)]
        for stretch in self.store.stretches(self.run.id, task.number):
            begins, ends = stretches.times_of(stretch)
            found += [end - begin for begin, end in zip(begins, ends, strict=True)]
        return found

    def flow_events(self) -> list[Event]:
        """What happened to the flow run itself."""
        return self.store.events(self.run.id, FLOW)


def choice(tasks: Iterable[RunTask]) -> str:
    """Some names to choose from."""
    slugs = [task.slug for task in tasks]
    more = f" or one of {len(slugs) - MOST_NAMES:,} more" if len(slugs) > MOST_NAMES else ""
    return f"{', '.join(slugs[:MOST_NAMES])}{more}"


def is_work(row: TaskRun, task: RunTask) -> bool:
    """Did code of the task run here? Of a mapped task, only in its children."""
    return row.state not in NEVER_RAN and (row.index != WHOLE or (task.width is None and row.state != "Mapped"))


def row_seconds(row: TaskRun) -> float:
    return 0.0 if row.started is None or row.ended is None else (row.ended - row.started) / 1e6


def summary(task: RunTask, rows: list[TaskRun], packed: list[Stretch], at_first: str) -> TaskSummary:
    """How one task is, from its rows and stretches, or else as it was at first."""
    whole = next((row for row in rows if row.index == WHOLE), None)
    children = [row for row in rows if row.index != WHOLE]
    if whole is None and not children and not packed:
        return TaskSummary(task, at_first, None, {}, None, None, 0, 0.0)
    if task.width is None and not children and not packed:
        assert whole is not None
        return TaskSummary(
            task, whole.state, whole.message, {}, whole.started, whole.ended, whole.attempt, row_seconds(whole)
        )
    counts = counted(task, children, packed)
    begins = [each for each in (*(row.started for row in children), *(each.began for each in packed)) if each]
    ends = [each for each in (*(row.ended for row in children), *(each.ended for each in packed)) if each]
    over = task.width is not None and counts.keys().isdisjoint(WAITING)
    return TaskSummary(
        task=task,
        state=state_of_map(counts),
        message=None if whole is None else whole.message,
        counts=counts,
        started=min(begins, default=None),
        ended=max(ends, default=None) if over else None,
        attempts=max([row.attempt for row in children] + [1 for _ in packed[:1]], default=0),
        seconds=sum(map(row_seconds, children)) + sum(map(stretch_seconds, packed)),
    )


def stretch_seconds(stretch: Stretch) -> float:
    begins, ends = stretches.times_of(stretch)
    return sum(ends) - sum(begins)


def counted(task: RunTask, children: list[TaskRun], packed: list[Stretch]) -> dict[str, int]:
    """How many children are in which state; a child that is told of twice counts as what was told last."""
    total = len(children) + sum(stretch.count for stretch in packed)
    newest = {row.index: (row.seq, row.state) for row in children}
    if task.width is None or total <= task.width:
        counts = Counter(row.state for row in children)
        counts["Success"] += total - len(children)
    else:
        for stretch in packed:
            for index in stretches.indices_of(stretch):
                newest[index] = max(newest.get(index, (0, "")), (stretch.seq, "Success"))
        counts = Counter(state for _, state in newest.values())
    missing = (task.width or 0) - counts.total()
    if missing > 0:
        counts[NOT_BEGUN] += missing
    return {state: count for state, count in counts.most_common() if count}


def state_of_map(counts: Mapping[str, int]) -> str:
    for state in (*UNHAPPY, *WAITING):
        if counts.get(state):
            return state
    return "Skipped" if set(counts) == {"Skipped"} else "Success"


def from_stretch(stretch: Stretch, index: int, position: int) -> TaskRun:
    """A child of a stretch as a row."""
    begins, ends = stretches.times_of(stretch)
    return TaskRun(
        seq=stretch.seq,
        task=stretch.task,
        index=index,
        state="Success",
        attempt=1,
        started=micros(begins[position]),
        ended=micros(ends[position]),
        message=PLAIN,
        document=None,
        value=kept_in(stretch.values, position),
    )


def in_order(events: list[Event]) -> list[Event]:
    """Events in the order of their numbers; that a run was given out, and that it began, is one thing."""
    found: list[Event] = []
    for event in sorted(events, key=lambda each: (each.seq, each.state != RUNNING)):
        if found and event.state == RUNNING == found[-1].state and of_same_runs(event, found[-1]):
            found.pop()
        found.append(event)
    return found


def of_same_runs(event: Event, before: Event) -> bool:
    return event.attempt == before.attempt and before.index <= event.index and event.last <= before.last


def plain_events(stretch: Stretch, position: int | None) -> Iterator[Event]:
    """What happened to the children of a stretch, or to one of them."""
    first, last, began, ended = stretch.first, stretch.last, stretch.began, stretch.ended
    if position is not None:
        begins, ends = stretches.times_of(stretch)
        first = last = stretches.indices_of(stretch)[position]
        began, ended = micros(begins[position]), micros(ends[position])
    yield Event(stretch.seq, stretch.task, first, last, 1, RUNNING, began, None)
    yield Event(stretch.seq, stretch.task, first, last, 1, "Success", ended, PLAIN)
