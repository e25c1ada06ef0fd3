"""The recorder: listens to one flow run, and makes batches of what it hears for the store.

```
Pass ── began, ended, … ──▶ Recorder ── take() ──▶ writer thread ──▶ Store
                             │ numbers every event                     │
                             ◀── acknowledged(seq) / refused() ◀───────┘
```

What the engine tells is turned into records at once, so that nothing that happens later changes them. A task that
begins is only noted; if it is still at work when the writer comes by, an event says `Running`, so that quick tasks cost
one row, and people see what a slow one is at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from threading import Condition
from time import time
from typing import Any, NamedTuple

from prefect.engine.log_lines import LogLine
from prefect.engine.reporting import Seconds, Step, trail_of
from prefect.engine.state import Mapped, Scheduled, State, Success
from prefect.engine.task_runner import SUCCEEDED
from prefect.exceptions import RunTakenOver
from prefect.store import log_lines, rules, stretches
from prefect.store.records import (
    FLOW,
    UNOWNED,
    WHOLE,
    Batch,
    Event,
    FlowChange,
    FlowRun,
    FlowVersion,
    LogChunk,
    RunTask,
    TaskRun,
    micros,
)
from prefect.store.values import Keeper
from prefect.utilities.logging import get_logger

LOGGER = get_logger("History")
PLAIN = SUCCEEDED
RUNNING = "Running"
LONGEST_MESSAGE = 4000
ENOUGH = 1000
"""So many rows are written without waiting for more."""
LONGEST_WAIT = 10.0
"""For so many seconds a run waits for a store that gives no answer; then it goes on, as if that were away."""


class AtWork(NamedTuple):
    """Runs that were given out together.

    Attributes:
        indices: which children; `WHOLE` for a task that is not mapped.
        began: when.
    """

    indices: Sequence[int]
    began: Seconds


class Recorder:
    """Makes records of one flow run; it is the `Reporter` of the engine.

    Args:
        run: the run, which this process owns.
        version: the version of its flow, if the store may not know it.
        tasks: the tasks of the run, by slug.
        keeper: keeps values.
        wake: tells the writer that there is something to write; `True` if it should not wait for more.
        each: every run waits until the one before it is written.
        new: is this the first process that works at the run?
        rows: for each task, the types of the states of those of its runs that have a row of their own in the store.
        lease: for how many seconds the owner holds the run after each batch.

    Attributes:
        acknowledged: the last number that is written.
        error: why nothing more will be written.
        over: the run has ended in this process.
        begun: the run itself is written.
        released: the rest is written, and the lease given back.
        given_up: the store cannot be used for a while, so nobody should wait for it.
        lines: hands over the lines of the log that were gathered.
    """

    def __init__(
        self,
        run: FlowRun,
        version: FlowVersion | None,
        tasks: dict[str, RunTask],
        keeper: Keeper,
        wake: Callable[[bool], None],
        each: bool = False,
        new: bool = True,
        rows: dict[int, dict[int, str]] | None = None,
        lease: float = 60,
    ) -> None:
        self.run = run
        self.one_by_one = each
        self.keeper = keeper
        self.acknowledged = run.last_seq
        self.error: Exception | None = None
        self.over = self.given_up = self.begun = self.released = False
        self.lines: Callable[[], None] = nothing
        self._flow: tuple[str, str | None] = (run.state, run.message)
        self.lease = lease
        self._tasks = tasks
        self._wake = wake
        self._changed = Condition()
        self._at_work: dict[tuple[int, int], AtWork] = {}
        self._announced: dict[tuple[int, int], Seconds] = {}
        self._rows = rows if rows is not None else {}
        self._started = run.started
        self._opened: dict[int, int] = {}
        self._held_until = run.lease_until / 1e6
        self._batch = self._fresh_batch(run.last_seq)
        self._batch.begin = run if new else None
        self._batch.version = version
        self._batch.tasks = {task.number: task for task in tasks.values()}

    # --- what the engine tells ---------------------------------------------------------------------------------------

    def flow_changed(self, state: State) -> None:
        now = time()
        name, message = type(state).__name__, self._text(state.message)
        with self._changed:
            if self._flow == (name, message):
                return
            self._flow = (name, message)
            if name == RUNNING and self._started is None:
                self._started = micros(now)
            self._event(FLOW, WHOLE, name, now, message, self.run.attempts)
            self._batch.change = FlowChange(name, message, self._started, micros(now) if state.is_finished() else None)

    def opened(self, task: str, state: State, width: int | None) -> None:
        now = time()
        with self._changed:
            known = self._tasks[task]
            if width != known.width:
                self._tasks[task] = self._batch.tasks[known.number] = known._replace(width=width)
            self._opened.setdefault(known.number, micros(now))
            if WHOLE not in self._rows.get(known.number, {}):
                self._came_to(known.number, WHOLE, state, now, now)

    def began(self, task: str, indices: Sequence[int]) -> None:
        now = time()
        if now > self._held_until:
            self.wait()  # this machine slept, perhaps: is the run still ours?
        if self.error is not None:
            raise self.error
        with self._changed:
            self._at_work[self._tasks[task].number, indices[0]] = AtWork(indices, now)
        if self._batch.rows > 100 * ENOUGH:
            self.wait()

    def ended(self, task: str, index: int, state: State, began: Seconds, ended: Seconds) -> None:
        number = self._tasks[task].number
        with self._changed:
            self._at_work.pop((number, index), None)
            self._came_to(number, index, state, began, ended)
        if self.one_by_one:
            self.wait()

    def children_ended(
        self,
        task: str,
        indices: Sequence[int],
        states: Sequence[State | None],
        began: Sequence[Seconds],
        ended: Sequence[Seconds],
    ) -> None:
        number = self._tasks[task].number
        with self._changed:  # from the first look at the rows: the writer adds those of what is still at work
            rows = self._rows.get(number, {})
            plain = [
                type(state) is Success
                and state.message == PLAIN
                and not trail_of(state)
                and (not rows or indices[position] not in rows)
                for position, state in enumerate(states)
            ]
            self._at_work.pop((number, indices[0]), None)
            if all(plain) and stretches.grows(indices):
                self._stretch(number, indices, states, began, ended)
            else:
                self._mixed(number, plain, indices, states, began, ended)
        if self.one_by_one:
            self.wait()

    def logged(self, lines: Sequence[LogLine]) -> None:
        if self.keeper.secrets:
            lines = [line._replace(message=self.keeper.masked(line.message)) for line in lines]
        self.log(log_lines.pack(lines))

    def map_ended(self, task: str, state: State) -> None:
        now = time()
        with self._changed:
            number = self._tasks[task].number
            self._came_to(number, WHOLE, state, now, now)
            row = self._batch.task_runs[number, WHOLE]
            started = self._opened.get(number, row.started)
            self._batch.task_runs[number, WHOLE] = row._replace(started=started, ended=micros(now))

    # --- records -----------------------------------------------------------------------------------------------------

    def _mixed(
        self,
        number: int,
        plain: Sequence[bool],
        indices: Sequence[int],
        states: Sequence[State | None],
        began: Sequence[Seconds],
        ended: Sequence[Seconds],
    ) -> None:
        chosen = sorted((position for position, yes in enumerate(plain) if yes), key=indices.__getitem__)
        if chosen:
            parts = (indices, states, began, ended)
            self._stretch(number, *(tuple(part[each] for each in chosen) for part in parts))  # type: ignore[arg-type]
        for position, state in enumerate(states):
            if state is not None and not plain[position]:
                self._came_to(number, indices[position], state, began[position], ended[position])

    def _stretch(
        self,
        number: int,
        indices: Sequence[int],
        states: Sequence[State | None],
        began: Sequence[Seconds],
        ended: Sequence[Seconds],
    ) -> None:
        values = self.keeper.keep_column([state._held for state in states])  # type: ignore[union-attr]
        stretch = stretches.pack(self._next(), number, indices, began, ended, values)
        self._batch.stretches.append(stretch)

    def _came_to(self, number: int, index: int, state: State, began: Seconds, ended: Seconds) -> None:
        """Note how a run came to a state, and that it is there now."""
        steps = steps_to(state, began, ended)
        if not steps or not self._allowed(number, index, steps[0].state):
            return
        if (number, index) in self._announced:
            del self._announced[number, index]
            steps = steps[1:] if steps[0].state == RUNNING and len(steps) > 1 else steps
        for step in steps:
            self._event(number, index, step.state, step.at, self._text(step.message), step.attempt)
        self._row(number, index, state, steps[-1], began)

    def _allowed(self, number: int, index: int, state: str) -> bool:
        """May a run come to a state, as far as it is known where it is?"""
        old = self._rows.get(number, {}).get(index)
        if rules.may_follow(old, state):
            return True
        LOGGER.error("Run %d of task %d is %s already; that it is %s is not written down.", index, number, old, state)
        return False

    def _row(self, number: int, index: int, state: State, step: Step, began: Seconds) -> None:
        value = None if state.is_failed() or isinstance(state, Mapped) else self.keeper.keep(state._held)
        self._rows.setdefault(number, {})[index] = step.state
        self._batch.task_runs[number, index] = TaskRun(
            seq=self.seq,
            task=number,
            index=index,
            state=step.state,
            attempt=step.attempt,
            started=micros(began),
            ended=micros(step.at) if state.is_finished() and not isinstance(state, Mapped) else None,
            message=self._text(state.message),
            document=document_of(state),
            value=value,
        )

    def _event(self, task: int, index: int, state: str, at: Seconds, message: str | None, attempt: int) -> None:
        self._batch.events.append(Event(self._next(), task, index, index, attempt, state, micros(at), message))

    def _next(self) -> int:
        """The number of the next event or stretch; the first of a batch wakes the writer."""
        rows = self._batch.rows
        if not rows or rows == ENOUGH:
            self._wake(bool(rows) or self.one_by_one)
        return self.seq + 1

    @property
    def seq(self) -> int:
        """The number of the last event or stretch: counted, so that Ctrl-C between two steps leaves no gap."""
        return self._batch.after + len(self._batch.events) + len(self._batch.stretches)

    def _text(self, message: str | None) -> str | None:
        if message is None:
            return None
        text = str(message)[:LONGEST_MESSAGE].replace("\x00", "\\x00")
        return self.keeper.masked(text) if self.keeper.secrets else text

    def crashed(self, at_work: Sequence[TaskRun]) -> None:
        """Note of runs that they were at work when the process before this one died."""
        message = "The process that worked at this run died."
        with self._changed:
            for row in at_work:
                self._event(row.task, row.index, "Crashed", time(), message, row.attempt)
                crashed = row._replace(seq=self.seq, state="Crashed", message=message, ended=micros(time()))
                self._batch.task_runs[row.task, row.index] = crashed

    def log(self, chunks: Sequence[LogChunk]) -> None:
        """Add lines of the log."""
        with self._changed:
            if not self._batch.rows:
                self._wake(False)
            self._batch.logs.extend(chunks)

    # --- what the writer does ----------------------------------------------------------------------------------------

    def take(self, beat: bool = False) -> Batch | None:
        """What there is to write by now; None if nothing. With `beat`, the lease is prolonged anyway."""
        self.lines()
        with self._changed:
            self._announce()
            batch = self._batch
            if not (batch.rows or batch.begin or batch.version or batch.change or batch.tasks or beat or self.over):
                return None
            batch.last_seq = self.seq
            until = time() + self.lease
            batch.lease_until = UNOWNED if self.over else micros(until)
            self._batch = self._fresh_batch(batch.last_seq)
            return batch

    def _fresh_batch(self, after: int) -> Batch:
        return Batch(run=self.run.id, epoch=self.run.epoch, after=after, last_seq=after, lease_until=UNOWNED)

    def _announce(self) -> None:
        """Note what is still at work."""
        for (number, first), work in self._at_work.items():
            if (number, first) in self._announced:
                continue
            self._announced[number, first] = work.began
            last = work.indices[-1]
            self._batch.events.append(Event(self.seq + 1, number, first, last, 1, RUNNING, micros(work.began), None))
            if len(work.indices) == 1:
                self._rows.setdefault(number, {})[first] = RUNNING
                self._batch.task_runs[number, first] = TaskRun(
                    self.seq, number, first, RUNNING, 1, micros(work.began), None, None, None, None
                )

    def acknowledge(self, batch: Batch) -> None:
        """A batch lasts now."""
        with self._changed:
            self.given_up = False
            self.acknowledged = max(self.acknowledged, batch.last_seq)
            self._held_until = batch.lease_until / 1e6
            self.begun = True
            self.released = batch.lease_until == UNOWNED
            self._changed.notify_all()

    def fail(self, error: Exception) -> None:
        """Nothing more will be written; the next task that begins is told so."""
        with self._changed:
            self.error = error
            self._changed.notify_all()

    def refuse(self) -> None:
        """Another process owns the run now."""
        self.fail(
            RunTakenOver(
                f"Another process took over the flow run {self.run.id}, as this one was not heard of for "
                f"{self.lease:g} s or was taken for dead; so this one stops."
            )
        )

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until everything so far is written. False if that took too long, or will not happen.

        Without `seconds`, a store that gives no answer for a while counts as one that cannot be used.
        """
        with self._changed:
            upto = self.seq
            if self.acknowledged < upto or time() > self._held_until:
                self._wake(True)
            there = self._wait_for(lambda: self._is_there(upto), LONGEST_WAIT if seconds is None else seconds)
            if not there and seconds is None:
                self.given_up = True  # the store neither answers nor fails
            return there and self.error is None

    def _is_there(self, upto: int) -> bool:
        return self.acknowledged >= upto and time() <= self._held_until

    def _wait_for(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is reached, or until it is clear that it will not be. False if that took too long."""
        return self._changed.wait_for(lambda: self.error is not None or self.given_up or reached(), seconds)

    def wait_for_begin(self, seconds: float) -> None:
        """Wait until the run itself is written."""
        with self._changed:
            self._wake(True)
            self._wait_for(lambda: self.begun, seconds)

    def wait_for_release(self, seconds: float) -> None:
        """Wait until all of a run that is over is written, and others may have it."""
        with self._changed:
            self._wait_for(lambda: self.released, seconds)

    def give_up(self) -> None:
        """The store cannot be used for a while: nobody should wait for it."""
        with self._changed:
            self.given_up = True
            self._changed.notify_all()

    def close(self) -> None:
        """The run ends here, in this process: what was at work came to no end."""
        with self._changed:
            for (number, _), work in self._at_work.items():
                for index in work.indices:
                    has_row = (number, index) in self._announced or len(work.indices) == 1
                    self._cut_off(number, index, work.began, has_row)
            for (number, index), began in self._announced.items():
                if (number, index) not in self._at_work and self._rows.get(number, {}).get(index) == RUNNING:
                    self._cut_off(number, index, began, True)  # Ctrl-C came just before its end was noted
            self._at_work.clear()
            self.over = True
            self._wake(True)

    def _cut_off(self, number: int, index: int, began: Seconds, has_row: bool) -> None:
        now, state = time(), "Cancelled" if self._flow[0] == "Cancelled" else "Crashed"
        self._event(number, index, state, now, "The run ended before this was over.", 1)
        if has_row:
            times = micros(began), micros(now)
            self._batch.task_runs[number, index] = TaskRun(self.seq, number, index, state, 1, *times, None, None, None)


def steps_to(state: State, began: Seconds, ended: Seconds) -> list[Step]:
    """How a run came to a state; nothing if it has not moved."""
    trail = list(trail_of(state))
    name = type(state).__name__
    if not trail:
        if isinstance(state, Scheduled) or state.is_pending():
            return []
        start = [Step(began, RUNNING, None, 1)] if type(state) is Success else []
        return [*start, Step(ended, name, state.message, 1)]
    if trail[0].state == RUNNING:
        trail[0] = trail[0]._replace(at=began)
    if trail[-1].state != name:
        trail.append(Step(ended, name, state.message, trail[-1].attempt))
    return trail


def document_of(state: State) -> str | None:
    """A state as JSON, if there is more to it than its type, its message and its value."""
    if type(state) is Success or not (type(state).FIELDS or has_facts(state)) or isinstance(state, Mapped):
        return None
    document = state.serialize()
    document["result"] = None
    return json.dumps(document)


def has_facts(state: State) -> bool:
    facts: Any = state._facts
    return isinstance(facts, dict) and bool(facts.keys() - {"tags"})


def nothing() -> None:
    """There are no lines to hand over."""
