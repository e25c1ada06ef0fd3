"""How work and the process that it runs in speak of stopping it.

```
the code of a task                                     a worker process
    with under_limit(): … ──── begun, over ──────────▶ tells its pool, which looks at the clock
    heed()             ◀────── raises Stopped ──────── if it was told to end
```

A worker puts itself into `HERE`, for its main thread. Anywhere else nobody watches, and all of this does nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from prefect.exceptions import TaskTimeoutSignal

F = TypeVar("F", bound=Callable[..., Any])


class Stopped(BaseException):
    """This process was told to end: raised wherever its code is, on the way out through all that it has begun."""


class Clock(Protocol):
    """Who wants to know when there is a limit to what is done."""

    def begun(self) -> None:
        """What has a limit begins."""

    def over(self, cut_short: bool) -> None:
        """It is over; if it was cut short, what it has started may go on."""


class Here(threading.local):
    """What watches over the work of this thread."""

    clock: Clock | None = None
    heed: Callable[[], None] | None = None


HERE = Here()


def heed() -> None:
    """Go no further if this process was told to end: what comes of the work now does not count.

    Raises:
        Stopped: it was.
    """
    if HERE.heed is not None:
        HERE.heed()


@contextmanager
def under_limit() -> Iterator[None]:
    """In this block the limit of the call at hand counts; such blocks inside of it belong to it."""
    clock, cut_short = HERE.clock, False
    if clock is None:
        yield
        return
    HERE.clock = None
    clock.begun()
    try:
        yield
    except TaskTimeoutSignal:
        cut_short = True
        raise
    finally:
        HERE.clock = clock
        clock.over(cut_short)


@contextmanager
def limits_told_to(clock: Clock, fn: Callable[..., Any]) -> Iterator[None]:
    """In this block `fn` is called: all of that is under the limit, unless it says itself which parts are."""
    HERE.clock = clock
    try:
        if getattr(fn, "says_its_limits", False):
            yield
            return
        with under_limit():
            yield
    finally:
        HERE.clock = None


def says_its_limits(fn: F) -> F:
    """Mark a function that says with `under_limit()` to which parts of it a limit applies."""
    fn.says_its_limits = True  # type: ignore[attr-defined]
    return fn
