"""How far a run is: pictures of real passes, taken from inside them and from other threads."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect import Flow, task
from prefect.engine.flow_runner import FlowRunner
from prefect.engine.progress import BLOCK, FailureCount, MapProgress, Snapshot, Watch, snapshot
from prefect.engine.signals import SKIP
from prefect.engine.state import Failed, Paused, Pending, Retrying, Running, Skipped, State, Success
from prefect.executors.base import Executor
from prefect.triggers import manual_only


class Threads(Executor):
    """Several hands that share the memory of the engine."""

    slots = 3

    @contextmanager
    def start(self):
        with ThreadPoolExecutor(self.slots) as self.pool:
            yield

    def submit(self, fn, *args, extra_context=None, **kwargs):
        return self.pool.submit(fn, *args, **kwargs)

    def wait(self, futures: Any) -> Any:
        return futures.result() if isinstance(futures, Future) else [self.wait(each) for each in futures]

    def next_done(self, futures, timeout=None):
        done, _ = wait(futures.values(), timeout, FIRST_COMPLETED)
        return next(((number, each.result()) for number, each in futures.items() if each in done), None)


def looked_at(flow: Flow, look: list[Snapshot], **options: Any) -> State:
    """Run a flow in which the task `look_now` takes a snapshot."""
    runner = FlowRunner(flow)
    LOOKS[flow.name] = lambda: look.append(snapshot(runner.current))
    return runner.run(return_tasks=flow.tasks, **options)


LOOKS: dict[str, Any] = {}


def look_now(name: str) -> None:
    LOOKS[name]()


@task
def number(x=1):
    return x


@task
def fail():
    raise ValueError("as intended")


@task
def skip():
    raise SKIP("as intended")


@pytest.fixture
def looks() -> list[Snapshot]:
    return []


def test_tasks_are_counted_by_state_and_the_one_at_work_is_running(looks) -> None:
    with Flow("states") as flow:
        before = [number(), fail(), skip()]
        looking = task(look_now, trigger=lambda states: True, skip_on_upstream_skip=False)
        now = looking("states", upstream_tasks=before)
        number(2, upstream_tasks=[now])
    looked_at(flow, looks)

    assert looks[0].tasks == {Success: 1, Failed: 1, Skipped: 1, Running: 1, Pending: 1}
    assert looks[0].maps == ()


def test_a_retry_that_is_due_later_is_retrying(looks) -> None:
    @task(max_retries=1, retry_delay=timedelta(hours=1))
    def again():
        raise ValueError("as intended")

    with Flow("retry") as flow:
        again()
        task(look_now)("retry", upstream_tasks=[number()])
    looked_at(flow, looks)

    assert looks[0].tasks == {Success: 1, Running: 1, Retrying: 1}


def test_a_task_that_waits_for_a_person_is_paused_and_not_running() -> None:
    with Flow("paused") as flow:
        task(lambda: None, name="manual", trigger=manual_only)()
    runner = FlowRunner(flow)
    runner.run(return_tasks=flow.tasks)

    assert snapshot(runner.current).tasks == {Paused: 1}


def test_a_map_tells_its_children_that_are_done_and_that_failed(looks) -> None:
    @task
    def child(x):
        if x == 1:
            raise ValueError("as intended")
        if x == 4:
            look_now("map")

    with Flow("map") as flow:
        child.map(list(range(6)))
    looked_at(flow, looks)
    [found] = looks[0].maps

    assert found.name == "child"
    assert found.total == 6
    assert 0 < found.done <= 4  # of a chunk that runs here, the outcome comes in when it is over
    assert found.failed <= 1
    assert found.kind is Running


def test_a_map_at_work_counts_as_one_task_that_runs(looks) -> None:
    with Flow("one") as flow:
        task(look_now, name="child").map(["one", "one"])
    looked_at(flow, looks)

    assert looks[0].tasks == {Success: 1}  # the list
    assert looks[0].all_tasks == {Success: 1, Running: 1}


def test_children_that_wait_for_a_retry_are_told_apart() -> None:
    @task(max_retries=1, retry_delay=timedelta(hours=1))
    def child(x):
        return 1 / x

    with Flow("children retry") as flow:
        child.map([1, 0, 2, 0])
    runner = FlowRunner(flow)
    runner.run(return_tasks=flow.tasks)

    assert snapshot(runner.current).maps == (MapProgress(1, "child", 4, done=2, failed=0, later=2),)


def test_what_is_given_out_to_other_hands_is_running(looks) -> None:
    gate = threading.Barrier(3)

    @task
    def hand(looks_too):
        gate.wait(timeout=30)
        while looks_too and not (looks and looks[-1].tasks.get(Running) == 3):  # the last one is about to be noted
            look_now("hands")
        gate.wait(timeout=30)

    with Flow("hands") as flow:
        last = number(upstream_tasks=[hand(True), hand(False), hand(False)])
    state = looked_at(flow, looks, executor=Threads())

    assert state.result[last].is_successful()
    assert looks[-1].tasks == {Running: 3, Pending: 1}


@settings(max_examples=25)
@given(st.lists(st.booleans(), max_size=9))
def test_at_the_end_the_picture_is_exact(outcomes) -> None:
    @task
    def child(fails):
        if fails:
            raise ValueError("as intended")

    with Flow("end") as flow:
        child.map(outcomes)
        number()
    runner = FlowRunner(flow)
    runner.run(return_tasks=flow.tasks)
    found = Watch(runner.current).look(over=True)
    [of_map] = found.maps

    assert found.tasks == {Success: 2}  # the list and `number`
    assert (of_map.total, of_map.done, of_map.failed) == (len(outcomes), len(outcomes), sum(outcomes))
    assert of_map.kind is (Failed if any(outcomes) else Success)


def test_somebody_who_looks_all_the_time_sees_a_run_that_never_goes_back() -> None:
    with Flow("watched") as flow:
        plain = [number(n) for n in range(300)]
        number.map(number.map(list(range(5_000))), upstream_tasks=[])
        number.map(plain)
    runner = FlowRunner(flow)
    seen: list[Snapshot] = []
    errors: list[Exception] = []
    over = threading.Event()

    def watch() -> None:
        watching = None
        try:
            while not over.is_set():
                if runner.current is not None:
                    watching = watching or Watch(runner.current)
                    seen.append(watching.look())
        except Exception as error:
            errors.append(error)

    watcher = threading.Thread(target=watch)
    watcher.start()
    runner.run(return_tasks=flow.tasks)
    over.set()
    watcher.join()
    done = [sum(each.done for each in look.maps) for look in seen]

    assert not errors
    assert done == sorted(done)
    assert max(done) > 0
    assert all(min(look.tasks.values(), default=0) >= 0 for look in seen)


# --- counting failures ------------------------------------------------------------------------------------------------


kinds = st.sampled_from([None, Success(), Failed(), Retrying(), Skipped()])


@given(st.lists(kinds, max_size=50), st.integers(0, 5))
def test_failures_are_counted_in_some_looks_and_then_for_good(pattern, blocks) -> None:
    states = pattern * 60
    count = FailureCount(states)
    looks = 0
    while count.look(budget=(blocks + 1) * BLOCK) and looks < 10:
        looks += 1

    assert count.total == sum(isinstance(each, Failed) for each in states)


def test_no_more_children_are_looked_at_than_the_budget_allows() -> None:
    count = FailureCount([Failed()] * (5 * BLOCK))

    assert count.look(budget=2 * BLOCK) == 2 * BLOCK
    assert count.total == 2 * BLOCK
    assert count.look(budget=0) == 0


def test_a_part_that_is_over_is_not_looked_at_again() -> None:
    states: list[State | None] = [Success()] * BLOCK + [None] * BLOCK
    count = FailureCount(states)
    count.look(budget=None)

    assert count.look(budget=None) == BLOCK


def test_a_child_that_fails_late_is_found() -> None:
    states: list[State | None] = [None] * BLOCK + [Failed()] * BLOCK
    count = FailureCount(states)
    count.look(budget=None)
    states[:BLOCK] = [Success()] * (BLOCK - 1) + [Failed()]
    count.look(budget=None)

    assert count.total == BLOCK + 1
    assert count.look(budget=None) == 0
