"""`with case(task, value)`: the tasks of the block run only if the task returns the value."""

from __future__ import annotations

import cloudpickle
import pytest

from prefect import Flow, Parameter, apply_map, case, tags, task
from prefect.core.graph import Graph
from prefect.exceptions import GraphError, GraphTypeError
from prefect.tasks.control_flow import merge
from prefect.tasks.core.collections import List
from prefect.tasks.core.constants import Constant
from prefect.utilities.context import lookup


@task
def identity(x):
    return x


@task
def inc(x):
    return x + 1


@task
def always():
    return "done"


def names(tasks):
    return {each.name for each in tasks}


def outcomes(flow, **parameters):
    """The class of the state of each task, by slug."""
    result = flow.run(parameters=parameters).result
    return {flow.slugs[each]: type(state).__name__ for each, state in result.items()}


def test_the_tasks_of_the_block_run_if_the_value_is_the_expected_one_and_are_skipped_if_not():
    """
    x ─▶ case(a) ─▶ inc-1 ─▶ inc-2
    └──▶ case(b) ─▶ inc-3
    """
    with Flow("f") as flow:
        x = Parameter("x")
        with case(x, "a"):
            inc(inc(1))
        with case(x, "b"):
            inc(2)

    given_a, given_c = outcomes(flow, x="a"), outcomes(flow, x="c")

    assert given_a == {
        "x": "Success",
        "case(a)-1": "Success",
        "inc-1": "Success",
        "inc-2": "Success",
        "case(b)-1": "Skipped",
        "inc-3": "Skipped",
    }
    assert {slug for slug, outcome in given_c.items() if outcome == "Skipped"} == given_c.keys() - {"x"}


def test_only_the_first_tasks_of_the_block_wait_for_the_comparison():
    """before ─▶ second ◀─ first ◀─ case(True) ◀─ x"""
    with Flow("f") as flow:
        x = Parameter("x")
        before = identity(0)
        with case(x, True):
            first = always()
            second = identity(before, upstream_tasks=[first])

    assert names(flow.upstream_tasks(first)) == {"case(True)"}
    assert flow.upstream_tasks(second) == {before, first}
    [edge] = flow.edges_to(first)
    assert edge.key is None


def test_a_task_of_the_block_that_is_fed_from_outside_waits_for_the_comparison_too():
    with Flow("f") as flow:
        outside = always()
        with case(Parameter("x"), 1):
            inside = identity(outside)

    assert names(flow.upstream_tasks(inside)) == {"always", "case(1)"}


def test_a_block_without_tasks_adds_nothing():
    with Flow("f") as flow:
        x = Parameter("x")()
        with case(x, 1):
            pass

    assert flow.tasks == {x}


def test_an_error_in_the_block_comes_out_and_leaves_the_context_as_it_was():
    with Flow("f") as flow:
        x = Parameter("x")()
        with pytest.raises(KeyError), case(x, 1):
            raise KeyError("the block goes wrong")
        assert lookup("case") is None

    assert flow.tasks == {x}


def test_the_value_cannot_be_a_task():
    x = Parameter("x")
    with pytest.raises(GraphTypeError, match="is a task"):
        case(x, Parameter("y"))
    with pytest.raises(TypeError):
        case(x, always)


def test_the_condition_may_be_any_value():
    with Flow("f") as flow, case(1, 1):
        done = always()

    assert flow.run().result[done].result == "done"


def test_the_condition_may_be_used_for_the_first_time_inside_the_block():
    """x ─▶ case(3) ─▶ inc ◀─ x"""
    x = Parameter("x")
    with Flow("f") as flow, case(x, 3):
        inc(x)
    condition = identity.copy()
    with Flow("g") as other:
        with case(condition, None):
            used = inc(condition)
        condition.bind(None)

    assert outcomes(flow, x=3) == {"x": "Success", "case(3)-1": "Success", "inc-1": "Success"}
    assert names(other.upstream_tasks(used)) == {"identity", "case(None)"}
    assert other.upstream_tasks(condition) == set()


def test_parameters_and_constants_are_exempt():
    """They have their values whatever runs; the task behind them is skipped."""
    with Flow("f") as flow:
        x = Parameter("x")
        with case(x, "a"):
            y, five = Parameter("y")(), Constant(5)
            flow.add_task(five)
            inside = identity(y, upstream_tasks=[five])

    assert flow.upstream_tasks(y) == flow.upstream_tasks(five) == set()
    assert names(flow.upstream_tasks(inside)) == {"y", "Constant[int]", "case(a)"}
    state = flow.run(x="b", y=1)
    assert state.result[y].result == 1
    assert state.result[inside].is_skipped()


def test_a_list_made_in_the_block_is_a_task_of_the_block():
    with Flow("f") as flow, case(Parameter("x"), 1):
        identity([1, 2])

    [made] = flow.get_tasks(task_type=List)
    assert names(flow.upstream_tasks(made)) == {"case(1)"}


def test_a_task_made_before_the_block_but_first_used_in_it_is_part_of_it():
    early = always.copy()
    with Flow("f") as flow:
        used_before = always()
        with case(Parameter("x"), 1):
            used_in_block = identity(early, upstream_tasks=[used_before])

    assert names(flow.upstream_tasks(early)) == {"case(1)"}
    assert flow.upstream_tasks(used_before) == set()
    assert flow.upstream_tasks(used_in_block) == {early, used_before}


