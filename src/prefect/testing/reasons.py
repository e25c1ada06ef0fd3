"""Why a run of a simulation ended as it did, in a few words: `all_successful: extract is Failed`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prefect.core.edge import Edge
from prefect.core.graph import Graph
from prefect.core.task import Task
from prefect.engine.scheduler import WHOLE
from prefect.engine.state import Mapped, State, Success, TriggerFailed
from prefect.testing.rehearsal import Change
from prefect.testing.script import MADE_TO_FAIL
from prefect.triggers import all_successful, not_all_skipped

SHOWN = 3
"""So many of the tasks before it are named."""


class Reasons:
    """Knows how all tasks of a flow ended, and so why.

    Args:
        flow: the flow.
        states: the final states of its tasks.

    Attributes:
        names: what to call each task: its name, or its slug if others have the same name.
    """

    def __init__(self, flow: Graph, states: Mapping[Task, State]) -> None:
        self.flow = flow
        self.states = states
        count = Counter(task.name for task in flow.slugs)
        self.names = {task: task.name if count[task.name] == 1 else slug for task, slug in flow.slugs.items()}

    def of(self, task: Task, index: int, state: State, path: Sequence[Change]) -> str:
        """Why a run ended in a state that it reached on this path; empty for a plain success."""
        if type(state) in (Success, Mapped):
            return ""
        if isinstance(state, TriggerFailed) and state.message and "refused" in state.message:
            return f"{getattr(task.trigger, '__name__', 'its trigger')}: {self._refused(task, index)}"
        if state.message == MADE_TO_FAIL:
            return "made to fail"
        skipped = self._named(each for each in self._before(task, index) if each[1].is_skipped())
        return skipped if state.is_skipped() and not ran(path) and skipped else state.message or ""

    def _refused(self, task: Task, index: int) -> str:
        """What a trigger did not like."""
        before = list(self._before(task, index))
        if task.trigger in (all_successful, not_all_skipped):
            before = [each for each in before if not each[1].is_successful()]
        return self._named(iter(before)) or "refused"

    def _before(self, task: Task, index: int) -> Iterator[tuple[str, State]]:
        """What a run sees of the tasks before it: each child of a map on its own."""
        for edge in self.flow.incoming(task):
            yield from self._seen(edge, index)

    def _seen(self, edge: Edge, index: int) -> Iterator[tuple[str, State]]:
        name, state = self.names[edge.upstream_task], self.states[edge.upstream_task]
        if not isinstance(state, Mapped):
            yield name, state
            return
        own = edge.mapped and not edge.flattened and index != WHOLE
        for number, each in enumerate(state.map_states):
            if not own or number == index:
                yield f"{name}[{number}]", each

    @staticmethod
    def _named(before: Iterator[tuple[str, State]]) -> str:
        found = list(dict.fromkeys(f"{name} is {type(state).__name__}" for name, state in before))
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        return ", ".join(found[:SHOWN]) + more


def ran(path: Sequence[Change]) -> bool:
    return any(change.state == "Running" for change in path)
