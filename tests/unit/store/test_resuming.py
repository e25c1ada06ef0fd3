"""Going on with a run that stopped: what stays, what runs, and what it says beforehand."""

from __future__ import annotations

from collections import Counter
from time import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefect import Flow, Parameter, flatten, task
from prefect.engine.state import Failed, Running, Success
from prefect.exceptions import CycleError, ResumeError, RunHeld, RunMissing
from prefect.store.reading import RunReading
from prefect.store.records import UNOWNED
from prefect.store.resuming import LAST, find_run, let_go, prepared, resume
from prefect.tasks.secrets import PrefectSecret
from prefect.triggers import all_finished
from prefect.utilities.configuration import set_temporary_config
from prefect.utilities.context import context

NOW = int(time() * 1e6)
LATER = NOW + 3_600_000_000


class Work:
    """Tasks that count how often they ran, and of which one fails."""

    def __init__(self, fails=None):
        self.ran = Counter()
        self.fails = fails

    def count(self, name, x):
        self.ran[name, x] += 1
        if (name, x) == self.fails:
            raise ValueError(f"{name} does not like {x}")

    def flow(self, ends=True):
        """numbers ─▶ double ─▶ add_one ─▶ total, report (all_finished)"""

        @task
        def numbers(count):
            self.count("numbers", count)
            return list(range(count))

        @task
        def double(x):
            self.count("double", x)
            return 2 * x

        @task
        def add_one(x):
            self.count("add_one", x)
            return x + 1

        @task
        def total(xs):
            self.count("total", 0)
            return sum(xs)

        @task(trigger=all_finished)
        def report(xs):
            self.count("report", 0)
            return len(xs)

        with Flow("work") as flow:
            lanes = add_one.map(double.map(numbers(Parameter("count", default=6))))
            if ends:
                total(lanes)
                report(lanes)
        return flow


def values(flow, state):
    return {task.name: state.result[task].result for task in flow.tasks}


def progress(found):
    return {each.slug: (each.kept, each.width, dict(each.to_run)) for each in found.progress}


# --- which run --------------------------------------------------------------------------------------------------------


def test_the_last_run_is_the_newest_one_of_the_flow_or_of_all(store, recorded):
    first = recorded(Work().flow())
    with Flow("other") as other:
        task(lambda: 1, name="one")()
    second = recorded(other)

    assert find_run(store, LAST).id == second.run.id
    assert find_run(store, LAST, "work").id == first.run.id
    assert find_run(store, first.run.id[:13]).id == first.run.id


def test_runs_inside_of_tasks_are_not_the_last_run(store, recorded):
    inner = Work().flow()
    with Flow("outer") as outer:
        task(lambda: inner.run().is_successful(), name="inside")()
    recorded(outer)

    assert find_run(store, LAST).flow == "outer"
    assert len(store.runs()) == 2


def test_without_a_run_there_is_none_to_go_on_with(store):
    with pytest.raises(RunMissing, match="no run in the history at memory://"):
        find_run(store, LAST)
    with pytest.raises(RunMissing, match="no run of the flow 'work'"):
        find_run(store, LAST, "work")


# --- taking over ------------------------------------------------------------------------------------------------------


def test_a_run_is_taken_over_once(store, recorded):
    work = Work()
    reading = recorded(work.flow())

    found = resume(store, reading.run.id, work.flow(), LATER, NOW)

    assert (found.run.attempts, found.run.epoch, found.run.lease_until) == (2, 2, LATER)
    with pytest.raises(RunHeld):
        resume(store, reading.run.id, work.flow(), LATER, NOW + 1)


def test_the_run_of_a_dead_process_is_taken_over_at_once(store, recorded, killed):
    work = Work()
    reading = killed(recorded(work.flow()), 5)

    assert resume(store, reading.run.id, work.flow(), LATER, NOW).run.attempts == 2


def test_a_run_of_another_flow_is_left_alone(store, recorded):
    reading = recorded(Work().flow())

    with pytest.raises(ResumeError, match="one of the flow 'work', not of 'other'"):
        resume(store, reading.run.id, Flow("other"), LATER, NOW)
    assert store.run(reading.run.id).attempts == 1


