"""Which runs of a stopped run stay, and which run again."""

from __future__ import annotations

import pytest

from prefect import Flow, Parameter, task, unmapped
from prefect.engine.plan import plan_of
from prefect.engine.state import Failed, Retrying, Skipped, Success
from prefect.store.frontier import Standing, frontier
from prefect.tasks.secrets import PrefectSecret
from prefect.triggers import all_finished

DONE, BROKEN, OPEN = Success("done", result=1), Failed("broken"), None


@task
def one():
    return 1


@task
def add(x, y=0):
    return x + y


@task
def total(xs):
    return sum(xs)


@pytest.fixture
def found():
    def found(flow, lost=(), **standings):
        """The runs that stay, by slug; `lost` are slugs, or slugs and positions, of values that are gone."""
        plan = plan_of(flow)
        slugs = [node.slug for node in plan.nodes]
        given = {slugs.index(key.replace("_", "-")): standing(states) for key, states in standings.items()}

        def why(number, position):
            gone = {slugs[number], (slugs[number], position)} & set(lost)
            return "too large" if gone else None

        result = frontier(plan, given, why)
        return {slug: list(result.kept[number]) for number, slug in enumerate(slugs)}, result

    return found


def standing(states):
    return Standing(states, True) if isinstance(states, list) else Standing([states], False)


def test_what_succeeded_stays_and_the_rest_runs(found):
    """one ─▶ add ─▶ total"""
    with Flow("f") as flow:
        total(add(one()))

    kept, _ = found(flow, one_1=DONE, add_1=BROKEN)

    assert kept == {"one-1": [1], "add-1": [0], "total-1": [0]}


def test_a_success_that_read_a_failure_runs_again(found):
    """one ─▶ report (all_finished)"""

    @task(trigger=all_finished)
    def report(x):
        return str(x)

    with Flow("f") as flow:
        report(one())

    kept, result = found(flow, one_1=BROKEN, report_1=DONE)

    assert kept == {"one-1": [0], "report-1": [0]}
    assert result.stale == [0, 1]


def test_staleness_goes_down_the_graph_as_far_as_it_reaches(found):
    """one ─▶ report (all_finished) ─▶ add ;  one-2"""

    @task(trigger=all_finished)
    def report(x):
        return str(x)

    with Flow("f") as flow:
        add(report(one()))
        one()

    kept, _ = found(flow, one_1=BROKEN, report_1=DONE, add_1=DONE, one_2=DONE)

    assert kept == {"one-1": [0], "report-1": [0], "add-1": [0], "one-2": [1]}


def test_a_failed_child_makes_only_its_lane_stale(found):
    """add.map ─▶ add.map (all_finished)"""
    later = add.copy(name="later", trigger=all_finished)
    with Flow("f") as flow:
        later.map(add.map([1, 2, 3]))

    kept, _ = found(flow, add_1=[DONE, BROKEN, DONE], later_1=[DONE, DONE, OPEN])

    assert (kept["add-1"], kept["later-1"]) == ([1, 0, 1], [1, 0, 0])


def test_a_failed_child_makes_what_reads_the_whole_map_stale(found):
    reduce = total.copy(name="reduce", trigger=all_finished)
    with Flow("f") as flow:
        reduce(add.map([1, 2]))

    kept, _ = found(flow, add_1=[DONE, BROKEN], reduce_1=DONE)

    assert kept["reduce-1"] == [0]


def test_a_value_that_is_gone_is_made_again_if_somebody_needs_it(found):
    """one ─▶ add ─▶ total"""
    with Flow("f") as flow:
        total(add(one()))

    kept, result = found(flow, one_1=DONE, add_1=DONE, total_1=BROKEN, lost=["add-1"])

    assert kept == {"one-1": [1], "add-1": [0], "total-1": [0]}
    assert result.lost[1] == {"too large": 1}


def test_making_a_value_again_may_need_others(found):
    with Flow("f") as flow:
        total(add(one()))

    kept, _ = found(flow, one_1=DONE, add_1=DONE, total_1=BROKEN, lost=["one-1", "add-1"])

    assert kept == {"one-1": [0], "add-1": [0], "total-1": [0]}


def test_a_value_that_is_gone_and_that_nobody_needs_stays_gone(found):
    with Flow("f") as flow:
        total(add(one()))

    kept, _ = found(flow, one_1=DONE, add_1=DONE, total_1=BROKEN, lost=["one-1"])

    assert kept == {"one-1": [1], "add-1": [1], "total-1": [0]}


def test_of_a_map_only_the_children_that_are_read_are_made_again(found):
    """add.map ─▶ add.map"""
    with Flow("f") as flow:
        add.map(add.map([1, 2, 3]))

    kept, _ = found(flow, add_1=[DONE, DONE, DONE], add_2=[DONE, OPEN, DONE], lost=["add-1"])

    assert kept["add-1"] == [1, 0, 1]


def test_making_a_value_again_leaves_what_read_it_before(found):
    """one ─▶ add, add-2"""
    with Flow("f") as flow:
        source = one()
        add(source)
        add(source)

    kept, _ = found(flow, one_1=DONE, add_1=DONE, add_2=BROKEN, lost=["one-1"])

    assert kept == {"one-1": [0], "add-1": [1], "add-2": [0]}


def test_an_edge_without_a_value_asks_for_none(found):
    with Flow("f") as flow:
        add(1, upstream_tasks=[one()])

    kept, _ = found(flow, one_1=DONE, add_1=BROKEN, lost=["one-1"])

    assert kept["one-1"] == [1]


def test_an_unmapped_value_is_asked_for_by_every_child(found):
    with Flow("f") as flow:
        add.map([1, 2], unmapped(one()))

    kept, _ = found(flow, one_1=DONE, add_1=[DONE, OPEN], lost=["one-1"])

    assert kept["one-1"] == [0]


def test_secrets_are_fetched_anew_and_make_nothing_stale(found):
    with Flow("f") as flow:
        add(PrefectSecret("key"))

    kept, _ = found(flow, key_1=DONE, add_1=DONE)

    assert kept == {"key-1": [0], "add-1": [1]}


def test_a_skipped_run_stays_skipped(found):
    with Flow("f") as flow:
        add(one())

    kept, _ = found(flow, one_1=DONE, add_1=Skipped("no"))

    assert kept["add-1"] == [1]


def test_a_run_that_waits_for_its_retry_is_to_run_but_nothing_is_stale(found):
    with Flow("f") as flow:
        add(one())

    kept, result = found(flow, one_1=Retrying("soon"), add_1=OPEN)

    assert kept == {"one-1": [0], "add-1": [0]}
    assert result.stale == [0, 0]


def test_tasks_that_are_new_in_the_flow_run_and_leave_the_others_alone(found):
    """new ─▶ add ─▶ total, where add had no input before"""
    with Flow("f") as flow:
        total(add(one.copy(name="new")()))

    kept, _ = found(flow, add_1=DONE, total_1=DONE)

    assert kept == {"new-1": [0], "add-1": [1], "total-1": [1]}


def test_parameters_are_like_other_tasks(found):
    with Flow("f") as flow:
        add(Parameter("x"))

    kept, _ = found(flow, x=DONE, add_1=BROKEN)

    assert kept == {"x": [1], "add-1": [0]}
