"""One run as the history tells of it: what its tasks came to, and what happened to them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefect import Flow, task
from prefect.engine.signals import SKIP
from prefect.exceptions import RunMissing
from prefect.store import ownership
from prefect.store.reading import DIED, STOPPED, Address, condition, is_under_way
from prefect.store.records import UNOWNED, WHOLE, FlowRun
from prefect.triggers import all_finished

NOW = 1_800_000_000_000_000
HERE = ownership.this_process()
GONE = HERE.rpartition("/")[0] + "/0"


@task
def numbers(count):
    return list(range(count))


@task
def invert(x):
    if x == 5:
        raise SKIP("five is left out")
    return 12 // (x - 7)


@task(skip_on_upstream_skip=False)
def total(xs):
    return sum(xs)


def flow_of(count=10):
    """numbers ─▶ invert (child 7 fails, child 5 is skipped) ─▶ total"""
    with Flow("numbers") as flow:
        total(invert.map(numbers(count)))
    return flow


@pytest.fixture
def reading(recorded):
    return recorded(flow_of())


def flow_run(**fields):
    given = {"id": "1", "flow": "f", "version": "v", "name": "f", "state": "Running", "created": NOW}
    return FlowRun(**given | fields)


# --- finding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("invert", ("invert-1", WHOLE)),
        ("invert-1", ("invert-1", WHOLE)),
        ("invert[3]", ("invert-1", 3)),
        ("invert-1[9]", ("invert-1", 9)),
        ("total", ("total-1", WHOLE)),
    ],
)
def test_a_task_run_is_found_by_name_or_slug_and_index(reading, text, found):
    address = reading.find(text)

    assert (address.task.slug, address.child) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "There is no task 'nothing' .* choose numbers-1, invert-1, total-1"),
        ("total[0]", "'total-1' is not mapped, so it has no child 0"),
        ("invert[10]", "no child 10 of 'invert-1', which has 10 children, counted from 0"),
        ("invert[-1]", r"There is no task 'invert\[-1\]'"),
    ],
)
def test_what_is_not_there_is_said_together_with_what_is(reading, text, message):
    with pytest.raises(RunMissing, match=message):
        reading.find(text)


def test_a_name_that_several_tasks_have_is_not_enough(recorded):
    with Flow("twins") as flow:
        numbers(1)
        numbers(2)
    reading = recorded(flow)

    with pytest.raises(RunMissing, match="Several tasks are called 'numbers' .* choose numbers-1, numbers-2"):
        reading.find("numbers")
    assert reading.find("numbers-2").task.slug == "numbers-2"


def test_a_task_whose_name_looks_like_a_child_is_found_by_it(recorded):
    with Flow("odd") as flow:
        numbers.copy(name="odd[1]")(1)

    assert recorded(flow).find("odd[1]").child == WHOLE


def test_of_many_tasks_only_some_are_named(recorded):
    with Flow("many") as flow:
        for number in range(30):
            numbers.copy(name=f"n{number}")(number)

    with pytest.raises(RunMissing, match=r"choose n0-1, .* or one of 20 more"):
        recorded(flow).find("nothing")


# --- states -----------------------------------------------------------------------------------------------------------


def test_a_child_is_told_of_alike_whether_it_lived_plainly_or_not(reading):
    plain, failed = reading.task_run(reading.find("invert[8]")), reading.task_run(reading.find("invert[7]"))

    assert (plain.state, plain.value.data, plain.attempt) == ("Success", "12", 1)
    assert (failed.state, failed.value) == ("Failed", None)
    assert plain.started <= plain.ended


def test_what_has_not_begun_has_no_task_run(recorded, killed):
    reading = recorded(flow_of())

    before = killed(reading, 1)

    address = before.find("total")
    assert before.task_run(address) is None
    assert before.state(address) == "Pending"


def test_a_constant_is_there_from_the_beginning(recorded):
    with Flow("constants") as flow:
        invert.map(range(3))
    reading = recorded(flow)

    [constant] = [each for each in reading.summaries() if each.task.slug.startswith("Constant")]

    assert (constant.state, constant.attempts) == ("Success", 0)


@given(part=st.floats(0, 1))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_summed_up_is_what_each_child_tells(recorded, killed_at, part):
    whole = recorded(flow_of(20))
    reading = killed_at(whole, part)

    for summary in reading.summaries():
        if summary.task.width is not None:
            addresses = [Address(summary.task, index) for index in range(summary.task.width)]
            assert Counter(summary.counts) == Counter(map(reading.state, addresses))


def test_a_map_is_as_unhappy_as_its_least_happy_child(reading):
    invert = reading.summary(reading.find("invert").task)

    assert (invert.state, invert.counts) == ("Failed", {"Success": 8, "Skipped": 1, "Failed": 1})
    assert invert.started <= invert.ended
    assert reading.state(reading.find("invert")) == "Failed"


def test_a_map_without_children_succeeded(recorded):
    reading = recorded(flow_of(0))

    summary = reading.summary(reading.find("invert").task)

    assert (summary.state, summary.counts, summary.task.width) == ("Success", {}, 0)


def test_a_map_of_skipped_children_was_skipped(recorded):
    with Flow("skips") as flow:
        invert.map([5, 5])

    assert recorded(flow).state(recorded(flow).find("invert")) == "Skipped"


def test_a_map_that_is_not_over_has_no_end(recorded, killed):
    whole = recorded(flow_of(20))
    opened = next(event.seq for event in whole.store.events(whole.run.id) if event.state == "Mapped")

    summary = killed(whole, opened).summary(whole.find("invert").task)

    assert (summary.state, summary.counts, summary.ended) == ("Pending", {"Pending": 20}, None)


def test_a_child_that_ran_again_counts_once_and_as_it_is_now(store, recorded):
    """What the history tells twice, in a stretch and in a row, is what was told last."""
    reading = recorded(flow_of())
    address = reading.find("invert[8]")
    plain = reading.task_run(address)
    run = store.run(reading.run.id)
    event = reading.happened(address)[-1]._replace(state="Failed", at=NOW)

    store.put(run.id, plain._replace(state="Failed", value=None, message="no"), event, run.epoch)

    assert reading.task_run(address).state == "Failed"
    assert reading.summary(address.task).counts == {"Success": 7, "Failed": 2, "Skipped": 1}


def test_runs_that_did_not_succeed_are_listed(reading):
    assert [(row.task, row.index, row.state) for row in reading.unhappy()] == [
        (1, 7, "Failed"),
        (2, WHOLE, "TriggerFailed"),
    ]
    assert [row.index for row in reading.unhappy(reading.find("invert").task)] == [7]
    assert len(reading.unhappy(limit=1)) == 1


# --- what happened, and how long it took ------------------------------------------------------------------------------


def test_what_happened_to_a_child_is_told_in_order(reading):
    def states(text):
        return [event.state for event in reading.happened(reading.find(text))]

    assert states("invert[8]") == ["Running", "Success"]
    assert states("invert[7]") == ["Running", "Failed"]
    assert states("total") == ["TriggerFailed"]


def test_each_attempt_is_told(recorded):
    with Flow("broken") as flow:
        task(lambda: [][1], name="broken", max_retries=1, retry_delay=0)()
    reading = recorded(flow)

    events = reading.happened(reading.find("broken"))

    assert [(event.state, event.attempt) for event in events] == [
        ("Running", 1),
        ("Failed", 1),
        ("Retrying", 1),
        ("Running", 2),
        ("Failed", 2),
    ]


def test_that_many_children_were_given_out_and_that_one_began_is_told_once(reading, store):
    run = store.run(reading.run.id)
    address = reading.find("invert[8]")
    row = reading.task_run(address)
    given_out = reading.happened(address)[0]._replace(index=0, last=9, at=NOW)

    store.put(run.id, row, given_out, run.epoch)
    store.put(run.id, row, given_out._replace(index=8, last=8, at=NOW + 1), run.epoch)

    assert [event.state for event in reading.happened(address)] == ["Running", "Success", "Running"]


def test_the_durations_of_a_map_are_those_of_the_children_that_ran(reading):
    assert len(reading.durations(reading.find("invert").task)) == 9  # not the one that was skipped, nor the whole
    assert len(reading.durations(reading.find("numbers").task)) == 1
    assert reading.durations(reading.find("total").task) == []


def test_what_happened_to_the_flow_itself_is_told(reading):
    assert [event.state for event in reading.flow_events()] == ["Running", "Failed"]


# --- how the run is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"ended": NOW, "state": "Failed"}, "Failed"),
        ({"owner": HERE, "lease_until": NOW + 1}, "Running"),
        ({"owner": HERE, "lease_until": NOW - 1}, DIED),
        ({"owner": GONE, "lease_until": NOW + 1}, DIED),
        ({"owner": "elsewhere/1/2", "lease_until": NOW + 1}, "Running"),
        ({"lease_until": UNOWNED}, STOPPED),
    ],
)
def test_a_run_without_an_end_died_if_its_process_did(fields, expected):
    assert condition(flow_run(**fields), NOW) == expected


def test_a_run_is_under_way_as_long_as_a_living_process_holds_it():
    run = flow_run(owner=HERE, lease_until=NOW + 1)

    assert is_under_way(run, NOW)
    assert not is_under_way(run, NOW + 2)
    assert not is_under_way(replace(run, owner=GONE), NOW)


def test_a_run_that_is_over_is_told_as_it_ended(recorded):
    with Flow("report") as flow:
        task(lambda x: x, name="report", trigger=all_finished)(total([1]))
    reading = recorded(flow)

    assert condition(reading.run, NOW) == "Success"
    assert {each.state for each in reading.summaries()} == {"Success"}
