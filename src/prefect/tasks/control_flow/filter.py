"""FilterTask: keep some elements of a list, such as the children of a map that did not fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prefect.core.task import Task
from prefect.triggers import all_finished


class FilterTask(Task):
    """Keep the elements that pass; by default all but None, exceptions and signals.

    It runs however the tasks before it ended.

    Args:
        filter_func: True for the elements to keep.
        log_func: makes the line that is logged for an element that is left out.
        **kwargs: settings of a Task.
    """

    def __init__(
        self,
        filter_func: Callable[[Any], bool] | None = None,
        log_func: Callable[[Any], str] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("skip_on_upstream_skip", False)
        kwargs.setdefault("trigger", all_finished)
        self.filter_func = filter_func or is_value
        self.log_func = log_func
        super().__init__(**kwargs)

    def run(self, task_results: Iterable[Any]) -> list[Any]:
        """The elements that pass, in their order."""
        return [each for each in task_results if self._passes(each)]

    def _passes(self, element: Any) -> bool:
        if self.filter_func(element):
            return True
        if self.log_func is not None:
            self.logger.info("%s", self.log_func(element))
        return False


def is_value(element: Any) -> bool:
    return element is not None and not isinstance(element, BaseException)
