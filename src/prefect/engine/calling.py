"""Call the user's function: with its timeout, with its prints sent to the log, and awaited if it is a coroutine."""

from __future__ import annotations

import inspect
import logging
import math
import signal
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import TextIOBase
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

from prefect.exceptions import PrefectException, PrefectSignal, TaskTimeoutSignal
from prefect.executors.stopping import under_limit

if TYPE_CHECKING:
    import asyncio

SWALLOWING = (Exception, SystemExit, PrefectSignal)
"""What code may make of its alarm."""

WORKER = threading.local()


def call(
    run: Callable[..., Any],
    inputs: dict[str, Any],
    timeout: float | None = None,
    stdout: logging.Logger | None = None,
) -> Any:
    """Call a task's `run` and return its value.

    Args:
        run: the function or coroutine function.
        inputs: its arguments by name.
        timeout: seconds; None or 0 means no limit.
        stdout: where printed lines go; None leaves them on the terminal.

    Raises:
        TaskTimeoutSignal: the call took longer.
    """
    if stdout is not None:
        with prints_to(stdout):
            return call(run, inputs, timeout)
    coroutine = inspect.iscoroutinefunction(run)
    if not timeout:
        return call_coroutine(run, inputs, None) if coroutine else run(**inputs)
    with under_limit():
        return call_coroutine(run, inputs, timeout) if coroutine else call_with_alarm(run, inputs, timeout)


# --- timeouts ---------------------------------------------------------------------------------------------------------


LATE = 0.5
"""Seconds after which a coroutine that does not come to an `await`, where it would be cancelled, gets an alarm."""


class AlarmRang(TaskTimeoutSignal):
    """The alarm of a call, on its way out to it through whatever the call had begun, such as other flow runs.

    Attributes:
        rang: has it?
    """

    rang = False


def can_alarm() -> bool:
    """Can a running call be interrupted here? Signals only reach the main thread, and not on Windows."""
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


def call_with_alarm(
    run: Callable[..., Any],
    inputs: dict[str, Any],
    seconds: float,
    late: float = 0.0,
    stopped: Callable[[], bool] | None = None,
) -> Any:
    """Call a function and interrupt it when the time is over; outside the main thread it runs on.

    The alarm rings once, at any place: also right behind the call. Therefore it is caught around all of this, and what
    was there before is put back at the very end. Whatever a call makes of it, its time is over.

    Args:
        run: the function.
        inputs: its arguments by name.
        seconds: its time.
        late: seconds by which the alarm comes later.
        stopped: says whether the call was stopped otherwise, so that no alarm is needed.
    """
    if not can_alarm():
        return run(**inputs)
    outer, interval = signal.getitimer(signal.ITIMER_REAL)
    if 0 < outer <= seconds + late:  # an alarm around this one rings first
        return run(**inputs)
    own = AlarmRang(f"The task ran longer than its timeout of {seconds} s.")
    over, swallowed = False, None

    def ring(signum: int, frame: FrameType | None) -> None:
        if not over and not (stopped and stopped()):
            own.rang, own.stack = True, stack_of_call(frame)
            raise own

    started = time.monotonic()
    before = signal.signal(signal.SIGALRM, ring)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds + late)
            value = run(**inputs)
        finally:
            over = True
    except AlarmRang as rang:
        if rang is not own:
            raise
    except SWALLOWING as error:
        if not own.rang:
            raise
        swallowed = error
    finally:
        over = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if outer:  # an alarm around this one goes on with what is left of its time
            signal.setitimer(signal.ITIMER_REAL, max(outer - (time.monotonic() - started), 1e-6), interval)
    if own.rang:
        raise timed_out(own.args[0], own.stack) from swallowed
    return value


def stack_of_call(frame: FrameType | None) -> str:
    """Where the code was that runs under an alarm, as lines of a traceback."""
    frames = []
    while frame is not None and frame.f_code not in (call_with_alarm.__code__, limited.__code__):
        frames.append((frame, frame.f_lineno))
        frame = frame.f_back
    return "".join(traceback.StackSummary.extract(reversed(frames)).format())


def timed_out(message: str, stack: str | None) -> TaskTimeoutSignal:
    signal = TaskTimeoutSignal(message)
    signal.stack = stack
    return signal


# --- coroutines -------------------------------------------------------------------------------------------------------


def call_coroutine(run: Callable[..., Any], inputs: dict[str, Any], timeout: float | None) -> Any:
    """Call a coroutine function. When the time is over it is cancelled; if it blocks the loop, it is interrupted."""
    import asyncio

    limit = asyncio.Timeout(None)
    coroutine = limited(run(**inputs), timeout, limit)
    if not timeout or not can_alarm() or asyncio._get_running_loop() is not None:
        return run_coroutine(coroutine)
    return call_with_alarm(run_coroutine, {"coroutine": coroutine}, timeout, LATE, limit.expired)


