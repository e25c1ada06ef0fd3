"""A graph compiled for running."""

from __future__ import annotations

import pytest

from prefect import Flow, Task, flatten, task
from prefect.core.graph import Graph
from prefect.engine.plan import compile_plan
from prefect.exceptions import CycleError


@task
def one(x=0):
    return x


@task
def two(x, y):
    return x + y


def test_tasks_are_numbered_in_running_order():
    """a ─▶ b ─▶ c"""
    a, b, c = Task("a"), Task("b"), Task("c")
    graph = Graph("g", tasks=[c, b, a])
    graph.chain(a, b, c)

    plan = compile_plan(graph)

    assert [node.task for node in plan.nodes] == [a, b, c]
    assert [node.number for node in plan.nodes] == [0, 1, 2]
    assert plan.numbers == {a: 0, b: 1, c: 2}


def test_a_task_waits_for_each_of_its_edges():
    """
    a ─x─▶ c
     ╲─y──▶
    """
    with Flow("f") as flow:
        a = one()
        c = two(a, a)

    plan = compile_plan(flow)

    assert plan.waiting == [0, 2]
    assert plan.after_end[0] == [1, 1]
    assert plan.nodes[plan.numbers[c]].sources == [0, 0]


def test_constants_are_no_edges():
    with Flow("f") as flow:
        one(5)

    [node] = compile_plan(flow).nodes

    assert node.edges == []


def test_a_map_over_a_map_is_a_lane_that_waits_for_the_opening_only():
    """source ─▶ first.map ─▶ second.map ─▶ last"""
    with Flow("f") as flow:
        source = one()
        first = one.map(source)
        second = one.map(first)
        last = one(second)

    plan = compile_plan(flow)
    number = plan.numbers

    assert [node.mapped for node in plan.nodes] == [False, True, True, False]
    assert plan.nodes[number[second]].lanes == (number[first],)
    assert plan.after_opening[number[first]] == [number[second]]
    assert number[first] not in plan.after_end
    assert plan.after_end[number[source]] == [number[first]]
    assert plan.after_end[number[second]] == [number[last]]


def test_a_flattened_edge_is_no_lane():
    """source ─▶ first.map ─flatten▶ second.map"""
    with Flow("f") as flow:
        first = one.map(one())
        second = one.map(flatten(first))

    plan = compile_plan(flow)

    assert plan.nodes[plan.numbers[second]].lanes == ()
    assert plan.after_end[plan.numbers[first]] == [plan.numbers[second]]


def test_a_cycle_is_refused_and_named():
    a, b = Task("a"), Task("b")
    graph = Graph("g")
    graph.chain(a, b)
    graph.add_edge(b, a)

    with pytest.raises(CycleError, match="a → b → a|b → a → b"):
        compile_plan(graph)
