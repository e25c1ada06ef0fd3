"""When a cached value may stand in for a run."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.engine.cache_validators import (
    Validator,
    all_inputs,
    all_parameters,
    duration_only,
    never_use,
    partial_inputs_only,
    partial_parameters_only,
)
from prefect.utilities.hashing import digest

values = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2) | st.booleans() | st.text(max_size=1))
hour = timedelta(hours=1)


@dataclass
class Cached:
    """What validators look at in a cached state."""

    inputs: dict[str, Any] = field(default_factory=dict)
    cached_parameters: Mapping[str, Any] | None = None
    expires_in: timedelta | None = hour

    @property
    def cached_result_expiration(self) -> datetime | None:
        return None if self.expires_in is None else datetime.now(UTC) + self.expires_in

    @property
    def hashed_inputs(self) -> dict[str, str | None]:
        return {name: digest(value) for name, value in self.inputs.items()}


EVERY: list[Validator] = [
    duration_only,
    all_inputs,
    all_parameters,
    partial_inputs_only(),
    partial_parameters_only(),
    partial_inputs_only(["a"]),
    partial_parameters_only(["a"]),
]


def typed(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Values with their types, so that `1` and `True` differ."""
    return {name: (type(value), value) for name, value in mapping.items()}


def test_never_is_never() -> None:
    assert never_use(Cached(), {}, {}) is False


@pytest.mark.parametrize("validator", EVERY)
def test_a_cache_is_good_until_it_expires(validator: Validator) -> None:
    assert validator(Cached(expires_in=hour), {}, {}) is True
    assert validator(Cached(expires_in=-hour), {}, {}) is False


@pytest.mark.parametrize("validator", EVERY)
def test_a_cache_without_expiration_is_good_for_ever(validator: Validator) -> None:
    assert validator(Cached(expires_in=None), {}, {}) is True


@pytest.mark.parametrize("validator", EVERY)
def test_nothing_to_compare_is_the_same_as_nothing(validator: Validator) -> None:
    assert validator(Cached(), None, None) is True


@given(values, values)
def test_a_duration_looks_at_nothing_else(then: dict[str, Any], now: dict[str, Any]) -> None:
    assert duration_only(Cached(then, then), now, now)


@given(values, values)
def test_all_inputs_have_to_be_the_same(then: dict[str, Any], now: dict[str, Any]) -> None:
    assert all_inputs(Cached(then), now, {"other": 1}) == (typed(then) == typed(now))
    assert all_inputs(Cached(then), dict(then), None)


@given(values, values)
def test_all_parameters_have_to_be_the_same(then: dict[str, Any], now: dict[str, Any]) -> None:
    assert all_parameters(Cached({}, then), {"other": 1}, now) == (typed(then) == typed(now))
    assert all_parameters(Cached({}, then), {}, dict(then))


@given(values, values, st.sets(st.sampled_from("abc")))
def test_partial_validators_compare_the_chosen_names_only(
    then: dict[str, Any], now: dict[str, Any], names: set[str]
) -> None:
    same = {n: v for n, v in typed(then).items() if n in names} == {n: v for n, v in typed(now).items() if n in names}
    assert partial_inputs_only(names)(Cached(then), now, {"a": "other"}) == same
    assert partial_parameters_only(names)(Cached({}, then), {"a": "other"}, now) == same


def test_partial_validators_without_names_compare_nothing() -> None:
    assert partial_inputs_only()(Cached({"a": 1}), {"a": 2}, None)
    assert partial_parameters_only()(Cached({}, {"a": 1}), None, {"a": 2})


def test_a_single_name_may_be_given_as_text() -> None:
    validator = partial_inputs_only("size")
    assert validator(Cached({"size": 1, "s": 1}), {"size": 1, "s": 2}, None)
    assert not validator(Cached({"size": 1}), {"size": 2}, None)


def test_an_input_without_a_digest_never_matches() -> None:
    def unknown() -> None:
        pass

    assert not all_inputs(Cached({"f": unknown}), {"f": unknown}, None)
    assert not partial_inputs_only(["f"])(Cached({"f": unknown}), {"f": unknown}, None)
    assert not all_parameters(Cached({}, {"f": unknown}), None, {"f": unknown})


@pytest.mark.parametrize("validator", EVERY)
def test_validators_travel_as_plain_pickles(validator: Validator) -> None:
    again = pickle.loads(pickle.dumps(validator))
    assert again(Cached({"a": 1}, {"a": 1}), {"a": 1}, {"a": 1}) is True
