"""What tests of commands share: files of flows, and a way to call `prefect …` in this process."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from prefect.cli import main

ETL = """
    from prefect import Flow, Parameter, task
    from prefect.triggers import any_failed

    @task(max_retries=1, retry_delay=0)
    def extract(limit):
        return list(range(limit))

    @task
    def clean(row):
        print("cleaned", row)
        return 12 // (3 - row)

    @task
    def load(rows):
        return rows

    @task(trigger=any_failed)
    def alarm():
        pass

    with Flow("etl") as flow:
        loaded = load(clean.map(extract(Parameter("limit", default=3))))
        alarm(upstream_tasks=[loaded])
        flow.set_reference_tasks([loaded])
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def file(folder: Path) -> Callable[..., str]:
    """Write a file into the current folder: `file("flow.py", code)`."""

    def write(name: str, content: str) -> str:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content))
        return name

    return write


@pytest.fixture
def etl(file: Callable[..., str]) -> str:
    return file("etl.py", ETL)


@pytest.fixture
def prefect(folder: Path) -> Callable[..., Result]:
    """Call a command: `prefect("run", "flow.py")`."""

    def call(*arguments: str, **options: Any) -> Result:
        result = CliRunner().invoke(main, list(arguments), prog_name="prefect", **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def document(prefect: Callable[..., Result]) -> Callable[..., Any]:
    """What a command prints with --json."""
    return lambda *arguments: json.loads(prefect(*arguments, "--json").stdout)
