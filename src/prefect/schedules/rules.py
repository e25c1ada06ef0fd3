"""Rules: the filters and adjustments that come with the package know how they were made, so they can be written down.

A filter or an adjustment may be any function of a datetime. Only those of the package can be part of a document.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

from prefect.exceptions import ScheduleError
from prefect.schedules.documents import Document, decoded, encoded

T = TypeVar("T")


class Rule(Generic[T]):
    """A function of a datetime that was made by another function, such as `at_time(time(9))`."""

    def __init__(self, maker: Callable[..., Rule[T]], decide: Callable[[datetime], T], **arguments: Any) -> None:
        self.maker = maker
        self.decide = decide
        self.arguments = arguments

    def __call__(self, dt: datetime) -> T:
        return self.decide(dt)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rule):
            return NotImplemented
        return (self.maker, self.arguments) == (other.maker, other.arguments)

    def __hash__(self) -> int:
        return hash((self.maker, *self.arguments.values()))

    def __reduce__(self) -> tuple[Any, ...]:
        return self.maker, tuple(self.arguments.values())

    def __repr__(self) -> str:
        return f"{self.maker.__name__}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


Catalogue = Mapping[str, Callable[..., Any]]


def catalogue(*functions: Callable[..., Any]) -> Catalogue:
    """Functions by their qualified names."""
    return {f"{each.__module__}.{each.__name__}": each for each in functions}


def rule_document(rule: Callable[[datetime], Any], known: Catalogue) -> Document:
    """A filter or adjustment by name, and the arguments it was made with (None if it needs none).

    Raises:
        ScheduleError: it is none of the known ones.
    """
    function = rule.maker if isinstance(rule, Rule) else rule
    for name, each in known.items():
        if each is function:
            return {"name": name, "arguments": arguments_document(rule) if isinstance(rule, Rule) else None}
    raise ScheduleError(
        f"{rule!r} is a function of your own: it works here, but it cannot be written down for other machines. "
        f"Use the ones of the package: {', '.join(known)}."
    )


def arguments_document(rule: Rule[Any]) -> Document:
    return {name: encoded(value) for name, value in rule.arguments.items()}


def rule_from(document: Mapping[str, Any], known: Catalogue) -> Callable[[datetime], Any]:
    """The filter or adjustment that a document names.

    Raises:
        ScheduleError: there is none of that name, or its arguments are wrong.
    """
    name, arguments = str(document.get("name")), document.get("arguments")
    if name not in known:
        raise ScheduleError(f"There is no rule {name!r}; there are {', '.join(known)}.")
    if arguments is None:
        return known[name]
    try:
        made: Callable[[datetime], Any] = known[name](**{key: decoded(value) for key, value in arguments.items()})
    except TypeError as error:
        raise ScheduleError(f"The rule {name!r} cannot be made from {arguments!r}: {error}.") from error
    return made
