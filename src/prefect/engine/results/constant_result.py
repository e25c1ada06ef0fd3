"""Values that are part of the flow and need not be stored."""

from __future__ import annotations

from typing import Any, NoReturn, Self

from prefect.engine.result.base import Result
from prefect.exceptions import TaskSettingError


class ConstantResult(Result):
    """Holds a value that the flow itself brings along.

    Args:
        **kwargs: the arguments of `Result` without `serializer`.
    """

    def __init__(self, **kwargs: Any) -> None:
        if "serializer" in kwargs:
            raise TaskSettingError("ConstantResult stores nothing, so it takes no serializer")
        super().__init__(**kwargs)

    def read(self, location: str) -> Self:
        """This result, wherever it is looked for."""
        return self

    def write(self, value_: Any, **kwargs: Any) -> NoReturn:
        """Constants cannot be written."""
        raise TaskSettingError("ConstantResult cannot be written: a constant never changes")

    def exists(self, location: str, **kwargs: Any) -> bool:
        """A constant is always there."""
        return True
