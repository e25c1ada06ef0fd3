"""Task: describing, copying, calling, binding and joining it."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from prefect import Flow, Parameter, Task, mapped, tags, task, unmapped
from prefect.exceptions import FlowContextMissing, GraphError, GraphTypeError, TaskSettingError
from prefect.tasks.core.constants import Constant


@task
def add(x, y=1):
    return x + y


@task
def one():
    return 1


# Describing


def test_a_bare_task_does_nothing():
    assert Task().run() is None
    assert repr(Task(name="n")) == "<Task: n>"


def test_inputs_and_outputs_are_those_of_run():
    @task
    def f(a, b: int, c: str = "c", **rest) -> list:
        return [a, b, c, rest]

    assert f.inputs() == {
        "a": {"type": Any, "default": None, "required": True},
        "b": {"type": "int", "default": None, "required": True},
        "c": {"type": "str", "default": "c", "required": False},
    }
    assert f.outputs() == "list"
    assert add.outputs() is Any


def test_tasks_are_equal_only_to_themselves():
    a, b = Task(), Task()

    assert a == a
    assert a != b
    assert len({a, b, a}) == 2


def test_a_task_given_to_a_constructor_is_warned_of():
    class Mine(Task):
        def __init__(self, other, **kwargs):
            super().__init__(**kwargs)

    with pytest.warns(UserWarning, match=r"constructor of Mine.*no edge.*`Mine\(\.\.\.\)\(other_task\)`"):
        Mine(one)


def test_a_setting_made_before_the_parents_init_is_warned_of():
    class Mine(Task):
        def __init__(self, **kwargs):
            self.timeout = 5
            super().__init__(**kwargs)

    with pytest.warns(UserWarning, match="Mine.__init__ sets timeout before"):
        made = Mine()
    assert made.timeout is None


# Copying


def test_a_copy_shares_nothing_that_changes():
    original = Task("n", tags=["a"], state_handlers=[print])

    copy = original.copy()
    copy.tags.add("b")
    copy.state_handlers.append(print)

    assert copy is not original
    assert (original.tags, original.state_handlers) == ({"a"}, [print])


def test_a_copy_has_a_slug_of_its_own():
    assert Task(slug="s").copy().slug == "s-copy"
    assert Task(slug="s").copy(slug="t").slug == "t"
    assert Task().copy().slug is None


def test_a_copy_of_a_subclass_keeps_its_class_and_attributes():
    class Slotted(Task):
        __slots__ = ("extra",)

        def __init__(self, extra, **kwargs):
            self.extra = extra
            super().__init__(**kwargs)

    copy = Slotted(5).copy(name="other")

    assert (type(copy), copy.extra, copy.name) == (Slotted, 5, "other")


def test_copying_a_joined_task_is_warned_of_because_edges_stay_behind():
    """one ─▶ first"""
    with Flow("f") as flow:
        first = add(one())
        with pytest.warns(UserWarning, match="<Task: add> was copied, but its edges"):
            second = first.copy()
        flow.add_edge(1, second, key="x")

    assert not flow.edges_to(second)


# Tags


def test_tags_of_the_block_are_added_when_a_task_is_made_copied_called_or_bound():
    outside = Task(tags=["own"])
    with tags("a", "b"):
        made, copied = Task(tags=["c"]), outside.copy(tags=["d"])
        with tags("e"), Flow("f"):
            called, bound = outside(), Task().bind()
    other = Task("other")
    with tags("late"):
        other.bind(flow=Flow("f"))

    assert made.tags == {"a", "b", "c"}
    assert copied.tags == {"own", "a", "b", "d"}
    assert called.tags == {"own", "a", "b", "e"}
    assert bound.tags == {"a", "b", "e"}
    assert outside.tags == {"own"}
    assert other.tags == {"late"}


# Calling


@pytest.mark.parametrize(
    ("use", "deed"),
    [
        (lambda: one(), "called"),
        (lambda: one.bind(), "bound"),
        (lambda: add.map([1]), "mapped"),
        (lambda: one.set_upstream(one.copy()), "joined"),
        (lambda: one.set_downstream(one.copy()), "joined"),
        (lambda: one | add, "joined"),
    ],
)
def test_outside_of_a_flow_an_error_names_the_task_and_the_remedy(use, deed):
    with pytest.raises(FlowContextMissing, match=rf"<Task: one|add> was {deed}.*with Flow.*`flow=`.*\.run\("):
        use()


def test_a_flow_can_be_given_instead_of_being_built(value):
    flow = Flow("f")

    result = add(one(flow=flow), flow=flow)

    assert value(flow, result) == 2


def test_calling_copies_and_binding_does_not():
    original = one.copy()
    with Flow("f") as flow:
        called, bound = original(), original.bind()

    assert called is not original
    assert bound is original
    assert [*flow.tasks] == [called, original]


def test_binding_twice_to_the_same_argument_is_refused():
    """one ─▶ x of add ◀─ two"""
    bound, source = add.copy(), one.copy()
    with Flow("f"):
        bound.bind(source)
        with pytest.raises(GraphError, match=r"<Task: add> already takes its argument 'x' from <Task: one>.*copy"):
            bound.bind(one())


def test_constants_can_be_bound_anew(value):
    bound = add.copy()
    with Flow("f") as flow:
        bound.bind(1)
        bound.bind(2)

    assert value(flow, bound) == 3


def test_an_argument_may_be_called_self_by_position(value):
    with Flow("f") as flow:
        result = task(eval("lambda self: self"))(5)

    assert value(flow, result) == 5


def test_upstream_tasks_may_be_values(value):
    with Flow("f") as flow:
        result = add(1, upstream_tasks=[one, 5, [one]])

    assert {each.name for each in flow.upstream_tasks(result)} == {"one", "Constant[int]", "List"}
    assert value(flow, result) == 2


@pytest.mark.parametrize("wrong", [one, unmapped(one), "one"], ids=repr)
def test_upstream_tasks_without_a_list_are_refused_with_the_remedy(wrong):
    with (
        Flow("f") as flow,
        pytest.raises(GraphTypeError, match=r"upstream_tasks must be a list.*upstream_tasks=\[.*one"),
    ):
        add(1, upstream_tasks=wrong)
    with pytest.raises(GraphTypeError, match="downstream_tasks must be a list"):
        flow.set_dependencies(one, downstream_tasks=wrong)


# Mapping


@pytest.mark.parametrize("wrong", [5, None, {1, 2}, (n for n in [1])], ids=lambda value: type(value).__name__)
def test_mapping_over_a_value_without_elements_is_refused_while_building(wrong):
    with Flow("f"), pytest.raises(GraphTypeError, match=r"<Task: add> cannot be mapped over .*`unmapped\(\.\.\.\)`"):
        add.map(wrong)


def test_a_mapped_copy_cannot_be_unpacked():
    pair = task(lambda x: (x, x), nout=2)
    with Flow("f"):
        result = pair.map([1])
        kept = pair.map([1], task_args={"nout": 2})

    assert (pair.nout, result.nout, kept.nout) == (2, None, 2)


def test_a_call_maps_over_what_is_annotated():
    with Flow("f") as flow:
        plain, all_of_them = add(mapped([1, 2]), 10), add([1, 2], mapped([1, 2]), mapped=True)
        as_upstream = add(1, upstream_tasks=[mapped(one)], mapped=False)

    state = flow.run()
    assert state.result[plain].result == [11, 12]
    assert state.result[all_of_them].result == [2, 4]
    assert all(edge.mapped for edge in flow.edges_to(as_upstream))


@pytest.mark.parametrize(
    ("call", "expected"), [(lambda: one.map(), 1), (lambda: add.map(unmapped([1]), y=unmapped([2])), [1, 2])]
)
def test_a_map_without_anything_to_map_over_runs_once(call, expected, value):
    with Flow("f") as flow:
        result = call()

    assert value(flow, result) == expected


# Joining


def test_upstream_and_downstream_are_the_same_edge_from_both_ends():
    """a ─▶ b"""
    a, b = Task("a"), Task("b")
    with Flow("up") as up:
        assert b.set_upstream(a) is b
    with Flow("up") as down:
        assert a.set_downstream(b) is a

    assert up.edges == down.edges


def test_edges_can_carry_values(value):
    a, b = one.copy(), add.copy()
    flow = Flow("f")
    a.set_downstream(b, key="x", flow=flow)
    b.set_upstream(5, key="y", flow=flow)

    assert value(flow, b) == 6


def test_edges_can_be_mapped(value):
    source, up, down = task(lambda: [1, 2])(flow=(flow := Flow("f"))), add.copy(), add.copy()
    up.set_upstream(source, key="x", mapped=True, flow=flow)
    source.set_downstream(down, key="x", mapped=True, flow=flow)

    assert value(flow, up) == value(flow, down) == [2, 3]


def test_only_a_task_can_be_downstream():
    with Flow("f"), pytest.raises(GraphTypeError, match="Only a task can run after <Task: one>, not 5"):
        one.set_downstream(5)


def test_set_dependencies_joins_in_all_directions(run):
    """
    a ─▶ b ─▶ c
         ▲ x=5
    """
    a, b, c = Task("a"), add.copy(), Task("c")
    flow = Flow("f")

    assert b.set_dependencies(flow, upstream_tasks=[a], downstream_tasks=[c], keyword_tasks={"x": 5}) is b

    assert [(edge.upstream_task, edge.downstream_task) for edge in flow.edges] == [(a, b), (b, c)]
    assert run(flow).result[b].result == 6


def test_pipe_reads_from_left_to_right(value):
    """one ─▶ add ─▶ add ─▶ twice ─▶ add.map"""
    with Flow("f") as flow:
        result = one.pipe(add).pipe(add, y=5)
        over = task(lambda n: [n, n])(result).pipe(add.map, y=unmapped(3))

    assert value(flow, result) == 7
    assert value(flow, over) == [10, 10]


@pytest.mark.parametrize("annotation", [mapped, unmapped])
def test_an_annotation_in_a_pipe_hands_the_task_on(annotation):
    assert one.pipe(annotation) is one


def test_pipe_cannot_pass_self():
    with Flow("f"), pytest.raises(TaskSettingError, match="'self'.*another name"):
        one.pipe(add, **{"self": 1})


def test_parameters_constants_and_called_tasks_are_not_reported_as_unused():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Flow("f") as flow:
            Constant(5)
            made = Task("made")
            made()
            other = Task("other")
            add(Parameter("p"), other.copy())
        assert len(flow.tasks) == 4
