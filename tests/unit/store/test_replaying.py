"""Running one task of a run again, alone."""

from __future__ import annotations

from time import time

import pytest

import prefect
from prefect import Flow, Parameter, flatten, resource_manager, task, unmapped
from prefect.engine.results import LocalResult
from prefect.exceptions import ResultMissing, ResumeError, RunHeld
from prefect.store import ownership
from prefect.store.records import UNOWNED
from prefect.store.replaying import replay
from prefect.tasks.secrets import PrefectSecret
from prefect.triggers import any_failed
from prefect.utilities.configuration import set_temporary_config
from prefect.utilities.context import context


class Code:
    """What changes between a run and its replay, as if somebody had edited the file."""

    mended = False


@pytest.fixture(autouse=True)
def code():
    Code.mended = False
    yield Code
    Code.mended = False


@task(max_retries=2, retry_delay=0)
def invert(x, y=0, label=""):
    if x == 2 and not Code.mended:
        raise ValueError("two")
    return {"x": x, "y": y, "label": label}


@task
def numbers(count):
    return list(range(count))


@task
def total(xs):
    return [each["x"] for each in xs]


def flow_of():
    """numbers ─▶ invert (child 2 fails) ─▶ total"""
    with Flow("replayed") as flow:
        total(invert.map(numbers(Parameter("count", default=4)), y=unmapped(numbers(1)), label=unmapped("a")))
    return flow


@pytest.fixture
def again(recorded):
    """Replay a task run of a run: `again(flow, "invert[2]")`; the flow may be another one by then."""

    def again(flow, text, now=None, **parameters):
        reading = recorded(flow, **parameters)
        return replay(reading.store, reading.run, now or flow, reading.find(text))

    return again


# --- inputs -----------------------------------------------------------------------------------------------------------


def test_the_inputs_are_those_that_it_had(again):
    assert again(flow_of(), "invert[2]").inputs() == {"x": 2, "y": [0], "label": "a"}


def test_a_task_that_succeeded_can_run_again_too(again):
    found = again(flow_of(), "invert[3]")

    state = found.go()

    assert state.is_successful()
    assert state.result == {"x": 3, "y": [0], "label": "a"}


def test_a_reducer_reads_the_whole_map(again, code):
    code.mended = True

    found = again(flow_of(), "total")

    assert [each["x"] for each in found.inputs()["xs"]] == [0, 1, 2, 3]
    assert found.go().result == [0, 1, 2, 3]


def test_a_child_of_a_flattened_map_reads_its_element(again):
    with Flow("flat") as flow:
        invert.map(flatten(numbers.map([2, 1])))

    assert again(flow, "invert[2]").inputs()["x"] == 0


def test_parameters_and_context_are_those_of_the_run(again):
    @task
    def look():
        return prefect.context.flow_run_id, prefect.context.parameters["count"], prefect.context.mine

    with Flow("looks") as flow:
        look(upstream_tasks=[Parameter("count", default=4)])

    with context(mine="own"):
        found = again(flow, "look", count=7)
        assert found.go().result == (found.run.id, 7, "own")


def test_a_child_knows_its_index(again):
    with Flow("indices") as flow:
        task(lambda x: prefect.context.map_index, name="index").map(numbers(3))

    assert again(flow, "index[1]").go().result == 1


def test_inputs_are_shown_in_a_line_each(again):
    with Flow("long") as flow:
        total([{"x": 1}] * 100)

    found = again(flow, "total")

    assert len(found.shown()["xs"]) == 200
    assert found.words("short") == "'short'"


def test_secrets_are_fetched_anew_and_never_shown(again):
    with Flow("secret") as flow:
        task(lambda key, text: f"{text} {len(key)}", name="use")(PrefectSecret("key"), "with hunter2!")

    with context(secrets={"key": "hunter2!"}):
        found = again(flow, "use")

        assert found.inputs() == {"key": "hunter2!", "text": "with hunter2!"}
        assert found.shown() == {"key": "<secret>", "text": "'with ********'"}
        assert found.words("hunter2!") == "'********'"
        assert found.go().result == "with hunter2! 8"


# --- running ----------------------------------------------------------------------------------------------------------


def test_a_failure_fails_again_at_once_and_with_its_error(again):
    state = again(flow_of(), "invert[2]").go()

    assert type(state).__name__ == "Failed"  # not Retrying
    assert isinstance(state.result, ValueError)


def test_the_code_is_that_of_now(again, code):
    found = again(flow_of(), "invert[2]")
    code.mended = True

    assert found.go().result["x"] == 2


def test_neither_targets_nor_handlers_stand_in_the_way(again, tmp_path):
    called = []

    def flow():
        result = LocalResult(dir=str(tmp_path))
        made = task(
            lambda: 42, name="made", target="there", result=result, state_handlers=[lambda *states: called.append(1)]
        )
        with Flow("target") as flow:
            made()
        return flow

    with set_temporary_config({"flows.checkpointing": True}):
        found = again(flow(), "made")
    (tmp_path / "there").write_bytes(b"damaged")
    called.clear()

    assert found.go().result == 42
    assert called == []


def test_a_replay_writes_nothing_down(again, store):
    found = again(flow_of(), "invert[2]")
    before = store.run(found.run.id), store.events(found.run.id), store.task_runs(found.run.id)

    found.go()

    assert (store.run(found.run.id), store.events(found.run.id), store.task_runs(found.run.id)) == before


def test_a_trigger_is_asked_as_ever(again):
    state = again(flow_of(), "total").go()

    assert type(state).__name__ == "TriggerFailed"


