"""The guide, "Task Inputs and Outputs": tasks exchange what cloudpickle can carry, and can be carried themselves."""

from __future__ import annotations

import threading

import cloudpickle
import pytest

from prefect import Flow, Parameter, Task, case, task, unmapped
from prefect.tasks.core.constants import Constant
from prefect.utilities.debug import is_serializable


@task
def echo(x):
    return x


class Point:
    def __init__(self, x):
        self.x = x


@pytest.mark.parametrize("given", [[1, {"a": {2}}], lambda: 3, Point(1), Point, object(), None], ids=repr)
def test_tasks_hand_over_any_object_as_it_is(given):
    """Constant(given) ─▶ echo ─▶ echo"""
    with Flow("f") as flow:
        last = echo(echo(Constant(given)))

    assert flow.run().result[last].result is given


@pytest.mark.parametrize("given", [None, [1, {2}, {"a": (3,)}]])
def test_data_makes_the_round_trip(given):
    assert cloudpickle.loads(cloudpickle.dumps(given)) == given


def test_functions_and_classes_make_the_round_trip():
    assert cloudpickle.loads(cloudpickle.dumps(lambda x: x + 1))(1) == 2
    assert cloudpickle.loads(cloudpickle.dumps(Point(5))).x == 5


@pytest.mark.parametrize("given", [(x for x in range(5)), threading.Lock()], ids=["generator", "lock"])
def test_generators_and_locks_do_not(given):
    with pytest.raises(TypeError):
        cloudpickle.dumps(given)
    assert not is_serializable(given)


def twin(thing):
    return cloudpickle.loads(cloudpickle.dumps(thing))


def test_a_task_makes_the_round_trip_with_its_settings():
    add = task(lambda x, y=2: x + y, name="add", tags=["t"], max_retries=1, retry_delay=5, on_failure=print)

    other = twin(add)

    assert other.run(1) == 3
    assert (other.name, other.tags, other.max_retries, other.retry_delay) == ("add", {"t"}, 1, add.retry_delay)
    assert [*other.inputs()] == ["x", "y"]
    assert other.logger is add.logger


def test_a_subclass_makes_the_round_trip_with_its_attributes():
    class Add(Task):
        def __init__(self, y, **kwargs):
            self.y = y
            super().__init__(**kwargs)

        def run(self, x):
            return x + self.y

    assert twin(Add(y=2)).run(1) == 3


def test_a_flow_makes_the_round_trip_and_runs():
    """
    n ─▶ echo ─▶ List ─▶ echo.map ─▶ echo[0]
    """
    with Flow("f") as flow:
        n = Parameter("n", default=1)
        mapped = echo.map([echo(n), 2, 3])
        first = mapped[0]
        with case(first, 1):
            total = first + 10

    other = twin(flow)
    state = other.run()

    assert state.is_successful()
    assert [other.slugs[each] for each in other.sorted_tasks()] == [flow.slugs[each] for each in flow.sorted_tasks()]
    [total] = other.get_tasks(name=total.name)
    assert state.result[total].result == 11
    assert other.run(n=5).result[total].is_skipped()


def test_a_missing_key_is_still_an_error_after_the_round_trip():
    with Flow("f") as flow:
        echo({"a": 1})["b"]

    other = twin(flow)
    state = other.run()

    [item] = other.get_tasks(name="echo['b']")
    assert isinstance(state.result[item].result, KeyError)


def test_a_flow_makes_the_round_trip_while_it_is_being_built():
    with Flow("f") as flow:
        echo.map([1, 2], upstream_tasks=[unmapped(echo(3))])
        other = twin(flow)

    assert other.run().is_successful()
    assert len(other.tasks) == len(flow.tasks)
