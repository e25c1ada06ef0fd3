"""A value together with the place where it is kept.

```
Result(location="{date:%Y}/{task_name}")      a template: what a task is given
   │ write(42, date=…, task_name="add")
   ▼
Result(value=42, location="2024/add")         a new result: what the state of its run holds
   │ only the location is remembered
   ▼
result.read("2024/add").value == 42           in any later process
```

`Result` itself keeps values in memory only; the kinds in `prefect.engine.results` know a place to write them to.
"""

from __future__ import annotations

import copy
import logging
import os
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from string import Formatter
from typing import Any, NamedTuple, NoReturn, Self, TypeAlias

from prefect.engine.serializers import PickleSerializer, Serializer
from prefect.exceptions import ResultNotImplementedError, TaskSettingError, TaskSettingTypeError
from prefect.utilities.hashing import digest

Location: TypeAlias = str | os.PathLike[str] | Callable[..., str] | None

PICKLE = PickleSerializer()
"""The serializer of every result that names none: it has no settings, so one is enough for all."""


class Stored(NamedTuple):
    """What was stored: reading compares it with what it finds."""

    size: int
    digest: str


class Result:
    """The value of a task, and where it is stored.

    Args:
        value: the value itself.
        location: where the value is or will be: a text, a template such as `"{task_name}/{map_index}.pkl"`, or a
            function that gets the template's values as keyword arguments and returns the text.
        serializer: turns the value into bytes and back; pickles by default.
    """

    __slots__ = ("formatter", "location", "serializer", "value")

    value: Any
    location: str | None
    formatter: Callable[..., str] | None
    serializer: Serializer

    def __init__(self, value: Any = None, location: Location = None, serializer: Serializer | None = None) -> None:
        self.value = value
        self.serializer = PICKLE if serializer is None else serializer
        self.location = self.formatter = None
        if location is not None:  # most results are made without one, a million times
            set_location(self, location)

    def read(self, location: str) -> Result:
        """The stored value of a location, as a new result."""
        cannot(self, "read")

    def write(self, value_: Any, **kwargs: Any) -> Result:
        """Store a value; the new result knows the value and its location, with the template filled from `kwargs`."""
        cannot(self, "write")

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Whether a value is stored at a location; with `kwargs` the location is a template to fill first."""
        cannot(self, "look for")

    def read_again(self, known: Result) -> Result:
        """The stored value of another result, read as this one reads."""
        return self.read(known.location or "")

    @property
    def stored(self) -> Stored | None:
        """Size and digest of what is stored at the location, where they are known."""
        return None

    @property
    def default_location(self) -> str:
        """A fresh location for a result that was given none."""
        now = datetime.now(UTC)
        return f"{now.year}/{now.month}/{now.day}/{uuid.uuid4()}.prefect_result"

    @property
    def logger(self) -> logging.Logger:
        """The logger of this kind of result."""
        return logging.getLogger(f"prefect.{type(self).__name__}")

    def format(self, **kwargs: Any) -> Self:
        """A copy whose location is filled in: from the template, the function, or the default."""
        new = self.copy()
        new.location = self.locate(kwargs)
        return new

    def locate(self, values: Mapping[str, Any]) -> str:
        """The location that `format` gives to a copy."""
        if self.formatter is not None:
            return checked_location(self.formatter, values)
        if self.location is not None:
            return fill(self.location, values)
        return self.default_location

    def from_value(self, value: Any) -> Result:
        """A copy that holds another value, stored nowhere yet."""
        new = self.copy()
        new.value = value
        new.location = None
        return new

    def at(self, location: Location) -> Self:
        """A copy that goes to another location, template or function."""
        new = self.copy()
        set_location(new, location)
        return new

    def copy(self) -> Self:
        """A copy that shares the value."""
        return copy.copy(self)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        mine, theirs = attributes(self), attributes(other)
        return mine.keys() == theirs.keys() and all(alike(mine[name], theirs[name]) for name in mine)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.value!r}>"

    def __reduce__(self) -> str | tuple[Any, ...]:
        """The slots travel on their own, so a subclass whose `__getstate__` gives only its `__dict__` keeps them."""
        slots = (self.value, self.location, self.formatter, self.serializer)
        return restore, (type(self), slots), None if type(self) is Result else extras(self)


class NoResultType(Result):
    """The type of `NoResult`, which stands for the value of a task that has none yet."""

    __slots__ = ()

    # Plain attributes of the class hide the slots: the one instance cannot be changed.
    value = None
    location = None
    formatter = None
    serializer = PICKLE

    def __new__(cls) -> Self:
        return globals().get("NoResult") or super().__new__(cls)

    def __init__(self) -> None:
        """There is nothing to set."""

    def from_value(self, value: Any) -> Result:
        return Result(value)

    def format(self, **kwargs: Any) -> Self:
        return self

    def at(self, location: Location) -> NoReturn:
        raise TaskSettingError("NoResult has no location: create a Result(location=...)")

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "<NoResult>"

    def __reduce__(self) -> str:
        return "NoResult"


NoResult = NoResultType()


def cannot(result: Result, verb: str) -> NoReturn:
    raise ResultNotImplementedError(
        f"{type(result).__name__} cannot {verb} stored values: "
        "use a result that has a place for them, such as LocalResult"
    )


def set_location(result: Result, location: Location) -> None:
    """Give a result a location: a text, a template, or a function to ask when it is written."""
    result.location = result.formatter = None
    if isinstance(location, str | os.PathLike):
        result.location = os.fspath(location)
    elif callable(location):
        result.formatter = location
    elif location is not None:
        raise TaskSettingTypeError(
            f"The location of a result is a text or a function that returns one, but this is {location!r}"
        )


def checked_location(formatter: Callable[..., str], values: Mapping[str, Any]) -> str:
    """What a location function says, once it is known to be a text."""
    location = formatter(**values)
    if isinstance(location, str | os.PathLike):
        return os.fspath(location)
    raise TaskSettingTypeError(
        f"A location function has to return a text, but {getattr(formatter, '__name__', formatter)!r} "
        f"returned {location!r}"
    )


def fill(template: str, values: Mapping[str, Any]) -> str:
    """A template with its keys replaced by values, in the language of `str.format`."""
    try:
        return template.format_map(values)
    except Exception as error:
        raise TaskSettingError(explain(template, values, error)) from error


def explain(template: str, values: Mapping[str, Any], error: Exception) -> str:
    """Say which key of a template is unknown, or else what is wrong with the template."""
    unknown = [key for key in keys(template) if key not in values]
    if not unknown:
        return f"The template {template!r} cannot be filled: {type(error).__name__}: {error}"
    there = ", ".join(sorted(values)) or "none"
    return f"The template {template!r} asks for {', '.join(map(repr, unknown))}; the keys that exist are: {there}"


def keys(template: str) -> list[str]:
    """The keys that a template asks for; none if its braces do not match."""
    try:
        fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    except ValueError:
        return []
    return [field.partition(".")[0].partition("[")[0] for field in fields]


def attributes(result: Result) -> dict[str, Any]:
    """The attributes that two equal results share."""
    slots = {name: getattr(result, name) for name in Result.__slots__}
    public = {name: value for name, value in getattr(result, "__dict__", {}).items() if not name.startswith("_")}
    return {**slots, **public}


def alike(one: Any, other: Any) -> bool:
    """Whether two values are equal; arrays and tables, which do not answer `==` with yes or no, are digested."""
    if one is other:
        return True
    try:
        return bool(one == other)
    except Exception:
        mine = digest(one)
        return mine is not None and mine == digest(other)


def extras(result: Result) -> Any:
    """What a subclass adds to the slots of `Result`, in the form that pickle stores."""
    state = result.__getstate__()
    if not isinstance(state, tuple):
        return state
    attributes, slots = state
    added = {name: value for name, value in slots.items() if name not in Result.__slots__}
    return (attributes, added) if attributes or added else None


def restore(kind: type[Result], slots: tuple[Any, ...]) -> Result:
    """Rebuild a pickled result without running its constructor."""
    result = kind.__new__(kind)
    result.value, result.location, result.formatter, result.serializer = slots
    return result
