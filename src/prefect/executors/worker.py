"""What runs in a worker process: one call after another, until there are no more or the pool is gone.

```
orders ──▶ call ── items, value or error ──▶ answers
  ▲
lifeline: a pipe whose other end the pool holds. When that closes, the system kills this process and its group
stacks:   where the stack is written to, on SIGUSR2 and when this process crashes
```

Functions are called in the main thread, so that alarms reach them. SIGTERM ends one with `Stopped`, so that it can
clean up; whatever it does then, it is not answered any more.
"""

from __future__ import annotations

import faulthandler
import fcntl
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from importlib import import_module
from time import monotonic_ns
from types import FrameType
from typing import Any

from prefect.exceptions import PrefectException
from prefect.executors.frames import (
    BEGUN,
    CALL,
    DROP,
    END,
    ERROR,
    ITEM,
    KEEP,
    OVER,
    READY,
    STREAM,
    TIMED,
    VALUE,
    read,
    write,
)
from prefect.executors.shared import KEPT
from prefect.executors.stopping import HERE, Stopped, limits_told_to
from prefect.utilities.serialization import dumps, loads

BROKEN = 70
"""The exit code of a worker that was interrupted in the middle of an answer."""


def main(orders: int, answers: int, lifeline: int, stacks: int) -> None:
    """Serve a pool; the arguments are the file descriptors of pipes."""
    for pipe in (orders, answers, lifeline, stacks):
        os.set_inheritable(pipe, False)
    hang_on(lifeline)
    tell_stacks(stacks)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what is printed shows, come what may
    worker = Worker(answers)
    signal.signal(signal.SIGTERM, worker.stop)
    try:
        with suppress(EOFError, KeyboardInterrupt):
            worker.serve(orders)
    except Stopped:
        sys.exit(128 + signal.SIGTERM)


class Worker:
    """Does what the pool says, and answers."""

    def __init__(self, answers: int) -> None:
        self.process = os.getpid()
        self.answers = answers
        self.speaking = False
        self.stopping = False

    def serve(self, orders: int) -> None:
        HERE.heed = self.end_if_stopped
        self.say(READY)
        while self.obey(*read(orders)):
            pass

    def obey(self, kind: int, number: int, content: bytes) -> bool:
        """Carry out one order. False if it is the last."""
        if kind == KEEP:
            KEPT[number] = content
        elif kind == DROP:
            KEPT.pop(number, None)
        elif kind == CALL:
            self.answer(number, content)
        return kind != END

    def answer(self, options: int, letter: bytes) -> None:
        label = "the call"
        try:
            fn, args, kwargs, label = loads(letter)
            with limits_told_to(self, fn) if options & TIMED else nullcontext():
                value = fn(*args, **kwargs)
                if options & STREAM:
                    self.stream(value, label)
            kind, content = VALUE, b"" if options & STREAM else packed(value, label)
        except BaseException as error:
            self.end_if_stopped()
            kind, content = ERROR, packed_error(error, label)
        flush()
        self.say(kind, content)

    def stream(self, items: Iterable[Any], label: str) -> None:
        for item in items:
            self.say(ITEM, packed(item, label))

    def begun(self) -> None:
        self.say(BEGUN, number=monotonic_ns())

    def over(self, cut_short: bool) -> None:
        self.say(OVER, number=cut_short)

    def say(self, kind: int, content: bytes = b"", number: int = 0) -> None:
        if os.getpid() != self.process:  # of a copy that a function made of this process, nobody wants to hear
            os._exit(0)
        self.end_if_stopped()
        self.speaking = True
        try:
            write(self.answers, kind, number, content)
        except BaseException:  # half an answer is none, and nothing can follow it
            os._exit(BROKEN)
        self.speaking = False
        self.end_if_stopped()

    def end_if_stopped(self) -> None:
        if self.stopping:
            raise Stopped

    def stop(self, number: int, frame: FrameType | None) -> None:
        """What SIGTERM does."""
        if os.getpid() != self.process:  # a copy that a function made of this process ends as it would elsewhere
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        if not self.stopping:
            self.stopping = True
            if not self.speaking:
                self.end_if_stopped()


# --- values and errors as bytes ---------------------------------------------------------------------------------------


def packed(value: Any, label: str) -> bytes:
    try:
        return dumps(value)
    except Exception as error:
        explain = import_module("prefect.utilities.pickling").why_unpicklable  # here, because it is seldom needed
        reason = explain(value, "value") or str(error)
        raise PrefectException(f"What {label} returned cannot be sent back: {reason}.") from error


def packed_error(error: BaseException, label: str) -> bytes:
    """An error and its traceback. One that cannot be pickled, or not read again, is told in words."""
    trace = "".join(traceback.format_exception(error))
    try:
        content = dumps((error, trace))
        loads(content)
    except Exception:
        words = "".join(traceback.format_exception_only(error)).strip()
        told = PrefectException(f"{label} raised an error that cannot be sent back: {words}\n{trace}")
        return dumps((told, ""))
    return content


def flush() -> None:
    """Show what was printed without the end of a line."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # it may be closed, or anything that the function put there
            stream.flush()


# --- ties to the pool -------------------------------------------------------------------------------------------------


def hang_on(lifeline: int) -> None:
    """Die with the pool, whole group and all, even in the middle of C code that lets no other thread run."""
    if not hasattr(fcntl, "F_SETSIG"):  # other systems than Linux
        threading.Thread(target=wait_for_end, args=(lifeline,), daemon=True).start()
        return
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)
    closed = select.poll()
    closed.register(lifeline)
    if closed.poll(0):  # before it was watched
        wait_for_end(lifeline)


def wait_for_end(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def tell_stacks(stacks: int) -> None:
    os.set_blocking(stacks, False)  # a stack that is longer than the pipe is cut
    faulthandler.register(signal.SIGUSR2, file=stacks, all_threads=True, chain=False)
    if not faulthandler.is_enabled():
        faulthandler.enable(file=stacks)
