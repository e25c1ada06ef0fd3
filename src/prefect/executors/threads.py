"""A pool of threads. Their work is in this process, so it can be asked to stop but not be made to.

```
submit ──▶ todo ──▶ a thread ──▶ ended ──▶ finished
```

What is at work when the pool is cancelled gets a `KeyboardInterrupt`, as if somebody had pressed Ctrl-C in its thread.
That arrives between two steps of Python code: a call into C code, such as `time.sleep`, ends first.
"""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from queue import Empty, SimpleQueue
from threading import Thread, get_ident
from time import monotonic
from types import TracebackType
from typing import Any

from prefect.executors.base import Lost
from prefect.executors.calls import CANCELLED, GRACE, Call, Pool, label_of

RUNS_ON = "the call was cancelled, but it may go on: a thread cannot be stopped from outside"


class LocalCall(Call):
    """A call in this process.

    Attributes:
        stream: does the function yield items?
        items: what it has yielded.
        cancelled: was it interrupted?
    """

    def __init__(self, label: str, fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        super().__init__(label)
        self.stream = inspect.isgeneratorfunction(fn)
        self.items: list[Any] = []
        self.cancelled = False
        self._fn, self._args, self._kwargs = fn, args, kwargs

    def run(self) -> None:
        """Do the work; errors of every kind are outcomes."""
        try:
            value = self._fn(*self._args, **self._kwargs)
            self.end(self._drained(value) if self.stream else value)
        except BaseException as error:
            if self.cancelled:
                self.lost(CANCELLED)
            self.end(error=error)

    def _drained(self, items: Iterable[Any]) -> list[Any]:
        for item in items:
            self.items.append(item)
        return self.items

    def lost(self, reason: str) -> None:
        """Nobody waits for it any more."""
        self.end(Lost(reason=reason, done=list(self.items) if self.stream else None))


class ThreadPool(Pool[LocalCall]):
    """Calls functions in threads, each in a fresh context.

    Args:
        threads: how many at most; they are started when there is work for them.
        grace: seconds for which `cancel` waits for what it interrupts.
    """

    def __init__(self, threads: int, grace: float = GRACE) -> None:
        super().__init__()
        self.size = threads
        self.grace = grace
        self._cancelled = False
        self._todo: SimpleQueue[LocalCall | None] = SimpleQueue()
        self._ended: SimpleQueue[LocalCall] = SimpleQueue()
        self._threads: list[Thread] = []
        self._busy: dict[int, LocalCall] = {}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is under way; after an error, cancel it."""
        if error is not None:
            self.cancel()
        self._let_go()
        for thread in self._threads:
            thread.join()

    def submit(
        self,
        fn: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        label: str | None = None,
    ) -> LocalCall:
        """Begin a call, or put it into the queue; the timeout cannot be kept here."""
        call = LocalCall(label or label_of(fn), fn, args, kwargs or {})
        self.under_way[call] = None
        self._todo.put(call)
        if len(self._threads) < min(self.size, len(self.under_way)):
            self._start()
        return call

    def advance(self, timeout: float | None = None) -> None:
        """Wait for the end of a call."""
        with suppress(Empty):
            self._note(self._ended.get(timeout=timeout))

    def cancel(self) -> Collection[LocalCall]:
        """Drop what has not begun, and interrupt the rest; what does not react is left alone."""
        self._cancelled = True
        self._let_go()
        for thread, call in list(self._busy.items()):
            call.cancelled = True
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(KeyboardInterrupt))
        end = monotonic() + self.grace
        for each in self._threads:
            each.join(max(0.0, end - monotonic()))
        self._threads.clear()
        deaf = list(self._busy.values())
        for call in list(self.under_way):
            call.lost(RUNS_ON if call in deaf else CANCELLED)
            self._note(call)
        return deaf

    def _let_go(self) -> None:
        """Empty the queue, and tell each thread that there is nothing more to do."""
        with suppress(Empty):
            while True:
                self._todo.get_nowait()
        for _ in self._threads:
            self._todo.put(None)

    # --- in the threads ----------------------------------------------------------------------------------------------

    def _start(self) -> None:
        # No thread may keep the program from ending, even if what it is at never ends.
        thread = Thread(target=self._work, name=f"prefect-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        with suppress(KeyboardInterrupt):  # of `cancel`, when the call is over already
            while (call := self._todo.get()) is not None:
                self._do(call)

    def _do(self, call: LocalCall) -> None:
        self._busy[get_ident()] = call  # first this, then the question, for `cancel` does it the other way round
        try:
            if not self._cancelled:
                Context().run(call.run)
        finally:
            del self._busy[get_ident()]
        self._ended.put(call)
