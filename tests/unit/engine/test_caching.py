"""Values that need not be made again, in pure functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from prefect import Task, context, task
from prefect.engine import caching
from prefect.engine.results import LocalResult
from prefect.engine.state import Cached, Skipped, Success
from prefect.exceptions import TaskSettingError

HOUR = timedelta(hours=1)
PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def one():
    return 1


def two():
    return 2


def test_tasks_share_a_cache_if_their_code_and_name_are_the_same():
    assert caching.cache_key(task(one)) == caching.cache_key(task(one))
    assert caching.cache_key(task(one, name="n")) != caching.cache_key(task(two, name="n"))
    assert caching.cache_key(task(one, name="n")) != caching.cache_key(task(one, name="m"))
    assert caching.cache_key(task(one, cache_key="k")) == caching.cache_key(task(two, cache_key="k")) == "k"
    assert caching.cache_key(Task("n")) != caching.cache_key(Task("m"))


def test_inputs_beat_the_context_which_beats_parameters():
    with context(parameters={"a": 1, "b": 1, "c": 1}, b=2, c=2):
        values = caching.template_values({"c": 3})

    assert (values["a"], values["b"], values["c"]) == (1, 2, 3)


def test_a_target_is_found_where_it_is(tmp_path):
    result = LocalResult(dir=tmp_path).at("{x}.pkl")
    result.write(42, x="here")

    found = caching.find_target(result, {"x": "here", "self": "ignored"})

    assert found is not None
    assert (type(found), found.result) == (Cached, 42)
    assert caching.find_target(result, {"x": "elsewhere"}) is None


def test_a_target_template_that_asks_too_much_is_refused(tmp_path):
    with pytest.raises(TaskSettingError, match="nonsense"):
        caching.find_target(LocalResult(dir=tmp_path).at("{nonsense}"), {})


def test_the_first_candidate_that_is_valid_is_found():
    old, good, other = Cached(cached_result_expiration=PAST), Cached(cached_result_expiration=FUTURE), Cached()
    cached = task(one, cache_for=HOUR)

    assert caching.find_cached(cached, [old, good, other], {}) is good
    assert caching.find_cached(cached, [old], {}) is None


def test_a_cached_state_says_what_it_was_made_from_and_how_long_it_holds():
    with context(parameters={"p": 1}):
        state = caching.to_cache(task(one, cache_for=HOUR), Success("made", result=1), {"x": [1, 2]})

    assert (state.message, state.result, state.cached_parameters) == ("made", 1, {"p": 1})
    assert state.hashed_inputs is not None
    assert state.hashed_inputs.keys() == {"x"}
    assert state.cached_result_expiration is not None
    assert abs(state.cached_result_expiration - datetime.now(UTC) - HOUR) < timedelta(seconds=5)


def test_the_newest_value_comes_first_and_expired_ones_go():
    cached = task(one, cache_for=HOUR)
    old, first, second = (Cached(cached_result_expiration=each) for each in (PAST, FUTURE, None))
    caches: caching.Caches = {caching.cache_key(cached): [old]}

    for state in (first, second, second):
        caching.remember(caches, cached, state)

    assert [id(state) for state in caches[caching.cache_key(cached)]] == [id(second), id(first)]


def test_only_cached_states_of_tasks_with_a_cache_are_kept():
    caches: caching.Caches = {}

    caching.remember(caches, task(one, cache_for=HOUR), Success())
    caching.remember(caches, task(one), Cached())

    assert caches == {}


def test_only_a_plain_success_was_just_made():
    assert caching.refreshed(Success())
    assert not caching.refreshed(Skipped())
    assert not caching.refreshed(Cached())
