"""What happens on a Dask worker: a call is unpacked and made, and what came of it travels back.

```
driver: packed(fn, arguments) ──▶ worker: perform ──▶ fn(*arguments) ──▶ Outcome, as bytes ──▶ driver: unpacked
```

Both ways it is bytes that travel. So Dask never has to pickle anything of ours, and what cannot be pickled comes to
light where it is, with its name.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import isgenerator
from typing import Any, NamedTuple

from prefect.exceptions import ExecutorError
from prefect.executors.processes import ProcessPool
from prefect.utilities.pickling import why_unpicklable
from prefect.utilities.serialization import dumps, loads

LOOKS_EVERY = 0.5  # seconds between two looks whether a run was stopped
STOPPED: set[str] = set()
"""The runs of which this process makes no more calls."""


class Place(NamedTuple):
    """Stands among the arguments of a call for a shared value."""

    number: int


class Outcome(NamedTuple):
    """What came of a call: a value or an error."""

    value: Any = None
    error: BaseException | None = None


# --- in the driver ----------------------------------------------------------------------------------------------------


def packed(fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], name: str) -> bytes:
    """A call as bytes.

    Raises:
        ExecutorError: something in it cannot be pickled.
    """
    try:
        return dumps((fn, args, kwargs))
    except Exception as error:
        culprit = why_unpicklable((fn, args, kwargs), "call") or repr(error)
        raise ExecutorError(f"The call of {name} cannot travel to a Dask worker: {culprit}.") from error


def unpacked(outcome: bytes) -> Outcome:
    """What came of a call."""
    try:
        found: Outcome = loads(outcome)
    except Exception as error:
        return Outcome(error=ExecutorError(f"A value of a Dask worker cannot be read here: {error!r}."))
    return found


# --- on the worker ----------------------------------------------------------------------------------------------------


def perform(run: str, call: bytes, shared: Sequence[bytes]) -> bytes:
    """Make a call, unless its run was stopped."""
    try:
        fn, args, kwargs = loads(call)
        values = [filled(each, shared) for each in args]
        outcome = Outcome(drained(run, fn, values, {name: filled(each, shared) for name, each in kwargs.items()}))
    except BaseException as error:  # Ctrl-C too: the driver decides what is to follow from it
        outcome = Outcome(error=error)
    return travelling(outcome)


def filled(argument: Any, shared: Sequence[bytes]) -> Any:
    return shared[argument.number] if type(argument) is Place else argument


def drained(run: str, fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The value of a call; of a generator, what it yields."""
    if run in STOPPED:
        return None  # nobody waits for it
    value = fn(*args, **kwargs)
    return list(until_stopped(run, value)) if isgenerator(value) else value


def in_time(run: str, timeout: float, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Make a call in a process of its own, which can be stopped, as the thread of a worker cannot.

    Returns:
        Its value, or `Lost` if it took too long or its process died.
    """
    with ProcessPool(1) as pool:
        call = pool.submit(fn, args, kwargs, timeout=timeout)
        while not call.done:
            pool.advance(LOOKS_EVERY)
            if run in STOPPED:
                pool.cancel()
        return pool.result(call)


def until_stopped(run: str, values: Iterator[Any]) -> Iterator[Any]:
    for each in values:
        yield each
        if run in STOPPED:
            return


def travelling(outcome: Outcome) -> bytes:
    """An outcome as bytes; if it cannot be pickled, that is the outcome."""
    if outcome.error is not None:
        return travelling_error(outcome.error)
    try:
        return dumps(outcome)
    except Exception as error:
        culprit = why_unpicklable(outcome.value, "value") or repr(error)
        return dumps(Outcome(error=ExecutorError(f"A value cannot travel back from a Dask worker: {culprit}.")))


def travelling_error(error: BaseException) -> bytes:
    """An error as bytes, with where it was raised; many an exception can be pickled but not read back."""
    story = "".join(traceback.format_exception(error))
    error.add_note(f"On the Dask worker:\n{story}")
    try:
        found = dumps(Outcome(error=error))
        loads(found)
    except Exception:
        return dumps(Outcome(error=ExecutorError(f"An error that cannot be pickled was raised on a worker:\n{story}")))
    return found


async def stop(run: str) -> None:  # a coroutine, because Dask waits for plain functions
    """Begin no more calls of a run, and end generators at their next item."""
    STOPPED.add(run)


def same(value: bytes) -> bytes:
    """What a shared value is made of: Dask makes it again if the worker that held it dies."""
    return value
