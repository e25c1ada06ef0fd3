"""Calls in another process: what is sent there, and what comes back.

```
(fn, args, kwargs) ── pickled ─▶ letter ──▶ worker ──▶ items, value or error, pickled ──▶ outcome
```

All of it may fail to be pickled or to be read. Then it is an error of this one call, which says what was the matter.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from prefect.exceptions import PrefectException
from prefect.executors.base import Lost
from prefect.executors.calls import Call
from prefect.executors.frames import ERROR, STREAM, TIMED
from prefect.executors.shared import Shared
from prefect.utilities.pickling import why_unpicklable
from prefect.utilities.serialization import dumps, loads


class RemoteCall(Call):
    """A call in another process.

    Attributes:
        letter: what the worker needs for it.
        shared: the shared values among its arguments.
        stream: does the function yield items?
        items: what it has yielded, as it came.
        timeout: in seconds.
    """

    def __init__(
        self, fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], timeout: float | None, label: str
    ) -> None:
        super().__init__(label)
        self.letter = packed(fn, args, kwargs, label)
        self.shared = [each for each in (*args, *kwargs.values()) if isinstance(each, Shared)]
        self.stream = inspect.isgeneratorfunction(fn)
        self.items: list[bytes] = []
        self.timeout = timeout

    @property
    def options(self) -> int:
        return STREAM * self.stream + TIMED * (self.timeout is not None)

    def answered(self, kind: int, content: bytes) -> None:
        """Take in the last answer of the worker."""
        with self._reading():
            if kind == ERROR:
                self.end(error=with_trace(*loads(content)))
            else:
                self.end(self._received() if self.stream else loads(content))

    def lost(self, reason: str, timed_out: bool = False, stack: str | None = None) -> None:
        """There will be no last answer."""
        with self._reading():
            done = self._received() if self.stream else None
            self.end(Lost(reason=reason, done=done, timed_out=timed_out, stack=stack))

    def _received(self) -> list[Any]:
        return [loads(item) for item in self.items]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            told = PrefectException(f"What {self.label} sent back cannot be read here: {error!r}.")
            told.__cause__ = error
            self.end(error=told)


def with_trace(error: BaseException, trace: str) -> BaseException:
    if trace:
        error.add_note(f"It was raised in a worker process:\n{trace.rstrip()}")
    return error


def packed(fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], label: str) -> bytes:
    try:
        return dumps((fn, args, kwargs, label))
    except Exception as error:
        reason = why_unpicklable(fn) or why_unpicklable([*args, *kwargs.values()], "arguments") or str(error)
        raise PrefectException(f"{label} cannot be sent to a worker process: {reason}.") from error
