"""Constant: a value as a task."""

from __future__ import annotations

from typing import Any

from prefect.core.task import Task


class Constant(Task):
    """A task that returns the same object at every run, taken as it is.

    Args:
        value: the object.
        name: by default `Constant[<its type>]`.
        **kwargs: settings of a Task.
    """

    def __init__(self, value: Any, name: str | None = None, **kwargs: Any) -> None:
        self.value = value
        super().__init__(name=name or f"Constant[{type(value).__name__}]", **kwargs)

    def run(self) -> Any:
        return self.value
