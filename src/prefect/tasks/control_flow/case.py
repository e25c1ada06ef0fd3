"""case: a block of tasks that run only if a value is the expected one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.core.task import Task
from prefect.exceptions import GraphTypeError
from prefect.tasks.control_flow.conditional import CompareValue
from prefect.tasks.core.block import Block, first

if TYPE_CHECKING:
    from prefect.core.graph import Graph


class case(Block):
    """Run the tasks of a `with` block only if a task returns the expected value; skip them otherwise.

    ```python
    with case(weather, "rain"):
        umbrella = take_umbrella()  # weather ─▶ case(rain) ─▶ take_umbrella
    ```

    Args:
        task: the task to look at.
        value: the value it must return; not a task.

    Raises:
        GraphTypeError: the value is a task, or the task is a plain truth value.
    """

    key = "case"

    def __init__(self, task: Any, value: Any) -> None:
        if isinstance(value, Task):
            raise GraphTypeError(
                f"A case needs a value that is known now, and {value!r} is a task. "
                "Compare in a task instead: `case(a.is_equal(b), True)`."
            )
        if isinstance(task, bool):
            raise GraphTypeError(
                f"A case looks at the result of a task, and {task!r} is known already. "
                "`a == b` compares the tasks themselves, now; `a.is_equal(b)` is a task that compares their results."
            )
        super().__init__()
        self.task = task
        self.value = value

    def __repr__(self) -> str:
        return f"case({self.task!r}, {self.value!r})"

    def add_task(self, task: Task, flow: Graph) -> None:
        if task is not self.task:  # which may be used for the first time inside the block
            super().add_task(task, flow)

    def join(self, tasks: dict[Task, None], flow: Graph) -> None:
        condition = CompareValue(self.value, name=f"case({self.value})").bind(value=self.task, flow=flow)
        for task in first(tasks, flow):
            task.set_upstream(condition, flow=flow)
