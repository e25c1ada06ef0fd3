"""Mapping, as pure functions: how wide a map is, and what each child gets.

Each edge into a mapped task is a *source* of states for its children:

| the edge | and the upstream task | child n gets |
|---|---|---|
| unmapped | any | the upstream state, whole |
| mapped | not mapped | element n of its result |
| mapped | mapped | the state of its child n: a *lane* |
| flattened | any | as above, after the sequences in its result were joined into one |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from prefect.engine.result.released import Released
from prefect.engine.signals import PrefectStateSignal
from prefect.engine.state import Failed, Mapped, State, Success
from prefect.exceptions import UnmappableError
from prefect.utilities.texts import repr_of

if TYPE_CHECKING:
    from prefect.core.edge import Edge


class Source(Protocol):
    """Where the children of a mapped task find the upstream state of one edge."""

    def __getitem__(self, index: int) -> State: ...


class Whole:
    """Every child gets the same state."""

    __slots__ = ("state",)

    def __init__(self, state: State) -> None:
        self.state = state

    def __getitem__(self, index: int) -> State:
        return self.state


class Elements:
    """Each child gets one element of a value."""

    __slots__ = ("values",)

    def __init__(self, values: Any) -> None:
        self.values = values

    def __getitem__(self, index: int) -> State:
        try:
            return Success.made(self.values[index])
        except Exception as error:  # of a class that only looks like a sequence
            return Failed(f"Element {index} cannot be read: {repr_of(error)}", result=error)

    def stretch(self, indices: range) -> Source:
        """The elements of neighbours: sliced at once where that is known to work."""
        if type(self.values) in (list, tuple, range):
            return Elements(self.values[indices.start : indices.stop])
        return [self[index] for index in indices]


class Stream:
    """Each child gets one element of an iterator, drawn when its turn comes, and kept until the child is over.

    Args:
        iterator: what it draws from.
        inside: opens a block in which the code of the iterator finds what it would find in a run of its task.

    Attributes:
        over: is there nothing more to draw?
        count: how many elements were drawn.
    """

    def __init__(
        self, iterator: Iterator[Any], inside: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self.iterator = iterator
        self.inside = inside
        self.over = False
        self.count = 0
        self._kept: dict[int, State] = {}

    def __repr__(self) -> str:
        return f"<Stream: {self.count} elements drawn{', and no more to come' if self.over else ''}>"

    def draw(self, count: int, seconds: float = math.inf) -> int:
        """Draw until there were so many elements, or, if that takes longer, for so many seconds; the count now."""
        end = perf_counter() + seconds
        with self.inside():
            while not self.over and self.count < count:
                self._draw_one()
                if perf_counter() > end:
                    break
        return self.count

    def _draw_one(self) -> None:
        try:
            self._keep(Success.made(next(self.iterator)))
        except StopIteration:
            self.over = True
        except (
            Exception,
            SystemExit,
            GeneratorExit,
            PrefectStateSignal,
        ) as error:  # it ends, one child tells
            self.over = True
            self._keep(self._broken(error))

    def _broken(self, error: BaseException) -> State:
        if isinstance(error, PrefectStateSignal) and error.state.is_finished():
            return error.state
        return Failed(f"The iterator failed after {self.count} elements: {repr_of(error)}", result=error)

    def _keep(self, state: State) -> None:
        self._kept[self.count] = state
        self.count += 1

    def __getitem__(self, index: int) -> State:
        return self._kept[index]

    def forget(self, index: int) -> None:
        """The child is over, so its element is not needed any more."""
        self._kept.pop(index, None)


def is_iterator(state: State) -> bool:
    """Is the value of a task an iterator, whose elements come one by one and once?"""
    return type(state) is Success and type(state._held) is not Released and hasattr(type(state.result), "__next__")


def stream_of(state: State) -> Stream | None:
    """The stream that is the value of a state, if it is one."""
    if type(state) is not Success or type(state._held) is Released:
        return None
    return state.result if isinstance(state.result, Stream) else None


class Part:
    """What some children get, without the rest: to be sent to where they run.

    Attributes:
        first: the index of the first of them.
        source: what they get, counted from there.
    """

    __slots__ = ("first", "source")

    def __init__(self, first: int, source: Source) -> None:
        self.first = first
        self.source = source

    def __getitem__(self, index: int) -> State:
        return self.source[index - self.first]


def part_of(source: Source, indices: Sequence[int]) -> Source:
    """A source for these children alone.

    Children that come back late may have any indices; what lies between them is left out.
    """
    if isinstance(source, Whole):
        return source
    if not isinstance(indices, range):
        return {index: source[index] for index in indices}
    if isinstance(source, Elements):
        return Part(indices.start, source.stretch(indices))
    return Part(indices.start, [source[index] for index in indices])


def sources_of(upstream_states: Mapping[Edge, State]) -> list[tuple[Edge, Source]]:
    """For each edge into a mapped task, where its children find their upstream states."""
    return [(edge, source_of(edge, state)) for edge, state in upstream_states.items()]


def source_of(edge: Edge, state: State) -> Source:
    if not edge.mapped and isinstance(state, Mapped) and plainly_successful(state.map_states):
        return Whole(Success.made(state.result))  # put together once, not for every child
    if not edge.mapped or not state.is_successful():
        return Whole(state)
    if isinstance(state, Mapped):
        return state.map_states
    if isinstance(state.result, Stream):
        return state.result
    return Elements(elements(state.result))


def plainly_successful(children: Sequence[State]) -> bool:
    """Do triggers see the same in one success as in these? Not if there are none: that says nothing at all."""
    return bool(children) and all(type(child) is Success for child in children)


def width(upstream_states: Mapping[Edge, State]) -> int:
    """How many children a mapped task has: as many as its shortest mapped input has elements.

    Raises:
        UnmappableError: there is nothing to count.
    """
    widths = [measure(edge, state) for edge, state in upstream_states.items() if edge.mapped and state.is_successful()]
    if not widths:
        raise UnmappableError("No task to map over succeeded, so the number of children is not known.")
    return min(widths)


def all_skipped(upstream_states: Mapping[Edge, State]) -> bool:
    """Was every task to map over skipped?"""
    return all(state.is_skipped() for edge, state in upstream_states.items() if edge.mapped)


def measure(edge: Edge, state: State) -> int:
    if isinstance(state, Mapped):
        return state.n_map_states
    value = state.result
    if isinstance(value, Stream):
        return value.count
    if (
        isinstance(value, (Mapping, set, frozenset))
        or not hasattr(value, "__getitem__")
        or not hasattr(value, "__len__")
    ):
        raise UnmappableError(
            f"{edge.downstream_task!r} cannot be mapped over the result of {edge.upstream_task!r}, "
            f"which is of type {type(value).__name__}: its elements have no order or cannot be counted. "
            f"{remedy(value)}"
        )
    return len(value)


def remedy(value: Any) -> str:
    if isinstance(value, Mapping):
        return "Return `list(d.items())`, or the list of its keys or values."
    if hasattr(value, "__iter__"):
        return "Return `list(...)` or `sorted(...)` of it."
    return "Return a list, or use `unmapped(...)` to give the value to every child."


def elements(value: Any) -> Any:
    """Something to take the elements of a value from by position; pandas objects count by row."""
    return value.iloc if hasattr(value, "iloc") else value


def flattened(state: State) -> State:
    """The upstream state as it is seen through a flattened edge."""
    if not state.is_successful() or state.is_skipped():
        return state
    if isinstance(state, Mapped):
        return Mapped(state.message, map_states=[each for child in state.map_states for each in spread(child)])
    try:
        return Success(state.message, result=joined(state.result))
    except Exception as error:  # of an iterator that the task returned
        return Failed(f"The result cannot be flattened: {repr_of(error)}", result=error)


def joined(value: Any) -> Any:
    """A sequence of sequences as one list; anything else stays as it is."""
    try:
        return [inner for outer in value for inner in outer]
    except TypeError:
        return value


def spread(child: State) -> Sequence[State]:
    """A child as one state for each element of its result; one without elements in order stays as it is."""
    value = child.result
    if not child.is_successful() or child.is_skipped():
        return [child]
    if isinstance(value, Mapping) or not hasattr(value, "__len__") or not hasattr(value, "__getitem__"):
        return [child]
    items = Elements(elements(value))
    return [items[index] for index in range(len(value))]


def children_given(state: State | None, count: int) -> list[State | None]:
    """The states that children bring along from an earlier pass: too many are cut, missing ones are None."""
    given = state.map_states[:count] if isinstance(state, Mapped) else []
    return [*given, *([None] * (count - len(given)))]
