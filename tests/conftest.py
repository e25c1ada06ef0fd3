"""What all tests share: a quiet log, a home directory of their own, and flows that run without ceremony."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from prefect.core.graph import Graph
from prefect.engine.state import State
from prefect.utilities.configuration import set_temporary_config
from prefect.utilities.logging import get_logger

hypothesis.settings.register_profile("tests", deadline=None)  # a busy machine is no reason to fail
hypothesis.settings.load_profile("tests")

# A shell lets what it runs in the background ignore Ctrl-C, and tests inherit that: those that send it would never end.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def quiet(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that do not look at the log, through `caplog`, log warnings only: lines that nobody reads cost time."""
    if "caplog" in request.fixturenames:
        yield
        return
    logger = get_logger()
    before = logger.level
    logger.setLevel(logging.WARNING)
    yield
    logger.setLevel(before)


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home directory that is nobody's, for this process and those that it starts.

    Runs are written down only by the tests that ask for it; with PREFECT_TEST_HISTORY=1 all of them are.
    """
    path = tmp_path_factory.mktemp("home")
    on = bool(os.environ.get("PREFECT_TEST_HISTORY"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PREFECT__HOME_DIR", str(path))
        environment.setenv("PREFECT__STORE__ENABLED", str(on).lower())
        with set_temporary_config({"home_dir": str(path), "store.enabled": on}):
            yield path


@pytest.fixture
def run() -> Callable[..., State]:
    """Run a flow, and expect that it succeeds: `run(flow, x=1).result[task].result`."""

    def run(flow: Any, **parameters: Any) -> State:
        state: State = flow.run(parameters=parameters)
        assert state.is_successful(), failures(flow, state)
        return state

    return run


@pytest.fixture
def value(run: Callable[..., State]) -> Callable[..., Any]:
    """The value of one task after a run of its flow: `value(flow, task)`."""
    return lambda flow, task, **parameters: run(flow, **parameters).result[task].result


def failures(flow: Graph, state: State) -> str:
    """Which tasks failed, and why."""
    states = state.result if isinstance(state.result, dict) else {flow: state}
    return "; ".join(f"{task!r}: {each!r}" for task, each in states.items() if not each.is_successful())
