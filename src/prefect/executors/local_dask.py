"""LocalDaskExecutor: several hands on this machine.

| scheduler | also called | the work is done | to stop it |
|---|---|---|---|
| threads | threading | in threads; values are handed over as they are | it is asked to |
| processes | multiprocessing | in warm worker processes; everything is pickled | it is killed, with what it started |
| sync | synchronous, single-threaded | at once, in the calling thread | |

Its name and its arguments are those flows know; the hands are our own, and dask itself is loaded only to be given
settings.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import Any

from prefect.exceptions import ExecutorUsageError
from prefect.executors.base import Executor
from prefect.executors.calls import Pool, values_of
from prefect.executors.processes import ProcessPool
from prefect.executors.threads import ThreadPool

SCHEDULERS = {
    "threads": "threads",
    "threading": "threads",
    "processes": "processes",
    "multiprocessing": "processes",
    "sync": "sync",
    "synchronous": "sync",
    "single-threaded": "sync",
}

KINDS: dict[str, dict[str, bool]] = {
    "threads": {},
    "processes": {"distant": True, "stops_work": True},
    "sync": {"inline": True},
}
"""What each scheduler says of itself; see `Executor`."""


class LocalDaskExecutor(Executor):
    """Calls functions in threads or processes of this machine.

    Args:
        scheduler: `threads`, `processes` or `sync`, or another name for one of them.
        num_workers: how many threads or processes; by default as many as there are processors.
        **kwargs: settings for dask, in force during a run.
    """

    def __init__(self, scheduler: str = "threads", *, num_workers: int | None = None, **kwargs: Any) -> None:
        super().__init__()
        self.scheduler = checked_scheduler(scheduler)
        self.num_workers = checked_number(num_workers)
        self.kwargs = kwargs
        vars(self).update(KINDS[self.scheduler])
        self._here = Here()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_here": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _here=Here())

    @property
    def workers(self) -> int:
        """How many threads or processes work at most."""
        return self.num_workers or processors()

    @property
    def slots(self) -> int | None:
        """Twice the workers, so that each finds something to do when it is done."""
        return None if self.inline else 2 * self.workers

    @property
    def hands(self) -> int | None:
        """As many as there are workers."""
        return None if self.inline else self.workers

    @contextmanager
    def start(self) -> Iterator[None]:
        """Have the hands in this block, for this thread: another one that starts the executor gets hands of its own."""
        before = self._here.pool
        with self._settings(), self._hands() as self._here.pool:
            try:
                yield
            finally:
                self._here.pool = before

    def _settings(self) -> AbstractContextManager[Any]:
        return import_module("dask").config.set(**self.kwargs) if self.kwargs else nullcontext()

    def _hands(self) -> AbstractContextManager[Pool[Any] | None]:
        if self.scheduler == "threads":
            return ThreadPool(self.workers)
        return ProcessPool(self.workers) if self.scheduler == "processes" else nullcontext()

    @property
    def _pool(self) -> Pool[Any]:
        if self._here.pool is None:
            raise ExecutorUsageError(f"{self!r} was not started in this thread: use it in `with executor.start():`.")
        return self._here.pool

    def submit(
        self, fn: Callable[..., Any], *args: Any, extra_context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """Begin a call; with `sync`, do it."""
        if self.inline:
            return fn(*args, **kwargs)
        about = extra_context or {}
        return self._pool.submit(fn, args, kwargs, about.get("timeout"), label(about))

    def wait(self, futures: Any) -> Any:
        """The values of futures, in the same nesting of lists, tuples, sets and dicts."""
        return values_of(futures, lambda call: self._pool.result(call))

    def next_done(self, futures: Mapping[int, Any], timeout: float | None = None) -> tuple[int, Any] | None:
        """Wait for whichever is done first."""
        return super().next_done(futures) if self.inline else self._pool.next_done(futures, timeout)

    def share(self, value: bytes) -> Any:
        """With processes, send a value to each only once."""
        return value if self.inline else self._pool.share(value)

    def cancel(self) -> Collection[Any]:
        """Stop what is under way: processes are ended, threads are asked to."""
        return () if self._here.pool is None else self._here.pool.cancel()


class Here(threading.local):
    """What a thread has started."""

    pool: Pool[Any] | None = None


def label(about: Mapping[str, Any]) -> str | None:
    """How messages name a call for a task."""
    name, index = about.get("task_name"), about.get("task_index")
    return name if name is None or index is None else f"{name}[{index}]"


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def checked_scheduler(name: str) -> str:
    if name not in SCHEDULERS:
        raise ExecutorUsageError(f"There is no scheduler {name!r}: use one of {', '.join(SCHEDULERS)}.")
    return SCHEDULERS[name]


def checked_number(number: int | None) -> int | None:
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ExecutorUsageError(f"`num_workers` is {number!r}: give a whole number from 1 on.")
    return number
