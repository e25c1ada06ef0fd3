"""Executor: the hands. It calls functions, here or elsewhere; what the outcome means is not its business."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from prefect.utilities.logging import get_logger


class Executor:
    """Calls functions and hands back their values.

    A subclass writes `submit` and `wait`, and `start` if it needs something around a run. It must be picklable
    before and after use.

    Attributes:
        slots: how many calls may be under way at once, None for as many as wanted; 1 means that `submit` itself does
            the work, in the calling thread, and returns the value.
    """

    slots: ClassVar[int | None] = None

    def __init__(self) -> None:
        self.logger = get_logger(type(self).__name__)

    def __repr__(self) -> str:
        return f"<Executor: {type(self).__name__}>"

    @contextmanager
    def start(self) -> Iterator[None]:
        """Be ready for work in this block."""
        yield

    def submit(
        self, fn: Callable[..., Any], *args: Any, extra_context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """Begin a call and return its future, which only this executor understands.

        Args:
            fn: the function.
            *args: its arguments.
            extra_context: what the call is for: `task_name`, `task_tags` and `task_index`.
            **kwargs: its arguments by name.
        """
        raise NotImplementedError(f"{type(self).__name__} has to write `submit`.")

    def wait(self, futures: Any) -> Any:
        """The values of futures, in the same nesting of lists, tuples, sets and dicts."""
        raise NotImplementedError(f"{type(self).__name__} has to write `wait`.")

    def next_done(self, futures: Mapping[int, Any], timeout: float | None = None) -> tuple[int, Any] | None:
        """Wait for one of several futures, given by number; the number and the value of the one that is done.

        An executor that can tell which is done first should say so, and return None if none is done within `timeout`
        seconds; this one waits for the oldest.
        """
        number = next(iter(futures))
        return number, self.wait(futures[number])
