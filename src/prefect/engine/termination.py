"""SIGTERM ends a run as Ctrl-C does, and then the process: work is stopped, states say so, resources are given back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ends_on_sigterm() -> Iterator[None]:
    """In this block SIGTERM interrupts; behind the block it ends the process, as it would have done at once.

    A program that has a handler of its own for SIGTERM keeps it.
    """
    if not can_listen():
        yield
        return
    received: list[int] = []

    def interrupt(signum: int, frame: FrameType | None) -> None:
        received.append(signum)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if received:
            signal.raise_signal(signal.SIGTERM)


def can_listen() -> bool:
    """Is this the main thread of a program that leaves SIGTERM alone?"""
    main = threading.current_thread() is threading.main_thread()
    return main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