async def limited(coroutine: Coroutine[Any, Any, Any], timeout: float | None, limit: asyncio.Timeout) -> Any:
    """Await a coroutine, at most for so many seconds; whatever it makes of its end, its time is over."""
    import asyncio

    clock, swallowed = asyncio.get_running_loop().time, None
    try:
        async with limit:
            if timeout:
                limit.reschedule(clock() + timeout)
            value = await coroutine
    except AlarmRang:
        raise
    except asyncio.CancelledError as error:
        raise PrefectException("The coroutine was cancelled, not by the engine but by what it awaited.") from error
    except SWALLOWING as error:
        if not is_late(limit, clock()):
            raise
        swallowed = error
    if is_late(limit, clock()):
        raise TaskTimeoutSignal(f"The task ran longer than its timeout of {timeout} s.") from swallowed
    return value


def is_late(limit: asyncio.Timeout, now: float) -> bool:
    """Was a limit passed, even if nobody found the time to say so?"""
    return limit.expired() or now > (limit.when() or math.inf)


def run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end on the event loop of this worker.

    Each thread that runs tasks keeps one loop, until it ends. Where a loop is running already, as in a notebook, a
    thread beside it runs the coroutine.
    """
    import asyncio

    if asyncio._get_running_loop() is not None:
        value, error = asyncio.run_coroutine_threadsafe(settled(coroutine), background_loop()).result()
        if error is not None:
            raise error
        return value
    loop = own_loop()
    try:
        return loop.run_until_complete(coroutine)
    except BaseException:
        finish(loop)
        raise


async def settled(coroutine: Coroutine[Any, Any, Any]) -> tuple[Any, BaseException | None]:
    """The value of a coroutine, or its error: `sys.exit` and its like would stop the loop that others need."""
    try:
        return await coroutine, None
    except BaseException as error:
        return None, error


def finish(loop: Any) -> None:
    """Cancel what an interrupted coroutine left on the loop."""
    import asyncio

    pending = asyncio.all_tasks(loop)
    for each in pending:
        each.cancel()
    if pending:
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))


class Life:
    """As long as a thread refers to this, it lives."""


def own_loop() -> Any:
    """The loop of this thread; it is closed when the thread ends, or the program."""
    import asyncio

    loop = getattr(WORKER, "loop", None)
    if loop is None or loop.is_closed():
        loop = WORKER.loop = asyncio.new_event_loop()
        WORKER.life = Life()
        weakref.finalize(WORKER.life, close, loop)
    return loop


def close(loop: Any) -> None:
    if not loop.is_running():  # at the end of the program, one of a thread that could not be stopped may be
        loop.close()


def background_loop() -> Any:
    import asyncio

    loop = getattr(WORKER, "background", None)
    if loop is None:
        loop = WORKER.background = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, name="prefect-coroutines", daemon=True).start()
    return loop


# --- prints -----------------------------------------------------------------------------------------------------------


LINES: ContextVar[LogLines | None] = ContextVar("lines", default=None)
"""Where what is printed here goes to: each thread and each task has its own."""


@contextmanager
def prints_to(logger: logging.Logger) -> Iterator[None]:
    """In this block, log what this thread prints; what other threads print goes on to where it went."""
    lines = LogLines(logger)
    token = LINES.set(lines)
    DIVIDER.enter()
    try:
        yield
    finally:
        DIVIDER.leave()
        LINES.reset(token)
        lines.flush()


class Divider(TextIOBase):
    """Stands in for `sys.stdout` while some thread has its prints logged, and sends each print to where it belongs.

    Attributes:
        behind: the stream it took the place of.
    """

    def __init__(self) -> None:
        self.behind: TextIO = sys.stdout
        self._lock = threading.Lock()
        self._users = 0

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            if sys.stdout is not self:
                self.behind = sys.stdout
                sys.stdout = self

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users and sys.stdout is self:
                sys.stdout = self.behind

    def _here(self) -> Any:
        return LINES.get() or self.behind

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return int(self._here().write(text))

    def flush(self) -> None:
        if not self.behind.closed:
            self.behind.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.behind, name)


DIVIDER = Divider()


class LogLines(TextIOBase):
    """A text stream that logs each line written to it; blank lines are dropped."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._log(line)
        return len(text)

    def flush(self) -> None:
        self._log(self._rest)
        self._rest = ""

    def __del__(self) -> None:
        self.flush()

    def _log(self, line: str) -> None:
        if line.strip():
            token = LINES.set(None)  # the log itself may be written to the terminal
            try:
                self._logger.info("%s", line)
            finally:
                LINES.reset(token)
