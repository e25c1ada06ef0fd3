"""The fixtures for tests of flows, used as their readers would."""

from __future__ import annotations

import pytest

from prefect import Flow, task
from prefect.configuration import config
from prefect.executors import LocalDaskExecutor
from prefect.testing.fixtures import captured_states as captured_states
from prefect.testing.fixtures import prefect_store as prefect_store
from prefect.utilities.configuration import set_temporary_config


@task
def double(x):
    return 2 * x


@task(max_retries=1, retry_delay=0)
def invert(x):
    return 1 // x


@pytest.fixture
def flow():
    """double ─▶ invert[1] fails"""
    with Flow("captured") as flow:
        double(3)
        invert.map([1, 0])
    return flow


def test_a_run_is_in_the_store(prefect_store, flow):
    flow.run()

    [run] = prefect_store.runs()
    assert (run.flow, run.state) == ("captured", "Failed")
    assert flow.run(resume="last").is_failed()
    assert prefect_store.runs()[0].attempts == 2


def test_each_test_has_a_store_of_its_own(prefect_store):
    assert prefect_store.runs() == []
    assert config.store.enabled


def test_every_change_of_state_is_captured_in_order(captured_states, flow):
    flow.run()

    assert [each for each in captured_states if each.task == "double"] == [
        ("double", None, "Running"),
        ("double", None, "Success"),
    ]
    assert captured_states.of("invert", 0) == ["Running", "Success"]
    assert captured_states.of("invert", 1) == ["Running", "Failed", "Retrying", "Running", "Failed"]
    assert ("invert", 1, "Retrying") in captured_states


def test_it_is_a_list_that_grows(captured_states):
    with Flow("one") as flow:
        double(1)

    assert captured_states == []
    flow.run()
    assert captured_states == [("double", None, "Running"), ("double", None, "Success")]
    flow.run()
    assert len(captured_states) == 4
    assert captured_states[-1] == ("double", None, "Success")
    assert captured_states[:2] == captured_states[2:]
    assert repr(captured_states[:1]) == "[Change(task='double', index=None, state='Running')]"


def test_children_are_captured_one_by_one_however_many_run_together(captured_states):
    with Flow("many") as flow:
        double.map(list(range(500)))

    flow.run()

    assert captured_states.count(("double", 499, "Success")) == 1
    assert all(captured_states.of("double", index) == ["Running", "Success"] for index in (0, 1, 7, 250, 499))


@pytest.mark.slow
def test_what_happens_in_other_processes_is_captured_too(captured_states, flow):
    flow.run(executor=LocalDaskExecutor("processes"))

    assert captured_states.of("invert", 1) == ["Running", "Failed", "Retrying", "Running", "Failed"]


def test_afterwards_the_settings_are_as_before():
    assert not config.store.url.startswith("memory://")


def test_no_value_is_written_into_a_file(prefect_store, tmp_path):
    with Flow("large") as flow:
        task(lambda: "x" * 100_000, name="large")()

    with set_temporary_config({"home_dir": str(tmp_path)}):
        flow.run()

    [row] = prefect_store.task_runs(prefect_store.runs()[0].id)
    assert row.value.format == "json"
    assert not (tmp_path / "values").exists()


pytest_plugins = ["pytester"]


def test_one_line_in_a_conftest_makes_them_known(pytester):
    pytester.makeconftest('pytest_plugins = ["prefect.testing.fixtures"]')
    pytester.makepyfile(
        """
        from prefect import Flow, task

        with Flow("documented") as flow:
            task(lambda: 1, name="load")()

        def test_the_rows_are_loaded(captured_states, prefect_store):
            flow.run()
            assert ("load", None, "Success") in captured_states
            assert prefect_store.runs()[0].flow == "documented"
        """
    )

    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
