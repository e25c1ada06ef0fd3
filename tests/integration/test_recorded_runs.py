"""Runs that are written down: what goes wrong with the history is no reason to fail, and nothing of it is lost."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

import prefect
from prefect import Flow, task
from prefect.engine.state import Failed, Success
from prefect.exceptions import (
    ResumeError,
    RunHeld,
    RunMissing,
    RunTakenOver,
    StoreError,
    StoreUnavailable,
)
from prefect.executors import LocalDaskExecutor
from prefect.store import log_lines
from prefect.store.base import Store
from prefect.store.flow_versions import version_of
from prefect.store.memory import MemoryStore
from prefect.store.opening import open_store
from prefect.store.reading import RunReading
from prefect.store.records import Batch
from prefect.store.values import recall
from prefect.tasks.secrets import PrefectSecret
from prefect.triggers import all_finished, any_failed
from prefect.utilities.configuration import set_temporary_config


@pytest.fixture
def history(tmp_path: Path) -> Iterator[Store]:
    """A history in a file of its own, switched on."""
    with set_temporary_config({"store.enabled": True, "store.url": "", "home_dir": str(tmp_path / "home")}):
        yield open_store()


@task
def plus_one(x):
    return x + 1


@task
def total(xs):
    return sum(xs)


def mapped(n: int) -> tuple[Flow, prefect.Task]:
    with Flow("mapped") as flow:
        result = total(plus_one.map(list(range(n))))
    return flow, result


def reading(store: Store) -> RunReading:
    return RunReading(store, store.runs()[0])


# --- what is there afterwards -----------------------------------------------------------------------------------------


def test_a_run_is_there_with_its_tasks_children_values_and_log(history, caplog):
    flow, result = mapped(100)

    flow.run()

    run = reading(history)
    assert (run.run.state, run.run.flow, run.run.attempts) == ("Success", "mapped", 1)
    assert recall(run.task_run(run.find("plus_one[41]")).value) == 42
    assert recall(run.task_run(run.find("total")).value) == 5050
    assert run.run.lease_until == 0
    lines = [line.message for chunk in history.logs(run.run.id) for line in log_lines.unpack(chunk)]
    assert "Flow 'mapped': starting" in lines


def test_parameters_and_what_was_in_the_context_are_there_too(history):
    with Flow("f") as flow:
        plus_one(prefect.Parameter("x"))

    flow.run(x=1, context={"customer": {"id": 7}})

    run = history.runs()[0]
    assert recall(run.parameters["x"]) == 1
    assert recall(run.context["customer"]) == {"id": 7}


def test_a_run_has_the_tags_of_the_block_it_began_in_and_keeps_them_when_it_goes_on(history):
    flow, _ = mapped(2)

    with prefect.tags("nightly"), prefect.tags("etl"):
        flow.run(flow_run_id="a")
    flow.run(resume="a")
    flow.run()

    assert [run.tags for run in history.runs()] == [(), ("etl", "nightly")]


def test_the_files_are_private(history, tmp_path):
    @task
    def large():
        return b"x" * 100_000

    Flow("f", tasks=[large]).run()

    for path in (tmp_path / "home").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_flow_that_runs_inside_a_task_is_a_run_of_its_own_that_knows_its_parent(history):
    inner, _ = mapped(2)

    @task
    def run_inner():
        inner.run()

    Flow("outer", tasks=[run_inner]).run()

    runs = {run.flow: run for run in history.runs()}
    assert runs["mapped"].parent == runs["outer"].id
    assert runs["outer"].parent is None


def test_many_flows_at_once_share_the_file(history):
    flows = [mapped(50)[0] for _ in range(8)]

    with ThreadPoolExecutor(8) as threads:
        states = list(threads.map(lambda flow: flow.run(), flows))

    assert all(state.is_successful() for state in states)
    assert [run.state for run in history.runs()] == ["Success"] * 8


def test_no_thread_is_left_behind(history):
    before = threading.active_count()

    for _ in range(5):
        mapped(10)[0].run()

    assert threading.active_count() <= before


def test_switched_off_nothing_is_written(tmp_path):
    with set_temporary_config({"store.enabled": False, "home_dir": str(tmp_path)}):
        mapped(3)[0].run()

    assert list(tmp_path.iterdir()) == []


def test_a_task_at_work_is_seen_to_be(history):
    go, seen = threading.Event(), []

    @task
    def slow():
        go.wait(10)

    def look():
        while not seen:
            rows = history.task_runs(history.runs()[0].id) if history.runs() else []
            seen.extend(row.state for row in rows if row.state == "Running")
            time.sleep(0.01)
        go.set()

    watcher = threading.Thread(target=look)
    watcher.start()
    Flow("f", tasks=[slow]).run()
    watcher.join()

    assert seen == ["Running"]
    run = reading(history)
    assert [event.state for event in run.happened(run.find("slow"))] == ["Running", "Success"]


def test_secrets_do_not_get_in(history, tmp_path, caplog):
    secret = f"hunter-{uuid4()}"

    @task
    def shout(key):
        prefect.context.logger.info("the key is %s", key)
        return {"key": key}

    @task
    def fail(key):
        raise ValueError(f"bad key {key}")

    with Flow("f") as flow:
        key = PrefectSecret("key")
        shout(key)
        fail(key)

    with prefect.context(secrets={"key": secret}):
        flow.run()

    for path in (tmp_path / "home").rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes()
    run = history.runs()[0]
    lines = [line.message for chunk in history.logs(run.id) for line in log_lines.unpack(chunk)]
    assert not any(secret in line for line in lines)
    assert "the key is ********" in lines


# --- going on ---------------------------------------------------------------------------------------------------------


def test_a_run_that_failed_goes_on_where_it_failed(history):
    """plus_one.map ─▶ half.map ─▶ total"""
    calls = []
    broken = True

    @task
    def half(x):
        calls.append(x)
        if x == 7 and broken:
            raise ValueError("seven")
        return x / 2

    with Flow("f") as flow:
        result = total(half.map(plus_one.map(list(range(10)))))

    assert flow.run().is_failed()
    broken = False
    calls.clear()
    state = flow.run(resume="last")

    assert state.is_successful()
    assert state.result[result].result == 27.5
    assert calls == [7]
    [run] = history.runs()
    assert (run.state, run.attempts) == ("Success", 2)


def test_what_summed_up_a_failure_is_done_again(history):
    broken = True

    @task
    def flaky(x):
        if broken and x == 1:
            raise ValueError("one")
        return x

    @task(trigger=all_finished)
    def report(xs):
        return [x if isinstance(x, int) else "failed" for x in xs]

    with Flow("f") as flow:
        summary = report(flaky.map([0, 1, 2]))

    assert flow.run().result[summary].result == [0, "failed", 2]
    broken = False

    assert flow.run(resume="last").result[summary].result == [0, 1, 2]


def test_a_value_that_was_not_kept_is_made_again_and_the_log_says_so(history, caplog):
    calls = []
    broken = True

    @task
    def lock():
        calls.append("lock")
        return threading.Lock()

    @task
    def use(lock):
        if broken:
            raise ValueError("not yet")
        return "used"

    with Flow("f") as flow:
        used = use(lock())

    flow.run()
    broken = False
    state = flow.run(resume="last")

    assert state.result[used].result == "used"
    assert calls == ["lock", "lock"]
    assert "Task 'lock-1': 1 of its runs that were over run again, as its value is needed: it cannot be pickled" in (
        caplog.text
    )


def test_parameters_come_from_the_run_and_cannot_be_others(history):
    broken = True

    @task
    def work(x):
        if broken:
            raise ValueError("not yet")
        return x

    with Flow("f") as flow:
        done = work(prefect.Parameter("x"))

    flow.run(x=[1, 2])
    broken = False

    with pytest.raises(ResumeError, match="has another value of 'x'"):
        flow.run(x=3, resume="last")
    assert flow.run(resume="last").result[done].result == [1, 2]


def test_a_retry_that_waited_goes_on_waiting_and_counting(history):
    """The process ends while a task waits for its second retry."""
    counts = []

    @task(max_retries=3, retry_delay=0)
    def stubborn():
        counts.append(prefect.context.task_run_count)
        if len(counts) == 2:
            raise KeyboardInterrupt  # the person at the terminal has had enough
        if len(counts) < 4:
            raise ValueError("no")
        return "done"

    flow = Flow("f", tasks=[stubborn])
    flow.run()
    state = flow.run(resume="last")

    assert state.is_successful()
    assert counts[0] == 1


def test_unknown_runs_and_runs_of_other_flows_are_refused(history):
    flow, _ = mapped(2)
    with pytest.raises(RunMissing, match="There is no run of the flow 'mapped'"):
        flow.run(resume="last")
    Flow("other", tasks=[plus_one.copy()], validate=False)
    with Flow("other") as other:
        plus_one(1)
    other.run()

    with pytest.raises(ResumeError, match="is one of the flow 'other'"):
        flow.run(resume=history.runs()[0].id)
    with pytest.raises(RunMissing):
        flow.run(resume="0000")


def test_handlers_are_called_once_for_what_was_recorded_across_resumes(history):
    seen = []
    broken = True

    def note(obj, old, new):
        seen.append((getattr(obj, "name", "?"), type(new).__name__))

    @task(state_handlers=[note])
    def fine():
        return 1

    @task(state_handlers=[note])
    def shaky(x):
        if broken:
            raise ValueError("not yet")

    with Flow("f") as flow:
        shaky(fine())

    flow.run()
    broken = False
    flow.run(resume="last")

    assert [state for name, state in seen if name == "fine"] == ["Running", "Success"]
    assert [state for name, state in seen if name == "shaky"] == ["Running", "Failed", "Running", "Success"]


def test_the_end_of_a_map_is_told_once_with_counts_and_again_only_if_children_ran_again(history):
    told = []
    broken = True

    def note(task, state, counts):
        told.append((task.name, dict(counts)))

    @task(on_map_end=note)
    def steady(x):
        return x

    @task(on_map_end=note)
    def shaky(x):
        if broken and x == 2:
            raise ValueError("two")
        return x

    with Flow("f") as flow:
        shaky.map(steady.map([1, 2, 3]))

    flow.run()
    broken = False
    flow.run(resume="last")

    assert told == [
        ("steady", {"Success": 3}),
        ("shaky", {"Success": 2, "Failed": 1}),
        ("shaky", {"Success": 3}),
    ]


def test_the_end_of_a_map_is_told_without_a_history_too(tmp_path):
    told = []
    flow = Flow("f")
    with flow:
        plus_one.copy(on_map_end=lambda task, state, counts: told.append(counts["Success"])).map([1, 2])

    with set_temporary_config({"store.enabled": False}):
        flow.run(executor=LocalDaskExecutor("threads"))

    assert told == [2]


# --- one owner --------------------------------------------------------------------------------------------------------


def test_a_run_at_which_a_process_works_cannot_be_resumed(history):
    flow = Flow("f")

    @task
    def meanwhile():
        with pytest.raises(RunHeld, match="process"):
            flow.copy().run(resume="last")
        return "refused"

    flow.add_task(meanwhile)

    assert flow.run().result[meanwhile].result == "refused"


def test_who_lost_a_run_writes_no_more_about_it_and_stops(history, caplog):
    calls = []

    @task
    def first():
        time.sleep(0.1)  # so that the writer comes by
        run = history.runs()[0]
        history.claim(run.id, "somebody/1/1", run.lease_until + 60_000_000, run.lease_until + 1)
        calls.append("first")

    @task
    def pause(x):
        time.sleep(0.2)

    @task
    def never(x):
        calls.append("never")

    with Flow("f") as flow:
        never(pause(first()))

    state = flow.run()

    assert calls == ["first"]
    assert state.is_failed()
    assert state.message.startswith("The history failed: ")
    assert isinstance(state.result, dict)
    assert RunTakenOver.__name__ in caplog.text or "took over" in caplog.text
    [run] = history.runs()
    assert (run.owner, run.state) == ("somebody/1/1", "Running")


# --- when the store fails ---------------------------------------------------------------------------------------------


class Moody(MemoryStore):
    """A store that is away now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False

    def commit(self, batches: Sequence[Batch]) -> list[str]:
        if self.away:
            raise StoreUnavailable("the cable was cut")
        return super().commit(batches)


