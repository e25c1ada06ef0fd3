"""What every store has to do: memory, SQLite and a real PostgreSQL alike."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.postgres import schema_of_its_own

from prefect.exceptions import RunHeld, RunMissing
from prefect.store.base import Store
from prefect.store.memory import MemoryStore
from prefect.store.postgres import PostgresStore
from prefect.store.records import (
    FLOW,
    UNOWNED,
    WHOLE,
    Batch,
    Event,
    FlowChange,
    FlowRun,
    FlowVersion,
    LogChunk,
    RunFilter,
    RunTask,
    Stretch,
    TaskRun,
    Value,
)
from prefect.store.sql_store import SqlStore
from prefect.store.sqlite import SqliteStore

NOW = 1_700_000_000_000_000
LATER = NOW + 60_000_000
RUN = "0b8e1d5e-0000-4000-8000-000000000001"
OTHER = "0b8e1d5e-0000-4000-8000-000000000002"

KINDS = ["memory", "sqlite", "postgres"]
TABLES = ("run", "flow_version", "run_tag", "run_task", "event", "task_run", "stretch", "log_chunk")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "sqlite":
        yield from closed(SqliteStore(str(tmp_path / "history.db")))
    else:
        with schema_of_its_own(request.getfixturevalue("postgres")) as url:
            yield from closed(PostgresStore(url))


def closed(store: Store) -> Iterator[Store]:
    yield store
    store.close()


# --- making records ---------------------------------------------------------------------------------------------------


def flow_run(id: str = RUN, **fields: Any) -> FlowRun:
    given = {"id": id, "flow": "etl", "version": "v1", "name": "brave-fox", "state": "Running", "created": NOW}
    return FlowRun(**given | fields)


def version(digest: str = "v1") -> FlowVersion:
    return FlowVersion(digest, "etl", '{"tasks": []}', NOW)


def event(seq: int, index: int = WHOLE, state: str = "Running", message: str | None = None, task: int = 0) -> Event:
    return Event(seq, task, index, index, 1, state, NOW + seq, message)


def task_run(seq: int, index: int = WHOLE, state: str = "Failed", task: int = 0, **fields: Any) -> TaskRun:
    return TaskRun(seq, task, index, state, 1, NOW, NOW + 1, None, None, None)._replace(**fields)


def stretch(seq: int, first: int, last: int, task: int = 0) -> Stretch:
    count = last - first + 1
    return Stretch(seq, task, first, last, count, NOW, NOW + 1, b"", b"times", b"values")


def chunk(number: int = 0) -> LogChunk:
    return LogChunk(NOW + number, NOW + number, 1, b"line %d" % number)


def batch(after: int = 0, last_seq: int | None = None, run: str = RUN, **fields: Any) -> Batch:
    given = {"run": run, "epoch": 1, "after": after, "lease_until": LATER}
    return Batch(**given | {"last_seq": after if last_seq is None else last_seq} | fields)


def first_batch(run: str = RUN, **fields: Any) -> Batch:
    """A batch that begins a run, and says nothing else."""
    return batch(run=run, lease_until=UNOWNED, begin=flow_run(run, **fields), version=version())


def begun(store: Store, run: str = RUN, **fields: Any) -> None:
    """Let there be a run that nobody holds."""
    assert store.commit([first_batch(run, **fields)]) == []


# --- beginning --------------------------------------------------------------------------------------------------------


def test_a_run_is_found_as_it_was_begun(store: Store) -> None:
    run = flow_run(
        state="Pending",
        message="It was scheduled",
        parameters={"x": Value("json", "[1, 2]"), "ä": Value("lost", "too large")},
        context={"today": Value("json", '"2026-11-22"')},
        tags=("b", "a", "ü"),
        source="flows/etl.py",
        parent=OTHER,
        started=NOW + 1,
        ended=NOW + 2,
        attempts=3,
        owner="host:1",
        lease_until=LATER,
    )

    assert store.commit([batch(begin=run, version=version())]) == []

    assert store.run(RUN) == run
    assert store.version("v1") == version()


def test_a_run_that_is_begun_again_stays_as_it_is(store: Store) -> None:
    begun(store)

    assert store.commit([batch(begin=flow_run(name="another"), version=version()._replace(document="other"))]) == []

    assert store.run(RUN).name == "brave-fox"
    assert store.version("v1") == version()


def test_a_run_does_not_begin_in_the_middle(store: Store) -> None:
    assert store.commit([batch(after=3, last_seq=4, begin=flow_run(), events=[event(4)])]) == [RUN]

    with pytest.raises(RunMissing):
        store.run(RUN)


def test_nothing_is_written_about_a_run_that_is_not_there(store: Store) -> None:
    assert store.commit([batch(last_seq=1, events=[event(1)])]) == [RUN]

    assert store.events(RUN) == []


# --- batches ----------------------------------------------------------------------------------------------------------


def test_everything_in_a_batch_is_found_again(store: Store) -> None:
    begun(store)
    tasks = {0: RunTask(0, "extract-1", "extract", None), 1: RunTask(1, "load-1", "load", 3)}
    events = [event(1), event(2, state="Failed", message="It – broke")]
    states = [task_run(2, message="It broke", document='{"type": "Failed"}', value=Value("pickle", "gASVBQ=="))]
    stretches = [stretch(3, 0, 2, task=1)]

    refused = store.commit(
        [
            batch(
                last_seq=3,
                tasks=tasks,
                events=events,
                task_runs={(each.task, each.index): each for each in states},
                stretches=stretches,
                logs=[chunk(1), chunk(2)],
                change=FlowChange("Failed", "Some tasks failed.", NOW + 1, NOW + 9),
            )
        ]
    )

    assert refused == []
    assert store.tasks(RUN) == list(tasks.values())
    assert store.events(RUN) == events
    assert store.task_runs(RUN) == states
    assert list(store.stretches(RUN)) == stretches
    assert list(store.logs(RUN)) == [chunk(1), chunk(2)]
    run = store.run(RUN)
    assert (run.state, run.message, run.started, run.ended) == ("Failed", "Some tasks failed.", NOW + 1, NOW + 9)
    assert (run.last_seq, run.lease_until) == (3, LATER)


def test_the_newest_state_of_a_task_run_counts(store: Store) -> None:
    begun(store)
    first = task_run(1, state="Retrying", message="Once more", value=Value("json", "1"))
    second = task_run(2, state="Success", attempt=2)

    store.commit([batch(last_seq=1, events=[event(1)], task_runs={(0, WHOLE): first})])
    store.commit([batch(after=1, last_seq=2, events=[event(2)], task_runs={(0, WHOLE): second})])

    assert store.task_runs(RUN) == [second]


def test_the_width_of_a_task_may_be_known_later(store: Store) -> None:
    begun(store)

    store.commit([batch(tasks={0: RunTask(0, "a", "a", None), 1: RunTask(1, "b", "b", None)})])
    store.commit([batch(tasks={0: RunTask(0, "a", "a", 7)})])

    assert store.tasks(RUN) == [RunTask(0, "a", "a", 7), RunTask(1, "b", "b", None)]


def test_a_run_may_go_on_with_a_newer_version_of_its_flow(store: Store) -> None:
    begun(store)

    store.commit([batch(version=version("v2"))])

    assert store.run(RUN).version == "v2"
    assert store.version("v2") == version("v2")


def test_a_batch_of_any_size_is_written(store: Store) -> None:
    begun(store)
    count = 2_500
    events = [event(seq, index=seq) for seq in range(1, count + 1)]
    states = {(0, seq): task_run(seq, index=seq) for seq in range(1, count + 1)}

    store.commit([batch(last_seq=count, events=events, task_runs=states)])

    assert store.events(RUN) == events
    assert store.task_runs(RUN) == list(states.values())


def test_batches_of_many_runs_are_written_together(store: Store) -> None:
    runs = [f"run-{number}" for number in range(20)]

    refused = store.commit(
        [first_batch(run) for run in runs] + [batch(run=run, last_seq=1, events=[event(1)]) for run in runs]
    )

    assert refused == []
    assert [len(store.events(run)) for run in runs] == [1] * 20


# --- fencing ----------------------------------------------------------------------------------------------------------


def test_a_batch_that_comes_twice_is_written_once(store: Store) -> None:
    one = batch(last_seq=2, begin=flow_run(), version=version(), events=[event(1), event(2)], logs=[chunk()])
    two = batch(after=2, last_seq=3, events=[event(3)])

    assert store.commit([one]) == []
    assert store.commit([one]) == []
    assert store.commit([one, two]) == []
    assert store.commit([one, two]) == []

    assert store.events(RUN) == [event(1), event(2), event(3)]
    assert list(store.logs(RUN)) == [chunk()]


def test_log_lines_that_come_twice_are_written_once(store: Store) -> None:
    begun(store)

    for _ in range(2):
        assert store.commit([batch(logs=[chunk(1), chunk(2)])]) == []

    assert list(store.logs(RUN)) == [chunk(1), chunk(2)]


def test_a_batch_whose_predecessor_is_missing_is_refused(store: Store) -> None:
    begun(store)

    assert store.commit([batch(after=1, last_seq=2, events=[event(2)])]) == [RUN]

    assert store.events(RUN) == []
    assert store.run(RUN).last_seq == 0


def test_an_owner_that_lost_its_run_is_refused_and_writes_nothing(store: Store) -> None:
    begun(store)
    store.claim(RUN, "new", LATER, NOW)
    everything = batch(
        last_seq=1,
        version=version("v2"),
        change=FlowChange("Success", None, NOW, NOW),
        tasks={0: RunTask(0, "a", "a")},
        events=[event(1)],
        task_runs={(0, WHOLE): task_run(1)},
        stretches=[stretch(1, 0, 1)],
        logs=[chunk()],
    )
    before = store.run(RUN)

    assert store.commit([everything]) == [RUN]

    assert store.run(RUN) == before
    assert (store.tasks(RUN), store.events(RUN), store.task_runs(RUN)) == ([], [], [])
    assert (list(store.stretches(RUN)), list(store.logs(RUN))) == ([], [])
    with pytest.raises(RunMissing):
        store.version("v2")


def test_batches_beside_a_refused_one_are_written(store: Store) -> None:
    begun(store)
    store.claim(RUN, "new", LATER, NOW)
    lost = batch(last_seq=1, events=[event(1)])
    sound = batch(last_seq=1, run=OTHER, begin=flow_run(OTHER), version=version(), events=[event(1)])

    assert store.commit([lost, sound, replace(lost)]) == [RUN]

    assert store.events(RUN) == []
    assert store.events(OTHER) == [event(1)]


# --- leases -----------------------------------------------------------------------------------------------------------


def test_a_free_run_can_be_claimed(store: Store) -> None:
    begun(store, owner="old")

    claimed = store.claim(RUN, "new", LATER, NOW)

    assert (claimed.owner, claimed.epoch, claimed.attempts, claimed.lease_until) == ("new", 2, 2, LATER)
    assert store.run(RUN) == claimed
    assert store.commit([batch(epoch=2, last_seq=1, events=[event(1)])]) == []


def test_a_run_that_is_held_cannot_be_claimed(store: Store) -> None:
    begun(store)
    held = store.claim(RUN, "one", LATER, NOW)

    with pytest.raises(RunHeld, match="'one' works at"):
        store.claim(RUN, "two", LATER + 1, LATER - 1)

    assert store.run(RUN) == held


@pytest.mark.parametrize(("now", "dead"), [(LATER, None), (NOW, "one")], ids=["lease over", "owner dead"])
def test_a_run_whose_owner_is_gone_can_be_claimed(store: Store, now: int, dead: str | None) -> None:
    begun(store)
    store.claim(RUN, "one", LATER, NOW)

    assert store.claim(RUN, "two", LATER + 1, now, dead).epoch == 3


def test_a_run_that_is_not_there_cannot_be_claimed(store: Store) -> None:
    with pytest.raises(RunMissing, match=RUN):
        store.claim(RUN, "new", LATER, NOW)


# --- writing from outside ---------------------------------------------------------------------------------------------


def test_an_outsider_writes_the_next_number_of_a_run_that_nobody_holds(store: Store) -> None:
    begun(store)
    store.commit([batch(last_seq=1, events=[event(1)], task_runs={(0, 5): task_run(1, 5)}, lease_until=UNOWNED)])

    for state in ("Running", "Success"):
        store.put(RUN, task_run(0, 5, state), event(0, 5, state), epoch=1)

    assert [each.seq for each in store.events(RUN)] == [1, 2, 3]
    assert store.task_runs(RUN) == [task_run(3, 5, "Success")]
    assert (store.run(RUN).last_seq, store.run(RUN).epoch) == (3, 1)


def test_an_outsider_does_not_write_into_a_run_that_is_held(store: Store) -> None:
    begun(store)
    store.claim(RUN, "owner", LATER, NOW)

    with pytest.raises(RunHeld):
        store.put(RUN, task_run(0), event(0), epoch=2)

    assert store.events(RUN) == []


def test_an_outsider_does_not_write_into_a_run_that_went_on_since(store: Store) -> None:
    begun(store)
    store.claim(RUN, "owner", UNOWNED, NOW)

    with pytest.raises(RunHeld, match="in the meantime"):
        store.put(RUN, task_run(0), event(0), epoch=1)


def test_an_owner_that_was_only_slow_cannot_go_on_after_an_outsider_wrote(store: Store) -> None:
    begun(store)
    store.claim(RUN, "slow", NOW, NOW - 1)

    store.put(RUN, task_run(0), event(0), epoch=2)

    assert store.commit([batch(epoch=2, last_seq=1, events=[event(1, state="Success")])]) == [RUN]
    assert [each.state for each in store.events(RUN)] == ["Running"]


def test_an_outsider_cannot_write_into_a_run_that_is_not_there(store: Store) -> None:
    with pytest.raises(RunMissing):
        store.put(RUN, task_run(0), event(0), epoch=1)


# --- pruning ----------------------------------------------------------------------------------------------------------


def ended(store: Store, run: str, end: int | None, digest: str = "v1", lease_until: int = UNOWNED) -> None:
    """Let there be a run with everything that a run can have."""
    begin = flow_run(run, version=digest, ended=end, tags=("t",))
    content = {
        "tasks": {0: RunTask(0, "a", "a")},
        "events": [event(1)],
        "task_runs": {(0, WHOLE): task_run(1)},
        "stretches": [stretch(2, 0, 1)],
        "logs": [chunk()],
    }
    made = batch(run=run, last_seq=2, lease_until=lease_until, begin=begin, version=version(digest), **content)
    assert store.commit([made]) == []


def left(store: Store) -> set[str]:
    return {run.id for run in store.runs()}


def test_runs_that_ended_long_ago_are_deleted_with_all_that_belongs_to_them(store: Store) -> None:
    ended(store, "old", NOW, "v1")
    ended(store, "new", LATER, "v2")
    ended(store, "open", None, "v3")

    assert store.prune(before=LATER, keep_bytes=None, now=LATER) == 1

    assert left(store) == {"new", "open"}
    assert (store.tasks("old"), store.events("old"), store.task_runs("old")) == ([], [], [])
    assert (list(store.stretches("old")), list(store.logs("old")), store.counts("old")) == ([], [], {})
    assert len(store.events("new")) == len(list(store.stretches("new"))) == len(list(store.logs("new"))) == 1
    with pytest.raises(RunMissing):
        store.version("v1")
    assert store.version("v2") == version("v2")


def test_runs_that_somebody_holds_are_not_deleted(store: Store) -> None:
    ended(store, "held", NOW, lease_until=LATER)

    assert store.prune(before=LATER, keep_bytes=0, now=LATER - 1) == 0
    assert store.prune(before=LATER, keep_bytes=0, now=LATER) == 1


def test_the_oldest_runs_are_deleted_when_the_store_is_too_large(store: Store) -> None:
    for number in range(5):
        ended(store, f"run-{number}", NOW + number)
        big = batch(run=f"run-{number}", after=2, logs=[LogChunk(NOW, NOW, 1, bytes(200_000))], lease_until=UNOWNED)
        store.commit([big])

    deleted = store.prune(before=0, keep_bytes=700_000, now=NOW)

    assert 1 <= deleted <= 4
    assert left(store) == {f"run-{number}" for number in range(deleted, 5)}
    assert store.size() <= 700_000


def test_a_store_grows_with_what_is_written(store: Store) -> None:
    begun(store)
    before = store.size()

    store.commit([batch(logs=[LogChunk(NOW, NOW, 1, bytes(100_000))])])

    assert store.size() >= before + 90_000


# --- finding runs -----------------------------------------------------------------------------------------------------


def test_the_beginning_of_an_id_is_enough(store: Store) -> None:
    begun(store, RUN)
    begun(store, "ffff")

    assert store.run("f").id == "ffff"
    assert store.run(RUN[:4]).id == RUN


def test_an_id_that_begins_like_another_one_is_found(store: Store) -> None:
    begun(store, "abc")
    begun(store, "ab")

    assert store.run("ab").id == "ab"


@pytest.mark.parametrize("id", ["9", "0B", f"{RUN}0", "%", "_", "\0"])
def test_an_id_that_nothing_begins_with_is_missing(store: Store, id: str) -> None:
    begun(store)

    with pytest.raises(RunMissing, match="no flow run"):
        store.run(id)


def test_an_id_that_several_begin_with_is_missing(store: Store) -> None:
    begun(store, RUN)
    begun(store, OTHER)

    with pytest.raises(RunMissing, match=f"such as {RUN} and {OTHER}"):
        store.run("0b")


def test_a_version_that_is_not_there_is_missing(store: Store) -> None:
    with pytest.raises(RunMissing, match="v9"):
        store.version("v9")


def test_the_newest_runs_come_first(store: Store) -> None:
    for run, created in (("b", NOW), ("a", NOW + 1), ("c", NOW), ("d", NOW - 1)):
        begun(store, run, created=created)

    assert [run.id for run in store.runs()] == ["a", "c", "b", "d"]
    assert [run.id for run in store.runs(limit=2)] == ["a", "c"]


def test_runs_are_found_by_what_is_known_of_them(store: Store) -> None:
    begun(store, "one", flow="etl", state="Failed", tags=("daily", "x"), created=NOW)
    begun(store, "two", flow="etl", state="Success", tags=(), created=NOW + 1, parent="one")
    begun(store, "three", flow="ml", state="Success", tags=("x",), created=NOW + 2)

    def found(**which: Any) -> list[str]:
        return [run.id for run in store.runs(RunFilter(**which))]

    assert found(flow="etl") == ["two", "one"]
    assert found(states=("Success", "Running")) == ["three", "two"]
    assert found(states=()) == []
    assert found(since=NOW + 1) == ["three", "two"]
    assert found(before=NOW + 1) == ["one"]
    assert found(tag="x") == ["three", "one"]
    assert found(tag="X") == []
    assert found(parent="one") == ["two"]
    assert found(parent="") == ["three", "one"]
    assert found(flow="etl", tag="x", states=("Failed",), since=NOW, before=NOW + 1, parent="") == ["one"]
    assert found(flow="etl", tag="x", states=("Success",)) == []


# --- reading a run ----------------------------------------------------------------------------------------------------


@pytest.fixture
def mapped(store: Store) -> Store:
    """A run with a task that is not mapped, and the children of another one, in no order."""
    begun(store)
    states = [
        task_run(1, task=0, state="Success"),
        task_run(2, 7, "Failed", task=1),
        task_run(3, 2, "Success", task=1),
        task_run(4, 5, "Failed", task=1),
    ]
    events = [event(1, state="Running"), Event(2, 1, 2, 7, 1, "Running", NOW, None), event(3, 5, "Failed", task=1)]
    stretches = [stretch(5, 10, 19, task=1), stretch(6, 15, 30, task=1), stretch(7, 0, 9, task=2)]
    flow = Event(4, FLOW, WHOLE, WHOLE, 1, "Failed", NOW, "Some tasks failed")
    store.commit(
        [
            batch(
                last_seq=7,
                events=[*events, flow],
                task_runs={(each.task, each.index): each for each in states},
                stretches=stretches,
            )
        ]
    )
    return store


def places(task_runs: list[TaskRun]) -> list[tuple[int, int]]:
    return [(each.task, each.index) for each in task_runs]


def test_task_runs_come_in_the_order_of_task_and_index(mapped: Store) -> None:
    assert places(mapped.task_runs(RUN)) == [(0, WHOLE), (1, 2), (1, 5), (1, 7)]
    assert places(mapped.task_runs(RUN, task=1)) == [(1, 2), (1, 5), (1, 7)]
    assert places(mapped.task_runs(RUN, task=1, index=5)) == [(1, 5)]
    assert places(mapped.task_runs(RUN, index=WHOLE)) == [(0, WHOLE)]
    assert places(mapped.task_runs(RUN, states=["Failed", "Crashed"])) == [(1, 5), (1, 7)]
    assert places(mapped.task_runs(RUN, states=[])) == []
    assert places(mapped.task_runs(RUN, task=1, limit=2)) == [(1, 2), (1, 5)]
    assert places(mapped.task_runs(OTHER)) == []


def test_events_come_in_the_order_of_their_numbers(mapped: Store) -> None:
    def numbers(**which: Any) -> list[int]:
        return [each.seq for each in mapped.events(RUN, **which)]

    assert numbers() == [1, 2, 3, 4]
    assert numbers(after=2) == [3, 4]
    assert numbers(after=1, limit=2) == [2, 3]
    assert numbers(task=1) == [2, 3]
    assert numbers(task=FLOW) == [4]
    assert numbers(task=1, index=5) == [2, 3]
    assert numbers(task=1, index=7) == [2]
    assert numbers(task=1, index=8) == []


def test_stretches_come_in_the_order_of_their_numbers(mapped: Store) -> None:
    def numbers(**which: Any) -> list[int]:
        return [each.seq for each in mapped.stretches(RUN, **which)]

    assert numbers() == [5, 6, 7]
    assert numbers(task=1) == [5, 6]
    assert numbers(task=1, index=15) == [5, 6]
    assert numbers(task=1, index=9) == []
    assert numbers(index=0) == [7]


def test_states_are_counted(mapped: Store) -> None:
    assert mapped.counts(RUN) == {(0, "Success"): 1, (1, "Failed"): 2, (1, "Success"): 1 + 10 + 16, (2, "Success"): 10}
    assert mapped.counts(OTHER) == {}


def test_any_number_of_stretches_and_chunks_is_read_in_order(store: Store) -> None:
    begun(store)
    stretches = [stretch(seq, seq * 10, seq * 10 + 9) for seq in range(1, 101)]
    chunks = [chunk(number) for number in range(100)]

    store.commit([batch(last_seq=100, stretches=stretches, logs=chunks)])

    assert list(store.stretches(RUN)) == stretches
    assert list(store.logs(RUN)) == chunks


# --- anything that may come -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["a\0b", "half \ud83d", "whole 😀", "'; drop table run; --", "%s %(x)s :x ?", "{rows}", ""]
)
def test_any_text_is_kept_as_well_as_a_database_can(store: Store, text: str) -> None:
    begun(store, name=text, tags=(text,), parameters={text: Value("json", text)}, message=text)
    value = Value("json", text)
    state = task_run(1, message=text, document=text, value=value)

    refused = store.commit(
        [
            batch(
                last_seq=1,
                events=[event(1, message=text)],
                task_runs={(0, WHOLE): state},
                tasks={0: RunTask(0, text, text)},
            )
        ]
    )

    kept = text.replace("\0", "␀").replace("\ud83d", "?")
    assert refused == []
    assert store.events(RUN)[0].message == kept
    assert store.task_runs(RUN) == [state._replace(message=kept, document=kept, value=Value("json", kept))]
    assert store.tasks(RUN) == [RunTask(0, kept, kept)]
    run = store.run(RUN)
    assert (run.name, run.tags, run.parameters, run.message) == (kept, (kept,), {kept: Value("json", kept)}, kept)


def test_a_store_that_was_closed_opens_by_itself(store: Store) -> None:
    begun(store)

    store.close()
    store.close()

    assert store.run(RUN).id == RUN
    assert store.commit([batch(last_seq=1, events=[event(1)])]) == []


def test_threads_may_write_and_read_at_once(store: Store) -> None:
    errors: list[BaseException] = []

    def work(run: str) -> None:
        try:
            begun(store, run)
            for seq in range(1, 31):
                assert store.commit([batch(after=seq - 1, last_seq=seq, run=run, events=[event(seq)])]) == []
                assert len(store.events(run)) == seq
        except BaseException as error:
            errors.append(error)

    in_threads(work, [f"run-{number}" for number in range(4)])

    assert errors == []
    assert [run.last_seq for run in store.runs()] == [30] * 4


def test_only_one_of_many_gets_a_run(store: Store) -> None:
    begun(store)
    got: list[str] = []

    def work(owner: str) -> None:
        try:
            got.append(store.claim(RUN, owner, LATER, NOW).owner)
        except RunHeld:
            return

    in_threads(work, [f"owner-{number}" for number in range(8)])

    assert got == [store.run(RUN).owner]


def in_threads(work: Callable[[str], None], names: list[str]) -> None:
    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- every store answers like the one in memory -----------------------------------------------------------------------

ids = st.sampled_from(["run-a", "run-b", "run"])
epochs = st.integers(1, 3)
times = st.integers(0, 6)
indices = st.integers(-1, 3)
states = st.sampled_from(["Running", "Success", "Failed"])


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """A batch that may go on where its run stands, or be stale, or come from the future."""
    run, after, count = draw(ids), draw(st.integers(0, 4)), draw(st.integers(0, 2))
    seqs = range(after + 1, after + count + 1)
    changed = [(draw(indices), draw(states)) for _ in seqs]
    digest = draw(st.sampled_from(["v1", "v2", None]))
    begin = flow_run(run, created=draw(times), ended=draw(st.none() | times), tags=tuple(draw(st.sets(states))))
    return batch(
        after,
        after + count,
        run,
        epoch=draw(epochs),
        lease_until=draw(times),
        begin=begin if draw(st.booleans()) else None,
        version=digest and version(digest),
        change=draw(st.none() | st.builds(FlowChange, states, st.none(), st.none() | times, st.none() | times)),
        tasks={each: RunTask(each, f"t-{each}", "t", each) for each in draw(st.sets(st.integers(0, 2)))},
        events=[event(seq, index, state) for seq, (index, state) in zip(seqs, changed, strict=True)],
        task_runs={(0, index): task_run(seq, index, state) for seq, (index, state) in zip(seqs, changed, strict=True)},
        stretches=[stretch(seqs[-1], 0, draw(times))] if seqs and draw(st.booleans()) else [],
        logs=[chunk(each) for each in draw(st.sets(st.integers(0, 3)))],
    )


Action = Callable[[Store], Any]
actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(lambda found: lambda store: store.commit(found), st.lists(batches(), min_size=1, max_size=3)),
    st.builds(
        lambda run, owner, until, now, dead: lambda store: store.claim(run, owner, until, now, dead),
        ids,
        st.sampled_from(["x", "y"]),
        times,
        times,
        st.none() | st.sampled_from(["x", "y"]),
    ),
    st.builds(
        lambda run, index, state, at, epoch: (
            lambda store: store.put(run, task_run(0, index, state), event(0, index, state)._replace(at=at), epoch)
        ),
        ids,
        indices,
        states,
        times,
        epochs,
    ),
    st.builds(
        lambda before, keep, now: lambda store: store.prune(before, keep, now), times, st.none() | st.just(0), times
    ),
)


def answer(store: Store, action: Action) -> Any:
    try:
        return action(store)
    except (RunHeld, RunMissing) as error:
        return type(error), str(error)


def content(store: Store) -> list[Any]:
    """All that can be read."""
    runs = store.runs()
    return [runs] + [
        (
            store.run(run.id),
            store.tasks(run.id),
            store.task_runs(run.id),
            list(store.stretches(run.id)),
            store.events(run.id),
            dict(store.counts(run.id)),
            list(store.logs(run.id)),
            answer(store, lambda each, digest=run.version: each.version(digest)),  # type: ignore[misc]
        )
        for run in runs
    ]


def emptied(store: SqlStore) -> SqlStore:
    with store.transaction() as execute:
        for table in TABLES:
            execute(f"delete from {table}")
    return store


@pytest.fixture(params=KINDS[1:])
def sql_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    if request.param == "sqlite":
        store = SqliteStore(str(tmp_path / "history.db"))
        yield store
        store.close()
        return
    with schema_of_its_own(request.getfixturevalue("postgres")) as url:
        server_store = PostgresStore(url)
        yield server_store
        server_store.close()


def test_a_run_that_was_claimed_at_the_last_moment_is_not_deleted(sql_store: SqlStore) -> None:
    ended(sql_store, RUN, NOW)
    ((key,),) = sql_store.rows("select id from run", {})
    sql_store.claim(RUN, "new", LATER, NOW)

    assert not sql_store.delete(key, NOW)

    assert len(sql_store.events(RUN)) == 1


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=st.lists(actions, max_size=12))
def test_every_store_answers_like_the_one_in_memory(sql_store: SqlStore, script: list[Action]) -> None:
    model, store = MemoryStore(), emptied(sql_store)
    for each in (model, store):
        each.commit([first_batch("run-a"), first_batch("run")])

    for action in script:
        assert answer(store, action) == answer(model, action)

    assert content(store) == content(model)
