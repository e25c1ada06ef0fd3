"""Ctrl-C and SIGTERM end a run in good order: work is stopped, resources are given back, states say so.

```
first signal ──▶ KeyboardInterrupt ──▶ work is stopped ──▶ clean-ups, one by one ──▶ states
                                          (held)                (heeded)
```

A second signal ends the clean-up that is at work, and the next one has its turn. It is not heeded while work is being
stopped, which takes seconds at most. Nor is it within a second after the first: a terminal and a program around this
one, such as `docker run`, often send the same request twice. The next run listens anew.

After SIGTERM the process ends, as it would have done at once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import monotonic
from types import FrameType
from typing import Any

SAME_REQUEST = 1.0
"""For so many seconds after a signal that was heeded, another one says nothing new."""


class Interrupts:
    """What hears the signals of this process, and decides which of them interrupt.

    Attributes:
        held: does no signal interrupt now?
        terminated: was there a SIGTERM?
        process: whose signals they are; copies of it, which a task may make, do as if nobody listened.
    """

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget the signals of the run before, or those of the process that this one is a copy of."""
        self.held = self.terminated = False
        self._last = float("-inf")
        self.process = os.getpid()

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if os.getpid() != self.process:
            signal.signal(signum, USUAL[signum])
            signal.raise_signal(signum)
            return
        self.terminated = self.terminated or signum == signal.SIGTERM
        now = monotonic()
        if self.held or now - self._last < SAME_REQUEST:
            return
        self._last = now  # here and not where it is caught: the next signal may come before that
        raise KeyboardInterrupt


INTERRUPTS = Interrupts()
USUAL: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""What listens in a program that leaves its signals alone."""


@contextmanager
def interruptible() -> Iterator[None]:
    """In this block Ctrl-C and SIGTERM interrupt; behind the block SIGTERM ends the process.

    A program that has a handler of its own for one of them keeps it.
    """
    taken = [number for number, usual in USUAL.items() if is_main() and signal.getsignal(number) is usual]
    try:
        if taken:
            INTERRUPTS.begin_anew()
        for number in taken:
            signal.signal(number, INTERRUPTS)
        yield
    finally:
        for number in taken:
            signal.signal(number, USUAL[number])
        if INTERRUPTS.terminated and signal.SIGTERM in taken:
            INTERRUPTS.terminated = False
            signal.raise_signal(signal.SIGTERM)


def held() -> AbstractContextManager[None]:
    """In this block nothing interrupts."""
    return holding(True)


def heeded() -> AbstractContextManager[None]:
    """In this block, which is inside one that is `held`, signals interrupt again."""
    return holding(False)


def holding(whether: bool) -> AbstractContextManager[None]:
    return _holding(whether) if is_main() else nullcontext()  # signals reach nobody else


@contextmanager
def _holding(whether: bool) -> Iterator[None]:
    before = INTERRUPTS.held
    try:
        INTERRUPTS.held = whether
        yield
    finally:
        INTERRUPTS.held = before


def is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
