"""The tasks behind operators: `a + b` is an `Add`, `a["key"]` a `GetItem`."""

from __future__ import annotations

from enum import Enum
from operator import attrgetter
from typing import Any

from prefect.core.algebra import operator
from prefect.core.task import Task


class NoDefault(Enum):
    """Stands for a default that was not given; a member of an enum stays itself when it is pickled."""

    NO_DEFAULT = "no default"


NO_DEFAULT: Any = NoDefault.NO_DEFAULT


@operator("+")
class Add(Task):
    """`x + y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x + y


@operator("-")
class Sub(Task):
    """`x - y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x - y


@operator("*")
class Mul(Task):
    """`x * y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x * y


@operator("/")
class Div(Task):
    """`x / y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x / y


@operator("//")
class FloorDiv(Task):
    """`x // y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x // y


@operator("%")
class Mod(Task):
    """`x % y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x % y


@operator("**")
class Pow(Task):
    """`x ** y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x**y


@operator("and")
class And(Task):
    """`x and y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x and y


@operator("or")
class Or(Task):
    """`x or y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x or y


@operator("not")
class Not(Task):
    """`not x`"""

    def run(self, x: Any) -> bool:
        return not x


@operator("==")
class Equal(Task):
    """`x == y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x == y


@operator("!=")
class NotEqual(Task):
    """`x != y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x != y


@operator(">")
class GreaterThan(Task):
    """`x > y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x > y


@operator(">=")
class GreaterThanOrEqual(Task):
    """`x >= y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x >= y


@operator("<")
class LessThan(Task):
    """`x < y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x < y


@operator("<=")
class LessThanOrEqual(Task):
    """`x <= y`"""

    def run(self, x: Any, y: Any) -> Any:
        return x <= y


@operator("[]")
class GetItem(Task):
    """`task_result[key]`

    Args:
        default: what to return if the key is not there; an index out of range is an error all the same.
        **kwargs: settings of a Task.
    """

    def __init__(self, default: Any = NO_DEFAULT, **kwargs: Any) -> None:
        self.default = default
        super().__init__(**kwargs)

    @classmethod
    def of(cls, task: Task, key: Any) -> Task:
        """The item of a task's result: it is stored where that result is."""
        shown = key.name if isinstance(key, Task) else repr(key)
        item = cls(name=f"{task.name}[{shown}]", checkpoint=task.checkpoint, result=task.result)
        return item.bind(task_result=task, key=key)

    def run(self, task_result: Any, key: Any, default: Any = NO_DEFAULT) -> Any:
        default = self.default if default is NO_DEFAULT else default
        if default is NO_DEFAULT:
            return task_result[key]
        try:
            return task_result[key]
        except KeyError:
            return default


class GetAttr(Task):
    """`task_result.attr`, dots included.

    Args:
        default: what to return if the attribute is not there.
        **kwargs: settings of a Task.
    """

    def __init__(self, default: Any = NO_DEFAULT, **kwargs: Any) -> None:
        self.default = default
        super().__init__(**kwargs)

    def run(self, task_result: Any, attr: str, default: Any = NO_DEFAULT) -> Any:
        default = self.default if default is NO_DEFAULT else default
        try:
            return attrgetter(attr)(task_result)
        except AttributeError:
            if default is NO_DEFAULT:
                raise
            return default
