"""A map over an iterator: elements are drawn as children need them, so that a map can be larger than memory."""

from __future__ import annotations

import itertools
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from prefect import Flow, Task, context, flatten, task, unmapped
from prefect.engine.result.released import Released
from prefect.engine.signals import FAIL, RETRY, SKIP
from prefect.engine.state import Failed, Mapped, Retrying, Skipped, State, Success, TriggerFailed
from prefect.executors import Executor, LocalDaskExecutor, LocalExecutor
from prefect.triggers import all_finished


@pytest.fixture(params=["local", "threads", "processes"])
def executor(request: pytest.FixtureRequest) -> Executor:
    return LocalExecutor() if request.param == "local" else LocalDaskExecutor(request.param, num_workers=2)


@task
def count_to(n: int) -> Iterator[int]:
    yield from range(n)


@task
def double(x: int) -> int:
    return 2 * x


@task
def add(x: int, y: int) -> int:
    return x + y


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


def test_an_iterator_is_mapped_over_and_reduced(executor: Executor) -> None:
    """count_to ─▶ double.map ─▶ double.map ─▶ total"""
    with Flow("stream") as flow:
        doubled = double.map(count_to(500))
        again = double.map(doubled)
        sum_of_all = total(again)

    result = flow.run(executor=executor).result

    assert result[doubled].result == [2 * n for n in range(500)]
    assert result[again].result == [4 * n for n in range(500)]
    assert result[sum_of_all].result == sum(4 * n for n in range(500))
    assert result[doubled].n_map_states == 500
    assert result[doubled].message == "Mapped over 500 elements, one after the other."


def test_an_empty_iterator_makes_an_empty_map(executor: Executor) -> None:
    with Flow("stream") as flow:
        doubled = double.map(count_to(0))
        sum_of_all = total(doubled)

    result = flow.run(executor=executor).result

    assert (result[doubled].result, result[sum_of_all].result) == ([], 0)


def test_an_endless_iterator_ends_with_the_shortest_input(executor: Executor) -> None:
    """count ─▶ add.map ◀─ [10, 20, 30]"""

    @task
    def count() -> Iterator[int]:
        yield from itertools.count()

    with Flow("stream") as flow:
        added = add.map(count(), [10, 20, 30])

    assert flow.run(executor=executor).result[added].result == [10, 21, 32]


def test_two_iterators_go_side_by_side(executor: Executor) -> None:
    with Flow("stream") as flow:
        added = add.map(count_to(7), count_to(5))

    assert flow.run(executor=executor).result[added].result == [0, 2, 4, 6, 8]


def test_a_lane_may_branch_and_join_and_take_whole_values(executor: Executor) -> None:
    """count_to ─▶ double.map ─┬─▶ add.map(unmapped 1) ─┐
    └────────────────────────┴─▶ add.map"""
    with Flow("stream") as flow:
        doubled = double.map(count_to(20))
        more = add.map(doubled, unmapped(1))
        both = add.map(doubled, more)

    assert flow.run(executor=executor).result[both].result == [4 * n + 1 for n in range(20)]


def test_an_iterator_that_breaks_fails_one_child_and_ends_there(executor: Executor) -> None:
    """the third element cannot be drawn"""

    @task
    def breaks() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("broken")

    with Flow("stream") as flow:
        doubled = double.map(breaks())
        sum_of_all = total(doubled, task_args={"trigger": all_finished})

    result = flow.run(executor=executor).result

    assert [type(child) for child in result[doubled].map_states] == [Success, Success, TriggerFailed]
    assert type(result[sum_of_all]) is Failed


def test_children_that_are_tried_again_keep_their_element(executor: Executor) -> None:
    @task(max_retries=1, retry_delay=0.001)
    def second_time(x: int) -> int:
        if context.task_run_count == 1 and x % 3 == 0:
            raise ValueError("not yet")
        return x

    with Flow("stream") as flow:
        lucky = second_time.map(count_to(30))
        doubled = double.map(lucky)

    assert flow.run(executor=executor).result[doubled].result == [2 * n for n in range(30)]


def test_elements_are_drawn_only_as_they_are_needed() -> None:
    """at no time are more elements drawn than are at work"""
    drawn, most = 0, 0

    @task
    def count() -> Iterator[int]:
        nonlocal drawn
        for n in range(300):
            drawn += 1
            yield n

    @task
    def work(x: int) -> int:
        nonlocal most
        most = max(most, drawn - x)
        return x

    with Flow("stream") as flow:
        double.map(work.map(count()))

    assert flow.run().is_successful()
    assert drawn == 300
    assert most <= 32


