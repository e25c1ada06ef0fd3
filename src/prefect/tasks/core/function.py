"""FunctionTask: a function as a task."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from prefect.core.signature import read_signature
from prefect.core.task import Task
from prefect.exceptions import TaskSettingTypeError

P = ParamSpec("P")
R = TypeVar("R")


class FunctionTask(Task, Generic[P, R]):
    """A task whose `run` is a function; `@task` makes one.

    Args:
        fn: the function.
        name: by default the function's name.
        **kwargs: settings of a Task.
    """

    run: Callable[P, R]

    def __init__(self, fn: Callable[P, R], name: str | None = None, **kwargs: Any) -> None:
        if not callable(fn):
            raise TaskSettingTypeError(f"Only a function can become a task, not {fn!r}.")
        own_name: str = getattr(fn, "__name__", type(fn).__name__)
        self._run_signature = read_signature(fn, name or own_name)  # type: ignore[misc]
        self.run = fn
        functools.update_wrapper(self, fn)
        super().__init__(name=name or own_name, **kwargs)
