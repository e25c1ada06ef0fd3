"""The guide, "Running Tasks": a task by itself, and as the engine sees it."""

from __future__ import annotations

import pytest

from prefect import Flow, Task, task
from prefect.core import Edge
from prefect.engine import FlowRunner, TaskRunner
from prefect.engine.state import Failed, Skipped, Success, TriggerFailed
from prefect.triggers import all_finished


@task
def add_task(x, y):
    return x + y


@task
def number_task():
    return 42


def test_run_is_an_ordinary_method():
    assert add_task.run(1, 2) == 3
    assert add_task.run(x=5, y=-10) == -5
    assert add_task.run(x=[1, 2], y=[3, 4]) == [1, 2, 3, 4]


def test_a_task_runner_returns_a_state_that_holds_the_value():
    state = TaskRunner(task=number_task).run()

    assert type(state) is Success
    assert state.is_successful()
    assert state.result == 42


def test_a_failed_upstream_state_makes_the_trigger_fail_with_an_exception_as_result():
    """Failed ─▶ number_task"""
    upstream_edge = Edge(Task(), number_task)
    upstream_state = Failed(message="Failed for some reason")

    state = TaskRunner(task=number_task).run(upstream_states={upstream_edge: upstream_state})

    assert type(state) is TriggerFailed
    assert state.is_failed()
    assert isinstance(state.result, Exception)


def test_another_trigger_lets_the_same_task_run():
    upstream_edge = Edge(Task(), number_task)
    patient = number_task.copy(trigger=all_finished)

    state = TaskRunner(task=patient).run(upstream_states={upstream_edge: Failed()})

    assert state.result == 42


def test_an_error_in_run_is_the_result_of_a_failed_state():
    state = TaskRunner(task=task(lambda: 1 / 0)).run()

    assert type(state) is Failed
    assert isinstance(state.result, ZeroDivisionError)


def test_a_skipped_upstream_task_skips_the_task_unless_it_says_otherwise():
    edge = Edge(Task(), number_task)

    assert type(TaskRunner(task=number_task).run(upstream_states={edge: Skipped()})) is Skipped
    stubborn = number_task.copy(skip_on_upstream_skip=False)
    assert TaskRunner(task=stubborn).run(upstream_states={edge: Skipped()}).result == 42


def test_upstream_results_are_the_arguments():
    """x ─▶ add_task ◀─ y"""
    x, y = Edge(Task(), add_task, key="x"), Edge(Task(), add_task, key="y")

    state = TaskRunner(task=add_task).run(upstream_states={x: Success(result=1), y: Success(result=2)})

    assert state.result == 3


@pytest.mark.parametrize("bare", [Task(), Task(name="nothing")])
def test_a_bare_task_does_nothing_successfully(bare):
    state = TaskRunner(task=bare).run()

    assert state.is_successful()
    assert state.result is None


def test_a_flow_runner_makes_one_pass_from_the_states_it_is_given():
    """given: one is over ─▶ two"""
    with Flow("f") as flow:
        one = number_task()
        two = add_task(one, 1)

    state = FlowRunner(flow).run(task_states={one: Success(result=1)}, return_tasks=[one, two])

    assert state.is_successful()
    assert state.result[two].result == 2


def test_a_flow_runner_returns_only_the_states_asked_for():
    with Flow("f") as flow:
        one = number_task()
        add_task(one, 1)

    assert FlowRunner(flow).run().result == {}
    assert FlowRunner(flow).run(return_tasks=[one]).result.keys() == {one}
