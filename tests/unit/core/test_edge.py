"""Edge: what it joins, how, and what it refuses."""

from __future__ import annotations

import cloudpickle
import pytest

from prefect import Edge, Flow, Task, flatten, mapped, task, unmapped
from prefect.exceptions import GraphError
from prefect.tasks.core.constants import Constant


@task
def echo(x):
    return x


A, B = Task("a"), Task("b")


def test_an_edge_knows_its_ends():
    edge = Edge(A, B, key="x", mapped=True, flattened=True)

    assert (edge.upstream_task, edge.downstream_task, edge.key) == (A, B, "x")
    assert (edge.mapped, edge.flattened) == (True, True)
    assert edge.tasks == {A, B}
    assert repr(edge) == "<Edge: a to b (key=x, mapped, flattened)>"
    assert repr(Edge(A, B)) == "<Edge: a to b>"


def test_edges_are_equal_if_all_of_them_is():
    assert Edge(A, B) == Edge(A, B, mapped=False, flattened=False)
    different = [Edge(A, B), Edge(B, A), Edge(A, B, "x"), Edge(A, B, mapped=True), Edge(A, B, flattened=True)]
    assert len({*different, Edge(A, B, "x")}) == 5


def test_a_task_cannot_run_after_itself():
    with pytest.raises(GraphError, match="<Task: a> cannot run after itself"):
        Edge(A, A)
    with pytest.raises(GraphError, match="<Task: a> cannot run after itself"):
        Flow("f").add_edge(A, A)


@pytest.mark.parametrize("key", ["a b", "", "1", "class", 5])
def test_a_key_must_be_able_to_name_an_argument(key):
    with pytest.raises(GraphError, match=f"{key!r} cannot be the key.*name an argument of <Task: b>"):
        Edge(A, B, key=key)


def test_values_become_constants():
    edge = Edge(5, B, key="x")

    assert isinstance(edge.upstream_task, Constant)
    assert edge.upstream_task.value == 5


@pytest.mark.parametrize(
    ("up", "down", "given", "expected"),
    [
        (mapped(A), B, None, (True, False)),
        (mapped(A), B, False, (True, False)),
        (unmapped(A), B, True, (False, False)),
        (A, unmapped(B), True, (False, False)),
        (A, mapped(B), False, (True, False)),
        (flatten(A), B, True, (True, True)),
        (unmapped(flatten(A)), B, True, (False, True)),
    ],
    ids=str,
)
def test_an_annotation_on_either_end_wins(up, down, given, expected):
    edge = Edge(up, down, mapped=given)
    added = Flow("f").add_edge(up, down, mapped=bool(given))

    assert (edge.mapped, edge.flattened) == (added.mapped, added.flattened) == expected
    assert edge == added


def test_an_edge_survives_pickling():
    up, down = Task("a"), echo
    edge, other_down = cloudpickle.loads(cloudpickle.dumps((Edge(up, down, "x", mapped=True), down)))

    assert (edge.upstream_task.name, edge.downstream_task, edge.key, edge.mapped) == ("a", other_down, "x", True)
