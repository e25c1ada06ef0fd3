"""Tasks that put the results of other tasks into a list, tuple, set or dict.

A collection of plain values is held as one argument, `elements`, so that a list of a million numbers is one constant.
As soon as a task is among the elements, each element is an argument of its own: `arg_1`, `arg_2` and so on.
"""

from __future__ import annotations

from typing import Any

from prefect.core.task import Task
from prefect.exceptions import TaskSettingError

NOTHING: tuple[Any, ...] = ()


def puts_together(task: Task) -> bool:
    """Is this a collection that somebody wrote down as an argument, such as `[x, y]`?"""
    return task.auto_generated and isinstance(task, VarArgsTask | Dict)


class VarArgsTask(Task):
    """A task with any number of numbered arguments; `run` gets them back in order through `arranged`."""

    @staticmethod
    def arranged(elements: Any, numbered: dict[str, Any]) -> list[Any]:
        return [*elements, *(numbered[key] for key in sorted(numbered, key=lambda key: int(key.rpartition("_")[2])))]


class List(VarArgsTask):
    """Put elements into a list."""

    def run(self, elements: Any = NOTHING, **numbered: Any) -> list[Any]:
        return self.arranged(elements, numbered)


class Tuple(VarArgsTask):
    """Put elements into a tuple."""

    def run(self, elements: Any = NOTHING, **numbered: Any) -> tuple[Any, ...]:
        return tuple(self.arranged(elements, numbered))


class Set(VarArgsTask):
    """Put elements into a set."""

    def run(self, elements: Any = NOTHING, **numbered: Any) -> set[Any]:
        return set(self.arranged(elements, numbered))


class Dict(Task):
    """Put keys and values into a dict."""

    def run(self, keys: list[Any], values: list[Any]) -> dict[Any, Any]:
        if len(keys) != len(values):
            raise TaskSettingError(f"A Dict task was given {len(keys)} keys but {len(values)} values.")
        return dict(zip(keys, values, strict=True))