@pytest.fixture
def moody(monkeypatch, tmp_path) -> Iterator[Moody]:
    store = Moody()
    store.url = f"stand-in://{uuid4()}"
    monkeypatch.setattr("prefect.store.history.open_store", lambda: store)
    with set_temporary_config({"store.enabled": True, "home_dir": str(tmp_path)}):
        yield store


def test_a_store_that_goes_away_and_comes_back_has_it_all(moody, caplog):
    @task
    def cut(x):
        moody.away = x % 4 < 2
        time.sleep(0.03)
        return x

    with Flow("f") as flow:
        cut.map(list(range(20)))

    state = flow.run()

    assert state.is_successful()
    [run] = moody.runs()
    assert run.state == "Success"
    rows = {row.index for row in moody.task_runs(run.id) if row.state == "Success" and row.index >= 0}
    assert rows | {index for each in moody.stretches(run.id) for index in range(each.first, each.last + 1)} == {
        *range(20)
    }
    assert caplog.text.count("cannot be written now") >= 1
    assert "written again; nothing was lost" in caplog.text


def test_a_store_that_stays_away_gets_it_with_the_next_run(moody, monkeypatch, caplog):
    monkeypatch.setattr("prefect.store.writer.PATIENCE", 0.2)
    flow, _ = mapped(10)
    moody.away = True

    assert flow.run().is_successful()
    assert moody.runs() == []
    moody.away = False
    assert flow.run().is_successful()

    assert [run.state for run in moody.runs()] == ["Success", "Success"]
    assert "get there with the next run" in caplog.text