@pytest.mark.parametrize(
    ("x", "y", "skipped"),
    [
        (1, 2, set()),
        (1, 0, {"case(2)-1", "inner-1"}),
        (0, 2, {"case(1)-1", "outer-1", "case(2)-1", "inner-1", "after-1"}),
    ],
)
def test_cases_nest(x, y, skipped):
    """
    x ─▶ case(1) ──┬─▶ outer
                   ├─▶ after
    y ─▶           └─▶ case(2) ─▶ inner
    """
    with Flow("f") as flow, case(Parameter("x"), 1):
        always(task_args={"name": "outer"})
        with case(Parameter("y"), 2):
            always(task_args={"name": "inner"})
        always(task_args={"name": "after"})

    result = outcomes(flow, x=x, y=y)

    assert {slug for slug, outcome in result.items() if outcome == "Skipped"} == skipped
    assert set(result.values()) <= {"Skipped", "Success"}


def test_a_case_on_a_task_of_the_block_around_it():
    """x ─▶ case(1) ─▶ a ─▶ case(2) ─▶ b"""
    with Flow("f") as flow, case(Parameter("x"), 1):
        a = inc(1)
        with case(a, 2):
            b = inc(10)

    [inner] = flow.upstream_tasks(b)
    assert flow.upstream_tasks(inner) == {a}
    assert flow.run(x=1).result[b].result == 11
    assert flow.run(x=0).result[b].is_skipped()


def test_one_case_cannot_span_two_flows():
    with Flow("f"):
        block = case(Parameter("x"), 1)
        with block:
            always()
    with Flow("g"), block, pytest.raises(GraphError, match="for each flow"):
        always()


def test_one_case_can_be_entered_twice_in_a_flow():
    with Flow("f") as flow:
        block = case(Parameter("x"), 1)
        with block:
            first = always()
        with block:
            second = always()

    assert [len(flow.upstream_tasks(each)) for each in (first, second)] == [1, 1]
    assert outcomes(flow, x=2).keys() == {"x", "case(1)-1", "case(1)-2", "always-1", "always-2"}


def test_a_flow_that_is_built_inside_the_block_is_no_part_of_it():
    with Flow("f") as flow, case(Parameter("x"), 1):
        inside = always()
        with Flow("other") as other:
            foreign = always()

    assert names(flow.upstream_tasks(inside)) == {"case(1)"}
    assert other.tasks == {foreign}


def test_the_flow_can_be_named_instead_of_being_built():
    flow = Graph("f")
    x = Parameter("x")
    with case(x, 1):
        inside = always.copy().bind(flow=flow)

    assert names(flow.upstream_tasks(inside)) == {"case(1)"}


def test_values_are_compared_with_their_own_inequality():
    class Anything:
        def __ne__(self, other):
            return False

    with Flow("f") as flow, case(Parameter("x"), Anything()):
        done = always()

    assert flow.run(x="whatever").result[done].is_successful()


def test_a_mapped_task_in_the_block_is_skipped_whole():
    """x ─▶ case(1) ─▶ inc.map([1, 2])"""
    with Flow("f") as flow, case(Parameter("x"), 1):
        mapped = inc.map([1, 2])

    assert flow.run(x=1).result[mapped].result == [2, 3]
    assert flow.run(x=2).result[mapped].is_skipped()


def test_apply_map_in_the_block_is_skipped_whole():
    with Flow("f") as flow, case(Parameter("x"), 1):
        apply_map(lambda n: inc(n), [1, 2])

    [mapped] = flow.get_tasks(name="inc")
    assert flow.run(x=1).result[mapped].result == [2, 3]
    assert flow.run(x=2).result[mapped].is_skipped()


def test_a_failed_condition_fails_the_block():
    with Flow("f") as flow:
        broken = inc("text")
        with case(broken, 1):
            inside = always()

    assert flow.run().result[inside].is_failed()


def test_branches_come_together_in_merge():
    """
    x ──▶ case(a) ─▶ inc-1 ──┐
    └───▶ case(b) ─▶ inc-2 ──┴─▶ merge
    """
    with Flow("f") as flow:
        x = Parameter("x")
        with case(x, "a"):
            a = inc(0)
        with case(x, "b"):
            b = inc(10)
        both = merge(a, b)

    assert flow.run(x="a").result[both].result == 1
    assert flow.run(x="b").result[both].result == 11
    assert flow.run(x="c").result[both].is_skipped()


def test_a_flow_with_cases_can_be_sent_to_another_process():
    with Flow("f") as flow, case(Parameter("x"), 1):
        always()

    sent = cloudpickle.loads(cloudpickle.dumps(flow))

    assert outcomes(sent, x=2)["always-1"] == "Skipped"


def test_tags_around_the_block_reach_the_comparison():
    with Flow("f") as flow, tags("night"), case(Parameter("x"), 1):
        always()

    [comparison] = flow.get_tasks(name="case(1)")
    assert comparison.tags == {"night"}


def test_case_is_the_class_at_every_door():
    import prefect.tasks.control_flow

    assert prefect.case is case
    assert prefect.tasks.control_flow.case is case


def test_a_truth_value_in_place_of_a_task_is_refused_with_the_remedy():
    """`a == b` is False while the flow is built: a case over it would skip for ever."""
    with Flow("f"), pytest.raises(GraphTypeError, match="is_equal"):
        case(identity(1) == identity(1), True)