@pytest.mark.parametrize("signal", [SKIP, FAIL, SystemExit, RETRY])
def test_a_signal_of_an_iterator_ends_it_and_harms_nothing_else(executor: Executor, signal: type) -> None:
    """the third element is the signal"""

    @task
    def ends() -> Iterator[int]:
        yield 1
        yield 2
        raise signal("no more")

    with Flow("stream") as flow:
        doubled = double.map(ends())
        other = double(4)

    state = flow.run(executor=executor)

    last = Skipped if signal is SKIP else TriggerFailed
    assert [type(child) for child in state.result[doubled].map_states] == [Success, Success, last]
    assert state.result[other].result == 8
    assert state.is_successful() is (signal is SKIP)


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_a_slow_iterator_does_not_hold_up_tasks_that_have_nothing_to_do_with_it(scheduler: str) -> None:
    """slowly ─▶ double.map, and beside it double ─▶ double ─▶ double"""
    drawn: list[int] = []

    @task
    def slowly() -> Iterator[int]:
        for n in range(20):
            time.sleep(0.05)
            drawn.append(n)
            yield n

    at_the_end: list[int] = []

    @task(on_map_end=lambda task, state, counts: at_the_end.append(len(drawn)))
    def beside(x: int) -> int:
        return x

    with Flow("stream") as flow:
        double.map(slowly())
        value = double(double(double(1)))
        beside.map([value])

    assert flow.run(executor=LocalDaskExecutor(scheduler, num_workers=4)).is_successful()
    assert at_the_end[0] < 20


def test_the_code_of_an_iterator_finds_the_context_of_its_task_and_its_prints_are_logged(
    executor: Executor, caplog: pytest.LogCaptureFixture
) -> None:
    @task(name="lister", log_stdout=True)
    def names() -> Iterator[str]:
        for _ in range(2):
            print("drawing")
            context.logger.info("for %s", context.task_name)
            yield f"{context.task_name} {context.logger.name} {context.get('map_index')}"

    @task
    def same(x: str) -> str:
        return x

    with Flow("stream") as flow:
        found = same.map(names())

    with caplog.at_level("INFO"):
        result = flow.run(executor=executor).result

    assert result[found].result == ["lister prefect.lister None"] * 2
    messages = [record.message for record in caplog.records if record.name == "prefect.lister"]
    assert messages.count("drawing") == messages.count("for lister") == 2


@pytest.mark.parametrize("scheduler", ["local", "threads"])
def test_a_map_larger_than_memory_runs_in_little_memory(scheduler: str) -> None:
    """400 blocks of 1 MB ─▶ twice.map ─▶ size.map ─▶ total, in a few MB"""

    @task
    def blocks() -> Iterator[bytearray]:
        for _ in range(400):
            yield bytearray(1_000_000)

    twice, size = task(lambda block: block + block, name="twice"), task(lambda block: len(block), name="size")
    with Flow("stream") as flow:
        doubled = twice.map(blocks())
        sum_of_all = total(size.map(doubled))
    executor = LocalExecutor() if scheduler == "local" else LocalDaskExecutor(num_workers=2)

    tracemalloc.start()
    state = flow.run(executor=executor)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert state.result[sum_of_all].result == 800_000_000
    assert peak < 150_000_000
    assert isinstance(state.result[doubled].map_states[0]._held, Released)


def test_an_iterator_that_two_tasks_read_is_refused_with_the_remedy() -> None:
    with Flow("stream") as flow:
        numbers = count_to(3)
        doubled = double.map(numbers)
        double.map(numbers)

    state = flow.run().result[doubled]

    assert type(state) is Failed
    assert "generator" in state.message
    assert "Return `list(...)`" in state.message


def test_a_flattened_iterator_is_refused_with_the_remedy() -> None:
    with Flow("stream") as flow:
        doubled = double.map(flatten(count_to(3)))

    assert "list" in flow.run().result[doubled].message


def test_a_pass_that_leaves_children_unfinished_is_taken_up_by_the_next() -> None:
    """a single pass leaves retries to the next, which finds the elements"""
    from prefect.engine import FlowRunner

    @task(max_retries=1, retry_delay=0.001)
    def second_time(x: int) -> int:
        if context.task_run_count == 1:
            raise ValueError("not yet")
        return x

    with Flow("stream") as flow:
        lucky = second_time.map(count_to(3))

    first: State = FlowRunner(flow).run(return_tasks=flow.tasks)
    states: dict[Task, Any] = first.result
    assert [type(child) for child in states[lucky].map_states] == [Retrying] * 3

    import time

    time.sleep(0.01)
    second = FlowRunner(flow).run(return_tasks=flow.tasks, task_states=states)

    assert isinstance(second.result[lucky], Mapped)
    assert second.result[lucky].result == [0, 1, 2]
