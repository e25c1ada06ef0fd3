"""The Cache port: where the values of earlier runs are found, and its twin in memory.

```
cache ── key: what tasks have in common to share values ──▶ Shelf ── recipe ──▶ Cached
                                                              │
                 what a value was made from: inputs, parameters, code, place in the flow
```

A validator that is known tells which parts of a recipe it compares. The shelf keeps an index for each such choice, so
the value that fits is found at once among a million others.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from prefect.engine.cache_validators import Compared
from prefect.engine.state import Cached
from prefect.utilities.datetimes import utcnow
from prefect.utilities.hashing import digest

Digests: TypeAlias = Mapping[str, str | None]

EVERYTHING = Compared(None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a value is made from.

    Attributes:
        inputs: a digest of each input; None for one that no other process can recognize.
        parameters: a digest of each parameter of the flow run, likewise.
        code: a digest of each part of the task's code; None if tasks share their values whatever their code.
        code_digest: one digest of them all, likewise.
        place: where the task stands in its flow.
        map_index: which child of a mapped task.
    """

    inputs: Digests = field(default_factory=dict)
    parameters: Digests = field(default_factory=dict)
    code: Mapping[str, str] | None = None
    code_digest: str | None = None
    place: str | None = None
    map_index: int | None = None


def recipe_of(state: Cached) -> Recipe:
    """What the value of a cached state was made from."""
    facts = state.made_from or {}
    parameters = facts.get("parameters")
    if parameters is None:
        parameters = digests(state.cached_parameters or {})
    return Recipe(
        inputs=state.hashed_inputs or {},
        parameters=parameters,
        code=facts.get("code"),
        code_digest=facts.get("code_digest"),
        place=facts.get("place"),
        map_index=facts.get("map_index"),
    )


def digests(values: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: digest(value) for name, value in values.items()}


def fingerprint(recipe: Recipe, compared: Compared) -> Hashable:
    """What is the same of two recipes whose values a validator takes for each other.

    Tasks that compare all their inputs share values wherever they stand; the others might do different work.
    """
    return (
        chosen(recipe.inputs, compared.inputs),
        chosen(recipe.parameters, compared.parameters),
        recipe.code_digest,
        None if compared.inputs is None else (recipe.place, recipe.map_index),
    )


def chosen(values: Digests, names: frozenset[str] | None) -> Hashable:
    if names is None:
        return tuple(sorted(values.items()))
    return tuple(sorted((name, code) for name, code in values.items() if name in names)) if names else ()


class Shelf:
    """The cached states of one key, newest last; of two with the same recipe only the newer one stays."""

    def __init__(self) -> None:
        self._states: dict[Hashable, Cached] = {}
        self._last: dict[Hashable, Cached] = {}
        self._indexes: dict[Compared, dict[Hashable, Cached]] = {}
        self._tidy_at = 64

    def __len__(self) -> int:
        return len(self._states)

    def add(self, state: Cached) -> bool:
        """Keep a state. False if it, or an equal copy, is there already."""
        recipe = recipe_of(state)
        place = fingerprint(recipe, EVERYTHING), recipe.place, recipe.map_index
        known = self._states.get(place)
        if known is not None and known.cached_result_expiration == state.cached_result_expiration:
            return False
        self._states.pop(place, None)
        self._states[place] = self._last[recipe.place, recipe.map_index] = state
        for compared, index in self._indexes.items():
            index[fingerprint(recipe, compared)] = state
        if len(self._states) > self._tidy_at:
            self._drop_expired()
        return True

    def _drop_expired(self) -> None:
        """Done each time the shelf has doubled, so that it costs next to nothing."""
        now = utcnow()
        self._states = {place: state for place, state in self._states.items() if not expired(state, now)}
        self._last = {place: state for place, state in self._last.items() if not expired(state, now)}
        self._indexes = {}
        self._tidy_at = max(64, 2 * len(self._states))

    def find(self, recipe: Recipe, compared: Compared) -> Cached | None:
        """The newest state that was made from the same, as far as it is compared."""
        if compared not in self._indexes:
            states = list(self._states.values())
            self._indexes[compared] = {fingerprint(recipe_of(state), compared): state for state in states}
        return self._indexes[compared].get(fingerprint(recipe, compared))

    def last(self, recipe: Recipe) -> Cached | None:
        """The newest state of the same place in a flow, whatever it was made from."""
        return self._last.get((recipe.place, recipe.map_index))

    def newest(self) -> list[Cached]:
        """The states, newest first."""
        return list(reversed(self._states.values()))


def expired(state: Cached, now: datetime) -> bool:
    """May the value no longer be used?"""
    return state.cached_result_expiration is not None and state.cached_result_expiration <= now


class Cache(Protocol):
    """Keeps cached states for later runs."""

    def shelf(self, key: str) -> Shelf:
        """The states that tasks with this key share."""

    def add(self, key: str, state: Cached) -> bool:
        """Keep a state for later runs. False if it is there already."""

    def only(self, keys: Iterable[str]) -> Cache:
        """The same cache as far as these keys go, to be sent to a worker."""


class MemoryCache:
    """Keeps cached states for later runs of this process."""

    def __init__(self) -> None:
        self._shelves: dict[str, Shelf] = {}

    def shelf(self, key: str) -> Shelf:
        return self._shelves.setdefault(key, Shelf())

    def add(self, key: str, state: Cached) -> bool:
        return self._shelves.setdefault(key, Shelf()).add(state)

    def only(self, keys: Iterable[str]) -> MemoryCache:
        new = MemoryCache()
        new._shelves = {key: self.shelf(key) for key in keys}
        return new
