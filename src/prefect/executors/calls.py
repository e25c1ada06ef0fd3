"""Calls that are under way, and what every pool of hands does with them: the first that is done comes out first.

```
submit ──▶ under way ──▶ finished ──▶ next_done, result
```

A pool belongs to one thread, the driver: behind its back nothing happens but the work itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from time import monotonic
from types import TracebackType
from typing import Any, Generic, TypeVar

GRACE = 1.0
"""Seconds that work which is to stop has for what it does at its end."""

CANCELLED = "the call was cancelled"


class Call:
    """A call and, once it is done, what came of it.

    Attributes:
        label: how messages name it.
        done: is there an outcome?
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.done = False
        self._value: Any = None
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        return f"<Call: {self.label}, {'done' if self.done else 'under way'}>"

    def end(self, value: Any = None, error: BaseException | None = None) -> None:
        """Give it an outcome; one that comes later does not count."""
        if not self.done:
            self._value, self._error = value, error
            self.done = True

    def outcome(self) -> Any:
        """The value, or `Lost`; or raise what the function raised."""
        if self._error is not None:
            raise self._error
        return self._value


C = TypeVar("C", bound=Call)


class Pool(ABC, Generic[C]):
    """Hands that work through calls. At the end of its `with` block nothing of it is left.

    Attributes:
        under_way: the calls that are not done.
        finished: those that are done and were not fetched yet, the first first.
    """

    def __init__(self) -> None:
        self.under_way: dict[C, None] = {}
        self.finished: dict[C, None] = {}

    def __enter__(self) -> Pool[C]:
        return self

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @abstractmethod
    def submit(
        self,
        fn: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        label: str | None = None,
    ) -> C:
        """Begin a call; of a generator function, the value is the list of what it yields.

        Args:
            fn: the function.
            args: its arguments.
            kwargs: its arguments by name.
            timeout: seconds after which it is stopped, if these hands can be.
            label: how messages name it.
        """

    @abstractmethod
    def cancel(self) -> Collection[C]:
        """Stop what is under way, as far as that is possible. Then every call is done; no more may be submitted.

        Returns:
            The calls that could not be stopped and may go on, as far as that is known.
        """

    @abstractmethod
    def advance(self, timeout: float | None = None) -> None:
        """Wait until something happens, for so many seconds at most, and take note of calls that are done."""

    def share(self, value: bytes) -> Any:
        """Get ready to hand a value to many calls: what is returned stands for it among their arguments."""
        return value

    def result(self, call: C) -> Any:
        """Wait for a call."""
        while not call.done:
            self.advance()
        return self._fetched(call)

    def next_done(self, calls: Mapping[int, C], timeout: float | None = None) -> tuple[int, Any] | None:
        """Wait for one of several calls; its number and its outcome, or None if none is done in time."""
        number = self._first(calls)
        if number is None:  # perhaps one was fetched before
            number = next((each for each, call in calls.items() if call.done), None)
        end = None if timeout is None else monotonic() + timeout
        left: float | None = 1.0
        while number is None and left != 0:
            left = None if end is None else max(0.0, end - monotonic())
            self.advance(left)
            number = self._first(calls)
        return None if number is None else (number, self._fetched(calls[number]))

    def _fetched(self, call: C) -> Any:
        self.under_way.pop(call, None)  # if it was just done, and nobody took note of that yet
        self.finished.pop(call, None)
        return call.outcome()

    def _first(self, calls: Mapping[int, C]) -> int | None:
        """The number of the call that was done first. What is done first stands near the front, so this is quick."""
        for done in self.finished:
            number = next((each for each, call in calls.items() if call is done), None)
            if number is not None:
                return number
        return None

    def _note(self, call: C) -> None:
        """A call is done."""
        if call in self.under_way:
            del self.under_way[call]
            self.finished[call] = None


def values_of(futures: Any, result: Callable[[Any], Any]) -> Any:
    """The values of calls, in the same nesting of lists, tuples, sets and dicts; what is no call stays as it is."""
    if isinstance(futures, Call):
        return result(futures)
    if isinstance(futures, dict):
        return {key: values_of(value, result) for key, value in futures.items()}
    if type(futures) in (list, tuple, set):
        return type(futures)(values_of(each, result) for each in futures)
    return futures


def label_of(fn: Callable[..., Any]) -> str:
    """How messages name the call of a function, if nobody says it."""
    return getattr(fn, "__qualname__", None) or repr(fn)
