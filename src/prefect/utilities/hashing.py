"""A digest of any value, the same in every process, so that runs can tell whether they have seen the value before.

Values are walked, not pickled: pickles of equal values differ with the order of sets and with which parts are shared.

```
digest({"b": [1, 2.0], "a": {"x", "y"}})
code(value)   atoms       their type and exact content                i7fffffff   sabc
              containers  their type and the codes inside, hashed     dict and set: sorted by code
              others      how pickle would rebuild them, walked the same way
```

A value without a stable content has no digest (`None`) rather than a guessed one.
"""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable
from copyreg import dispatch_table
from enum import Enum
from hashlib import blake2b
from pathlib import PurePath
from types import FunctionType
from typing import Any

SIZE = 16


class Unstable(Exception):
    """Ends the walk: the value holds something that other processes cannot recognize."""


class Walk:
    """One walk over a value; it remembers the containers it has seen, so shared ones cost nothing and circles end."""

    def __init__(self) -> None:
        # The value is kept beside its code, so that no other value can get its id during the walk.
        self.seen: dict[int, tuple[Any, bytes | None]] = {}

    def code(self, value: Any) -> bytes:
        """What identifies a value: its first byte tells the kind."""
        atom = ATOMS.get(type(value))
        return atom(value) if atom else self.remembered(value)

    def remembered(self, value: Any) -> bytes:
        known = self.seen.get(id(value))
        if known is None:
            self.seen[id(value)] = (value, None)
            known = self.seen[id(value)] = (value, self.inner(value))
        if known[1] is None:
            raise Unstable("the value contains itself")
        return known[1]

    def inner(self, value: Any) -> bytes:
        container = CONTAINERS.get(type(value))
        if container:
            return container(self, value)
        return self.array(value) or self.table(value) or self.thing(value)

    def row(self, tag: str, *values: Any) -> bytes:
        """The code of some values in their order."""
        return hashed(tag, map(self.code, values))

    def items(self, value: dict[Any, Any]) -> bytes:
        return hashed("dict", sorted(self.row("item", *item) for item in value.items()))

    def array(self, value: Any) -> bytes | None:
        """A numpy array by its content, however it lies in memory."""
        numpy = sys.modules.get("numpy")
        if numpy is None or type(value) is not numpy.ndarray:
            return None
        content = value.tolist() if value.dtype.hasobject else value.tobytes()
        return self.row("array", repr(value.dtype.descr), value.shape, content)

    def table(self, value: Any) -> bytes | None:
        """A pandas object by its labels and columns."""
        pandas = sys.modules.get("pandas")
        if pandas is None or not hasattr(pandas, "DataFrame"):  # still being imported
            return None
        if isinstance(value, pandas.DataFrame):
            columns = [self.column(value.iloc[:, number]) for number in range(value.shape[1])]
            return self.row("frame", type(value), value.columns, value.index, columns, value.attrs)
        if isinstance(value, pandas.Series):
            return self.row("series", type(value), value.name, value.index, self.column(value), value.attrs)
        if isinstance(value, pandas.Index):
            return self.row("index", list(value.names), self.column(value))
        return None

    def column(self, column: Any) -> bytes:
        dtype = column.dtype
        if isinstance(dtype, sys.modules["numpy"].dtype):
            return self.row("column", column.to_numpy())
        categories = getattr(dtype, "categories", None)
        order = None if categories is None else (list(categories), dtype.ordered)
        return self.row("column", str(dtype), order, list(column))

    def thing(self, value: Any) -> bytes:
        """Everything else, by its name or by what pickle would store."""
        if isinstance(value, type | FunctionType):
            return named(value)
        if isinstance(value, Enum):
            return self.row("enum", type(value), value.value)
        if isinstance(value, PurePath):
            return self.row("path", type(value), os.fspath(value))
        if hasattr(type(value), "__next__"):
            raise Unstable("an iterator changes as it is used")
        if type(value) is object:
            raise Unstable("a bare object is only equal to itself")
        return self.rebuilt(value)

    def rebuilt(self, value: Any) -> bytes:
        recipe = reduced(value)
        if isinstance(recipe, str):
            return found(value, getattr(value, "__module__", None) or type(value).__module__, recipe)
        make, arguments, state, elements, items, setter = recipe + (None,) * (6 - len(recipe))
        if tells_address(value, arguments) or tells_address(value, state):
            raise Unstable("the value stores its own address")
        pairs: list[tuple[Any, Any]] = list(items or ())
        content = pairs if isinstance(value, OrderedDict) else dict(pairs)
        return self.row("thing", make, arguments, state, list(elements or ()), content, setter)


def digest(value: Any) -> str | None:
    """A digest that equal values of one type share in every process; None for a value without a stable content.

    Values that a task could tell apart, such as `1`, `True` and `1.0`, or one moment in two time zones, have different
    digests; only the order of dictionaries and sets does not count. Things are known by the name of their class, so
    the digest stays when the code of the class changes.
    """
    try:
        return blake2b(Walk().code(value), digest_size=SIZE).hexdigest()
    except Exception:  # a value may answer with any error when asked how to rebuild it
        return None


def hashed(tag: str, codes: Iterable[bytes]) -> bytes:
    """One code for many: each is preceded by its length, so none can be mistaken for the beginning of another."""
    state = blake2b(tag.encode(), digest_size=SIZE)
    for code in codes:
        state.update(b" %d " % len(code))
        state.update(code)
    return b"#" + state.digest()


def named(value: Any) -> bytes:
    """A class or function by its name, if that is how other processes find it."""
    if isinstance(value, FunctionType) and value.__module__ == "__main__":
        raise Unstable("each script has its own functions of this name")
    return found(value, value.__module__, value.__qualname__)


def found(value: Any, module: str, name: str) -> bytes:
    place: Any = sys.modules[module]
    for part in name.split("."):
        place = getattr(place, part)
    if place is not value:
        raise Unstable("the name leads to something else")
    return f"n{module}:{name}".encode()


def reduced(value: Any) -> Any:
    """How pickle would rebuild a value: a name, or a function with its arguments and the state to set."""
    reduce = dispatch_table.get(type(value))
    return reduce(value) if reduce else value.__reduce_ex__(4)


def tells_address(value: Any, parts: Any) -> bool:
    """Whether the value was told where in memory it lies, as in `self.label = repr(self)`."""
    inside = parts.values() if type(parts) is dict else parts if type(parts) is tuple else ()
    return any(part == id(value) for part in inside if type(part) is int) or any(
        f"{id(value):x}" in part for part in inside if type(part) is str
    )


def float_code(value: float) -> bytes:
    return b"f" + value.hex().encode()


ATOMS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda value: b"-",
    bool: lambda value: b"t" if value else b"u",
    int: lambda value: b"i%x" % value,
    float: float_code,
    complex: lambda value: b"c" + float_code(value.real) + float_code(value.imag),
    str: lambda value: b"s" + value.encode("utf-8", "surrogatepass"),
    bytes: lambda value: b"b" + value,
}

CONTAINERS: dict[type, Callable[[Walk, Any], bytes]] = {
    list: lambda walk, value: walk.row("list", *value),
    tuple: lambda walk, value: walk.row("tuple", *value),
    dict: Walk.items,
    set: lambda walk, value: hashed("set", sorted(map(walk.code, value))),
    frozenset: lambda walk, value: hashed("frozenset", sorted(map(walk.code, value))),
}
