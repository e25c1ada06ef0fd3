"""prefect check and prefect simulate, called in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

Call = Callable[..., Result]
File = Callable[[str, str], str]
Document = Callable[..., Any]

LOCKED = """
    import threading
    from prefect import Flow, task

    lock = threading.Lock()

    @task
    def load(x=lock):
        raise AssertionError

    with Flow("locked") as flow:
        load()
"""


def test_a_flow_without_findings_is_fine(prefect: Call, etl: str) -> None:
    result = prefect("check", etl)

    assert (result.stdout, result.exit_code) == ("etl: nothing was found.\n", 0)


def test_findings_are_shown_and_the_exit_code_is_1(prefect: Call, document: Document, file: File) -> None:
    result = prefect("check", file("locked.py", LOCKED))

    assert result.exit_code == 1
    assert "load-1  cannot travel\n" in result.stdout
    assert "_thread.lock" in result.stdout
    assert document("check", "locked.py")["findings"][0]["kind"] == "cannot travel"


def test_the_flow_is_checked_for_an_executor(prefect: Call, file: File) -> None:
    code = "from prefect import Flow, task\nwith Flow('x') as flow:\n    task(lambda: 1, name='slow', timeout=5)()\n"

    assert prefect("check", file("slow.py", code)).exit_code == 1
    assert prefect("check", "slow.py", "--executor", "processes").exit_code == 0


# --- simulate ---------------------------------------------------------------------------------------------------------


def test_a_simulation_tells_how_each_task_ends(prefect: Call, etl: str) -> None:
    result = prefect("simulate", etl, "--fail", "clean[1]", "--fail", "extract=1")

    assert result.exit_code == 1
    assert result.stdout == (
        "task     state          retries  why\n"
        "limit    Success\n"
        "extract  Success        1 retry\n"
        "clean    Mapped                  3 children: 2 Success, 1 Failed\n"
        "  [1]    Failed                  made to fail\n"
        "load     TriggerFailed           all_successful: clean[1] is Failed\n"
        "alarm    Success\n"
        "\n"
        "etl: Failed. 1 of 1 reference tasks failed.\n"
    )


def test_without_a_failure_the_exit_code_is_0(prefect: Call, etl: str) -> None:
    assert prefect("simulate", etl).exit_code == 0
    assert prefect("simulate", etl, "--skip", "extract").exit_code == 0


def test_the_number_of_children_can_be_said(document: Document, etl: str) -> None:
    def children(*arguments: str) -> int:
        [clean] = [each for each in document("simulate", etl, *arguments)["tasks"] if each["name"] == "clean"]
        return len(clean["children"])

    assert children() == 3
    assert children("--children", "5") == 5
    assert children("--returns", "extract=[1, 2]") == 2


def test_every_single_failure_is_a_report(prefect: Call, document: Document, etl: str) -> None:
    result = prefect("simulate", etl, "--every-single-failure")

    assert result.exit_code == 0
    assert "clean[0]       Failed       TriggerFailed: load; Success: alarm\n" in result.stdout
    fails = [each["fails"] for each in document("simulate", etl, "--every-single-failure")["failures"]]
    assert fails == ["extract", "clean", "clean[0]", "load", "alarm"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fail", "extrakt"], "no task 'extrakt'. Did you mean 'extract'?"),
        (["--fail", "load[1]"], "is not mapped"),
        (["--skip", "nothing"], "no task 'nothing'"),
        (["--returns", "nothing"], "is no assignment"),
        (["--param", "nothing=1"], "has no parameter 'nothing'"),
        (["--children", "-1"], "-1 is not in the range"),
        (["--every-single-failure", "--fail", "load"], "leave out --fail and --skip"),
    ],
)
def test_mistakes_are_told_with_exit_code_2(prefect: Call, etl: str, arguments: list[str], message: str) -> None:
    result = prefect("simulate", etl, *arguments)

    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
