"""Maps over iterators in one pass: elements are drawn when children need them, and let go when they are over.

```
generator ──draw──▶ Stream ──▶ child n of a.map ──▶ child n of b.map ──▶ …
                      │              │
                      └── forgotten ─┴── let go, if large ── when those behind it have read it
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from prefect.configuration import config
from prefect.engine import mapping
from prefect.engine.calling import prints_to
from prefect.engine.mapping import Stream
from prefect.engine.plan import Node, RunPlan
from prefect.engine.result.released import let_go
from prefect.engine.scheduler import Scheduler
from prefect.engine.state import State, Success
from prefect.engine.task_runner import TaskRunner
from prefect.utilities.context import pop, top

if TYPE_CHECKING:
    from prefect.core.edge import Edge


LONG = 0.01
"""Seconds. An iterator that took longer is not asked for more in the same go."""


class Growth(NamedTuple):
    """How a mapped task may grow.

    Attributes:
        draws: are there iterators to draw from?
        bound: how many children it has at most; None if nobody knows.
    """

    draws: bool
    bound: int | None


class Streams:
    """The iterators of a pass, and the mapped tasks that grow with them.

    Args:
        plan: the plan of the pass.
        scheduler: its scheduler, which is told what was drawn.
    """

    def __init__(self, plan: RunPlan, scheduler: Scheduler) -> None:
        self.plan = plan
        self.scheduler = scheduler
        self._of: dict[int, list[Stream]] = {}

    def __contains__(self, number: int) -> bool:
        """Does the task of this number grow?"""
        return number in self._of

    def take_over(self, node: Node, upstream: dict[Edge, State]) -> None:
        """Let children draw from the iterators among the values; only one task can, as each element comes once."""
        for edge, source in zip(node.edges, node.sources, strict=True):
            state = upstream[edge]
            if not edge.mapped or edge.flattened or not mapping.is_iterator(state):
                continue
            readers = [*self.plan.after_end.get(source, ()), *self.plan.after_opening.get(source, ())]
            if readers == [node.number]:
                stream = Stream(state.result, partial(inside, self.plan.nodes[source]))
                upstream[edge] = self.scheduler.states[source] = Success(state.message, result=stream)

    def growth(self, node: Node, upstream: Mapping[Edge, State]) -> Growth:
        """How a mapped task that was just opened may grow."""
        streams = [each for each in map(mapping.stream_of, upstream.values()) if each is not None]
        if streams or any(lane in self for lane in node.lanes):
            self._of[node.number] = streams
        draws = bool(streams) and not any(each.over for each in streams)
        return Growth(draws, self._bound(node, upstream) if node.number in self else None)

    def _bound(self, node: Node, upstream: Mapping[Edge, State]) -> int | None:
        """How many children a mapped task can have, by those of its inputs whose length is known."""
        known = [
            mapping.measure(edge, state)
            for (edge, state), source in zip(upstream.items(), node.sources, strict=True)
            if edge.mapped and state.is_successful() and mapping.stream_of(state) is None and source not in self
        ]
        return min(known, default=None)

    def draw(self, node: Node, most: int) -> None:
        """Draw up to so many further elements for a mapped task: as many as all of its iterators have.

        A slow iterator gives one at least. All else waits meanwhile, and so it gives no more in one go.
        """
        streams, children = self._of[node.number], self.scheduler.children[node.number]
        before = len(children.states)
        count = before + most if children.bound is None else min(before + most, children.bound)
        length = min(stream.draw(count, LONG) for stream in streams)
        self.scheduler.grew(node.number, length - before, any(stream.over for stream in streams))
        if children.known:
            for index in range(before, length):
                self.forget(node.number, index)

    def forget(self, number: int, index: int) -> None:
        """Let go of what a child of a growing map has read, if it is over, and of what was made for it alone."""
        states = self.scheduler.children[number].states
        state = states[index] if index < len(states) else None
        if state is None or not state.is_finished():
            return
        for stream in self._of[number]:
            stream.forget(index)
        for lane in self.plan.nodes[number].lanes:
            if lane in self:
                self._let_go(lane, index)

    def _let_go(self, number: int, index: int) -> None:
        state = self.scheduler.children[number].states[index]
        if type(state) is not Success or self.plan.after_end.get(number) or not config.engine.release_values:
            return
        behind = self.plan.after_opening.get(number, ())
        if all(each in self.scheduler.children and self.scheduler.children[each].over(index) for each in behind):
            state._held = let_go(state._held)


@contextmanager
def inside(node: Node) -> Iterator[None]:
    """In this block, code finds the context that it has in a run of this task, and its prints go where they should."""
    runner = TaskRunner(node.task)
    runner.slug = node.slug
    token = top.set((runner.facts(), top.get(), True))
    try:
        with prints_to(node.task.logger) if node.task.log_stdout else nullcontext():
            yield
    finally:
        pop(token)
