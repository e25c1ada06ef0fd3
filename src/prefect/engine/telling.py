"""What a pass tells the reporter: work that begins, what came of it, how wide maps are, and when they are over."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from prefect.engine.hands import Outcome
from prefect.engine.plan import Node, RunPlan
from prefect.engine.reporting import SILENT, Reporter, Seconds
from prefect.engine.scheduler import WHOLE, Children, RunChildren, RunTask, Scheduler
from prefect.engine.state import Mapped, State


class Telling:
    """Tells a reporter what happens in one pass.

    Args:
        reporter: who is told.
        plan: the plan of the pass.
        scheduler: its scheduler.

    Attributes:
        on: does anybody listen?
    """

    def __init__(self, reporter: Reporter, plan: RunPlan, scheduler: Scheduler) -> None:
        self.reporter = reporter
        self.plan = plan
        self.scheduler = scheduler
        self.on = reporter is not SILENT
        self._ended: set[int] = set()

    def begin(self, node: Node, indices: Sequence[int]) -> Seconds:
        """Work on these runs begins now; the time, if anybody wants to know."""
        if not self.on:
            return 0.0
        self.reporter.began(node.slug, indices)
        return time.time()

    def came(self, instruction: RunTask | RunChildren, outcome: Outcome, began: Seconds) -> None:
        """Some work came to an end."""
        if not self.on:
            return
        if outcome.lines:
            self.reporter.logged(outcome.lines)
        for position, number in enumerate(instruction.tasks):
            states = [lane[position] for lane in outcome.lanes]
            count = len(states)
            begins, ends = outcome.times[position] if outcome.times else ((began,) * count, (time.time(),) * count)
            slug = self.plan.nodes[number].slug
            if type(instruction) is RunTask:
                self.reporter.ended(slug, WHOLE, states[0], begins[0], ends[0])  # type: ignore[arg-type]
            else:
                self.reporter.children_ended(slug, instruction.indices[:count], states, begins, ends)

    def ended(self, node: Node, index: int, state: State, began: Seconds | None = None) -> None:
        """One run came to a state."""
        if self.on:
            now = time.time()
            self.reporter.ended(node.slug, index, state, now if began is None else began, now)

    def opened(self, node: Node) -> None:
        """It is known how many children a mapped task has, or that they come from an iterator."""
        state, children = self.scheduler.states[node.number], self.scheduler.children[node.number]
        width = None if children.growing else len(children.states)
        self.reporter.opened(node.slug, state, width)  # type: ignore[arg-type]

    # --- the end of maps ---------------------------------------------------------------------------------------------

    def pass_over(self, number: int) -> None:
        """The end of this map was told in an earlier pass."""
        if self.scheduler.children[number].ended:
            self._ended.add(number)

    def look_for_end(self, number: int) -> None:
        """Tell, once, that all children of a mapped task are over: its own function first, then the reporter."""
        node, children = self.plan.nodes[number], self.scheduler.children[number]
        if not (self.on or node.task.on_map_end) or not children.ended or number in self._ended:
            return
        self._ended.add(number)
        counts = counted(children)
        if node.task.on_map_end is not None:
            self._call(node, counts)
        message = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())) or "there were none"
        self.reporter.map_ended(node.slug, Mapped(f"All children are over: {message}."))

    def _call(self, node: Node, counts: Counter[str]) -> None:
        assert node.task.on_map_end is not None
        try:
            node.task.on_map_end(node.task, self.scheduler.states[node.number], counts)
        except Exception:
            node.task.logger.exception("The function `on_map_end` of %r failed", node.task)


def counted(children: Children) -> Counter[str]:
    """How many children ended in which type of state."""
    return Counter(type(state).__name__ for state in children.states)
