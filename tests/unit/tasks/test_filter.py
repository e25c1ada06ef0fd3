"""FilterTask: which elements of a list go on."""

from __future__ import annotations

import logging

import pytest

from prefect import Flow, task
from prefect.engine.signals import FAIL, SKIP, TRIGGERFAIL
from prefect.tasks.control_flow import FilterTask
from prefect.triggers import all_failed, all_finished


@task
def divide(x):
    """0 fails, None is skipped, a negative number ends by a signal."""
    if x is None:
        raise SKIP("nothing there")
    if x < 0:
        raise FAIL("negative")
    return 1 / x


def test_by_default_none_exceptions_and_signals_are_left_out():
    signals = [FAIL("x"), SKIP("x"), TRIGGERFAIL("x"), KeyboardInterrupt()]

    assert FilterTask().run([1, None, ValueError("x"), *signals, 0, "", False]) == [1, 0, "", False]


def test_it_takes_what_is_left_of_a_map_in_which_some_children_failed():
    """[1, 0, 2, None, -1, 4] ─▶ divide.map ─▶ FilterTask"""
    with Flow("f") as flow:
        mapped = divide.map([1, 0, 2, None, -1, 4])
        left = FilterTask()(mapped)

    result = flow.run().result
    assert [child.is_failed() for child in result[mapped].map_states] == [False, True, False, False, True, False]
    assert type(result[left]).__name__ == "Success"
    assert result[left].result == [1, 0.5, 0.25]


def test_it_maps_on():
    """[1, 0, 4] ─▶ divide.map ─▶ FilterTask ─▶ divide.map"""
    with Flow("f") as flow:
        again = divide.map(FilterTask()(divide.map([1, 0, 4])))

    assert flow.run().result[again].result == [1, 4]


def test_a_function_chooses_the_elements():
    assert FilterTask(lambda x: x > 1).run([1, 2, 3]) == [2, 3]
    assert FilterTask(filter_func=lambda x: isinstance(x, ValueError)).run([1, KeyError()]) == []


def test_what_is_left_out_can_be_logged(caplog):
    with caplog.at_level(logging.INFO):
        kept = FilterTask(lambda x: x > 1, log_func=lambda x: f"dropped {x} %s", name="big").run([1, 2, 0])

    assert kept == [2]
    assert [record.getMessage() for record in caplog.records] == ["dropped 1 %s", "dropped 0 %s"]
    assert {record.name for record in caplog.records} == {"prefect.big"}


def test_by_default_it_runs_however_the_tasks_before_it_ended():
    default, own = FilterTask(), FilterTask(trigger=all_failed, skip_on_upstream_skip=True)

    assert (default.trigger, default.skip_on_upstream_skip) == (all_finished, False)
    assert (own.trigger, own.skip_on_upstream_skip) == (all_failed, True)


def test_something_without_elements_fails():
    with pytest.raises(TypeError):
        FilterTask().run(ValueError("an upstream task failed"))
