"""Why a task run is as it is: chains that are followed down to their roots."""

from __future__ import annotations

from datetime import timedelta

import pytest

from prefect import Flow, Parameter, case, task, unmapped
from prefect.engine.cache import MemoryCache
from prefect.engine.cache_validators import all_inputs
from prefect.store.causes import SHOWN, TOLD, why
from prefect.triggers import all_finished, any_failed
from prefect.utilities.context import context


@task
def numbers(count):
    return list(range(count))


@task
def invert(x, y=0):
    return 12 // (x - 2)


@task
def total(xs, more=None):
    return sum(xs)


@pytest.fixture
def cause(recorded):
    """The cause of a task run in a run of a flow: `cause(flow, "load[1]")`."""

    def cause(flow, text, **parameters):
        reading = recorded(flow, **parameters)
        return why(reading, reading.find(text))

    return cause


def chain(cause):
    """The addresses of a chain, as nested lists."""
    return [str(cause.address), *map(chain, cause.causes)]


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_failure_of_its_own_code_is_a_root(cause):
    with Flow("f") as flow:
        invert.map(numbers(4))

    found = cause(flow, "invert[2]")

    assert (found.state, found.causes) == ("Failed", [])
    assert "ZeroDivisionError" in found.message
    assert found.rule == "its own code failed; nothing before it is to blame"


def test_a_refusal_is_followed_to_the_child_that_failed(cause):
    """numbers ─▶ invert[2] fails ─▶ total ─▶ total-2"""
    with Flow("f") as flow:
        total([total(invert.map(numbers(4)))])

    found = cause(flow, "total-2")

    assert chain(found) == ["total-2", ["List-1", ["total-1", ["invert-1[2]"]]]]
    assert found.rule == "its trigger all_successful refused the states before it"
    assert found.causes[0].causes[0].causes[0].state == "Failed"


def test_a_child_is_followed_along_its_lane_only(cause):
    """invert[2] fails, and invert-2[2] is refused; the others have nothing to do with it"""
    with Flow("f") as flow:
        invert.map(invert.map(numbers(4)))

    assert chain(cause(flow, "invert-2[2]")) == ["invert-2[2]", ["invert-1[2]"]]


def test_a_child_that_reads_a_whole_map_is_refused_for_any_child_of_it(cause):
    with Flow("f") as flow:
        invert.map([1, 5], y=unmapped(invert.map(numbers(3))))

    assert chain(cause(flow, "invert-2[0]")) == ["invert-2[0]", ["invert-1[2]"]]


def test_a_map_is_explained_by_its_children(cause):
    with Flow("f") as flow:
        invert.map([2, 3, 2])

    found = cause(flow, "invert")

    assert chain(found) == ["invert-1", ["invert-1[0]"], ["invert-1[2]"]]
    assert found.rule == "the states of its children: 2 Failed, 1 Success"
    assert found.state == "Failed"


def test_of_many_causes_the_first_are_followed_and_the_others_counted(cause):
    with Flow("f") as flow:
        total(invert.map([2] * 30))

    found = cause(flow, "total")

    assert (len(found.causes), found.further) == (SHOWN, 30 - SHOWN)
    assert list(found.lines())[-1] == "└─ and 25 more"


def test_what_was_told_is_not_told_again(cause):
    """invert ─▶ total, total-2 ─▶ total-3"""
    with Flow("f") as flow:
        broken = invert(2)
        total([1], more=[total(broken), total(broken)])

    found = cause(flow, "total-3")

    [[first, second]] = [each.causes for each in found.causes]
    assert chain(first) == ["total-1", ["invert-1"]]
    assert second.causes[0].rule == TOLD
    assert second.causes[0].causes == ()


def test_a_wide_and_deep_flow_is_explained_at_once(cause):
    """Twelve layers of five tasks, each of which reads all of the layer before it: 5 ** 12 ways down."""
    with Flow("f") as flow:
        layer = [invert(2) for _ in range(5)]
        for _ in range(12):
            layer = [total([1], upstream_tasks=layer) for _ in range(5)]

    found = cause(flow, "total-60")

    assert len(list(found.lines())) < 2 * 400


def test_a_failure_after_retries_tells_of_all_attempts(cause):
    with Flow("f") as flow:
        invert.copy(name="stubborn", max_retries=2, retry_delay=0)(2)

    assert "in each of its 3 attempts" in cause(flow, "stubborn").rule


