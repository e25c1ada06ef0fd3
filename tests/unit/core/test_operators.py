"""Operators on tasks: new tasks that will do to the values what the operator does."""

from __future__ import annotations

import operator

import pytest

from prefect import Flow, Parameter, Task, task
from prefect.engine.results import LocalResult
from prefect.exceptions import FlowContextMissing
from prefect.tasks.core import operators
from prefect.tasks.core.operators import GetAttr, GetItem

BINARY = [
    (operator.add, "Add"),
    (operator.sub, "Sub"),
    (operator.mul, "Mul"),
    (operator.truediv, "Div"),
    (operator.floordiv, "FloorDiv"),
    (operator.mod, "Mod"),
    (operator.pow, "Pow"),
]
COMPARISONS = [
    (operator.gt, "GreaterThan"),
    (operator.ge, "GreaterThanOrEqual"),
    (operator.lt, "LessThan"),
    (operator.le, "LessThanOrEqual"),
]


@task
def seven():
    return 7


@task
def echo(x):
    return x


@pytest.mark.parametrize(("symbol", "name"), BINARY + COMPARISONS)
def test_an_operator_adds_a_task_that_computes(symbol, name, value):
    """seven ─▶ op ◀─ 3"""
    with Flow("f") as flow:
        a, b = seven(), echo(3)
        results = [symbol(a, 3), symbol(3, a), symbol(a, b)]

    assert [value(flow, each) for each in results] == [symbol(7, 3), symbol(3, 7), symbol(7, 3)]
    assert type(results[0]) is getattr(operators, name)
    assert results[0].name == name


@pytest.mark.parametrize("x", [0, 2])
@pytest.mark.parametrize("y", [0, 3])
def test_logic_is_that_of_python_not_of_bits(x, y, value):
    with Flow("f") as flow:
        a, b = echo(x), echo(y)
        results = [a & b, x & b, a & y, a.or_(b), a.not_(), a.is_equal(b), a.is_not_equal(y)]

    expected = [x and y, x and y, x and y, x or y, not x, x == y, x != y]
    assert [value(flow, each) for each in results] == expected


def test_equality_compares_tasks_and_builds_nothing():
    with Flow("f") as flow:
        a, b = seven(), seven()
        assert a != b
        assert a == a

    assert len(flow.tasks) == 2


def test_operators_work_on_parameters_and_bare_tasks(value):
    with Flow("f") as flow:
        result = Parameter("x", default=2) + seven

    assert value(flow, result) == 9
    assert seven in flow.tasks


@pytest.mark.parametrize("use", [lambda: seven + 1, lambda: 1 - seven, lambda: seven["k"], lambda: seven.not_()])
def test_operators_need_a_flow(use):
    with pytest.raises(FlowContextMissing, match="with Flow"):
        use()


@pytest.mark.parametrize("use", [operator.neg, operator.pos, operator.invert, abs, len])
def test_what_has_no_task_is_refused_by_python(use):
    with Flow("f"), pytest.raises(TypeError):
        use(seven())


# Order without data


def test_a_bar_orders_tasks_and_gives_the_last_one():
    """a ─▶ b ─▶ c"""
    a, b, c = Task("a"), Task("b"), Task("c")
    with Flow("f") as flow:
        assert (a | b | c) is c

    assert flow.sorted_tasks() == (a, b, c)
    assert all(edge.key is None for edge in flow.edges)


def test_a_bar_with_a_value_returns_that_value():
    a = Task("a")
    with Flow("f") as flow:
        assert (a | 3) == 3
        assert (5 | a) is a

    assert {each.name for each in flow.tasks} == {"a", "Constant[int]"}
    assert [(edge.upstream_task.name, edge.downstream_task.name) for edge in flow.edges] == [
        ("a", "Constant[int]"),
        ("Constant[int]", "a"),
    ]


# Items


@pytest.mark.parametrize(
    ("source", "key", "expected"),
    [({"k": 1}, "k", 1), ([5, 6], 1, 6), ([5, 6], -1, 6), ("text", slice(1, 3), "ex"), ({(1, 2): 3}, (1, 2), 3)],
    ids=repr,
)
def test_an_item_of_the_value(source, key, expected, value):
    with Flow("f") as flow:
        item = task(lambda: source, name="source")()[key]

    assert value(flow, item) == expected
    assert item.name == f"source[{key!r}]"


def test_the_key_can_be_a_task(value):
    with Flow("f") as flow:
        item = echo({"a": 1})[task(lambda: "a", name="which")()]

    assert item.name == "echo[which]"
    assert value(flow, item) == 1


def test_an_item_is_stored_where_its_source_is():
    result = LocalResult()
    with Flow("f"):
        item = task(lambda: [1], checkpoint=False, result=result)()[0]

    assert (item.checkpoint, item.result) == (False, result)


@pytest.mark.parametrize(
    ("made", "given", "error"),
    [
        (GetItem(), {"task_result": {}, "key": "k"}, KeyError),
        (GetItem(default=5), {"task_result": [], "key": 0}, IndexError),
        (GetAttr(), {"task_result": 5, "attr": "nothing"}, AttributeError),
    ],
)
def test_what_is_not_there_is_an_error(made, given, error):
    with pytest.raises(error):
        made.run(**given)


def test_defaults_stand_in_for_missing_keys_and_attributes():
    assert GetItem(default=5).run({}, "k") == 5
    assert GetItem(default=5).run({}, "k", default=None) is None
    assert GetItem(default=5).run({"k": 1}, "k") == 1
    assert GetAttr(default=5).run(5, "nothing") == 5
    assert GetAttr().run(5, "real.imag") == 0


# Unpacking


@pytest.mark.parametrize("made", [task(lambda: (1, 2), nout=2), task(lambda: (1, 2)).copy(nout=2)])
def test_a_task_with_a_known_number_of_outputs_can_be_unpacked(made, run):
    with Flow("f") as flow:
        a, b = made()

    state = run(flow)
    assert (state.result[a].result, state.result[b].result) == (1, 2)


def test_an_annotation_tells_the_number_too():
    @task
    def pair() -> tuple[int, str]:
        return 1, "a"

    with Flow("f") as flow:
        a, b = pair()
        with pytest.raises(ValueError, match="unpack"):
            a, b, c = pair()

    assert flow.run().result[b].result == "a"


def test_without_a_known_number_the_remedies_are_named():
    with Flow("f"), pytest.raises(TypeError, match=r"<Task: seven> cannot be unpacked.*nout=2.*-> tuple\[int, str\]"):
        a, b = seven()
