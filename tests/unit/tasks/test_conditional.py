"""switch, ifelse and merge: branches chosen by a value."""

from __future__ import annotations

import pytest

from prefect import Flow, Parameter, task, unmapped
from prefect.core.graph import Graph
from prefect.engine.signals import SKIP, SUCCESS
from prefect.engine.state import Skipped, Success, TriggerFailed
from prefect.exceptions import FlowContextMissing, TaskSettingError
from prefect.tasks.control_flow import CompareValue, ifelse, merge, switch
from prefect.tasks.core.collections import List


@task
def identity(x):
    return x


@task
def a():
    return "a"


@task
def b():
    return "b"


@task
def skips_itself():
    raise SKIP("not today")


def names(tasks):
    return {each.name for each in tasks}


# CompareValue


def test_compare_value_skips_unless_the_value_is_the_expected_one():
    compare = CompareValue("x")

    assert compare.name == 'CompareValue: "x"'
    assert compare.run("x") is None
    with pytest.raises(SKIP, match="'y', not 'x'") as raised:
        compare.run("y")
    assert raised.value.state.result is None


def test_compare_value_takes_the_settings_of_a_task():
    assert CompareValue("x", name="gate", max_retries=1, retry_delay=1).name == "gate"


# switch


def test_switch_runs_the_task_of_the_value_and_skips_the_others():
    """
    x ──▶ CompareValue(1) ─▶ a
    └───▶ CompareValue(2) ─▶ b
    """
    with Flow("f") as flow:
        one, two = a(), b()
        returned = switch(Parameter("x"), {1: one, 2: two})

    assert returned is None
    result = flow.run(x=2).result
    assert (type(result[one]), type(result[two])) == (Skipped, Success)
    result = flow.run(x=3).result
    assert (type(result[one]), type(result[two])) == (Skipped, Skipped)


def test_switch_makes_one_tagged_comparison_for_each_case():
    with Flow("f") as flow:
        switch(Parameter("x"), {1: a(), 2: b()})

    comparisons = flow.get_tasks(task_type=CompareValue)
    assert names(comparisons) == {'CompareValue: "1"', 'CompareValue: "2"'}
    assert [each.tags for each in comparisons] == [{"switch"}, {"switch"}]
    assert names(flow.get_tasks(tags=["switch"])) == names(comparisons)


def test_switch_takes_tasks_that_are_not_in_the_flow_yet():
    with Flow("f") as flow:
        switch(1, {1: a, 2: b})

    result = flow.run().result
    assert {each.name: type(state) for each, state in result.items() if each in (a, b)} == {"a": Success, "b": Skipped}


def test_a_list_as_a_case_gates_the_list_and_not_its_elements():
    """
    one, two ─▶ List ◀─ CompareValue(1) ◀─ x
    """
    with Flow("f") as flow:
        one, two = a(), b()
        switch(Parameter("x"), {1: [one, two]})

    [made] = flow.get_tasks(task_type=List)
    result = flow.run(x=0).result
    assert result[made].is_skipped()
    assert (result[one].result, result[two].result) == ("a", "b")
    assert flow.run(x=1).result[made].result == ["a", "b"]


def test_switch_needs_a_flow_that_is_being_built():
    with pytest.raises(FlowContextMissing, match="switch"):
        switch(1, {1: a})


def test_a_mapped_switch_decides_for_each_element():
    """[1, 2] ─▶ CompareValue(1).map ─▶ identity.map"""
    with Flow("f") as flow:
        xs = Parameter("xs")
        one = identity.map(xs)
        switch(xs, {1: one}, mapped=True)

    state = flow.run(xs=[1, 2]).result[one]
    assert [type(child) for child in state.map_states] == [Success, Skipped]


# ifelse


@pytest.mark.parametrize(("x", "ran"), [(True, "a"), ("text", "a"), (False, "b"), (0, "b"), ([], "b"), (None, "b")])
def test_ifelse_runs_one_of_two_tasks(x, ran):
    """
    x ─▶ as_bool ──┬─▶ CompareValue(True)  ─▶ a
                   └─▶ CompareValue(False) ─▶ b
    """
    with Flow("f") as flow:
        yes, no = a(), b()
        ifelse(Parameter("x"), yes, no)

    result = flow.run(x=x).result
    assert {each.name for each in (yes, no) if type(result[each]) is Success} == {ran}
    assert {type(result[each]) for each in (yes, no)} == {Success, Skipped}
    assert len(flow.get_tasks(name="as_bool")) == 1


@pytest.mark.parametrize("missing", [True, False])
def test_either_branch_may_be_left_out(missing):
    with Flow("f") as flow:
        only = a()
        ifelse(Parameter("x"), *((None, only) if missing else (only, None)))

    assert len(flow.get_tasks(task_type=CompareValue)) == 1
    assert flow.run(x=missing).result[only].is_skipped()
    assert type(flow.run(x=not missing).result[only]) is Success


