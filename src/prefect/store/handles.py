"""What keeps connections where they belong: in the process that opened them, and with one thread at a time."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from prefect.exceptions import StoreError


class Closable(Protocol):
    """Something that can be closed, more than once."""

    def close(self) -> None:
        """Give back what is open."""


Content = TypeVar("Content", bound=Closable)


class PerProcess(Generic[Content]):
    """Something of which each process has its own: a process that was forked from this one makes another.

    Args:
        make: makes it; it is closed when this goes, or the program ends.
    """

    def __init__(self, make: Callable[[], Content]) -> None:
        self.make = make
        self.renew()

    def renew(self) -> None:
        self.process = os.getpid()
        self.content = self.make()
        weakref.finalize(self, close_own, self.process, self.content)

    def get(self) -> Content:
        """That of this process."""
        if self.process != os.getpid():
            abandoned.append(self.content)
            self.renew()
        return self.content


def close_own(process: int, content: Closable) -> None:
    if process == os.getpid():
        content.close()


abandoned: list[Any] = []
"""What belongs to the process that this one was forked from: closing it here would disturb that one."""


class Handle(Generic[Content]):
    """A place for a connection that is opened at its first use, and again after something went wrong with it.

    Args:
        opened: opens it.
        target: what it leads to; when that changes, it is opened again.

    Attributes:
        turn: to be taken by the thread that uses it.
    """

    def __init__(self, opened: Callable[[], Content], target: Callable[[], object] = lambda: None) -> None:
        self.turn = threading.Lock()
        self.opened = opened
        self.target = target
        self.connection: Content | None = None
        self.reached: object = None

    @contextmanager
    def used(self) -> Iterator[Content]:
        """The connection; one with which something goes wrong is closed."""
        try:
            yield self.connected()
        except StoreError:
            raise
        except BaseException:
            self.close()
            raise

    def connected(self) -> Content:
        if self.connection is not None and self.reached == self.target():
            return self.connection
        self.close()
        self.connection = self.opened()
        self.reached = self.target()
        return self.connection

    def close(self) -> None:
        """Close the connection if it is open."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


@contextmanager
def closed_on_error(connection: Closable) -> Iterator[None]:
    """Close a connection that cannot be made ready."""
    try:
        yield
    except BaseException:
        connection.close()
        raise
