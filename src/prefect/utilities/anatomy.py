"""What a thing consists of when it is pickled, and the path to each of its parts.

```
load.run → closure 'db' → .engine.pool._lock
     │          │           └───────┴────┴──── attributes
     │          └──── what the function closes over
     └──── an attribute again: the function
```

cloudpickle itself is asked how it would take a thing apart. So what travels by its name alone, such as the functions of
an installed module, has no parts, and neither has what a `__getstate__` leaves out.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from io import BytesIO
from reprlib import Repr
from types import CellType, FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodType
from typing import Any, Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal[
    "attribute",  # of an object, class or module
    "item",  # of a sequence or mapping, by its index or key
    "key",  # of a mapping, itself
    "element",  # of a set
    "closure",  # of a function: a variable of the one around it
    "global",  # of a function: a variable of its module that it uses
    "default",  # of an argument of a function
    "annotation",  # of an argument of a function
    "argument",  # of a task: a value that it is called with
    "class",  # of an object: its methods and the other attributes of all its instances
    "content",  # of a thing that wraps a list or dict: that one
    "piece",  # of what `__reduce__` returns, by the indices that lead there
]

WORDED = frozenset({"key", "element", "closure", "global", "default", "annotation", "argument"})
SILENT = frozenset({"class", "content"})  # what comes after them is reached from the thing itself
LONGEST = 16
SHORT = Repr()
SHORT.maxother = SHORT.maxstring = 60


class Step(NamedTuple):
    """One step on the path to a part."""

    kind: Kind
    key: Any = None

    def __str__(self) -> str:
        if self.kind in SILENT:
            return ""
        if self.kind == "attribute":
            return f".{self.key}"
        if self.kind == "item":
            return f"[{SHORT.repr(self.key)}]"
        if self.kind == "piece":
            return f".__reduce__(){''.join(f'[{index}]' for index in self.key)}"
        return f"{self.kind} {SHORT.repr(self.key)}"


Path: TypeAlias = tuple[Step, ...]
Spot: TypeAlias = tuple[int, ...]


class Parts(NamedTuple):
    """Parts of one kind; their steps are made for those only that somebody asks for, for there may be millions."""

    values: Sequence[Any]
    step: Callable[[int], Step]


def written(name: str, path: Path) -> str:
    """A path as people read it, from the name of the thing where it begins; the middle of a long one is left out."""
    if len(path) <= LONGEST:
        return joined(name, path)
    head, tail = path[: LONGEST // 2], path[-LONGEST // 4 :]
    return f"{joined(name, head)} … {joined('', tail)}"


def joined(text: str, path: Path) -> str:
    arrow = False
    for step in path:
        word = step.kind in WORDED
        text += f" → {step}" if word or (arrow and step.kind not in SILENT) else str(step)
        arrow = word or (arrow and step.kind in SILENT)
    return text


# --- taking apart -----------------------------------------------------------------------------------------------------


def parts(thing: Any) -> Iterator[Parts]:
    """The parts of a thing; it may answer with any error when it is asked for them."""
    kind = type(thing)
    if kind in (list, tuple):
        yield Parts(thing, partial(Step, "item"))
    elif kind is dict:
        yield from entries(thing.items())
    else:
        yield from recipe_parts(thing, recipe(thing))


def recipe(thing: Any) -> Any:
    """How cloudpickle would have a thing rebuilt: a function, its arguments, and what to set afterwards."""
    pickler = import_module("cloudpickle").Pickler(BytesIO())
    found = pickler.reducer_override(thing)
    if found is not NotImplemented:
        return found
    if isinstance(thing, type | FunctionType):
        return thing.__qualname__  # it travels by its name
    reduce = pickler.dispatch_table.get(type(thing))
    return reduce(thing) if reduce else thing.__reduce_ex__(pickle.HIGHEST_PROTOCOL)


def recipe_parts(thing: Any, found: Any) -> Iterator[Parts]:
    if not isinstance(found, tuple):
        return
    make, arguments, state, elements, pairs, setter = found + (None,) * (6 - len(found))
    if isinstance(thing, FunctionType):
        yield from function_parts(thing, *state)
        return
    known = is_attributes(state)
    yield from of_attributes(state if known else None)
    if is_collection(thing):
        yield from elements_and_class(thing)
        return
    yield Parts(list(elements or ()), partial(Step, "item"))
    yield from entries(pairs or ())
    yield pieces(thing, [make, arguments, None if known else state, None, None, setter])


def function_parts(function: FunctionType, own: Mapping[str, Any], slots: Mapping[str, Any]) -> Iterator[Parts]:
    """The parts of a function that travels by value."""
    yield by_name("closure", closure_of(function))
    yield by_name("default", defaults_of(function))
    yield by_name("global", slots["__globals__"])
    yield by_name("annotation", slots.get("__annotations__") or {})
    yield by_name("attribute", own)


def closure_of(function: FunctionType) -> dict[str, Any]:
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells if not is_empty(cell)}


def defaults_of(function: FunctionType) -> dict[str, Any]:
    code, last = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(last) : code.co_argcount]
    return {**dict(zip(names, last, strict=True)), **(function.__kwdefaults__ or {})}


def is_empty(cell: CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return True
    return False


def of_attributes(state: Any) -> Iterator[Parts]:
    """The attributes in the state of an object: a dict, or a pair with a second one for its slots."""
    for attributes in state if type(state) is tuple else (state,):
        yield by_name("attribute", attributes or {})


def is_attributes(state: Any) -> bool:
    if type(state) is tuple:
        return len(state) == 2 and all(each is None or is_attributes(each) for each in state)
    return type(state) is dict and all(isinstance(key, str) for key in state)


def by_name(kind: Kind, values: Mapping[str, Any]) -> Parts:
    """Parts that have names; those with private names come last."""
    names = sorted(values, key=lambda name: name.startswith("_"))
    return Parts([values[name] for name in names], lambda number: Step(kind, names[number]))


def entries(pairs: Iterable[tuple[Any, Any]]) -> Iterator[Parts]:
    pairs = list(pairs)
    keys = [key for key, _ in pairs]
    yield Parts([value for _, value in pairs], lambda number: Step("item", keys[number]))
    yield Parts(keys, lambda number: Step("key", keys[number]))


def is_collection(thing: Any) -> bool:
    """Is this a set or tuple, or of a subclass that travels like one?"""
    return isinstance(thing, set | frozenset | tuple) and type(thing).__reduce__ in REDUCES


REDUCES = (object.__reduce__, set.__reduce__, frozenset.__reduce__)


def elements_and_class(thing: Any) -> Iterator[Parts]:
    elements = list(thing)
    yield Parts(elements, lambda number: field(thing, number, elements[number]))
    yield Parts([type(thing)], lambda number: Step("class"))


def field(thing: Any, number: int, element: Any) -> Step:
    if not isinstance(thing, tuple):
        return Step("element", element)
    names = getattr(type(thing), "_fields", None)
    return Step("item", number) if names is None else Step("attribute", names[number])


# --- what `__reduce__` makes up ---------------------------------------------------------------------------------------


def pieces(thing: Any, found: Sequence[Any]) -> Parts:
    """The pieces of a recipe, and the elements of tuples in it: most are parts under another name."""
    spots = [each for number, piece in enumerate(found) for each in opened(thing, piece, (number,))]
    return Parts([piece for _, piece in spots], lambda number: origin(thing, *spots[number]))


def opened(thing: Any, piece: Any, spot: Spot) -> Iterator[tuple[Spot, Any]]:
    """A piece, or what is in it if it was made for the recipe only, each with the indices that lead there."""
    if type(piece) is not tuple or attribute_of(thing, piece) is not None:
        yield spot, piece
        return
    for number, each in enumerate(piece):
        yield from opened(thing, each, (*spot, number))


def origin(thing: Any, spot: Spot, piece: Any) -> Step:
    """Where people find a piece of a recipe in the thing."""
    if piece is type(thing):
        return Step("class")
    name = attribute_of(thing, piece)
    if name is not None:
        return Step("attribute", name)
    if type(piece) in (list, dict) and isinstance(thing, Iterable):
        return Step("content")
    return Step("piece", spot)


def attribute_of(thing: Any, value: Any) -> str | None:
    return next((name for name, each in attributes(thing) if each is value), None)


def attributes(thing: Any) -> Iterator[tuple[str, Any]]:
    """The attributes that are kept rather than worked out: looking at them runs no code of the user."""
    for kind in type(thing).__mro__:
        for name, each in vars(kind).items():
            if not isinstance(each, GetSetDescriptorType | MemberDescriptorType):
                continue
            with suppress(Exception):  # a slot may be empty
                value = each.__get__(thing)
                yield from value.items() if name == "__dict__" else [(name, value)]


# --- what is one thing to people --------------------------------------------------------------------------------------


def is_plain(thing: Any) -> bool:
    """Is a thing nothing but its parts, such as a list, a function or an object with attributes, unlike a table?"""
    kind = type(thing)
    if kind in (list, tuple, dict, set, frozenset) or isinstance(thing, type | FunctionType | MethodType | partial):
        return True
    own = ("__reduce_ex__", "__reduce__", "__getstate__")
    usual = all(getattr(kind, name) is getattr(object, name) for name in own)
    return usual and not hasattr(kind, "__getnewargs__") and not hasattr(kind, "__getnewargs_ex__")
