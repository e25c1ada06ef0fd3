"""What tests of commands share: files of flows, and a way to call `prefect …` in this process."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from prefect.cli import main
from prefect.store.base import Store
from prefect.store.opening import open_store
from prefect.store.records import FlowRun
from prefect.utilities.configuration import set_temporary_config

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
def history() -> Iterator[Store]:
    """The store of the settings: empty, in memory, and every run is written down in it."""
    with set_temporary_config({"store.enabled": True, "store.url": f"memory://{uuid4()}"}):
        yield open_store()


@pytest.fixture
def failed(history: Store, prefect: Callable[..., Result], etl: str) -> FlowRun:
    """A run of `etl.py` in the history, of which `clean[3]` failed."""
    assert prefect("run", etl, "--param", "limit=5").exit_code == 1
    return history.runs()[0]


@pytest.fixture
def mend(etl: str) -> Callable[[], None]:
    """Edit `etl.py`, so that `clean` fails no more."""

    def mend() -> None:
        path = Path(etl)
        path.write_text(path.read_text().replace("12 // (3 - row)", "12 // (3 - row) if row != 3 else 0"))

    return mend


@pytest.fixture
def document(prefect: Callable[..., Result]) -> Callable[..., Any]:
    """What a command prints with --json."""
    return lambda *arguments: json.loads(prefect(*arguments, "--json").stdout)
