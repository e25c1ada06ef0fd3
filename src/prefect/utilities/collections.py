"""Dictionaries and sequences in other shapes: nested, flat, with attributes, as an ordered set."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Set
from typing import Any, TypeVar

from prefect.exceptions import TaskSettingTypeError

T = TypeVar("T", bound=Hashable)


class DotDict(dict[str, Any]):
    """A dictionary whose keys are attributes too."""

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(
                f"There is no key {key!r}; there are: {', '.join(map(str, self)) or 'none'}."
            ) from None

    def __setattr__(self, key: str, value: Any) -> None:
        if hasattr(type(self), key):
            raise AttributeError(f"{key!r} is a method of dictionaries: set it as an item, with [{key!r}] = ….")
        self[key] = value

    def __delattr__(self, key: str) -> None:
        try:
            del self[key]
        except KeyError:
            raise AttributeError(f"There is no key {key!r} to delete.") from None

    def copy(self) -> DotDict:
        return type(self)(self)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dictionaries, at every level."""
        plain: dict[str, Any] = as_nested_dict(self, dict)
        return plain


def merge_dicts(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> dict[Any, Any]:
    """A new dictionary of both, in which `b` wins, key by key at every level."""
    merged = {**a, **b}
    for key, value in merged.items():
        if isinstance(value, Mapping):
            below = a.get(key)
            merged[key] = merge_dicts(below if isinstance(below, Mapping) and key in b else {}, value)
    return merged


def as_nested_dict(obj: Any, dct_class: Callable[[dict[Any, Any]], Any] = DotDict) -> Any:
    """The same data with every dictionary in it, also those in lists, tuples and sets, turned into `dct_class`."""
    if isinstance(obj, Mapping):
        return dct_class({key: as_nested_dict(value, dct_class) for key, value in obj.items()})
    if type(obj) in (list, tuple, set):
        return type(obj)(as_nested_dict(item, dct_class) for item in obj)
    return obj


class CompoundKey(tuple[Any, ...]):
    """The keys that lead to a value in nested dictionaries, outermost first."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<CompoundKey: {'.'.join(map(str, self))}>"


def dict_to_flatdict(dct: Mapping[Any, Any], parent: tuple[Any, ...] = ()) -> dict[CompoundKey, Any]:
    """One dictionary for all levels, under compound keys. A nested dictionary without keys stays a value."""
    flat: dict[CompoundKey, Any] = {}
    for key, value in dct.items():
        path = CompoundKey((*parent, key))
        flat.update(dict_to_flatdict(value, path) if isinstance(value, Mapping) and value else {path: value})
    return flat


def flatdict_to_dict(flat: Mapping[Any, Any], dct_class: Callable[[dict[Any, Any]], Any] = dict) -> Any:
    """The nested dictionaries that `dict_to_flatdict` flattened."""
    root: dict[Any, Any] = {}
    for path, value in flat.items():
        table = root
        for key in path[:-1]:
            table = table.setdefault(key, {})
        table[path[-1]] = value
    return as_nested_dict(root, dct_class)


def flatten_seq(seq: Iterable[Any]) -> Iterator[Any]:
    """The elements of nested iterables, one after the other; strings and bytes count as elements."""
    if not is_nest(seq):
        raise TaskSettingTypeError(f"{seq!r} has no elements to flatten: give a list or another iterable.")
    for item in seq:
        if is_nest(item):
            yield from flatten_seq(item)
            continue
        yield item


def is_nest(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


class OrderedView(Set[T]):
    """The keys of a dictionary as a set that cannot be changed, follows the dictionary and keeps its order.

    It compares with and combines like any set; what comes out of that is a plain `set`.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[T, Any]) -> None:
        self._keys = keys

    def __contains__(self, item: object) -> bool:
        return item in self._keys

    def __iter__(self) -> Iterator[T]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"{{{', '.join(map(repr, self))}}}" if self else "set()"

    @classmethod
    def _from_iterable(cls, items: Iterable[Any]) -> set[Any]:
        return set(items)

    def union(self, *others: Iterable[Any]) -> set[Any]:
        return set(self).union(*others)

    def intersection(self, *others: Iterable[Any]) -> set[T]:
        return set(self).intersection(*others)

    def difference(self, *others: Iterable[Any]) -> set[T]:
        return set(self).difference(*others)

    def symmetric_difference(self, other: Iterable[Any]) -> set[Any]:
        return set(self).symmetric_difference(other)

    def issubset(self, other: Iterable[Any]) -> bool:
        return set(self).issubset(other)

    def issuperset(self, other: Iterable[Any]) -> bool:
        return all(item in self for item in other)

    def copy(self) -> set[T]:
        return set(self)
