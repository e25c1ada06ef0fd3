"""Call the user's function: with its timeout, with its prints sent to the log, and awaited if it is a coroutine."""

from __future__ import annotations

import inspect
import logging
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import TextIOBase
from types import FrameType
from typing import Any, TextIO

from prefect.exceptions import PrefectException, TaskTimeoutSignal

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
    if inspect.iscoroutinefunction(run):
        return run_coroutine(limited(run(**inputs), timeout))
    if not timeout:
        return run(**inputs)
    return call_with_alarm(run, inputs, timeout)


# --- timeouts ---------------------------------------------------------------------------------------------------------


class AlarmRang(TaskTimeoutSignal):
    """The alarm of a call, on its way out to it through whatever the call had begun, such as other flow runs."""


def can_alarm() -> bool:
    """Can a running call be interrupted here? Signals only reach the main thread, and not on Windows."""
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


def call_with_alarm(run: Callable[..., Any], inputs: dict[str, Any], seconds: float) -> Any:
    """Call a function and interrupt it when the time is over; outside the main thread it runs on, and this is logged.

    The alarm rings once, at any place: also right behind the call. Therefore it is caught around all of this, and what
    was there before is put back at the very end.
    """
    if not can_alarm():
        logging.getLogger("prefect").warning(
            "A timeout of %s s cannot be kept here: a thread other than the main one cannot be interrupted.", seconds
        )
        return run(**inputs)
    outer, interval = signal.getitimer(signal.ITIMER_REAL)
    if 0 < outer <= seconds:  # an alarm around this one rings first
        return run(**inputs)
    own = AlarmRang(f"The task ran longer than its timeout of {seconds} s.")
    over = False

    def ring(signum: int, frame: FrameType | None) -> None:
        if not over:
            own.stack = stack_of_call(frame)
            raise own

    started = time.monotonic()
    before = signal.signal(signal.SIGALRM, ring)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            return run(**inputs)
        finally:
            over = True
    except AlarmRang as rang:
        if rang is not own:
            raise
        raise timed_out(own.args[0], own.stack) from None
    finally:
        over = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if outer:  # an alarm around this one goes on with what is left of its time
            signal.setitimer(signal.ITIMER_REAL, max(outer - (time.monotonic() - started), 1e-6), interval)


def stack_of_call(frame: FrameType | None) -> str:
    """Where the code was that runs under an alarm, as lines of a traceback."""
    frames = []
    while frame is not None and frame.f_code is not call_with_alarm.__code__:
        frames.append((frame, frame.f_lineno))
        frame = frame.f_back
    return "".join(traceback.StackSummary.extract(reversed(frames)).format())


def timed_out(message: str, stack: str | None) -> TaskTimeoutSignal:
    signal = TaskTimeoutSignal(message)
    signal.stack = stack
    return signal


# --- coroutines -------------------------------------------------------------------------------------------------------


async def limited(coroutine: Coroutine[Any, Any, Any], timeout: float | None) -> Any:
    """Await a coroutine, at most for so many seconds."""
    import asyncio

    try:
        async with asyncio.timeout(timeout or None) as limit:
            return await coroutine
    except TimeoutError as error:
        if limit.expired():
            raise TaskTimeoutSignal(f"The task ran longer than its timeout of {timeout} s.") from error
        raise
    except asyncio.CancelledError as error:
        raise PrefectException("The coroutine was cancelled, not by the engine but by what it awaited.") from error


def run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end on the event loop of this worker.

    Each thread that runs tasks keeps one loop. Where a loop is running already, as in a notebook, a thread beside it
    runs the coroutine.
    """
    import asyncio

    if asyncio._get_running_loop() is not None:
        value, error = asyncio.run_coroutine_threadsafe(settled(coroutine), background_loop()).result()
        if error is not None:
            raise error
        return value
    loop = getattr(WORKER, "loop", None)
    if loop is None or loop.is_closed():
        loop = WORKER.loop = asyncio.new_event_loop()
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
        loop.run_until_complete(asyncio.wait(pending))


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
