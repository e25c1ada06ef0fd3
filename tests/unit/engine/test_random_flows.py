"""Random flows come to the states and values that a plain interpreter of the rules says, in whatever order they run."""

from __future__ import annotations

import inspect
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefect import Task
from prefect.engine import FlowRunner
from prefect.engine.state import Mapped, State
from prefect.executors import Executor
from prefect.executors.base import Lost
from prefect.utilities.configuration import set_temporary_config
from random_flows import Node, built, drawings, expected, interpret, shown


@pytest.fixture(autouse=True)
def silent(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of failing tasks have nothing to tell."""
    caplog.set_level(logging.CRITICAL, "prefect")


# --- executors that make trouble --------------------------------------------------------------------------------------


@dataclass
class AnyOrder(Executor):
    """Takes everything that is given, and finishes it in an order of its own; the work is done when it is asked for."""

    chance: random.Random = field(default_factory=random.Random)

    def submit(self, fn: Callable[..., Any], *args: Any, extra_context: Any = None, **kwargs: Any) -> Any:
        return lambda: fn(*args, **kwargs)

    def next_done(self, futures: Mapping[int, Any], timeout: float | None = None) -> tuple[int, Any]:
        number = self.chance.choice(list(futures))
        return number, futures[number]()


class Few(AnyOrder):
    slots = 2


class Far(AnyOrder):
    """Distant: what travels is bytes, and maps run by lane."""

    distant = True

    def next_done(self, futures: Mapping[int, Any], timeout: float | None = None) -> tuple[int, Any]:
        number, value = super().next_done(futures)
        return number, self.outcome(value)

    def outcome(self, value: Any) -> Any:
        return list(value) if inspect.isgenerator(value) else value


class Mortal(Far):
    """Distant hands that die now and then; sometimes it is known what they had done before."""

    def outcome(self, value: Any) -> Any:
        value = super().outcome(value)
        if self.chance.random() < 0.7:
            return value
        done = value[: self.chance.randrange(len(value) + 1)] if isinstance(value, list) else None
        return Lost(reason="died", done=self.chance.choice([done, None]))


thorough = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
quick = settings(thorough, max_examples=50)


@thorough
@given(drawings())
def test_a_random_flow_comes_to_what_the_rules_say(drawing: list[Node]) -> None:
    flow, made = built(drawing)

    result = flow.run().result

    assert [shown(result[each]) for each in made] == [expected(each) for each in interpret(drawing)]


@quick
@given(drawings(), st.randoms(use_true_random=False), st.sampled_from([AnyOrder, Few, Far, Mortal]))
def test_the_order_in_which_work_is_done_does_not_matter(
    drawing: list[Node], chance: random.Random, kind: type[AnyOrder]
) -> None:
    flow, made = built(drawing)

    with set_temporary_config({"engine.crash_retries": 10_000}):
        result = flow.run(executor=kind(chance)).result

    assert [shown(result[each]) for each in made] == [expected(each) for each in interpret(drawing)]


@quick
@given(drawings())
def test_a_run_in_single_passes_comes_to_the_same(drawing: list[Node]) -> None:
    """FlowRunner.run, again and again, with the states of the pass before."""
    flow, made = built(drawing)

    state = None
    known: dict[Task, State] = {}
    for _ in range(len(drawing) + 2):
        state = FlowRunner(flow).run(state=state, task_states=known, return_tasks=flow.tasks)
        known.update(state.result)

    assert state is not None
    assert state.is_finished()
    assert [shown(known[each]) for each in made] == [expected(each) for each in interpret(drawing)]


@quick
@given(drawings(), st.data())
def test_a_run_that_is_taken_up_again_comes_to_the_same(drawing: list[Node], data: st.DataObject) -> None:
    """Some tasks and children keep their states; the others run again."""
    flow, made = built(drawing)
    known = flow.run().result

    for each in made:
        state = known[each]
        if isinstance(state, Mapped):
            forgotten: Iterator[bool] = (data.draw(st.booleans()) for _ in state.map_states)
            kept = [None if lost else child for child, lost in zip(state.map_states, forgotten, strict=True)]
            known[each] = Mapped(map_states=kept[: data.draw(st.integers(0, len(kept)))])
        elif data.draw(st.booleans()):
            del known[each]
    result = flow.run(task_states=known).result

    assert [shown(result[each]) for each in made] == [expected(each) for each in interpret(drawing)]


@quick
@given(drawings())
def test_a_flow_fails_if_one_of_its_last_tasks_or_their_children_fail(drawing: list[Node]) -> None:
    flow, made = built(drawing)
    outcomes = interpret(drawing)
    last = [outcomes[made.index(each)] for each in flow.terminal_tasks()]
    counted = [one for each in last for one in (each.children if each.children is not None else [each])]

    state = flow.run()

    assert state.is_failed() is any(not each.good for each in counted)
    assert state.is_finished()
