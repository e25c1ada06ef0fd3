"""What is closed before a process forks, and opened again at its next use, in both processes.

SQLite remembers in the memory of a process which locks the process has on a file. A forked process inherits that
memory, but not the locks: it would believe to be safe where it is not. So nothing may be open at that moment.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from weakref import WeakSet

from prefect.exceptions import StoreUnavailable

PATIENCE = 5.0
"""Seconds that a fork, or the end of the program, waits for a thread that is in the middle of something."""


class ForkSafe:
    """Something that is closed before a fork.

    Args:
        turns: the locks of those who use it, in the order in which they take them.
    """

    def __init__(self, turns: Iterable[threading.Lock]) -> None:
        self.turns = tuple(turns)
        self.taken: list[threading.Lock] = []
        self.broken = False
        every.add(self)

    def close_all(self) -> None:
        """Close what is open; it is the caller's turn."""
        raise NotImplementedError

    def close(self) -> None:
        """Close what is open; the next use opens it again. A thread that waits for others for long is left alone."""
        if self.broken:
            return
        with ExitStack() as stack:
            for turn in self.turns:
                if not turn.acquire(timeout=PATIENCE):
                    return
                stack.callback(turn.release)
            self.close_all()

    def check(self) -> None:
        """Refuse to go on in a process that was forked while something was open."""
        if self.broken:
            raise StoreUnavailable(
                "This process was forked while another thread wrote to the history, and cannot use it: fork when no "
                "flow is running, or start processes in another way, such as multiprocessing's 'spawn'."
            )

    def rest(self) -> None:
        """Before a fork: close everything, and keep others from opening it."""
        self.taken = [turn for turn in self.turns if turn.acquire(timeout=PATIENCE)]
        if len(self.taken) == len(self.turns):
            with suppress(Exception):  # nobody forks in order to hear of a history that cannot be closed
                self.close_all()

    def wake(self) -> None:
        """After a fork, in the old process."""
        for turn in self.taken:
            turn.release()

    def begin(self) -> None:
        """After a fork, in the new process."""
        self.broken = self.broken or len(self.taken) < len(self.turns)
        self.wake()


every: WeakSet[ForkSafe] = WeakSet()


def rest_all() -> None:
    resting.extend(every)
    for each in resting:
        each.rest()


def wake_all() -> None:
    while resting:
        resting.pop().wake()


def begin_all() -> None:
    while resting:
        resting.pop().begin()


resting: list[ForkSafe] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=rest_all, after_in_parent=wake_all, after_in_child=begin_all)
