"""Small values kept in the location itself, as JSON text."""

from __future__ import annotations

from typing import Any

from prefect.engine.result.base import Result
from prefect.engine.serializers import DateTimeSerializer, JSONSerializer
from prefect.exceptions import TaskSettingTypeError


class PrefectResult(Result):
    """Keeps a value in its own location, so that it needs no place of storage: parameters use it.

    Args:
        **kwargs: the arguments of `Result`; the serializer is JSON by default and has to make text.
    """

    def __init__(self, **kwargs: Any) -> None:
        serializer = kwargs.pop("serializer", None) or JSONSerializer()
        if not isinstance(serializer, JSONSerializer | DateTimeSerializer):
            raise TaskSettingTypeError(
                f"PrefectResult keeps text: its serializer is JSONSerializer or DateTimeSerializer, not {serializer!r}"
            )
        super().__init__(serializer=serializer, **kwargs)

    def read(self, location: str) -> Result:
        """The value that a location spells, as a new result."""
        new = self.at(location)
        new.value = self.serializer.deserialize(location.encode())
        return new

    def write(self, value_: Any, **kwargs: Any) -> Result:
        """Spell a value as a location."""
        return self.from_value(value_).at(self.serializer.serialize(value_).decode())

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Whether a location spells a value."""
        try:
            self.serializer.deserialize(location.encode())
        except ValueError:
            return False
        return True
