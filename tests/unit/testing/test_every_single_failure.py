"""every_single_failure: what becomes of a flow if one task fails."""

from __future__ import annotations

import json

import pytest

from prefect import Flow, Parameter, case, task
from prefect.testing import every_single_failure
from prefect.triggers import all_finished, any_failed


@task
def extract(day: str) -> list[int]:
    raise AssertionError


@task
def clean(row: int) -> int:
    raise AssertionError


@task(trigger=all_finished)
def load(rows: list[int]) -> None:
    raise AssertionError


@task(trigger=any_failed)
def alarm() -> None:
    raise AssertionError


@pytest.fixture
def etl() -> Flow:
    """day ─▶ extract ─▶ clean.map ─▶ load (all_finished), and alarm (any_failed)"""
    with Flow("etl") as flow:
        rows = clean.map(extract(Parameter("day")))
        loaded = load(rows)
        alarm(upstream_tasks=[rows])
        flow.set_reference_tasks([loaded])
    return flow


def test_each_task_fails_alone_and_of_a_map_one_child_too(etl: Flow) -> None:
    failures = every_single_failure(etl)

    assert list(failures) == ["extract", "clean", "clean[0]", "load", "alarm"]
    assert failures.usual.state.is_successful()
    assert failures.fatal() == ["load"]


def test_what_changes_is_told_without_what_fails_itself(etl: Flow) -> None:
    failures = every_single_failure(etl)

    assert [(str(run), type(run.state).__name__) for run in failures.changed("extract")] == [
        ("clean", "Failed"),
        ("alarm", "Success"),
    ]
    assert [str(run) for run in failures.changed("clean")] == ["alarm"]
    assert [str(run) for run in failures.changed("clean[0]")] == ["alarm"]


def test_it_prints_as_a_table(etl: Flow) -> None:
    assert str(every_single_failure(etl)) == (
        "etl: Success if nothing fails; 1 of 5 single failures fail it.\n"
        "\n"
        "if this fails  the flow is  and these are, too\n"
        "extract        Success      Failed: clean; Success: alarm\n"
        "clean          Success      Success: alarm\n"
        "clean[0]       Success      Success: alarm\n"
        "load           Failed\n"
        "alarm          Success      it does not run"
    )


def test_what_the_package_puts_between_tasks_does_not_fail() -> None:
    with Flow("branches") as flow, case(extract("today"), 1):
        load([clean(1), 2])

    assert list(every_single_failure(flow)) == ["extract", "clean", "load"]


def test_said_values_hold_in_each_simulation(etl: Flow) -> None:
    failures = every_single_failure(etl, returns={"extract": [1, 2, 3, 4, 5]})

    assert len(failures["load"]["clean"].map_states) == 5


def test_it_is_a_document_of_plain_values(etl: Flow) -> None:
    document = json.loads(json.dumps(every_single_failure(etl).to_dict()))

    assert [each["fails"] for each in document["failures"]] == ["extract", "clean", "clean[0]", "load", "alarm"]
    assert document["usual"]["state"] == "Success"
