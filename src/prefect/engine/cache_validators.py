"""When may a cached value stand in for a run?

A validator is a function `(state, inputs, parameters) -> bool` over the cached state, the raw inputs of the task and
the parameters of the flow run. Of those in this module `compared` tells what they look at, so that the engine can find
the value that fits without asking for each, and can say what changed if none does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias

from prefect.utilities.hashing import digest


class CachedState(Protocol):
    """What validators look at in a cached state."""

    @property
    def cached_result_expiration(self) -> datetime | None: ...

    @property
    def hashed_inputs(self) -> Mapping[str, str | None] | None: ...

    @property
    def cached_parameters(self) -> Mapping[str, Any] | None: ...


Values: TypeAlias = Mapping[str, Any] | None
Validator: TypeAlias = Callable[[CachedState, Values, Values], bool]


def never_use(state: CachedState, inputs: Values, parameters: Values) -> bool:
    """Never take the cached value."""
    return False


def duration_only(state: CachedState, inputs: Values, parameters: Values) -> bool:
    """Take the cached value until it expires."""
    expiration = state.cached_result_expiration
    return expiration is None or expiration > datetime.now(UTC)


def all_inputs(state: CachedState, inputs: Values, parameters: Values) -> bool:
    """Take the cached value until it expires, if it was made from the same inputs."""
    return duration_only(state, inputs, parameters) and same_inputs(state.hashed_inputs or {}, inputs or {})


def all_parameters(state: CachedState, inputs: Values, parameters: Values) -> bool:
    """Take the cached value until it expires, if it was made with the same parameters."""
    return duration_only(state, inputs, parameters) and same_values(state.cached_parameters or {}, parameters or {})


def partial_inputs_only(validate_on: Iterable[str] | None = None) -> Validator:
    """A validator that compares the inputs of these names only; without names it compares none."""
    return partial(partial_inputs, chosen(validate_on))


def partial_inputs(names: frozenset[str], state: CachedState, inputs: Values, parameters: Values) -> bool:
    hashed, now = only(names, state.hashed_inputs), only(names, inputs)
    return duration_only(state, inputs, parameters) and same_inputs(hashed, now)


def partial_parameters_only(validate_on: Iterable[str] | None = None) -> Validator:
    """A validator that compares the parameters of these names only; without names it compares none."""
    return partial(partial_parameters, chosen(validate_on))


def partial_parameters(names: frozenset[str], state: CachedState, inputs: Values, parameters: Values) -> bool:
    cached, now = only(names, state.cached_parameters), only(names, parameters)
    return duration_only(state, inputs, parameters) and same_values(cached, now)


class Compared(NamedTuple):
    """What a validator compares, besides the time: the names of inputs and of parameters; None stands for all."""

    inputs: frozenset[str] | None
    parameters: frozenset[str] | None


NONE: frozenset[str] = frozenset()
KNOWN: Mapping[Validator, Compared] = {
    duration_only: Compared(NONE, NONE),
    all_inputs: Compared(None, NONE),
    all_parameters: Compared(NONE, None),
}


def compared(validator: Validator) -> Compared | None:
    """What a validator of this module compares; None for one that somebody else wrote."""
    if isinstance(validator, partial) and validator.func is partial_inputs:
        return Compared(validator.args[0], NONE)
    if isinstance(validator, partial) and validator.func is partial_parameters:
        return Compared(NONE, validator.args[0])
    return KNOWN.get(validator)


def chosen(names: Iterable[str] | None) -> frozenset[str]:
    """The names to compare; a single one may be given as a text."""
    return frozenset([names] if isinstance(names, str) else names or ())


def only(names: frozenset[str], values: Values) -> Mapping[str, Any]:
    """The values of these names that exist."""
    return {name: value for name, value in (values or {}).items() if name in names}


def same_inputs(hashed: Mapping[str, str | None], inputs: Mapping[str, Any]) -> bool:
    """Whether inputs have these digests; a value without a digest is never the same."""
    if hashed.keys() != inputs.keys():
        return False
    return all(code is not None and code == digest(inputs[name]) for name, code in hashed.items())


def same_values(cached: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    return same_inputs({name: digest(value) for name, value in cached.items()}, values)
