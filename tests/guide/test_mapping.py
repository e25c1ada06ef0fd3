"""The guide, "Mapping": one child of a task for each element."""

from __future__ import annotations

import re

import pytest

import prefect
from prefect import Flow, task, unmapped
from prefect.engine.signals import SKIP
from prefect.engine.state import Mapped


@task
def add_one(x):
    return x + 1


@task(name="sum")
def sum_numbers(y):
    result = sum(y)
    logger = prefect.context["logger"]
    logger.info(f"The sum is {result}")
    return result


def imperative():
    flow = Flow("Map Reduce")
    flow.set_dependencies(add_one, keyword_tasks={"x": [1, 2, 3, 4]}, mapped=True)
    flow.set_dependencies(sum_numbers, keyword_tasks={"y": add_one})
    return flow


def functional():
    with Flow("Map Reduce") as flow:
        mapped_result = add_one.map(x=[1, 2, 3, 4])
        sum_numbers(mapped_result)
    return flow


@pytest.mark.parametrize("build", [imperative, functional])
def test_map_and_reduce(build, run):
    """[1, 2, 3, 4] ─▶ add_one.map ─▶ sum"""
    flow = build()
    state = run(flow)
    [mapped], [total] = flow.get_tasks(name="add_one"), flow.get_tasks(name="sum")

    assert state.result[total].result == 14
    assert isinstance(state.result[mapped], Mapped)
    assert [child.result for child in state.result[mapped].map_states] == [2, 3, 4, 5]


def test_the_sum_is_logged_in_the_line_that_the_guide_shows(caplog, capsys, run):
    run(functional())

    line = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] - INFO - prefect\.sum \| The sum is 14"
    assert len(re.findall(f"^{line}$", capsys.readouterr().out, re.MULTILINE)) == 1


def test_a_map_over_a_map_joins_each_child_to_its_own_twin():
    """[1, 0, 2] ─▶ divide.map ─▶ add_one.map"""
    divide = task(lambda x: 2 / x)
    with Flow("f") as flow:
        divided = divide.map([1, 0, 2])
        added = add_one.map(divided)

    state = flow.run()

    assert [child.is_successful() for child in state.result[divided].map_states] == [True, False, True]
    assert [child.is_successful() for child in state.result[added].map_states] == [True, False, True]
    assert [state.result[added].map_states[n].result for n in (0, 2)] == [3, 2]


def test_children_fail_skip_and_retry_each_on_its_own():
    """[0, 1, 2, 3] ─▶ act.map"""
    tries = []

    @task(max_retries=1, retry_delay=0)
    def act(x):
        tries.append(x)
        if x == 1 or (x == 2 and tries.count(2) == 1):
            raise ValueError
        if x == 3:
            raise SKIP
        return x

    with Flow("f") as flow:
        acted = act.map([0, 1, 2, 3])

    kinds = [type(child).__name__ for child in flow.run().result[acted].map_states]

    assert kinds == ["Success", "Failed", "Success", "Skipped"]
    assert sorted(tries) == [0, 1, 1, 2, 2, 3]


def test_unmapped_gives_the_same_value_to_every_child(value):
    @task
    def add(x, y):
        return x + y

    with Flow("unmapped example") as flow:
        result = add.map(x=[1, 2, 3], y=unmapped(5))

    assert value(flow, result) == [6, 7, 8]


@pytest.mark.parametrize("count", [4, 0])
def test_a_map_over_upstream_tasks_alone_runs_once_for_each_element(count, capsys, run):
    """return_list ─▶ print_hello.map"""
    return_list = task(lambda: list(range(count)))

    @task
    def print_hello():
        print("HELLO")

    with Flow("print-example") as flow:
        result = print_hello.map(upstream_tasks=[return_list])

    state = run(flow)

    assert capsys.readouterr().out.count("HELLO") == count
    assert state.result[result].is_successful()
    assert len(state.result[result].map_states) == count


def test_children_know_their_place(value):
    with Flow("f") as flow:
        places = task(lambda x: (x, prefect.context.map_index, prefect.context.task_full_name), name="where").map("abc")

    assert value(flow, places) == [("a", 0, "where[0]"), ("b", 1, "where[1]"), ("c", 2, "where[2]")]


@pytest.mark.parametrize("source", [{"a": 1}, {1, 2}, 5, None], ids=lambda s: type(s).__name__)
def test_a_map_over_what_has_no_order_fails_and_says_why(source):
    """source ─▶ add_one.map          other"""
    with Flow("f") as flow:
        result = add_one.map(task(lambda: source, name="source")())
        other = add_one(1)

    state = flow.run()

    assert type(state.result[result]).__name__ == "Failed"
    assert type(source).__name__ in state.result[result].message
    assert state.result[other].result == 2