def test_a_run_that_was_taken_over_in_vain_is_free_again(store, recorded):
    reading = recorded(Work().flow())
    flow = Work().flow()
    [numbers], [total] = flow.get_tasks(name="numbers"), flow.get_tasks(name="total")
    flow.add_edge(total, numbers)

    with pytest.raises(CycleError):
        resume(store, reading.run.id, flow, LATER, NOW)

    run = store.run(reading.run.id)
    assert run.lease_until == UNOWNED
    assert Work().flow().run(resume=run.id).is_successful()


def test_who_lets_go_leaves_the_run_as_it_was(store, recorded):
    reading = recorded(Work().flow())
    claimed = store.claim(reading.run.id, "me", LATER, NOW)

    let_go(store, claimed)

    run = store.run(reading.run.id)
    assert (run.lease_until, run.last_seq, run.state) == (UNOWNED, reading.run.last_seq, "Success")


# --- what is said beforehand ------------------------------------------------------------------------------------------


def test_what_stays_and_what_runs_is_told_without_taking_the_run(store, recorded):
    work = Work(fails=("double", 3))
    reading = recorded(work.flow())

    found = prepared(store, reading.run, work.flow())

    assert progress(found) == {
        "count": (1, 1, {}),
        "numbers-1": (1, 1, {}),
        "double-1": (5, 6, {"Failed": 1}),
        "add_one-1": (5, 6, {"TriggerFailed": 1}),
        "total-1": (0, 1, {"TriggerFailed": 1}),
        "report-1": (0, 1, {"Success": 1}),
    }
    assert found.left == 4
    assert [tuple(each) for each in found.reruns] == [("report-1", 1, "something before it did not succeed")]
    assert store.run(reading.run.id) == reading.run


def test_of_a_run_that_succeeded_nothing_is_left(store, recorded):
    work = Work()

    found = prepared(store, recorded(work.flow()).run, work.flow())

    assert found.left == 0
    assert found.settled >= {each for each in found.states if each.name in ("double", "add_one")}


def test_secrets_are_fetched_anew_and_are_nothing_left_to_do(store, recorded):
    def flow():
        with Flow("secret") as made:
            task(lambda key: len(key), name="use")(PrefectSecret("key"))
        return made

    with context(secrets={"key": "hunter2!"}):
        reading = recorded(flow())
        found = prepared(store, reading.run, flow())

        assert found.left == 0
        assert {each.slug: each.lasting for each in found.progress} == {"key-1": False, "use-1": True}


def test_a_value_that_was_not_kept_is_made_again_and_it_is_said_why(store, recorded):
    """add_one[2] failed, and what it reads is not there: so double[2] runs again, and numbers before it"""
    work = Work(fails=("add_one", 4))
    with set_temporary_config({"store.inline_bytes": 0, "store.value_bytes": 0}):
        reading = recorded(work.flow(ends=False))

    found = prepared(store, reading.run, work.flow(ends=False))

    assert progress(found)["numbers-1"] == (0, 1, {"Success": 1})
    assert progress(found)["double-1"] == (5, 6, {"Success": 1})
    assert progress(found)["add_one-1"] == (5, 6, {"Failed": 1})
    reason = "its value is needed: it takes more than 0 bytes (store.value_bytes)"
    assert [tuple(each) for each in found.reruns] == [(slug, 1, reason) for slug in ("count", "numbers-1", "double-1")]


def test_what_changed_in_the_flow_is_told(store, recorded):
    reading = recorded(Work().flow())
    flow = Work().flow()
    with flow:
        task(lambda: 1, name="new")()

    changes = prepared(store, reading.run, flow).changes

    assert changes.added == ("new-1",)
    assert changes.removed == ()


# --- going on ---------------------------------------------------------------------------------------------------------


