"""A worker process, seen from the pool: it is started, given a call, listened to, and ended if need be.

```
                    ┌── orders ───▶ ┐
pool: WorkerProcess ├── lifeline ─▶ ├ prefect.executors.worker, in a process group of its own
                    ├── answers ◀── │
                    └── stacks ◀─── ┘
```

Ending goes step by step, each a while after the one before: ask for the stack, SIGTERM, SIGKILL.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import OrderedDict, deque
from collections.abc import Iterable
from contextlib import suppress
from time import monotonic

from prefect.exceptions import ExecutorError
from prefect.executors.calls import CANCELLED
from prefect.executors.frames import CALL, DROP, END, KEEP, PIECE, Inbox, written
from prefect.executors.remote_calls import RemoteCall
from prefect.executors.shared import Shared

BOOT = "import sys; sys.path[:] = {path}; from prefect.executors.worker import main; main{pipes}"

STACK_TIME = 0.1
"""Seconds in which a process can write down its stack."""

REAP_TIME = 1.0
"""Seconds in which the system ends a process that was killed, unless it is stuck in the system itself."""

MOST_SHARED = 256
MOST_SHARED_BYTES = 256_000_000

ASK, TERMINATE, KILL = range(3)
"""The steps of ending a process."""

HINTS = {
    "was killed by SIGKILL": ", as the system does when memory runs out",
    "was killed by SIGSEGV": ", because C code in it went wrong",
}


class WorkerProcess:
    """A process that does one call after the other.

    Attributes:
        call: what it is at.
        due: when the next step of ending it is taken; None if it may live.
        ready: has it started?
        silent: has it closed its end of the answers?
        cancelled: was it stopped on behalf of the driver?
        overdue: was it stopped because its call took too long?
        spent: was its call cut short, so that what that has started may go on?
        blocked: does something wait for room in the pipe of the orders?
    """

    def __init__(self, grace: float) -> None:
        self.grace = grace
        self.call: RemoteCall | None = None
        self.due: float | None = None
        self.ready = False
        self.silent = False
        self.cancelled = False
        self.overdue = False
        self.spent = False
        self.blocked = False
        self.inbox = Inbox()
        self._next = ASK
        self._outbox: deque[memoryview] = deque()
        self._held: OrderedDict[int, int] = OrderedDict()
        self._start()

    def _start(self) -> None:
        pipes: list[int] = []
        try:
            for _ in range(4):
                pipes += os.pipe()
            orders, self.orders, self.answers, answers, lifeline, self._lifeline, self._stacks, stacks = pipes
            theirs = (orders, answers, lifeline, stacks)
            self.process = subprocess.Popen(command(*theirs), pass_fds=theirs, start_new_session=True)
            self.sentinel = sentinel_of(self.process.pid)
        except BaseException as error:
            close(pipes)  # with the lifeline, so a process that was started is gone as well
            if isinstance(error, OSError):
                raise ExecutorError(f"A worker process cannot be started: {error}.") from error
            raise
        close(theirs)
        self.pipes = {self.orders, self.answers, self._lifeline, self._stacks}
        if self.sentinel is not None:
            self.pipes.add(self.sentinel)
        for pipe in (self.orders, self.answers, self._stacks):
            os.set_blocking(pipe, False)

    # --- talking -----------------------------------------------------------------------------------------------------

    def begin(self, call: RemoteCall) -> None:
        """Give it something to do."""
        self.call = call
        for each in call.shared:
            self._provide(each)
        self._forget(keep={each.number for each in call.shared})
        self._say(CALL, call.options, call.letter)
        call.letter = b""  # it may be large

    def _provide(self, shared: Shared) -> None:
        if shared.number in self._held:
            self._held.move_to_end(shared.number)
            return
        self._held[shared.number] = len(shared.value)
        self._say(KEEP, shared.number, shared.value)

    def _forget(self, keep: set[int]) -> None:
        """Have it drop the shared values that were not used for the longest time, if it has too many."""
        while len(self._held) > MOST_SHARED or sum(self._held.values()) > MOST_SHARED_BYTES:
            oldest = next(iter(self._held))
            if oldest in keep:
                return
            del self._held[oldest]
            self._say(DROP, oldest)

    def _say(self, kind: int, number: int = 0, content: bytes = b"") -> None:
        self._outbox += map(memoryview, written(kind, number, content))

    def write(self) -> None:
        """Pass on what was said, as much as fits into the pipe."""
        self.blocked = False
        while self._outbox and not self.blocked:
            part = self._outbox[0]
            try:
                size = os.write(self.orders, part)
            except BrokenPipeError:  # it is dead, which will be noticed
                self._outbox.clear()
                return
            except BlockingIOError:
                size = 0
            if size == len(part):
                self._outbox.popleft()
            else:
                self._outbox[0] = part[size:]
                self.blocked = True

    def read(self) -> bool:
        """Take in a piece of what it answers. True if there may be more right now."""
        try:
            data = os.read(self.answers, PIECE)
        except BlockingIOError:
            return False
        self.inbox.add(data)
        self.silent = not data
        return len(data) == PIECE

    # --- ending ------------------------------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def ending(self) -> bool:
        """Was it told to end, or made to?"""
        return self._next == KILL

    def is_due(self, now: float) -> bool:
        """Is it time for the next step of ending it?"""
        return self.due is not None and self.due <= now

    def free(self) -> None:
        """Its call is over."""
        self.call = None
        self.spare()

    def spare(self) -> None:
        """It may take its time again, unless its end has begun."""
        if not self.ending:
            self.due = None

    def limit(self, began: float, seconds: float) -> None:
        """Begin to end it when it is at work for this long, and some more."""
        if not self.ending:
            self.due = began + seconds + self.grace

    def dismiss(self) -> None:
        """Have it end by itself, soon."""
        if not self.ending:
            self._say(END)
            self._next, self.due = KILL, monotonic() + self.grace

    def retire(self) -> None:
        """End it at once, with all that its last call has left behind."""
        self._next = KILL
        self.press()

    def part(self) -> None:
        """It does not talk any more, so it is about to die; if it is not, it is made to."""
        self._next, self.due = KILL, monotonic() + self.grace

    def stop(self) -> None:
        """End it now."""
        self.cancelled = True
        if not self.ending:
            self._next = TERMINATE
            self.press()

    def press(self) -> None:
        """Take the next step of ending it; the last one is taken again and again."""
        step, seconds = self._next, STACK_TIME if self._next == ASK else self.grace
        self._next, self.due = min(step + 1, KILL), monotonic() + seconds
        if step == ASK:
            self.overdue = True
            self.process.send_signal(signal.SIGUSR2)
        else:
            self.signal_group(signal.SIGTERM if step == TERMINATE else signal.SIGKILL)

    def signal_group(self, number: int) -> None:
        """Send a signal to the process and all that it has started."""
        with suppress(ProcessLookupError, PermissionError):  # nobody is left
            os.killpg(self.process.pid, number)

    def bury(self) -> None:
        """Give back all it had, after its death."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(REAP_TIME)
        if self.call is not None:
            self.call.lost(self._reason(), self.overdue, self._stack())
        close(self.pipes)

    def _reason(self) -> str:
        if self.cancelled:
            return CANCELLED
        end = ended(self.process.returncode)
        if not self.ready:
            return f"the worker process {end} while it started; what it printed tells why"
        return f"the worker process {end}{'' if self.overdue else HINTS.get(end, '')}"

    def _stack(self) -> str | None:
        try:
            return os.read(self._stacks, PIECE).decode(errors="replace").strip() or None
        except BlockingIOError:
            return None


def ended(code: int | None) -> str:
    """What a return code says."""
    if code is None:
        return "does not end"
    if code == 128 + signal.SIGTERM:  # it cleaned up before
        return "was ended by SIGTERM"
    return f"exited with code {code}" if code >= 0 else f"was killed by {signal_name(-code)}"


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# --- starting ---------------------------------------------------------------------------------------------------------


def command(*pipes: int) -> list[str]:
    """Start a worker with the interpreter, the options and the import path of this process.

    No script is run there: functions of `__main__` travel by value, so scripts need no guard.
    """
    path = [each for each in sys.path if isinstance(each, str)]
    options = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # multiprocessing uses it, too
    return [sys.executable, *map(str, options), "-c", BOOT.format(path=path, pipes=pipes)]


def sentinel_of(process: int) -> int | None:
    """A file descriptor that can be read when a process ends, whoever else has its pipes; None if there is no such."""
    try:
        return os.pidfd_open(process)
    except (AttributeError, OSError):
        return None


def close(pipes: Iterable[int]) -> None:
    for pipe in pipes:
        os.close(pipe)
