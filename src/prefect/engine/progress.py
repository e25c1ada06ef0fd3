"""How far a run is: a picture of a pass over a flow, taken while the pass goes on in another thread.

```python
watch = Watch(runner.current)
watch.look()   # Snapshot(tasks={Success: 12, Pending: 3}, maps=(MapProgress("load", total=500, done=213, failed=2),))
```

The pass knows nothing of it and is not slowed down: whoever looks, reads what the scheduler knows. There are no locks,
so a picture may mix two neighbouring moments. The one of a pass that is over is exact.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from prefect.engine.run_pass import Pass
from prefect.engine.scheduler import WHOLE, RunTask, Scheduler
from prefect.engine.state import (
    Cancelled,
    Failed,
    Finished,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Running,
    Skipped,
    State,
    Success,
)

BLOCK = 1_000
BUDGET = 20_000
KINDS: tuple[type[State], ...] = (Failed, Cancelled, Skipped, Success, Paused, Retrying)
"""What is told apart, the special before the general."""


class MapProgress(NamedTuple):
    """How far a mapped task is.

    Attributes:
        number: of the task in the plan.
        name: of the task.
        total: how many children it has.
        done: how many of them are over.
        failed: how many of them failed, as far as they have been counted.
        later: how many wait for a time, as before a retry.
        begun: was any child given out?
    """

    number: int
    name: str
    total: int
    done: int
    failed: int = 0
    later: int = 0
    begun: bool = True

    @property
    def over(self) -> bool:
        return self.done >= self.total

    @property
    def kind(self) -> type[State]:
        """The state that it would have if it were one task."""
        if self.over:
            return Failed if self.failed else Success
        return Running if self.begun else Pending


class Snapshot(NamedTuple):
    """How far a pass is.

    Attributes:
        tasks: how many tasks are in each state, without mapped ones whose children are known.
        maps: the mapped tasks whose children are known.
    """

    tasks: Mapping[type[State], int]
    maps: tuple[MapProgress, ...]

    @property
    def all_tasks(self) -> Counter[type[State]]:
        """How many tasks are in each state, with mapped ones counted as one each."""
        return Counter(self.tasks) + Counter(each.kind for each in self.maps)


def snapshot(run: Pass) -> Snapshot:
    """How far a pass is; with many children this takes a moment, which `Watch` spreads."""
    return Watch(run).look(budget=None)


class Watch:
    """Looks at one pass again and again."""

    def __init__(self, run: Pass) -> None:
        self.run = run
        self.failures: dict[int, FailureCount] = {}

    def look(self, budget: int | None = BUDGET, over: bool = False) -> Snapshot:
        """How far the pass is now.

        Args:
            budget: at most about so many children are looked at to count those that failed; None looks at all.
            over: the pass has ended, so that nothing is at work.
        """
        maps = tuple(self._maps(None if over else budget, over))
        return Snapshot(self._tasks(over), maps)

    def _tasks(self, over: bool) -> Counter[type[State]]:
        scheduler = self.run.scheduler
        found: Counter[type[State]] = Counter()
        for kind, count in Counter(map(type, scheduler.states)).items():
            found[Pending if kind is Mapped else kind_of(kind)] += count
        found[Pending] -= len(scheduler.children)  # their states are `Mapped`
        for number in () if over else at_work(self.run):
            found[kind_of(type(scheduler.states[number]))] -= 1
            found[Running] += 1
        return +found

    def _maps(self, budget: int | None, over: bool) -> Iterator[MapProgress]:
        scheduler = self.run.scheduler
        later = Counter(number for _, number, index in scheduler.due.copy() if index != WHOLE)
        for number, children in sorted(scheduler.children.copy().items()):
            total = len(children.states)
            done = total - children.left  # read first: what is done is there to be counted
            begun = not over and (done > 0 or children.cursor > 0)
            failures = self.failures.setdefault(number, FailureCount(children.states))
            looked = failures.look(budget)
            budget = None if budget is None else budget - looked
            name = self.run.plan.nodes[number].task.name
            yield MapProgress(number, name, total, done, failures.total, later[number], begun)


class FailureCount:
    """Counts the children that failed, block by block: one that is over, as a whole, is not looked at again."""

    def __init__(self, states: Sequence[State | None]) -> None:
        self.states = states
        self.total = 0
        self.found: Counter[int] = Counter()
        self.open = deque(range(0, len(states), BLOCK))

    def look(self, budget: int | None) -> int:
        """Look at the next blocks, at most as many as the budget allows. Returns how many children that were."""
        blocks = len(self.open) if budget is None else min(len(self.open), max(0, budget) // BLOCK)
        for _ in range(blocks):
            self._count(self.open.popleft())
        return blocks * BLOCK

    def _count(self, start: int) -> None:
        kinds = Counter(map(type, self.states[start : start + BLOCK]))
        failed = sum(count for kind, count in kinds.items() if issubclass(kind, Failed))
        self.total += failed - self.found[start]
        self.found[start] = failed
        if not all(issubclass(kind, Finished) for kind in kinds):
            self.open.append(start)


# --- tasks that are not mapped ----------------------------------------------------------------------------------------


def kind_of(found: type[State | None]) -> type[State]:
    """What a state counts as; a task without a state waits."""
    for kind in KINDS:
        if issubclass(found, kind):
            return kind
    return Success if issubclass(found, Finished) else Pending


def at_work(run: Pass) -> list[int]:
    """The numbers of the tasks that run now."""
    if run.inline:
        return list(islice(taken(run.scheduler), 1))
    return [each.node for each in run.in_flight.copy().values() if type(each) is RunTask]


def taken(scheduler: Scheduler) -> Iterator[int]:
    """Tasks that the scheduler gave out and that have not come back: neither waiting, ready, due nor over."""
    elsewhere = {*scheduler._ready.copy(), *(number for _, number, _ in scheduler.due.copy())}
    nodes = scheduler.plan.nodes
    for number, edges in enumerate(scheduler._waiting):
        if not edges and number not in elsewhere and not nodes[number].mapped and may_run(scheduler.states[number]):
            yield number


def may_run(state: State | None) -> bool:
    """Is this the state of a run that is not over, and that no person has to resume?"""
    if isinstance(state, Paused):
        return state.start_time is not None
    return not isinstance(state, Finished)
