"""Block: a `with` block that notices which tasks are added to a flow inside it, and joins them to others at its end."""

from __future__ import annotations

from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from prefect.core.parameter import Parameter
from prefect.core.task import Task
from prefect.exceptions import GraphError
from prefect.tasks.core.constants import Constant
from prefect.utilities.context import lookup, pop, push

if TYPE_CHECKING:
    from prefect.core.graph import Graph


class Block:
    """Base of `case` and of the context of a resource.

    Parameters and constants are no part of a block: their values are there whatever runs.
    """

    key: ClassVar[str]  # of the context, for the innermost block of this kind; flows tell all of `blocks` of new tasks

    def __init__(self, flow: Graph | None = None) -> None:
        self._flow = flow
        self._tasks: dict[Task, None] = {}
        self._tokens: list[Token[Any]] = []

    def add_task(self, task: Task, flow: Graph) -> None:
        """Take note of a task; a flow calls this for every task that is added to it in this block.

        Raises:
            GraphError: the tasks of the block are part of another flow.
        """
        if isinstance(task, (Parameter, Constant)):
            return
        if self._flow is None:
            self._flow = flow
        if self._flow is not flow:
            raise GraphError(
                f"{task!r} was added to {flow!r} inside {self!r}, which belongs to {self._flow!r}. "
                "Use one such block for each flow."
            )
        self._tasks[task] = None

    def __enter__(self) -> Any:
        innermost = {"case": lookup("case"), "resource": lookup("resource"), self.key: self}
        blocks = [block for block in innermost.values() if block is not None]
        self._tokens.append(push({self.key: self, "blocks": blocks}))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pop(self._tokens.pop())
        tasks, self._tasks = self._tasks, {}
        if kind is None and tasks and self._flow is not None:
            self.join(tasks, self._flow)

    def join(self, tasks: dict[Task, None], flow: Graph) -> None:
        """Join the tasks of the block, in the order in which they were added, to what is outside it."""
        raise NotImplementedError


def first(tasks: dict[Task, None], flow: Graph) -> list[Task]:
    """Those of some tasks that run after none of the others."""
    return [task for task in tasks if tasks.keys().isdisjoint(flow.upstream_tasks(task))]


def last(tasks: dict[Task, None], flow: Graph) -> list[Task]:
    """Those of some tasks that run before none of the others."""
    return [task for task in tasks if tasks.keys().isdisjoint(flow.downstream_tasks(task))]
