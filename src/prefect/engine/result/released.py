"""A value that was let go: it stayed on the worker that made it, and its last reader has read it."""

from __future__ import annotations

import sys
from typing import Any

from prefect.engine.result.base import Result
from prefect.exceptions import ResultReleased

LARGE = 64 * 1024
"""Values of so many bytes are let go; smaller ones are cheap to keep."""


class Released(Result):
    """Stands for a value that was let go. A stored one is read again when it is asked for; else asking is an error.

    Args:
        size: of the value, in bytes.
        stored_as: the result that knows where the value was stored, if it was.
    """

    __slots__ = ("size", "stored_as")

    def __init__(self, size: int, stored_as: Result | None = None) -> None:
        self.size = size
        self.stored_as = stored_as
        super().__init__(location=None if stored_as is None else stored_as.location)

    @property
    def value(self) -> Any:
        """The value as it was stored."""
        if self.stored_as is not None and self.location is not None:
            return self.stored_as.read(self.location).value
        raise ResultReleased(
            f"This value of {self.size:,} bytes stayed on the worker that made it, and was let go after its last "
            "reader. To keep such values set PREFECT__ENGINE__RELEASE_VALUES=false, or let a last task return it."
        )

    @value.setter
    def value(self, value: Any) -> None:
        """Nothing is kept."""

    def copy(self) -> Released:
        return Released(self.size, self.stored_as)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Released) and (self.size, self.stored_as) == (other.size, other.stored_as)

    __hash__ = None

    def __repr__(self) -> str:
        return f"<Released: {self.size:,} bytes>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Released, (self.size, self.stored_as)


def size_of(value: Any) -> int:
    """The bytes of a value, as far as they can be told at a glance: those of arrays, tables, texts and bytes."""
    size = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return size
    if hasattr(value, "memory_usage"):  # a table of pandas
        used = value.memory_usage()
        return int(used.sum() if hasattr(used, "sum") else used)
    return sys.getsizeof(value)


def let_go(result: Any) -> Any:
    """What a state holds, without the value if that is large."""
    if isinstance(result, Released):
        return result
    value = result.value if isinstance(result, Result) else result
    size = size_of(value)
    if size < LARGE:
        return result
    if not isinstance(result, Result) or result.location is None:
        return Released(size)
    place = result.copy()
    place.value = None
    return Released(size, place)
