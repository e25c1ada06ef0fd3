"""Unknown: stands for a value that only a real run would know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Unknown:
    """What a task returns in a simulation. It can be mapped over: it counts as a list of so many unknown elements.

    Args:
        name: whose value it is, such as `load-1`, or `load-1[0]` for the first child or the first element.
        length: how many elements it has.
    """

    __slots__ = ("length", "name")

    def __init__(self, name: str, length: int) -> None:
        self.name = name
        self.length = length

    def __repr__(self) -> str:
        return f"<Unknown: value of {self.name}>"

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Unknown]:
        return (self[index] for index in range(self.length))

    def __getitem__(self, index: int) -> Unknown:
        """An element. There is always one: in a map, lists whose length is known say how many are needed."""
        return Unknown(f"{self.name}[{index}]", self.length)


def holds_unknown(value: Any) -> bool:
    """Is a value unknown, or is something in it?"""
    if isinstance(value, Mapping):
        return any(holds_unknown(each) for pair in value.items() for each in pair)
    if type(value) in (list, tuple, set, frozenset):
        return any(map(holds_unknown, value))
    return isinstance(value, Unknown)
