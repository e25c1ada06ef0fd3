"""Python operators on tasks: `a + b` is a new task that adds what `a` and `b` will return.

The operator tasks are subclasses of Task and so live above this module; they enter themselves into `OPERATORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.core.task import Task

OPERATORS: dict[str, type[Task]] = {}


def operator(symbol: str) -> Callable[[type[Task]], type[Task]]:
    """Register the class of task behind an operator."""

    def register(cls: type[Task]) -> type[Task]:
        OPERATORS[symbol] = cls
        return cls

    return register


class Algebra:
    """The operators; every use of one adds a task to the active flow."""

    nout: int | None

    def _operate(self, symbol: str, x: Any, y: Any) -> Task:
        return OPERATORS[symbol]().bind(x, y)

    def __add__(self, other: Any) -> Task:
        return self._operate("+", self, other)

    def __radd__(self, other: Any) -> Task:
        return self._operate("+", other, self)

    def __sub__(self, other: Any) -> Task:
        return self._operate("-", self, other)

    def __rsub__(self, other: Any) -> Task:
        return self._operate("-", other, self)

    def __mul__(self, other: Any) -> Task:
        return self._operate("*", self, other)

    def __rmul__(self, other: Any) -> Task:
        return self._operate("*", other, self)

    def __truediv__(self, other: Any) -> Task:
        return self._operate("/", self, other)

    def __rtruediv__(self, other: Any) -> Task:
        return self._operate("/", other, self)

    def __floordiv__(self, other: Any) -> Task:
        return self._operate("//", self, other)

    def __rfloordiv__(self, other: Any) -> Task:
        return self._operate("//", other, self)

    def __mod__(self, other: Any) -> Task:
        return self._operate("%", self, other)

    def __rmod__(self, other: Any) -> Task:
        return self._operate("%", other, self)

    def __pow__(self, other: Any) -> Task:
        return self._operate("**", self, other)

    def __rpow__(self, other: Any) -> Task:
        return self._operate("**", other, self)

    def __and__(self, other: Any) -> Task:
        return self._operate("and", self, other)

    def __rand__(self, other: Any) -> Task:
        return self._operate("and", other, self)

    def __gt__(self, other: Any) -> Task:
        return self._operate(">", self, other)

    def __ge__(self, other: Any) -> Task:
        return self._operate(">=", self, other)

    def __lt__(self, other: Any) -> Task:
        return self._operate("<", self, other)

    def __le__(self, other: Any) -> Task:
        return self._operate("<=", self, other)

    def or_(self, other: Any) -> Task:
        """`self or other`; both are computed."""
        return self._operate("or", self, other)

    def not_(self) -> Task:
        """`not self`."""
        return OPERATORS["not"]().bind(self)

    def is_equal(self, other: Any) -> Task:
        """`self == other`; the operator itself compares the tasks, not their results."""
        return self._operate("==", self, other)

    def is_not_equal(self, other: Any) -> Task:
        """`self != other`; the operator itself compares the tasks, not their results."""
        return self._operate("!=", self, other)

    def __getitem__(self, key: Any) -> Task:
        item = OPERATORS["[]"]
        return item.of(self, key)  # type: ignore[attr-defined, no-any-return]

    def __iter__(self) -> Iterator[Task]:
        if self.nout is None:
            raise TypeError(
                f"{self!r} cannot be unpacked: how many values it returns is not known. "
                "Say it with `@task(nout=2)`, or by a return annotation such as `-> tuple[int, str]`."
            )
        return (self[index] for index in range(self.nout))
