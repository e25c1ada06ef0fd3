"""A simulation comes to the states of the real run, if it is told which tasks fail, skip and return what."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from prefect import Flow, Task
from prefect.engine.signals import SKIP
from prefect.engine.state import Mapped, State, Success
from prefect.testing import simulate
from random_flows import Node, built, drawings


@pytest.fixture(autouse=True)
def silent(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of failing tasks have nothing to tell."""
    caplog.set_level(logging.CRITICAL, "prefect")


def runs(flow: Flow, task: Task, state: State) -> Iterator[tuple[Any, State]]:
    """A task, or its children, and the states they came to."""
    if isinstance(state, Mapped):
        yield from (((task, index), child) for index, child in enumerate(state.map_states))
    else:
        yield task, state


def kinds(state: State) -> Any:
    if isinstance(state, Mapped):
        return ["Mapped", *map(kinds, state.map_states)]
    return type(state).__name__


def script_of(flow: Flow, made: list[Task], drawing: list[Node], result: dict[Task, State]) -> dict[str, Any]:
    """What one has to tell a simulation, so that it comes to what a run came to."""
    fail: dict[Any, Any] = {}
    skip: list[Any] = []
    returns: dict[Any, Any] = {}
    for node, task in zip(drawing, made, strict=True):
        for key, state in runs(flow, task, result[task]):
            if isinstance(state.result, ValueError):
                fail[key] = ValueError()
            elif isinstance(state.result, SKIP) and state.message == "not today":
                skip.append(key)
            elif type(state) is Success:
                returns[key] = state.result
                fail |= {key: 1} if node.flaky else {}
    return {"fail": fail, "skip": skip, "returns": returns}


@settings(max_examples=150)
@given(drawings())
def test_a_simulation_that_knows_what_the_tasks_do_comes_to_the_states_of_the_run(drawing: list[Node]) -> None:
    flow, made = built(drawing)
    result = flow.run().result

    simulation = simulate(flow, **script_of(flow, made, drawing, result))

    assert [kinds(simulation.state.result[each]) for each in made] == [kinds(result[each]) for each in made]
    assert simulation.state.is_successful() is not simulation.state.is_failed()
    assert simulation.notes == []


@settings(max_examples=100)
@given(drawings())
def test_a_simulation_that_knows_nothing_ends_with_a_final_state_for_every_task(drawing: list[Node]) -> None:
    flow, made = built(drawing)

    simulation = simulate(flow, fail=made[::2], skip=made[1::4])

    assert all(run.state.is_finished() for run in simulation.all_runs())
    assert simulation.state.is_finished()
