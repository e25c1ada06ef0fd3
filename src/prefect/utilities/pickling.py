"""The pickle doctor: finds what keeps a thing from travelling to another process.

```
load.run → closure 'db' → .engine.pool._lock: _thread.lock (flows.py:12);
           make it inside `run`, or use a resource manager
```

Whether something can travel is tried, not guessed: it is pickled and read back. Where that fails, it is tried for each
part; a thing that fails although all its parts are fine is what the doctor looks for.

```
load ✗ ─┬─ .name ✓
        └─ .run ✗ ── closure 'db' ✗ ─┬─ .url ✓
                                     └─ ._lock ✗   no parts: here it is
```

The parts of a long list are tried in halves, so that a million good ones next to a bad one take two dozen tries.
"""

from __future__ import annotations

import inspect
import os
import pickle
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple, TypeAlias

from prefect.exceptions import PrefectSignal
from prefect.utilities.anatomy import Parts, Step, attributes, is_plain, parts, written
from prefect.utilities.texts import text_of

MOST_OBSTACLES = 100
MOST_IN_ONE = 10  # parts of one list, say, that are followed; the others are most likely of the same kind
MOST_LOOKED_INTO = 300
DEEPEST = 200  # a path that is longer leads round and round, or down a chain that pickle cannot follow either

LIBRARIES = (os.path.dirname(os.__file__), str(Path(__file__).parents[1]))

UNEXPECTED = (Exception, SystemExit, PrefectSignal)
"""What pickling may raise: that is up to the code of the value."""

Guilty: TypeAlias = Callable[[Any], bool]


@dataclass(frozen=True, slots=True, repr=False)
class Obstacle:
    """A thing that cannot travel to another process.

    Attributes:
        name: what the path begins at.
        path: the steps from there to the thing.
        type: of the thing.
        problem: what happens when it travels.
        remedy: what to do.
        where: file and line of the function or class that holds it; None if that is code of a library.
    """

    name: str
    path: tuple[Step, ...]
    type: str
    problem: str
    remedy: str
    where: str | None

    @property
    def place(self) -> str:
        """The path in one line."""
        return written(self.name, self.path)

    @property
    def brief(self) -> str:
        """The path, the type and, unless it can just not be pickled, the problem."""
        return f"{self.place}: {self.type}" + (f", {self.problem}" if self.problem else "")

    def __str__(self) -> str:
        return f"{self.brief}{f' ({self.where})' if self.where else ''}; {self.remedy}"

    def __repr__(self) -> str:
        return f"<Obstacle: {self}>"


class Trail(NamedTuple):
    """A thing, the path to it, and what lies on the path before it."""

    thing: Any
    path: tuple[Step, ...] = ()
    holders: tuple[Any, ...] = ()


class Failure(NamedTuple):
    """Why a thing cannot travel."""

    error: BaseException
    reading: bool


def explain_pickling(obj: Any, name: str | None = None) -> list[Obstacle]:
    """What keeps a value, a function, a task or a flow from travelling to another process.

    It is pickled and read back here, in parts, which calls what its classes define for that. Of many things of a kind
    in one list only the first are named.

    Args:
        obj: what is to travel.
        name: what the paths begin with; by default its own name.

    Returns:
        One obstacle for each thing that cannot travel, the nearest first; an empty list if all can.
    """
    return obstacles(Trail(obj), name or name_of(obj))


def why_unpicklable(obj: Any, name: str | None = None) -> str | None:
    """The path to the first thing that cannot travel, and its type, in one line; None if there is none."""
    found = explain_pickling(obj, name)
    return found[0].brief if found else None


def obstacles(start: Trail, name: str) -> list[Obstacle]:
    """See `explain_pickling`; the search may start inside something, with a path and holders before it."""
    if failure(start.thing) is None:
        return []
    found = list(islice(culprits(start, lambda thing: failure(thing) is not None), MOST_OBSTACLES))
    return [described(trail, name) for trail in found or [start]]  # none: it fails as a whole, such as by a circle


# --- trying -----------------------------------------------------------------------------------------------------------


def failure(value: Any) -> Failure | None:
    """Pickle a value and read it back; None if that works."""
    buffers: list[pickle.PickleBuffer] = []  # arrays lend their memory, so that it is not copied
    reading = False
    try:
        data = import_module("cloudpickle").dumps(value, pickle.HIGHEST_PROTOCOL, buffer_callback=buffers.append)
        reading = True
        pickle.loads(data, buffers=buffers)
    except UNEXPECTED as error:
        return Failure(error, reading)
    return None


def weight(value: Any) -> int | None:
    """How many bytes a value has when it travels; None if it cannot be pickled."""
    scale = Scale()
    try:
        import_module("cloudpickle").Pickler(scale, pickle.HIGHEST_PROTOCOL, buffer_callback=scale.lay).dump(value)
    except UNEXPECTED:
        return None
    return scale.total


class Scale:
    """A file that counts what is written to it, and keeps nothing."""

    def __init__(self) -> None:
        self.total = 0

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self.total += size
        return size

    def lay(self, buffer: pickle.PickleBuffer) -> None:
        self.total += buffer.raw().nbytes


# --- searching --------------------------------------------------------------------------------------------------------


