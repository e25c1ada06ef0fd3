"""What a task takes along to a worker, piece by piece, to say which of them cannot travel.

| piece | its name |
|---|---|
| the task: its code and attributes | `load.run → closure 'db'` |
| its inputs | `load → argument 'x'`, of a child `load[3] → argument 'x'` |
| what the caller of `flow.run` gives | `parameter 'x'`, `context 'db'`, `task_runner_state_handlers[0]` |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from prefect.core.task import Task
from prefect.engine.state import State
from prefect.engine.task_runner import TaskRunner
from prefect.tasks.core.collections import puts_together
from prefect.utilities.anatomy import Step
from prefect.utilities.pickling import Trail, obstacles

if TYPE_CHECKING:
    from prefect.core.edge import Edge


class Piece(NamedTuple):
    """One thing that is taken along.

    Attributes:
        name: what a path to something in it begins with.
        start: where such a path begins.
        foreseen: does `flow.check` see it before a run?
    """

    name: str
    start: Trail
    foreseen: bool = False


Baggage = Callable[[], Iterable[Piece]]
"""Asked for only if something cannot travel."""


def of_task(runner: TaskRunner) -> Iterator[Piece]:
    """The task itself, and what is the same in each of its runs."""
    task = runner.task
    yield Piece(task.name, Trail(task), foreseen=True)
    for key, value in runner.constants.items():
        yield argument(task, task.name, key, value, foreseen=True)
    yield Piece("task_runner_state_handlers", Trail(list(runner.state_handlers)))
    yield Piece("result", Trail(runner.result))


def of_inputs(task: Task, upstream: Iterable[tuple[Edge, State]], index: int | None = None) -> Iterator[Piece]:
    """What comes along its edges."""
    name = task.name if index is None else f"{task.name}[{index}]"
    for edge, state in upstream:
        yield argument(task, name, edge.key, value_of(state), foreseen=puts_together(edge.upstream_task))


def of_context(facts: Mapping[str, Any]) -> Iterator[Piece]:
    """What every task of the run gets."""
    for name, value in facts.get("parameters", {}).items():
        yield Piece(f"parameter {name!r}", Trail(value))
    for name, value in facts.items():
        yield Piece(f"context {name!r}", Trail(value))


def argument(task: Task, name: str, key: str | None, value: Any, foreseen: bool) -> Piece:
    return Piece(name, Trail(value, (Step("argument", key),), (task,)), foreseen)


def value_of(state: State) -> Any:
    try:
        return state.result
    except Exception:  # it was let go; what is left of it travels
        return state


def what_stays(pieces: Iterable[Piece]) -> str | None:
    """The first thing that cannot travel, and what to do about it; None if there is none."""
    for piece in pieces:
        for obstacle in obstacles(piece.start, piece.name):
            advance = "; `flow.check()` finds such things before a run" if piece.foreseen else ""
            return f"{obstacle}{advance}"
    return None