def test_a_timeout_tells_how_long_it_could_have_run(cause):
    with Flow("f") as flow:
        task(lambda: __import__("time").sleep(60), name="slow", timeout=1)()

    assert cause(flow, "slow").rule == "it ran longer than its timeout of 1 s"


# --- other states -----------------------------------------------------------------------------------------------------


def test_a_success_tells_which_trigger_let_it_run(cause):
    with Flow("f") as flow:
        total.copy(name="alarm", trigger=any_failed)([1], upstream_tasks=[invert(2)])

    found = cause(flow, "alarm")

    assert (found.rule, found.causes) == ("its trigger any_failed let it run", [])


def test_a_success_after_a_retry_says_so(cause):
    attempts = iter([0, 1])
    with Flow("f") as flow:
        task(lambda: 1 // next(attempts), name="flaky", max_retries=1, retry_delay=0)()

    assert cause(flow, "flaky").rule == "its trigger all_successful let it run, and attempt 2 succeeded"


def test_a_skip_is_followed_to_the_condition_that_was_not_met(cause):
    with Flow("f") as flow:
        with case(numbers(1), "something else"):
            branch = total([1])
        total(branch)

    found = cause(flow, "total-2")

    assert found.rule == "something before it was skipped, and it is skipped then, too"
    assert str(found.causes[0].address) == "total-1"
    root = found
    while root.causes:
        [root] = root.causes
    assert (root.state, root.rule) == ("Skipped", "it was told to skip")
    assert "something else" in root.message


def test_a_cached_value_tells_why_it_could_be_used_and_a_miss_what_changed(cause):
    cached = task(lambda x: x, name="cached", cache_for=timedelta(hours=1), cache_validator=all_inputs)
    with Flow("f") as flow:
        cached(Parameter("x"))

    with context(caches=MemoryCache()):
        first = cause(flow, "cached", x=1)
        hit = cause(flow, "cached", x=1)
        miss = cause(flow, "cached", x=2)

    assert "as nothing was cached yet" in first.rule
    assert hit.rule == "a value from earlier was used, and none of its code ran"
    assert "it was made from the same inputs and code" in hit.message
    assert "although cached: input `x` changed" in miss.rule


def test_what_has_not_begun_waits_for_what_is_before_it(recorded, killed):
    """numbers ─▶ invert ─▶ total, killed when the map was open"""
    with Flow("f") as flow:
        total(invert.map(numbers(4)))
    whole = recorded(flow)
    opened = next(event.seq for event in whole.store.events(whole.run.id) if event.state == "Mapped")
    reading = killed(whole, opened)

    found = why(reading, reading.find("total"))

    assert (found.state, found.rule) == ("Pending", "it waits for what is before it")
    assert chain(found) == ["total-1", ["invert-1"]]
    assert found.causes[0].rule == "the states of its children: 4 Pending"


def test_what_was_at_work_when_its_process_died_says_so(recorded, killed):
    with Flow("f") as flow:
        total(numbers(4))
    whole = recorded(flow)
    reading = killed(whole, 2)

    found = why(reading, reading.find("total"))

    assert chain(found) == ["total-1", ["numbers-1"]]
    assert (found.causes[0].state, found.causes[0].rule) == ("Running", "it is at work, or its process died over it")


def test_constants_are_nobody_s_fault(recorded, killed):
    with Flow("f") as flow:
        invert.map(range(3))
    reading = killed(recorded(flow), 1)

    found = why(reading, reading.find("invert"))

    assert (found.state, found.causes, found.rule) == ("Pending", [], "the run stopped before its turn came")


def test_a_task_that_waits_for_all_to_finish_blames_nobody(cause):
    with Flow("f") as flow:
        total.copy(name="report", trigger=all_finished)([1], upstream_tasks=[invert(2)])

    assert cause(flow, "report").causes == []


def test_the_lines_of_a_chain_show_what_is_below_what(cause):
    with Flow("f") as flow:
        total(invert.map([1, 2]))

    assert list(cause(flow, "total").lines()) == [
        "total-1  TriggerFailed: The trigger 'all_successful' refused the states of the upstream tasks.",
        "   its trigger all_successful refused the states before it",
        "└─ invert-1[1]  Failed: Unexpected error: ZeroDivisionError('integer division or modulo by zero')",
        "      its own code failed; nothing before it is to blame",
    ]