def test_only_what_had_not_succeeded_runs_and_the_outcome_is_that_of_a_run_in_one_go(store, recorded):
    work = Work(fails=("double", 3))
    reading = recorded(work.flow())
    work.ran.clear()
    work.fails = None

    flow = work.flow()
    state = flow.run(resume=reading.run.id)

    assert values(flow, state) == values(flow, flow.run())
    resumed = Counter({("double", 3): 1, ("add_one", 6): 1, ("total", 0): 1, ("report", 0): 1})
    once = Counter({("numbers", 6): 1, ("total", 0): 1, ("report", 0): 1})
    once += Counter({("double", x): 1 for x in range(6)}) + Counter({("add_one", 2 * x): 1 for x in range(6)})
    assert work.ran == resumed + once


@given(part=st.floats(0, 1))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_killed_anywhere_a_run_comes_to_the_same_end_and_what_was_kept_runs_no_more(store, recorded, killed_at, part):
    work = Work()
    whole = recorded(work.flow())
    in_one_go = work.ran.copy()
    reading = killed_at(whole, part)
    found = prepared(store, reading.run, work.flow())
    work.ran.clear()

    flow = work.flow()
    state = flow.run(resume=reading.run.id)

    assert values(flow, state)["total"] == sum(2 * x + 1 for x in range(6))
    assert values(flow, state)["report"] == 6
    kept = sum(each.kept for each in found.progress if each.slug != "count")
    assert work.ran.total() == in_one_go.total() - kept
    end = RunReading(store, store.run(reading.run.id))
    assert (end.run.state, end.run.attempts) == ("Success", 2)
    assert {each.state for each in end.summaries()} == {"Success"}


@given(fails=st.tuples(st.sampled_from(["double", "add_one"]), st.integers(0, 11)))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_told_and_done_are_the_same(store, recorded, fails):
    """As many runs happen as were left to do."""
    work = Work(fails)
    reading = recorded(work.flow())
    left = prepared(store, reading.run, work.flow()).left
    work.ran.clear()
    work.fails = None

    state = work.flow().run(resume=reading.run.id)

    assert state.is_successful()
    assert work.ran.total() == left


def test_a_flattened_map_goes_on_with_its_children_in_place(store, recorded):
    broken = [True]

    def flow():
        @task
        def twins(x):
            return [x, 10 * x]

        @task
        def same(x):
            if x == 20 and broken[0]:
                raise ValueError("not yet")
            return x

        with Flow("flat") as made:
            same.map(flatten(twins.map([1, 2, 3])))
        return made

    reading = recorded(flow())
    broken[0] = False

    again = flow()
    state = again.run(resume=reading.run.id)

    assert state.result[again.get_tasks(name="same")[0]].result == [1, 10, 2, 20, 3, 30]


def test_an_iterator_that_was_cut_short_is_drawn_again_from_its_beginning(store, recorded, killed):
    def flow():
        @task
        def rows():
            yield from range(8)

        @task
        def same(x):
            return x

        with Flow("stream") as made:
            same.map(rows())
        return made

    whole = recorded(flow())
    reading = killed(whole, next(iter(whole.store.stretches(whole.run.id))).seq)

    again = flow()
    state = again.run(resume=reading.run.id)

    assert state.result[again.get_tasks(name="same")[0]].result == list(range(8))


def test_the_states_that_tasks_stood_in_are_there_to_be_read(store, recorded):
    work = Work(fails=("double", 3))

    found = prepared(store, recorded(work.flow()).run, work.flow())

    stood = {task.name: state for task, state in found.stood.items()}
    assert [type(state) for state in stood["double"].map_states] == [Success] * 3 + [Failed] + [Success] * 2
    assert stood["numbers"].result == [0, 1, 2, 3, 4, 5]


def test_a_run_goes_on_as_running_if_it_was_running(store, recorded, killed):
    work = Work()
    whole = recorded(work.flow(), count=3)
    reading = killed(whole, 4)

    found = prepared(store, reading.run, work.flow())

    assert isinstance(found.state, Running)
    assert found.parameters == {"count": 3}
    assert not prepared(store, whole.run, work.flow()).state.is_running()
