"""Any value becomes a task."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest

from prefect import Flow, Task, as_task, flatten, mapped, task, unmapped
from prefect.exceptions import FlowContextMissing
from prefect.tasks.core.collections import Dict, List, Set, Tuple
from prefect.tasks.core.constants import Constant

Pair = namedtuple("Pair", "left right")


@task
def one():
    return 1


@task
def echo(x):
    return x


def test_a_task_stays_itself():
    assert as_task(one) is one


@pytest.mark.parametrize("annotation", [mapped, unmapped, flatten])
def test_an_annotation_becomes_the_task_for_what_is_inside(annotation):
    assert as_task(annotation(one)) is one
    assert as_task(annotation(annotation(5))).value == 5


@pytest.mark.parametrize(
    "given",
    [
        5,
        "text",
        None,
        1.5,
        print,
        range(3),
        frozenset({1}),
        np.arange(3),
        Pair(1, 2),
        OrderedDict(a=1),
        defaultdict(int),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_other_value_becomes_a_constant_that_is_the_very_value(given):
    with Flow("f") as flow:
        lifted = as_task(given)

    assert type(lifted) is Constant
    assert lifted.value is given
    assert lifted.auto_generated
    assert not flow.tasks


@pytest.mark.parametrize(
    ("given", "kind", "count"),
    [([1, 2], List, 1), ((1, 2), Tuple, 1), ({1, 2}, Set, 1), ({"a": 1}, Dict, 3), ([1, [2]], List, 2), ([], List, 1)],
    ids=repr,
)
def test_a_collection_becomes_a_task_of_its_kind(given, kind, count):
    with Flow("f") as flow:
        lifted = as_task(given)

    assert type(lifted) is kind
    assert lifted.auto_generated
    assert len(flow.tasks) == count
    assert flow.run().result[lifted].result == given


def test_without_a_flow_a_collection_of_values_is_a_constant():
    lifted = as_task([1, [2]])

    assert type(lifted) is Constant
    assert lifted.value == [1, [2]]


def test_without_a_flow_a_collection_of_tasks_is_refused_with_the_remedy():
    with pytest.raises(FlowContextMissing, match=r"holds tasks.*with Flow.*`flow=`"):
        as_task([one])


def test_a_flow_can_be_given():
    flow = Flow("f")

    lifted = as_task([one], flow=flow)

    assert flow.tasks == {lifted, one}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([one, 2], [1, 2]),
        ((one, (one,)), (1, (1,))),
        ({one}, {1}),
        ({"a": one, "b": [one]}, {"a": 1, "b": [1]}),
        (Pair(one, 2), (1, 2)),
        (OrderedDict(a=one), {"a": 1}),
        ([unmapped(one)], [1]),
    ],
    ids=repr,
)
def test_tasks_inside_collections_give_their_values(given, expected, value):
    with Flow("f") as flow:
        result = echo(given)

    found = value(flow, result)
    assert found == expected
    assert type(found) is type(expected)


def test_keys_of_a_dict_are_never_looked_at(value):
    with Flow("f") as flow:
        result = echo({one: 1})

    assert value(flow, result) == {one: 1}
    assert one not in flow.tasks


def test_a_large_collection_of_numbers_costs_no_edges(value):
    numbers = list(range(10_000))
    with Flow("f") as flow:
        result = echo(numbers)

    assert (len(flow.tasks), len(flow.edges)) == (2, 1)
    assert value(flow, result) == numbers


def test_numbered_arguments_keep_their_order_beyond_nine(value):
    with Flow("f") as flow:
        result = echo([one, *range(2, 13)])

    assert value(flow, result) == list(range(1, 13))


def test_a_dict_needs_as_many_values_as_keys():
    with Flow("f") as flow:
        made = Dict()(keys=["a", "b"], values=[1])

    state = flow.run().result[made]
    assert isinstance(state.result, ValueError)
    assert "2 keys but 1 values" in str(state.result)


# Constants


def test_a_constant_returns_the_same_object_at_every_run(value):
    given = [1]
    with Flow("f") as flow:
        constant = Constant(given)()

    assert value(flow, constant) is value(flow, constant) is given
    assert constant.name == "Constant[list]"
    assert Constant(1, name="n", tags=["t"]).tags == {"t"}


def test_scalars_are_kept_aside_instead_of_becoming_tasks():
    with Flow("f") as flow:
        result = echo(5)

    assert flow.tasks == {result}
    assert flow.constants == {result: {"x": 5}}


def test_a_constant_that_is_no_argument_stays_a_task():
    with Flow("f") as flow:
        result = Task()(upstream_tasks=[5])

    [edge] = flow.edges_to(result)
    assert edge.upstream_task.value == 5
