"""Triggers: which upstream states let a task run."""

from __future__ import annotations

from typing import Any

import pytest

from prefect import Task, context, triggers
from prefect.core.edge import Edge
from prefect.engine.signals import PAUSE, SKIP
from prefect.engine.state import Cancelled, Failed, Mapped, Pending, Skipped, State, Success

GOOD, BAD, LEFT_OUT, STOPPED = Success, Failed, Skipped, Cancelled


def upstream(*kinds: type[State], mapped: bool = False) -> dict[Edge, State]:
    return edges(*[kind() for kind in kinds], mapped=mapped)


def edges(*states: State, mapped: bool = False) -> dict[Edge, State]:
    return {Edge(Task(), Task(), mapped=mapped): state for state in states}


@pytest.mark.parametrize(
    ("name", "passing", "refusing"),
    [
        ("all_finished", [(GOOD, BAD, STOPPED)], [(GOOD, Pending)]),
        ("always_run", [(GOOD, BAD, LEFT_OUT)], [(Pending,)]),
        ("all_successful", [(GOOD, LEFT_OUT)], [(GOOD, BAD), (GOOD, STOPPED)]),
        ("all_failed", [(BAD, BAD)], [(BAD, GOOD), (BAD, STOPPED)]),
        ("any_successful", [(BAD, GOOD), (BAD, LEFT_OUT)], [(BAD, BAD), (STOPPED,)]),
        ("any_failed", [(GOOD, BAD)], [(GOOD, GOOD), (STOPPED,)]),
        ("not_all_skipped", [(GOOD, LEFT_OUT)], [(BAD, LEFT_OUT)]),
    ],
)
def test_a_trigger_passes_or_refuses(name: str, passing: Any, refusing: Any) -> None:
    trigger = getattr(triggers, name)

    assert [trigger(upstream(*kinds)) for kinds in passing] == [True] * len(passing)
    assert [trigger(upstream(*kinds)) for kinds in refusing] == [False] * len(refusing)


@pytest.mark.parametrize(
    ("bounds", "passing"),
    [
        ({"at_least": 2}, [2, 3, 4]),
        ({"at_most": 2}, [0, 1, 2]),
        ({"at_least": 1, "at_most": 3}, [1, 2, 3]),
        ({"at_least": 0.5}, [2, 3, 4]),
        ({"at_most": 0.25}, [0, 1]),
        ({"at_least": 1}, [1, 2, 3, 4]),
        ({"at_least": 1.0}, [1, 2, 3, 4]),
        ({}, [0, 1, 2, 3, 4]),
    ],
)
def test_some_counts_whole_numbers_and_fractions(bounds: dict[str, Any], passing: list[int]) -> None:
    """A bound below 1 is a fraction of the four upstream tasks."""
    some = [upstream(*[BAD] * bad, *[GOOD] * (4 - bad)) for bad in range(5)]

    assert [bad for bad in range(5) if triggers.some_failed(**bounds)(some[bad])] == passing
    assert [4 - bad for bad in range(4, -1, -1) if triggers.some_successful(**bounds)(some[bad])] == passing


@pytest.mark.parametrize(
    "trigger",
    [
        triggers.all_finished,
        triggers.always_run,
        triggers.all_successful,
        triggers.all_failed,
        triggers.any_successful,
        triggers.any_failed,
        triggers.not_all_skipped,
        triggers.some_failed(at_least=1),
        triggers.some_successful(at_least=1),
    ],
)
def test_without_upstream_tasks_a_task_runs(trigger: Any) -> None:
    assert trigger({}) is True


def test_if_all_are_skipped_the_task_is_too() -> None:
    with pytest.raises(SKIP) as raised:
        triggers.not_all_skipped(upstream(LEFT_OUT, LEFT_OUT))
    assert raised.value.state.result is None


def test_manual_only_waits_until_it_is_resumed() -> None:
    with pytest.raises(PAUSE):
        triggers.manual_only({})
    with context(resume=True):
        assert triggers.manual_only(upstream(BAD)) is True


def test_the_children_of_a_mapped_task_count_in_its_place() -> None:
    children = edges(Mapped(map_states=[Success(), Failed()]))

    assert triggers.any_failed(children)
    assert not triggers.all_successful(children)
    assert triggers.some_failed(at_least=0.5)(children)


def test_over_a_mapped_edge_the_mapped_task_counts_itself() -> None:
    parent = edges(Mapped(map_states=[None, Failed()]), mapped=True)

    assert triggers.all_successful(parent)
    assert triggers.all_finished(parent)


def test_an_empty_map_stands_in_nobodys_way() -> None:
    assert triggers.all_successful(edges(Mapped()))
    assert triggers.any_successful(edges(Mapped()))


def test_a_state_that_arrives_over_two_edges_counts_once() -> None:
    """a ═▶ b"""
    a, b, failed = Task(), Task(), Failed()
    twice: dict[Edge, State] = {Edge(a, b): failed, Edge(a, b, flattened=True): failed, Edge(Task(), b): Success()}

    assert triggers.some_failed(at_most=1)(twice)
    assert triggers.some_failed(at_least=0.5)(twice)
