"""Branches: which tasks run depends on a value, and what does not run is skipped.

```
condition ──┬─▶ CompareValue(True)  ─▶ a ──┐
            └─▶ CompareValue(False) ─▶ b ──┴─▶ merge        the value of the branch that ran
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prefect.core.lift import as_task, is_scalar, opened
from prefect.core.task import Task
from prefect.engine.signals import SKIP
from prefect.exceptions import FlowContextMissing, TaskSettingError
from prefect.tasks.core.constants import Constant
from prefect.triggers import not_all_skipped
from prefect.utilities.context import lookup
from prefect.utilities.tasks import task

if TYPE_CHECKING:
    from prefect.core.graph import Graph


class CompareValue(Task):
    """Succeed if a value is the expected one, and be skipped if not, with all that runs after it.

    Args:
        value: the expected value.
        **kwargs: settings of a Task.
    """

    def __init__(self, value: Any, **kwargs: Any) -> None:
        self.value = value
        kwargs.setdefault("name", f'CompareValue: "{value}"')
        super().__init__(**kwargs)

    def run(self, value: Any) -> None:
        if value != self.value:
            raise SKIP(f"The value is {value!r}, not {self.value!r}.", result=None)


class Merge(Task):
    """The first value there is among those of several branches.

    Args:
        **kwargs: settings of a Task.
    """

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.setdefault("skip_on_upstream_skip", False):
            raise TaskSettingError(
                "Merge cannot have skip_on_upstream_skip=True: it is there to run after skipped tasks."
            )
        kwargs.setdefault("trigger", not_all_skipped)
        super().__init__(**kwargs)

    def run(self, **task_results: Any) -> Any:
        ordered = sorted(task_results.items(), key=lambda item: int(item[0].rpartition("_")[2]))
        return next((value for _, value in ordered if is_value(value)), None)


def is_value(result: Any) -> bool:
    """Did a branch give this? A skipped one gives None, or the signal that it raised itself."""
    return result is not None and not isinstance(result, SKIP)


@task
def as_bool(x: Any) -> bool:
    """Is it true?"""
    return bool(x)


def switch(condition: Any, cases: Mapping[Any, Any], mapped: bool = False) -> None:
    """Run the task whose key is the value of a condition, and skip the others.

    Args:
        condition: a task, or any value.
        cases: a task for each value that the condition may have.
        mapped: decide for each element of the condition; the tasks must be mapped too.

    Raises:
        FlowContextMissing: no flow is being built.
    """
    if lookup("flow") is None:
        raise FlowContextMissing("`switch` was called while no flow is being built: use it inside `with Flow(...)`.")
    for value, branch in cases.items():
        match = CompareValue(value, tags=["switch"]).bind(value=condition, mapped=mapped)
        as_task(branch).set_dependencies(upstream_tasks=[match], mapped=mapped)


def ifelse(condition: Any, true_task: Any, false_task: Any, mapped: bool = False) -> None:
    """Run one task if a condition is true and another one if not; the other is skipped.

    Args:
        condition: a task, or any value; it counts as `bool` takes it.
        true_task: runs if the condition is true; None for nothing.
        false_task: runs if the condition is false; None for nothing.
        mapped: decide for each element of the condition; the tasks must be mapped too.

    Raises:
        FlowContextMissing: no flow is being built.
    """
    branches = {True: true_task, False: false_task}
    cases = {value: branch for value, branch in branches.items() if branch is not None}
    switch(as_bool(condition, mapped=mapped), cases, mapped=mapped)


def merge(*tasks: Any, flow: Graph | None = None, mapped: bool = False, **kwargs: Any) -> Task:
    """Bring branches together again: the value of the first of these tasks that has one.

    Skipped tasks have none; `False`, `0` and `""` are values. If all were skipped, so is what comes after.

    Args:
        *tasks: the ends of the branches.
        flow: the flow to add to; by default the one being built.
        mapped: merge element by element.
        **kwargs: settings of a Task.

    Raises:
        TaskSettingError: `skip_on_upstream_skip=True`.
        FlowContextMissing: no flow is being built.
    """
    branches = {f"task_{number}": branch(each) for number, each in enumerate(tasks, 1)}
    return Merge(**kwargs).bind(mapped=mapped, flow=flow, **branches)


def branch(value: Any) -> Any:
    """A plain value among branches counts as one that ran: as a task of its own, which triggers see."""
    return Constant(value) if is_scalar(opened(value)[0]) else value
