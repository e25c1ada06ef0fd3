"""What is handed to an executor: functions that run one task, or some children of a mapped one, where the hands are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from logging import INFO
from time import perf_counter, time
from typing import TYPE_CHECKING, Any, NamedTuple

from prefect.engine.mapping import Source
from prefect.engine.state import Cancelled, State
from prefect.engine.task_runner import TaskRunner
from prefect.utilities.context import innermost, pop, top

if TYPE_CHECKING:
    from prefect.core.edge import Edge


def run_task(
    runner: TaskRunner,
    flow_facts: dict[str, Any],
    task_facts: Mapping[str, Any] | None,
    upstream_states: Mapping[Edge, State],
    given: State | None,
) -> State:
    """Run a task that is not mapped.

    Args:
        runner: the runner of the task.
        flow_facts: the context of the flow run, for hands in another thread or process.
        task_facts: what to add to the context of the run.
        upstream_states: the states of the tasks before it.
        given: the state to begin with.
    """
    token = top.set((flow_facts, None, True))  # what this thread or process knew before is of other runs
    try:
        return runner.run(given, upstream_states, task_facts)
    finally:
        pop(token)


class ChildrenOutcome(NamedTuple):
    """What some children came to.

    Attributes:
        states: one state for each, in order.
        seconds: how long it took.
        interrupted: did Ctrl-C arrive meanwhile? Then the last state says so, and further children were not begun.
        began: when the first began, in seconds since 1970.
        ends: when each of them ended, if the runner is watched.
    """

    states: list[State]
    seconds: float
    interrupted: bool
    began: float
    ends: list[float]


def run_children(
    runner: TaskRunner,
    flow_facts: dict[str, Any],
    task_facts: Mapping[str, Any] | None,
    sources: Sequence[tuple[Edge, Source]],
    indices: Sequence[int],
    given: Sequence[State | None],
) -> ChildrenOutcome:
    """Run some children of a mapped task; see `run_task`.

    Args:
        sources: for each edge, where the children find their upstream states.
        indices: which children.
        given: the states to begin with, one for each.
    """
    token = None if innermost() is flow_facts else top.set((flow_facts, None, True))
    facts = dict(task_facts or {})
    states: list[State] = []
    ends: list[float] = []
    interrupted, watched = False, runner.watched
    began, begun = time(), perf_counter()
    try:
        for index, state in zip(indices, given, strict=True):
            facts["map_index"] = index
            states.append(runner.run(state, {edge: source[index] for edge, source in sources}, facts))
            if watched:
                ends.append(time())
    except KeyboardInterrupt:
        states.append(Cancelled("The run was interrupted while this task was at work."))
        ends += [time()] if watched else []
        interrupted = True
    finally:
        if token is not None:
            pop(token)
    log_children(runner, indices, states)
    return ChildrenOutcome(states, perf_counter() - begun, interrupted, began, ends)


def log_children(runner: TaskRunner, indices: Sequence[int], states: Sequence[State]) -> None:
    """One line for all neighbours that ended alike; each child has lines of its own at level DEBUG.

    Children that take long come alone, so theirs are single lines; of quick ones a line tells of thousands.
    """
    logger = runner.task.logger
    if not logger.isEnabledFor(INFO):
        return
    ended = [(index, type(state).__name__) for index, state in zip(indices, states)]  # noqa: B905
    for first, last, name in stretches(ended):
        span = f"[{first}]" if first == last else f"[{first}-{last}]"
        logger.info("Task '%s%s': ended as %s", runner.task.name, span, name)


def stretches(ended: Sequence[tuple[int, str]]) -> Iterator[tuple[int, int, str]]:
    """The first and the last index of each stretch of neighbours with the same name."""
    first, name = ended[0]
    last = first
    for index, other in ended[1:]:
        if other != name or index != last + 1:
            yield first, last, name
            first, name = index, other
        last = index
    yield first, last, name
