"""A pool of warm worker processes, which can be killed.

```
submit ──▶ pending ──▶ an idle worker, or a new one ── answers ──▶ finished
                                  │
                                  └── dies, or takes too long ──▶ Lost; the next call gets a fresh worker
```

Each worker leads a process group of its own, so that what it starts ends with it. The pool has no thread: it gives out
work, listens and looks at the clock while the driver submits and waits. When the driver dies, however that happens,
the system ends the workers.
"""

from __future__ import annotations

import os
import selectors
import signal
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from time import monotonic
from types import TracebackType
from typing import Any

from prefect.exceptions import ExecutorError
from prefect.executors.calls import CANCELLED, GRACE, Pool, label_of
from prefect.executors.frames import BEGUN, ITEM, OVER, READY, Frame
from prefect.executors.remote_calls import RemoteCall
from prefect.executors.shared import Shared
from prefect.executors.worker_process import WorkerProcess

TICK = 0.05
"""How often to look for the dead, in seconds, on systems that do not tell."""


class ProcessPool(Pool[RemoteCall]):
    """Calls functions in worker processes.

    Workers are started when there is work for them, and kept; each does one call at a time. A call whose worker dies
    comes out as `Lost`. So does one that takes longer than its timeout by more than the grace: its worker tells where
    it is, and gets SIGTERM and, after the grace, SIGKILL, along with all it started. A worker whose call was cut short
    by a `TaskTimeoutSignal` answers and is killed, as what the call has started may go on.

    Args:
        workers: how many processes at most.
        grace: seconds between the timeout and the first signal, and between the signals.
    """

    def __init__(self, workers: int, grace: float = GRACE) -> None:
        super().__init__()
        if os.name != "posix":
            raise ExecutorError("Worker processes need Linux or macOS: use threads here.")
        self.size = workers
        self.grace = grace
        self._selector = selectors.DefaultSelector()
        self._pending: deque[RemoteCall] = deque()
        self._workers: dict[WorkerProcess, None] = {}
        self._idle: list[WorkerProcess] = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.cancel()
        finally:
            for worker in list(self._workers):  # left over by a second Ctrl-C, or not to be ended by the system either
                self._bury(worker)
            self._selector.close()

    def submit(
        self,
        fn: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        label: str | None = None,
    ) -> RemoteCall:
        """Begin a call, or put it into the queue.

        Raises:
            PrefectException: the function or an argument cannot be pickled.
            ExecutorError: no process can be started.
        """
        call = RemoteCall(fn, args, kwargs or {}, timeout, label or label_of(fn))
        self.under_way[call] = None
        self._pending.append(call)
        self._hand_out()
        return call

    def share(self, value: bytes) -> Shared:
        """A value that is sent to each worker once. What stands for it has to be an argument, not a part of one."""
        return Shared(value)

    def cancel(self) -> Collection[RemoteCall]:
        """End all workers: those at work with SIGTERM and, after the grace, SIGKILL."""
        self._pending.clear()
        for worker in self._workers:
            if worker.call is None:
                worker.dismiss()
                self._write(worker)
            else:
                worker.stop()
        limit = monotonic() + 3 * self.grace
        while self._workers and monotonic() < limit:
            self.advance(self.grace)
        for call in list(self.under_way):
            call.lost(CANCELLED)
            self._note(call)
        return ()

    def advance(self, timeout: float | None = None) -> None:
        """Wait until a worker has something to say, dies, or has had its time."""
        for key, _ in self._selector.select(self._patience(timeout)):
            react, worker = key.data
            if worker in self._workers:
                react(worker)
        self._enforce()
        self._hand_out()

    # --- giving out work ---------------------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        while self._pending:
            worker = self._free_worker()
            if worker is None:
                return
            worker.begin(self._pending.popleft())
            self._write(worker)

    def _free_worker(self) -> WorkerProcess | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            self._bury(worker)
        return self._started() if len(self._workers) < self.size else None

    def _started(self) -> WorkerProcess | None:
        try:
            worker = WorkerProcess(self.grace)
        except ExecutorError:
            if not self._workers:
                raise
            return None  # the system gives no more processes, so we make do with those we have
        self._workers[worker] = None
        self._selector.register(worker.answers, selectors.EVENT_READ, (self._listen, worker))
        if worker.sentinel is not None:
            self._selector.register(worker.sentinel, selectors.EVENT_READ, (self._bury, worker))
        return worker

    def _write(self, worker: WorkerProcess) -> None:
        """Pass on what was said to a worker; what does not fit into the pipe follows when there is room."""
        before = worker.blocked
        worker.write()
        if worker.blocked and not before:
            self._selector.register(worker.orders, selectors.EVENT_WRITE, (self._write, worker))
        elif before and not worker.blocked:
            self._selector.unregister(worker.orders)

    # --- listening ---------------------------------------------------------------------------------------------------

    def _listen(self, worker: WorkerProcess) -> bool:
        """Take in a piece of what a worker says. True if there may be more right now."""
        more = worker.read()
        for frame in worker.inbox:
            self._hear(worker, frame)
        if worker.silent:
            self._selector.unregister(worker.answers)
            self._not_idle(worker)
            worker.part()
        return more

    def _hear(self, worker: WorkerProcess, frame: Frame) -> None:
        call = worker.call
        if frame.kind == READY:
            worker.ready = True
        elif call is None or worker.overdue:  # the question for the stack may have cut the call short
            return
        elif frame.kind == BEGUN:
            worker.limit(frame.number / 1e9, call.timeout or 0)
        elif frame.kind == OVER:
            worker.spent = worker.spent or bool(frame.number)
            worker.spare()
        elif frame.kind == ITEM:
            call.items.append(frame.content)
        else:
            call.answered(frame.kind, frame.content)
            self._note(call)
            worker.free()
            if worker.spent:
                worker.retire()
            elif not worker.ending:
                self._idle.append(worker)

    # --- the end of a worker -----------------------------------------------------------------------------------------

    def _patience(self, timeout: float | None) -> float | None:
        """How long to wait before something else has to be done."""
        limits = [worker.due - monotonic() for worker in self._workers if worker.due is not None]
        if timeout is not None:
            limits.append(timeout)
        if any(worker.sentinel is None for worker in self._workers):
            limits.append(TICK)
        return max(0.0, min(limits)) if limits else None

    def _enforce(self) -> None:
        now = monotonic()
        for worker in list(self._workers):
            if worker.sentinel is None and not worker.alive:
                self._bury(worker)
            elif worker.is_due(now) and not self._heard_better(worker, now):
                worker.press()

    def _heard_better(self, worker: WorkerProcess, now: float) -> bool:
        """Was a call over in time, and its worker has said so while we were at something else?"""
        if not worker.silent:
            self._listen(worker)
        return not worker.is_due(now)

    def _bury(self, worker: WorkerProcess) -> None:
        """A worker is dead; what it has started dies with it."""
        worker.signal_group(signal.SIGKILL)
        while not worker.silent and self._listen(worker):  # its last words
            pass
        for pipe in worker.pipes & self._selector.get_map().keys():
            self._selector.unregister(pipe)
        call = worker.call
        worker.bury()
        if call is not None:
            self._note(call)
        del self._workers[worker]
        self._not_idle(worker)

    def _not_idle(self, worker: WorkerProcess) -> None:
        if worker in self._idle:
            self._idle.remove(worker)
