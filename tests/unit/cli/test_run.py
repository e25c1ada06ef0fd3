"""prefect run, called in this process."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from prefect.utilities.logging import get_logger

Call = Callable[..., Result]
File = Callable[[str, str], str]

ECHO = """
    import prefect
    from prefect import Flow, Parameter, task

    @task
    def show(x, y):
        print(repr(x), repr(y), prefect.context.flow_run_name)

    with Flow("echo") as flow:
        show(Parameter("x", default=None), Parameter("y", default=None))
"""


def test_a_run_that_succeeds_prints_its_tasks(prefect: Call, etl: str) -> None:
    result = prefect("run", etl)

    assert result.exit_code == 0
    assert result.stdout.endswith(
        "task     state          message\n"
        "limit    Success\n"
        "extract  Success\n"
        "clean    Mapped         3 children: 3 Success\n"
        "load     Success\n"
        "alarm    TriggerFailed  The trigger 'any_failed' refused the states of the upstream tasks.\n"
        "\n"
        "etl: Success. All reference tasks succeeded.\n"
    )


def test_a_run_that_fails_names_the_children_that_did_and_exits_with_1(prefect: Call, etl: str) -> None:
    result = prefect("run", etl, "--param", "limit=4")

    assert result.exit_code == 1
    assert (
        "clean    Mapped         4 children: 3 Success, 1 Failed\n  [3]    Failed         Unexpected" in result.stdout
    )


def test_of_many_children_that_fail_the_first_are_shown(prefect: Call, etl: str) -> None:
    code = Path(etl).read_text().replace("12 // (3 - row)", "1 // 0")
    Path(etl).write_text(code)

    shown = prefect("run", etl, "-p", "limit=20").stdout

    assert "  [4]" in shown
    assert "  [5]" not in shown
    assert "and 15 more" in shown


def test_the_log_goes_to_stderr_and_prints_of_tasks_to_stdout(prefect: Call, etl: str) -> None:
    result = prefect("run", etl, "--log-level", "info")

    assert "Flow 'etl': starting" in result.stderr
    assert "Flow 'etl'" not in result.stdout
    assert "cleaned 0" in result.stdout


def test_with_json_stdout_is_one_document_and_nothing_else(prefect: Call, etl: str) -> None:
    result = prefect("run", etl, "--json", "-p", "limit=4")

    found = json.loads(result.stdout)
    assert (found["flow"], found["state"], result.exit_code) == ("etl", "Failed", 1)
    [clean] = [each for each in found["tasks"] if each["name"] == "clean"]
    assert clean["task"] == "clean-1"
    assert clean["counts"] == {"Success": 3, "Failed": 1}
    assert [each["state"] for each in clean["children"]] == ["Success", "Success", "Success", "Failed"]
    assert "cleaned 0" in result.stderr


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", "1"),
        ("one", "'one'"),
        ("[1, 2]", "[1, 2]"),
        ('"1"', "'1'"),
        ("a=b", "'a=b'"),
        ("", "''"),
        ("null", "None"),
    ],
)
def test_a_parameter_is_json_or_else_text(prefect: Call, file: File, text: str, value: Any) -> None:
    assert prefect("run", file("echo.py", ECHO), "--param", f"x={text}").stdout.startswith(f"{value} None")


def test_parameters_come_from_a_file_too_and_single_ones_win(prefect: Call, file: File) -> None:
    file("params.json", '{"x": [1], "y": 2}')

    assert prefect("run", file("echo.py", ECHO), "--params-file", "params.json", "-p", "y=3").stdout.startswith("[1] 3")


def test_a_run_can_have_a_name(prefect: Call, file: File) -> None:
    assert prefect("run", file("echo.py", ECHO), "--name", "friday").stdout.startswith("None None friday")


@pytest.mark.parametrize("executor", ["local", "threads", "processes", "prefect.executors.LocalExecutor"])
def test_a_run_takes_an_executor(document: Callable[..., Any], etl: str, executor: str) -> None:
    assert document("run", etl, "--executor", executor)["state"] == "Success"


def test_a_schedule_is_not_waited_for_unless_one_says_so(document: Callable[..., Any], file: File) -> None:
    code = """
        from datetime import timedelta
        from prefect import Flow
        from prefect.schedules import IntervalSchedule
        flow = Flow("daily", schedule=IntervalSchedule(interval=timedelta(days=1)))
    """

    assert document("run", file("daily.py", code))["state"] == "Success"


def test_the_level_of_the_log_is_that_of_the_run_alone(prefect: Call, etl: str) -> None:
    level = get_logger().level

    result = prefect("run", etl, "--log-level", "CRITICAL", "-p", "limit=4")

    assert "Task 'clean" not in result.stderr
    assert get_logger().level == level
    assert logging.getLevelName(level) != "CRITICAL"
    assert "PREFECT__LOGGING__LEVEL" not in os.environ


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.py"], "There is no file 'nowhere.py'"),
        (["etl.py", "--flow", "other"], "No flow in 'etl.py' is called 'other'"),
        (["etl.py", "--param", "other=1"], "has no parameter 'other'"),
        (["etl.py", "--param", "other"], "'other' is no assignment"),
        (["etl.py", "--param", "=1"], "'=1' is no assignment"),
        (["etl.py", "--executor", "other"], "There is no executor 'other'. Choose local, threads, processes, dask"),
        (["etl.py", "--executor", "builtins.dict"], "There is no executor 'builtins.dict'"),
        (["etl.py", "--log-level", "loud"], "'loud' is not one of"),
        (["etl.py", "--params-file", "etl.py"], "'etl.py' is no JSON file"),
        (["etl.py", "--params-file", "list.json"], "has to hold one JSON object"),
        (["etl.py", "--params-file", "none.json"], "'none.json' does not exist"),
        ([], "Missing argument 'FLOW'"),
    ],
)
def test_mistakes_are_told_on_stderr_with_exit_code_2(
    prefect: Call, etl: str, file: File, arguments: list[str], message: str
) -> None:
    file("list.json", "[1]")

    result = prefect("run", *arguments)

    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_parameter_that_is_missing_is_told(prefect: Call, file: File) -> None:
    code = "from prefect import Flow, Parameter\nwith Flow('x') as flow:\n    Parameter('needed')()\n"

    result = prefect("run", file("needs.py", code))

    assert result.exit_code == 2
    assert "'needed'" in result.stderr