def heavy_parts(start: Trail, limit: int) -> Iterator[tuple[Trail, int]]:
    """What weighs more than so many bytes while no part of it does; what is one thing to people is not opened."""

    def is_heavy(thing: Any) -> bool:
        size = weight(thing)
        return size is None or size > limit  # what cannot be weighed may hold something heavy

    if not is_heavy(start.thing):
        return
    for trail in culprits(start, is_heavy, is_plain):
        size = weight(trail.thing)
        if size is not None:
            yield trail, size


def culprits(start: Trail, guilty: Guilty, opens: Guilty = lambda thing: True) -> Iterator[Trail]:
    """The guilty things without a guilty part, each once by the shortest path; the start has to be guilty."""
    seen = {id(start.thing): start.thing}  # kept, so that nothing new gets the same id
    queue = deque([start])
    while queue and len(seen) < MOST_LOOKED_INTO:
        trail = queue.popleft()
        inside = list(guilty_parts(trail, guilty)) if len(trail.path) < DEEPEST and opens(trail.thing) else []
        if not inside:
            yield trail
        for each in inside:
            if id(each.thing) not in seen:
                seen[id(each.thing)] = each.thing
                queue.append(each)


def guilty_parts(trail: Trail, guilty: Guilty) -> Iterator[Trail]:
    holders = (*trail.holders, trail.thing)
    for group in taken_apart(trail.thing):
        for number in islice(picked(group.values, guilty), MOST_IN_ONE):
            yield Trail(group.values[number], (*trail.path, group.step(number)), holders)


def taken_apart(thing: Any) -> list[Parts]:
    try:
        return list(parts(thing))
    except UNEXPECTED:  # it cannot even say what it consists of
        return []


def picked(values: Sequence[Any], guilty: Guilty, first: int = 0) -> Iterator[int]:
    """The numbers of the guilty among some values: halves without guilt are passed over as a whole."""
    if len(values) == 1:
        if guilty(values[0]):
            yield first
        return
    if not values or not guilty(list(values)):
        return
    half = len(values) // 2
    yield from picked(values[:half], guilty, first)
    yield from picked(values[half:], guilty, first + half)


# --- telling ----------------------------------------------------------------------------------------------------------


def described(trail: Trail, name: str) -> Obstacle:
    problem, remedy = diagnosis(trail.thing, failure(trail.thing))
    return Obstacle(name, trail.path, type_name(trail.thing), problem, remedy, source_of(trail))


def diagnosis(thing: Any, found: Failure | None) -> tuple[str, str]:
    """What is wrong with a thing, and what to do."""
    if found is not None and isinstance(root_cause(found.error), RecursionError):
        return "which is nested too deeply", "keep it flatter, such as in one list"
    if found is not None and found.reading:
        return f"which can be pickled but not read back: {in_short(found.error)}", remedy_for_reading(thing)
    if hasattr(type(thing), "__next__"):
        return "", "make a list of what it yields"
    problem = "" if found is None or is_usual(found.error) else f"which cannot be pickled: {in_short(found.error)}"
    return problem, "make it inside `run`, or use a resource manager"


def remedy_for_reading(thing: Any) -> str:
    if isinstance(thing, BaseException):
        return "let its `__init__` accept its own `args`, or give it a `__reduce__`"
    return "make what its `__reduce__` or `__getstate__` returns fit its class"


def root_cause(error: BaseException) -> BaseException:
    return error.__cause__ or error


def is_usual(error: BaseException) -> bool:
    """Does an error only say that there is no way to pickle things of this type?"""
    return type(error) is TypeError and text_of(error).startswith("cannot pickle")


def in_short(error: BaseException) -> str:
    text = text_of(error).partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def type_name(thing: Any) -> str:
    kind = type(thing)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def name_of(thing: Any) -> str:
    """What people call a thing: its own name, or else that of its class."""
    own = dict(attributes(thing))
    name = thing.__name__ if isinstance(thing, type | FunctionType) else own.get("name") or own.get("__name__")
    if isinstance(name, str):
        return name
    return "value" if type(thing).__module__ == "builtins" else type(thing).__name__


def source_of(trail: Trail) -> str | None:
    """File and line of the innermost function on the way to a thing, or else of the innermost class of the user."""
    around = [code_of(each) for each in reversed((*trail.holders, trail.thing))]
    functions = [each for each in around if isinstance(each, FunctionType)]
    if functions:
        return f"{functions[0].__code__.co_filename}:{functions[0].__code__.co_firstlineno}"
    return next(filter(None, map(class_source, around)), None)


def code_of(thing: Any) -> Any:
    """The function or class that people wrote for a thing; that of `@task` is what it was put on."""
    if isinstance(thing, type | FunctionType):
        return thing
    wrapped = dict(attributes(thing)).get("__wrapped__")
    return wrapped if isinstance(wrapped, FunctionType) else type(thing)


def class_source(kind: type) -> str | None:
    try:
        file, (_, line) = inspect.getsourcefile(kind) or "", inspect.getsourcelines(kind)
    except UNEXPECTED:  # it was not written in Python, or its source is gone
        return None
    return None if is_library(file) else f"{file}:{line}"


def is_library(file: str) -> bool:
    """Is this code that people do not change, such as that of Python or of an installed package?"""
    return file.startswith(LIBRARIES) or "site-packages" in file or "dist-packages" in file
