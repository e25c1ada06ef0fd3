"""The names that the front doors offer: those documented, no others, each from its one home."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

DOORS: dict[str, dict[str, str]] = {
    "prefect": {
        "DateTimeParameter": "prefect.core.parameter",
        "Edge": "prefect.core.edge",
        "Flow": "prefect.core.flow",
        "Parameter": "prefect.core.parameter",
        "Task": "prefect.core.task",
        "__version__": "prefect.utilities.version",
        "apply_map": "prefect.utilities.tasks",
        "as_task": "prefect.core.lift",
        "case": "prefect.tasks.control_flow.case",
        "config": "prefect.configuration",
        "context": "prefect.utilities.context",
        "flatten": "prefect.utilities.edges",
        "mapped": "prefect.utilities.edges",
        "pause_task": "prefect.utilities.tasks",
        "resource_manager": "prefect.tasks.core.resource_manager",
        "tags": "prefect.utilities.tasks",
        "task": "prefect.utilities.tasks",
        "unmapped": "prefect.utilities.edges",
    },
    "prefect.core": {
        "DateTimeParameter": "prefect.core.parameter",
        "Edge": "prefect.core.edge",
        "Flow": "prefect.core.flow",
        "Parameter": "prefect.core.parameter",
        "Task": "prefect.core.task",
    },
    "prefect.engine": {
        "FlowRunner": "prefect.engine.flow_runner",
        "TaskRunner": "prefect.engine.task_runner",
    },
    "prefect.engine.result": {
        "NoResult": "prefect.engine.result.base",
        "NoResultType": "prefect.engine.result.base",
        "Result": "prefect.engine.result.base",
        "Stored": "prefect.engine.result.base",
        "StoredResult": "prefect.engine.result.stored",
    },
    "prefect.engine.results": {
        "AzureResult": "prefect.engine.results.azure_result",
        "ConstantResult": "prefect.engine.results.constant_result",
        "GCSResult": "prefect.engine.results.gcs_result",
        "LocalResult": "prefect.engine.results.local_result",
        "PrefectResult": "prefect.engine.results.prefect_result",
        "S3Result": "prefect.engine.results.s3_result",
        "SecretResult": "prefect.engine.results.secret_result",
    },
    "prefect.executors": {
        "DaskExecutor": "prefect.executors.dask",
        "Executor": "prefect.executors.base",
        "LocalDaskExecutor": "prefect.executors.local_dask",
        "LocalExecutor": "prefect.executors.local",
    },
    "prefect.schedules": {
        "CronSchedule": "prefect.schedules.schedules",
        "IntervalSchedule": "prefect.schedules.schedules",
        "RRuleSchedule": "prefect.schedules.schedules",
        "Schedule": "prefect.schedules.schedules",
    },
    "prefect.schedules.clocks": {
        "Clock": "prefect.schedules.clocks.base",
        "ClockEvent": "prefect.schedules.clocks.base",
        "CronClock": "prefect.schedules.clocks.cron",
        "DatesClock": "prefect.schedules.clocks.dates",
        "IntervalClock": "prefect.schedules.clocks.interval",
        "RRuleClock": "prefect.schedules.clocks.rrule",
    },
    "prefect.tasks.core": {
        "Constant": "prefect.tasks.core.constants",
        "Dict": "prefect.tasks.core.collections",
        "FunctionTask": "prefect.tasks.core.function",
        "List": "prefect.tasks.core.collections",
        "Set": "prefect.tasks.core.collections",
        "Tuple": "prefect.tasks.core.collections",
    },
    "prefect.tasks.control_flow": {
        "CompareValue": "prefect.tasks.control_flow.conditional",
        "FilterTask": "prefect.tasks.control_flow.filter",
        "Merge": "prefect.tasks.control_flow.conditional",
        "case": "prefect.tasks.control_flow.case",
        "ifelse": "prefect.tasks.control_flow.conditional",
        "merge": "prefect.tasks.control_flow.conditional",
        "switch": "prefect.tasks.control_flow.conditional",
    },
    "prefect.tasks.secrets": {
        "EnvVarSecret": "prefect.tasks.secrets.env_var",
        "PrefectSecret": "prefect.tasks.secrets.base",
        "SecretBase": "prefect.tasks.secrets.base",
    },
    "prefect.testing": {
        "Simulation": "prefect.testing.simulation",
        "SingleFailures": "prefect.testing.single_failures",
        "Unknown": "prefect.testing.unknown",
        "every_single_failure": "prefect.testing.single_failures",
        "simulate": "prefect.testing.simulation",
    },
    "prefect.client": {"Secret": "prefect.client.secrets"},
}

ENTRIES = [(door, name, home) for door, names in DOORS.items() for name, home in names.items()]

HEAVY = "asyncio azure boto3 botocore dask distributed google pandas requests sqlalchemy sqlite3 urllib3"


def lazy(door: str) -> bool:
    return hasattr(import_module(door), "__getattr__")


def names_for_type_checkers(door: str) -> set[str]:
    tree = ast.parse(Path(str(import_module(door).__file__)).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name for node in imports for alias in node.names}


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("door", DOORS)
def test_a_door_offers_the_documented_names(door: str) -> None:
    assert set(import_module(door).__all__) == set(DOORS[door])


@pytest.mark.parametrize("door", [door for door in DOORS if lazy(door)])
def test_type_checkers_see_the_names_that_a_lazy_door_offers(door: str) -> None:
    assert names_for_type_checkers(door) == set(DOORS[door])


@pytest.mark.parametrize(("door", "name", "home"), ENTRIES)
def test_a_name_comes_from_its_home(door: str, name: str, home: str) -> None:
    value: Any = getattr(import_module(door), name)

    assert value is vars(import_module(home))[name]
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__module__ == home


@pytest.mark.parametrize("door", [door for door in DOORS if lazy(door)])
def test_a_door_lists_what_it_offers_before_it_is_loaded(door: str) -> None:
    shown = python(f"import {door} as door; print(*dir(door))").split()

    assert set(DOORS[door]) <= set(shown)


@pytest.mark.parametrize("door", DOORS)
def test_a_door_knows_no_other_names(door: str) -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        import_module(door).nonsense  # noqa: B018


def test_the_modules_below_can_be_reached_without_an_import_of_their_own() -> None:
    assert python("import prefect; print(prefect.engine.state.Success.__name__, prefect.triggers.all_failed.__name__)")


def test_importing_prefect_loads_nothing_heavy() -> None:
    loaded = python(f"import sys, prefect; print(*[name for name in '{HEAVY}'.split() if name in sys.modules])")

    assert loaded == ""


def test_building_and_running_a_flow_loads_nothing_heavy() -> None:
    code = f"""
import sys
from prefect import Flow, task

@task
def one():
    return 1

with Flow("small") as flow:
    one() + 1
assert flow.run().is_successful()
print(*[name for name in '{HEAVY}'.split() if name in sys.modules], file=sys.stderr)
assert not [name for name in '{HEAVY}'.split() if name in sys.modules]
"""
    python(code)