def test_a_task_that_runs_because_others_failed_runs_again(again):
    with Flow("alarm") as flow:
        task(lambda: "alarm", name="alarm", trigger=any_failed)(upstream_tasks=[invert(2)])

    assert again(flow, "alarm").go().result == "alarm"


# --- writing it back --------------------------------------------------------------------------------------------------


def test_a_success_is_written_back_and_the_run_goes_on_from_there(again, code):
    found = again(flow_of(), "invert[2]")
    code.mended = True
    state = found.go()
    code.mended = False

    found.promote(state)

    flow = flow_of()
    end = flow.run(resume=found.run.id)
    assert end.is_successful()
    assert end.result[flow.get_tasks(name="total")[0]].result == [0, 1, 2, 3]


def test_what_was_written_back_is_told_as_such(again, store, code):
    found = again(flow_of(), "invert[2]")
    code.mended = True

    found.promote(found.go())

    [row] = store.task_runs(found.run.id, index=2)
    assert (row.state, row.attempt) == ("Success", 4)
    assert row.message == "Replayed and written back: The task succeeded."
    assert row.started <= row.ended
    assert store.events(found.run.id)[-1].seq == store.run(found.run.id).last_seq == found.run.last_seq + 1


def test_a_failure_is_not_written_back(again):
    found = again(flow_of(), "invert[2]")

    with pytest.raises(ResumeError, match="only a success can be written back"):
        found.promote(found.go())


def test_a_value_that_cannot_be_kept_is_not_written_back(again):
    with Flow("lock") as flow:
        task(lambda: (x for x in "abc"), name="lock")()
    found = again(flow, "lock")

    with pytest.raises(ResumeError, match="cannot be written back: it cannot be pickled .* give the task a `result`"):
        found.promote(found.go())


def test_a_run_that_a_living_process_works_at_is_left_alone(again, store, code):
    found = again(flow_of(), "invert[2]")
    code.mended = True
    state = found.go()
    now = int(time() * 1e6)
    store.claim(found.run.id, ownership.this_process(), now + 60_000_000, now)

    with pytest.raises(RunHeld):
        found.promote(state)


def test_into_the_run_of_a_dead_process_it_is_written_at_once(recorded, killed, store, code):
    whole = recorded(flow_of())
    reading = killed(whole, whole.run.last_seq - 1)
    found = replay(store, reading.run, flow_of(), reading.find("invert[2]"))
    code.mended = True

    found.promote(found.go())

    run = store.run(reading.run.id)
    assert (run.lease_until, run.attempts) == (UNOWNED, 2)
    assert reading.task_run(reading.find("invert[2]")).state == "Success"
    assert flow_of().run(resume=run.id).is_successful()


# --- what cannot be ---------------------------------------------------------------------------------------------------


def test_a_map_as_a_whole_cannot_run_again(again):
    with pytest.raises(ResumeError, match=r"invert-1 is mapped: say which of its children, as in invert-1\[0\]"):
        again(flow_of(), "invert")


def test_a_task_that_is_gone_from_the_flow_cannot_run_again(again):
    with Flow("replayed") as now:
        numbers(1)

    with pytest.raises(ResumeError, match="no task 'total-1' any more"):
        again(flow_of(), "total", now)


def test_a_task_that_is_no_longer_mapped_has_no_children(again):
    with Flow("replayed") as now:
        invert(numbers(1))

    with pytest.raises(ResumeError, match="'invert-1' is not mapped any more"):
        again(flow_of(), "invert[2]", now)


def test_without_what_comes_before_it_a_task_cannot_run(recorded, killed, store):
    whole = recorded(flow_of())
    reading = killed(whole, 2)

    with pytest.raises(ResumeError, match="'invert-1', which 'total-1' reads or waits for, is not over"):
        replay(store, reading.run, flow_of(), reading.find("total"))


def test_a_reducer_needs_all_children(recorded, killed, store):
    whole = recorded(flow_of())
    stretch = next(iter(whole.store.stretches(whole.run.id)))
    reading = killed(whole, stretch.seq)

    with pytest.raises(ResumeError, match="children of 'invert-1' are not over in this run"):
        replay(store, reading.run, flow_of(), reading.find("total"))


def test_a_child_needs_the_child_before_it(recorded, killed, store):
    def flow():
        with Flow("lanes") as made:
            task(lambda x: x, name="second").map(invert.map(numbers(4)))
        return made

    whole = recorded(flow())
    opened = min(event.seq for event in whole.store.events(whole.run.id) if event.message == "Mapped over 4 elements.")
    reading = killed(whole, opened)

    with pytest.raises(ResumeError, match="The child 3 of 'invert-1' is not over in this run"):
        replay(store, reading.run, flow(), reading.find("second[3]"))


def test_a_value_that_was_not_kept_is_missed_before_anything_runs(again):
    with set_temporary_config({"store.inline_bytes": 0, "store.value_bytes": 0}):
        with Flow("lost") as flow:
            total(numbers(2))
        found = again(flow, "total")

    with pytest.raises(ResultMissing, match="Run its task again"):
        found.go()


def test_what_uses_a_resource_has_to_run_in_a_flow(again):
    @resource_manager
    class Place:
        def setup(self):
            return "place"

        def cleanup(self, place):
            pass

    with Flow("resource") as flow, Place() as place:
        task(lambda place: place, name="use")(place)

    with pytest.raises(ResumeError, match="uses the resource of .* exists only while the flow runs"):
        again(flow, "use")
