"""Parameters: tasks whose value is given to each run of the flow."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from prefect.core.task import Task
from prefect.engine.result.base import Result
from prefect.engine.results.prefect_result import PrefectResult
from prefect.engine.serializers import DateTimeSerializer
from prefect.engine.signals import FAIL
from prefect.exceptions import ParameterError
from prefect.utilities.context import lookup
from prefect.utilities.datetimes import as_utc

if TYPE_CHECKING:
    from prefect.core.graph import Graph

NO_DEFAULT: Any = type("NoDefault", (), {"__repr__": lambda self: "no default"})()


class Parameter(Task):
    """A value that is given to each run of the flow: `flow.run(parameters={"x": 1})`.

    Args:
        name: the name under which it is given; unique in a flow.
        default: its value if none is given.
        required: must it be given? By default only if it has no default.
        tags: labels.
    """

    def __init__(
        self,
        name: str,
        default: Any = NO_DEFAULT,
        required: bool | None = None,
        tags: Iterable[str] | None = None,
        result: Result | None = None,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ParameterError(f"A parameter needs a name, and {name!r} is none: Parameter('x', default=1).")
        self.required = default is NO_DEFAULT if required is None else required
        self.default = None if default is NO_DEFAULT else default
        super().__init__(name=name, slug=name, tags=tags, result=result or PrefectResult(), checkpoint=True)

    def __repr__(self) -> str:
        return f"<Parameter: {self.name}>"

    def __call__(self, flow: Graph | None = None) -> Self:  # type: ignore[override]
        """Add this very parameter to a flow."""
        flow = self._active_flow("called") if flow is None else flow
        flow.add_task(self)
        return self

    def copy(self, name: str, **task_args: Any) -> Self:  # type: ignore[override]
        """A copy under another name."""
        return super().copy(name=name, slug=name, **task_args)

    def run(self) -> Any:
        """The value given to this run, or the default."""
        given = lookup("parameters") or {}
        if self.name in given:
            return given[self.name]
        if self.required:
            raise FAIL(f"The parameter {self.name!r} is required, and this run was given no value for it.")
        return self.default


class DateTimeParameter(Parameter):
    """A parameter whose value is a point in time: text in ISO 8601 becomes an aware datetime.

    Args:
        name: the name under which it is given.
        default: its value if none is given.
        required: must it be given? By default yes, even with a default.
        tags: labels.
    """

    def __init__(
        self,
        name: str,
        default: Any = NO_DEFAULT,
        required: bool = True,
        tags: Iterable[str] | None = None,
    ) -> None:
        result = PrefectResult(serializer=DateTimeSerializer())
        super().__init__(name, default=default, required=required, tags=tags, result=result)

    def run(self) -> datetime | None:
        """The value given to this run as an aware datetime; a naive one is taken as UTC."""
        value = super().run()
        if isinstance(value, str):
            value = moment(value, self.name)
        return None if value is None else as_utc(value)


def moment(text: str, name: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ParameterError(
            f"The parameter {name!r} was given {text!r}, which is no time in ISO 8601, "
            "such as 2026-01-31T09:30:00+00:00."
        ) from error
