"""Help to find mistakes in flows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.exceptions import PrefectException
from prefect.utilities.context import context
from prefect.utilities.pickling import explain_pickling as explain_pickling
from prefect.utilities.pickling import why_unpicklable as why_unpicklable
from prefect.utilities.serialization import dumps_by_value

READ_BACK = "import sys, cloudpickle; cloudpickle.loads(sys.stdin.buffer.read())"


@contextmanager
def raise_on_exception() -> Iterator[None]:
    """In this block, errors of tasks come out of `flow.run()`, where a debugger stops, instead of failing the tasks."""
    with context(raise_on_exception=True):
        yield


def is_serializable(obj: Any, raise_on_error: bool = False) -> bool:
    """Can a value be sent to a process that has nothing in common with this one but its packages?

    Args:
        obj: the value, such as a flow or a task.
        raise_on_error: tell why not by raising.

    Raises:
        PrefectException: it cannot be sent, and `raise_on_error` is set.
    """
    try:
        sent_and_read_back(obj)
    except PrefectException:
        if raise_on_error:
            raise
        return False
    return True


def sent_and_read_back(obj: Any) -> None:
    try:
        data = dumps_by_value(obj)
    except Exception as error:  # what goes wrong in there is up to the value
        raise PrefectException(
            f"{obj!r} cannot be pickled: {error}. Make what cannot travel, such as locks and connections, in the task."
        ) from error
    reader = subprocess.run([sys.executable, "-c", READ_BACK], input=data, capture_output=True, check=False)
    if reader.returncode:
        reason = reader.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise PrefectException(
            f"{obj!r} can be pickled, but another process cannot read it back: {reason}. "
            "Install the modules it needs there, or define what it uses in the script of the flow."
        )