def test_a_run_may_be_told_to_fail_without_its_history(moody):
    flow, _ = mapped(10)
    moody.away = True

    with set_temporary_config({"store.on_error": "fail"}):
        state = flow.run()

    assert state.is_failed()
    assert "store.on_error" in str(state.message)


def test_a_damaged_file_is_set_aside_and_the_run_goes_on(tmp_path, caplog):
    home = tmp_path / "home"
    with set_temporary_config({"store.enabled": True, "home_dir": str(home)}):
        home.mkdir(mode=0o700)
        (home / "history.db").write_bytes(b"this is not what it was" * 1000)

        state = mapped(5)[0].run()

        assert state.is_successful()
        assert open_store().runs()[0].state == "Success"
    assert [path for path in home.iterdir() if "damaged" in path.name]
    assert "damaged" in caplog.text


def test_a_file_of_a_newer_version_is_left_alone_and_the_run_goes_on(history, tmp_path, caplog):
    flow, _ = mapped(5)
    flow.run()
    history.close()
    path = tmp_path / "home" / "history.db"
    with sqlite3.connect(path) as connection:
        connection.execute("update meta set value = '999' where key = 'schema'")
    connection.close()

    assert flow.run().is_successful()

    with sqlite3.connect(path) as connection:
        assert connection.execute("select count(*) from run").fetchone() == (1,)
    connection.close()
    assert "newer" in caplog.text