def test_a_mapped_ifelse_decides_for_each_element():
    with Flow("f") as flow:
        xs = Parameter("xs")
        yes, no = identity.map(xs), identity.map(xs)
        ifelse(xs, yes, no, mapped=True)
        both = merge(yes, no, mapped=True)

    result = flow.run(xs=[1, 0, 2]).result
    assert [type(child) for child in result[yes].map_states] == [Success, Skipped, Success]
    assert [type(child) for child in result[no].map_states] == [Skipped, Success, Skipped]
    assert result[both].result == [1, 0, 2]


def test_ifelse_needs_a_flow_that_is_being_built():
    with pytest.raises(FlowContextMissing):
        ifelse(True, a, b)


def test_ifelse_in_both_branches_of_another():
    """
    x ──▶ a ──▶ (y ─▶ c, d)
    └───▶ b
    """
    with Flow("f") as flow:
        outer, other = a(), b()
        inner, never = identity("inner", upstream_tasks=[outer]), identity("never", upstream_tasks=[outer])
        ifelse(Parameter("x"), outer, other)
        ifelse(Parameter("y"), inner, never)
        end = merge(inner, never, other)

    assert flow.run(x=True, y=True).result[end].result == "inner"
    assert flow.run(x=True, y=False).result[end].result == "never"
    assert flow.run(x=False, y=True).result[end].result == "b"


# merge


def test_merge_takes_the_first_value_in_the_order_given():
    """With more than nine branches, too: task_10 comes after task_2."""
    with Flow("f") as flow:
        nothing, *values = [identity(value) for value in (None, *range(2, 12))]
        first = merge(nothing, *values)

    assert names(flow.upstream_tasks(first)) == {"identity"}
    assert {edge.key for edge in flow.edges_to(first)} == {f"task_{number}" for number in range(1, 12)}
    assert flow.run().result[first].result == 2


@pytest.mark.parametrize("value", [False, 0, "", []])
def test_merge_takes_false_and_empty_values_as_values(value):
    with Flow("f") as flow:
        first = merge(identity(None), identity(value), identity(1))

    assert flow.run().result[first].result == value


def test_a_branch_that_skips_itself_has_no_value():
    """skips_itself, a ─▶ merge"""
    with Flow("f") as flow:
        first = merge(skips_itself(), a())

    assert flow.run().result[first].result == "a"


def test_a_success_signal_with_a_result_is_a_value():
    @task
    def succeed():
        raise SUCCESS("early", result="early")

    with Flow("f") as flow:
        first = merge(skips_itself(), succeed(), a())

    assert flow.run().result[first].result == "early"


def test_merge_of_branches_that_were_all_skipped_is_skipped_without_a_result():
    with Flow("f") as flow:
        first = merge(skips_itself(), skips_itself())
        after = identity(first)

    result = flow.run().result
    assert type(result[first]) is Skipped
    assert result[first].result is None
    assert type(result[after]) is Skipped


def test_merge_of_nothing_but_none_is_none_and_goes_on():
    with Flow("f") as flow:
        first = merge(identity(None), skips_itself())
        after = identity(first)

    result = flow.run().result
    assert (type(result[first]), result[first].result) == (Success, None)
    assert type(result[after]) is Success


def test_merge_of_a_failed_branch_fails():
    @task
    def fail():
        raise ValueError("no")

    with Flow("f") as flow:
        first = merge(fail(), a())

    assert type(flow.run().result[first]) is TriggerFailed


def test_merge_of_plain_values():
    with Flow("f") as flow:
        first = merge(skips_itself(), 5)

    # a plain value is a branch that always runs
    assert flow.run().result[first].result == 5
    with Flow("f") as flow:
        first = merge(identity(None), 5)
    assert flow.run().result[first].result == 5


def test_merge_always_runs_after_skipped_tasks():
    with Flow("f"), pytest.raises(TaskSettingError, match="skip_on_upstream_skip"):
        merge(a(), b(), skip_on_upstream_skip=True)
    with Flow("f"):
        assert merge(a(), skip_on_upstream_skip=False).skip_on_upstream_skip is False


def test_merge_takes_the_settings_of_a_task():
    with Flow("f"):
        assert merge(a(), b(), name="both", tags=["x"]).name == "both"


def test_merge_adds_to_the_flow_given():
    flow = Graph("f")
    both = merge(a, b, flow=flow)

    assert flow.upstream_tasks(both) == {a, b}
    with pytest.raises(FlowContextMissing):
        merge(a, b)


def test_a_mapped_merge_goes_element_by_element():
    with Flow("f") as flow:
        both = merge(identity.map([None, 1]), identity.map([2, 3]), unmapped(identity(4)), mapped=True)

    assert flow.run().result[both].result == [2, 1]
