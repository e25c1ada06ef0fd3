"""The guide, "Adding Tasks to Flows": both interfaces, copies, collections, constants and parameters."""

from __future__ import annotations

import pytest

from prefect import Flow, Parameter, Task, task
from prefect.tasks.core.constants import Constant


@task
def number_task():
    return 42


@task
def add_task(x, y):
    return x + y


@task
def do_nothing(arg):
    return arg


def shown(flow):
    """What printing the tasks shows, in order of names."""
    text = str(flow.tasks)
    assert (text[0], text[-1]) == ("{", "}")
    return sorted(text[1:-1].split(", "))


def test_the_imperative_interface_adds_the_task_itself():
    f = Flow("example")
    f.add_task(number_task)

    assert str(f.tasks) == "{<Task: number_task>}"
    assert number_task in f.tasks


def test_calling_a_task_in_a_flow_adds_a_copy_and_returns_it():
    with Flow("example-v2") as f:
        result = number_task()

    assert str(f.tasks) == "{<Task: number_task>}"
    assert number_task not in f.tasks
    assert result in f.tasks


def test_a_task_can_be_called_many_times():
    with Flow("f") as f:
        results = [add_task(1, y) for y in (1, 2, 3)]

    state = f.run()
    assert len(f.tasks) == 3
    assert [state.result[each].result for each in results] == [2, 3, 4]


def test_making_a_task_does_not_add_it():
    with pytest.warns(UserWarning, match="lonely.*Call a task"), Flow("f") as f:
        Task(name="lonely")

    assert not f.tasks


def test_a_task_used_as_a_dependency_of_another_is_added_as_it_is():
    with Flow("f") as f:
        do_nothing(number_task)

    assert number_task in f.tasks
    assert len(f.tasks) == 2


def test_task_args_override_settings_of_the_copy():
    with Flow("example-v3") as f:
        result = number_task(task_args={"name": "new-name", "tags": ["a"]})

    assert str(f.tasks) == "{<Task: new-name>}"
    assert (result.name, result.tags) == ("new-name", {"a"})
    assert (number_task.name, number_task.tags) == ("number_task", set())


def test_set_dependencies_feeds_constants():
    f = Flow("add-example")
    f.set_dependencies(add_task, keyword_tasks={"x": 1, "y": 2})

    assert str(f.tasks) == "{<Task: add_task>}"
    assert f.run().result[add_task].result == 3


def test_the_functional_interface_does_the_same_with_a_copy():
    with Flow("add-example-v2") as f:
        result = add_task(x=1, y=2)

    assert str(f.tasks) == "{<Task: add_task>}"
    assert add_task not in f.tasks
    assert result in f.tasks
    assert f.run().result[result].result == 3


def test_a_collection_becomes_tasks_for_its_keys_and_values(value):
    """
    List (keys) ──────────────▶ Dict ─▶ do_nothing
    List ([9, 10]) ─▶ List (values) ─▲
    """
    with Flow("constants") as flow:
        result = do_nothing({"x": 1, "y": [9, 10]})

    assert shown(flow) == ["<Task: Dict>", "<Task: List>", "<Task: List>", "<Task: List>", "<Task: do_nothing>"]
    assert value(flow, result) == {"x": 1, "y": [9, 10]}


@pytest.mark.parametrize("given", [[], {}, (1,), {1, 2}, [[1], [2, [3]]], {"a": {"b": ()}}, [None, "text"]], ids=repr)
def test_collections_come_out_as_they_went_in(given, value):
    with Flow("f") as flow:
        result = do_nothing(given)

    found = value(flow, result)
    assert found == given
    assert type(found) is type(given)


def test_tasks_inside_collections_are_replaced_by_their_values(value):
    with Flow("f") as flow:
        result = do_nothing([1, {"n": number_task()}, (number_task(), 2)])

    assert value(flow, result) == [1, {"n": 42}, (42, 2)]


def test_a_constant_stops_that():
    given = {"x": 1, "y": [9, 10]}
    with Flow("constants") as flow:
        result = do_nothing(Constant(given))

    assert shown(flow) == ["<Task: Constant[dict]>", "<Task: do_nothing>"]
    assert flow.run().result[result].result is given


def test_parameters_are_added_as_they_are_when_they_are_used():
    """x, y ─▶ add_task"""
    with Flow("add-example-v3") as f:
        x = Parameter("x", default=1)
        y = Parameter("y", default=2)
        assert not f.tasks
        result = add_task(x=x, y=y)

    assert shown(f) == ["<Parameter: x>", "<Parameter: y>", "<Task: add_task>"]
    assert add_task not in f.tasks
    assert {result, x, y} == f.tasks


@pytest.mark.parametrize(("given", "expected"), [({}, 3), ({"x": 10}, 12), ({"x": 10, "y": 20}, 30)])
def test_parameters_have_defaults_and_can_be_given(given, expected):
    with Flow("f") as f:
        result = add_task(Parameter("x", default=1), Parameter("y", default=2))

    assert f.run(parameters=given).result[result].result == expected
    assert f.run(**given).result[result].result == expected


def test_upstream_tasks_order_tasks_that_exchange_nothing():
    """A ─▶ B"""
    order = []

    @task(name="A")
    def task_a():
        order.append("A")

    @task(name="B")
    def task_b():
        order.append("B")

    with Flow("functional-example") as flow:
        result = task_b(upstream_tasks=[task_a])

    [edge] = flow.edges
    assert (edge.upstream_task, edge.downstream_task, edge.key) == (task_a, result, None)
    assert flow.run().is_successful()
    assert order == ["A", "B"]


def test_both_interfaces_build_the_same_flow():
    """x ─▶ add ─▶ add ◀─ 5"""
    x, one, two = Parameter("x"), add_task.copy(), add_task.copy()
    with Flow("same") as functional:
        one.bind(x, 1)
        two.bind(one, y=5, upstream_tasks=[x])

    imperative = Flow("same")
    imperative.add_edge(x, one, key="x")
    imperative.add_edge(1, one, key="y")
    imperative.set_dependencies(two, upstream_tasks=[x], keyword_tasks={"x": one, "y": 5})

    assert functional == imperative
    assert functional.run(x=1).result[two].result == imperative.run(x=1).result[two].result == 7