def test_what_went_wrong_with_the_store_is_an_error_of_the_package():
    assert issubclass(StoreUnavailable, StoreError)


@pytest.fixture(autouse=True)
def propagate() -> Iterator[None]:
    """Let `caplog` hear what the history says."""
    logger = logging.getLogger("prefect")
    before = logger.propagate
    logger.propagate = True
    yield
    logger.propagate = before


def test_states_that_handlers_put_in_place_are_what_is_recorded(history):
    @task(state_handlers=[lambda obj, old, new: Success("rescued", result=0) if isinstance(new, Failed) else None])
    def fail():
        raise ValueError("no")

    Flow("f", tasks=[fail]).run()

    run = reading(history)
    row = run.task_run(run.find("fail"))
    assert (row.state, row.message, recall(row.value)) == ("Success", "rescued", 0)


# --- retention --------------------------------------------------------------------------------------------------------


def test_old_runs_are_deleted_with_the_files_of_their_values_once_a_day(history, tmp_path):
    home = tmp_path / "home"

    @task
    def large():
        return b"x" * 100_000

    flow = Flow("f", tasks=[large])
    flow.run()
    [old] = history.runs()
    assert [path.name for path in (home / "values").iterdir()] == [old.id]
    os.utime(home / "history.tidied", (0, 0))

    with set_temporary_config({"store.keep_days": 1e-9}):
        flow.run()
        deadline = time.monotonic() + 10
        while any(run.id == old.id for run in history.runs()) and time.monotonic() < deadline:
            flow.run()

    assert old.id not in {run.id for run in history.runs()}
    assert old.id not in {path.name for path in (home / "values").iterdir()}


# --- what comes out otherwise the next time ---------------------------------------------------------------------------


def test_an_alarm_that_went_off_and_is_refused_at_the_resume_is_recorded_so(history):
    broken = True

    @task
    def work():
        if broken:
            raise ValueError("not yet")

    @task(trigger=any_failed)
    def alarm():
        return "ring"

    with Flow("f") as flow:
        rung = alarm(upstream_tasks=[work()])

    flow.run()
    broken = False
    state = flow.run(resume="last")

    assert type(state.result[rung]).__name__ == "TriggerFailed"
    run = reading(history)
    assert run.task_run(run.find("alarm")).state == "TriggerFailed"


def test_a_parameter_never_counts_as_edited(history):
    with Flow("f") as flow:
        plus_one(prefect.Parameter("x", default=1))

    assert version_of(flow).document.count('"x": null') == 1


def test_a_map_over_an_iterator_goes_on_with_the_elements_that_are_missing(history):
    """numbers (a generator) ─▶ double.map ─▶ shaky.map ─▶ total"""
    calls = []
    broken = True

    @task
    def numbers():
        yield from range(6)

    @task
    def double(x):
        calls.append(("double", x))
        return 2 * x

    @task
    def shaky(x):
        calls.append(("shaky", x))
        if x == 6 and broken:
            raise ValueError("six")
        return x

    with Flow("f") as flow:
        result = total(shaky.map(double.map(numbers())))

    assert flow.run().is_failed()
    broken = False
    calls.clear()
    state = flow.run(resume="last")

    assert state.result[result].result == 30
    assert calls == [("shaky", 6)]
