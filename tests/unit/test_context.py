"""`prefect.context`: what code may know about the run it is part of."""

from __future__ import annotations

import asyncio
import pickle
import threading
from contextvars import Context as Vars

import pytest

import prefect
from prefect import context
from prefect.utilities.context import DERIVED, MISSING, ambient, innermost, isolated, lookup, pop, push


@pytest.fixture(autouse=True)
def nothing_left_behind():
    before = dict(context)
    yield
    assert dict(context).keys() == before.keys()


def test_a_value_is_there_in_its_block_and_nowhere_else():
    with context(a=1) as same:
        assert (context.a, context["a"], context.get("a"), "a" in context) == (1, 1, 1, True)
        assert same is context
    assert "a" not in context
    assert context.get("a") is None


def test_values_come_as_a_dict_too_and_keywords_win():
    with context({"a": 1, "b": 1}, b=2):
        assert (context.a, context.b) == (1, 2)


def test_the_inner_block_wins_and_the_outer_one_comes_back():
    with context(a=1, b=1):
        with context(a=2):
            assert (context.a, context.b) == (2, 1)
        assert context.a == 1


def test_a_block_is_left_after_an_error():
    with pytest.raises(ValueError), context(a=1):
        raise ValueError
    assert "a" not in context


def test_what_is_not_there_is_an_error_that_says_how_to_ask():
    with pytest.raises(KeyError):
        context["nonsense"]
    with pytest.raises(AttributeError, match="get"):
        context.nonsense  # noqa: B018
    assert context.get("nonsense", 5) == 5
    assert not hasattr(context, "__nonsense__")


def test_configuration_and_logger_are_always_there():
    assert context.config is prefect.config
    assert context.logger.name == "prefect"
    assert {"config", "logger", "secrets"} <= set(context)


def test_none_is_a_value():
    with context(a=1), context(a=None):
        assert context.get("a", 5) is None
        assert "a" in context


def test_a_value_may_be_set_and_goes_with_its_block():
    with context(a=1):
        context.b = 2
        context["a"] = 3
        assert (context.a, context.b) == (3, 2)
        del context["a"]
        del context.b
        assert "a" not in context
        assert "b" not in context


def test_only_what_the_innermost_block_holds_can_be_deleted():
    with context(a=1), context():
        with pytest.raises(KeyError):
            del context["a"]
        with pytest.raises(AttributeError):
            del context.a
        assert context.a == 1


def test_a_value_set_outside_all_blocks_stays():
    def sets():
        context.a = 1
        return context.a

    assert Vars().run(sets) == 1


def test_it_is_a_mapping():
    with context(a=1), context(b=2):
        keys = list(context)
        assert keys.index("b") < keys.index("a")
        assert len(context) == len(set(keys)) == len(keys)
        assert context.to_dict() == context.copy() == dict(context)
        assert context.to_dict()["a"] == 1
        assert "'a'" in repr(context)
        assert 5 not in context


def test_configuration_can_be_changed_for_a_block():
    assert context.config.flows.checkpointing is False
    with context(config={"flows": {"checkpointing": True}}):
        assert context.config.flows.checkpointing is True
        assert context.config.logging.level == prefect.config.logging.level


def test_it_travels_by_its_name():
    assert pickle.loads(pickle.dumps(context)) is context


def test_threads_begin_with_nothing():
    seen = []
    with context(a=1):
        thread = threading.Thread(target=lambda: seen.append(context.get("a")))
        thread.start()
        thread.join()
    assert seen == [None]


def test_coroutines_each_have_their_own():
    async def one(value):
        with context(a=value):
            await asyncio.sleep(0)
            return context.a

    async def both():
        return await asyncio.gather(one(1), one(2))

    assert asyncio.run(both()) == [1, 2]


# Layers


def test_a_derived_key_is_worked_out_from_others_wherever_somebody_asks(monkeypatch):
    monkeypatch.setitem(DERIVED, "double", lambda: 2 * lookup("a") if lookup("a") is not None else MISSING)
    assert "double" not in context
    with context(a=1):
        assert (lookup("double"), context.double) == (2, 2)
        with context(a=2):
            assert context.to_dict()["double"] == 4


def test_a_new_flow_run_takes_over_what_users_put_there_and_nothing_of_runs():
    with context(yours=1, both="yours"):
        token = push({"runs": 2, "both": "runs"})
        try:
            with context(inner=3, yours=4):
                assert ambient() == {"yours": 4, "both": "yours", "inner": 3}
        finally:
            pop(token)


def test_an_isolated_block_sees_its_own_and_what_is_the_users_but_no_other_run() -> None:
    with context(yours=1):
        token = push({"runs": 2})
        try:
            with isolated({"own": 3}):
                assert (context.yours, context.get("runs"), context.own) == (1, None, 3)
                assert innermost() == {"own": 3}
            assert context.runs == 2
        finally:
            pop(token)


def test_without_blocks_the_innermost_layer_is_empty():
    assert Vars().run(innermost) == {}
