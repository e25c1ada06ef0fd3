"""LocalDaskExecutor: threads, processes, or neither."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cloudpickle
import dask
import pytest

from prefect import Flow, task
from prefect.exceptions import ExecutorUsageError
from prefect.executors import LocalDaskExecutor

NAMES = {
    "threads": ["threads", "threading"],
    "processes": ["processes", "multiprocessing"],
    "sync": ["sync", "synchronous", "single-threaded"],
}


@pytest.fixture(scope="module", autouse=True)
def by_value() -> Iterator[None]:
    """Workers cannot import test modules."""
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    yield
    cloudpickle.unregister_pickle_by_value(here)


@pytest.fixture(params=NAMES)
def executor(request: pytest.FixtureRequest) -> LocalDaskExecutor:
    return LocalDaskExecutor(request.param, num_workers=2)


def where() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


@pytest.mark.parametrize(("scheduler", "name"), [(key, name) for key, names in NAMES.items() for name in names])
def test_a_scheduler_has_several_names(scheduler: str, name: str) -> None:
    assert LocalDaskExecutor(name).scheduler == scheduler


def test_it_works_in_threads_unless_told_otherwise() -> None:
    assert LocalDaskExecutor().scheduler == "threads"


@pytest.mark.parametrize("name", ["distributed", "", "Threads"])
def test_an_unknown_scheduler_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(ValueError, match=r"threads, threading, processes, .*single-threaded"):
        LocalDaskExecutor(name)


@pytest.mark.parametrize("number", [0, -1, 1.5, "2", True])
def test_a_number_of_workers_that_cannot_be_is_refused(number: Any) -> None:
    with pytest.raises(ValueError, match="num_workers"):
        LocalDaskExecutor(num_workers=number)


def test_there_are_as_many_workers_as_processors_unless_told_otherwise() -> None:
    assert 1 <= LocalDaskExecutor().workers <= (os.cpu_count() or 1)
    assert LocalDaskExecutor(num_workers=7).workers == 7


@pytest.mark.parametrize(
    ("scheduler", "kind"),
    [("threads", (False, False, False)), ("processes", (False, True, True)), ("sync", (True, False, False))],
)
def test_it_says_of_which_kind_its_hands_are(scheduler: str, kind: tuple[bool, bool, bool]) -> None:
    executor = LocalDaskExecutor(scheduler)

    assert (executor.inline, executor.distant, executor.stops_work) == kind


def test_more_may_be_under_way_than_there_are_workers_so_that_none_waits() -> None:
    assert (LocalDaskExecutor(num_workers=3).slots or 0) > 3
    assert LocalDaskExecutor("sync").slots is None


def test_the_work_is_done_where_the_scheduler_says() -> None:
    found = {}
    for scheduler in NAMES:
        executor = LocalDaskExecutor(scheduler, num_workers=1)
        with executor.start():
            process, thread = executor.wait(executor.submit(where))
            found[scheduler] = process == os.getpid(), thread == threading.get_ident()

    assert found["sync"] == (True, True)
    assert found["threads"] == (True, False)
    assert not found["processes"][0]


def test_futures_may_be_nested(executor: LocalDaskExecutor) -> None:
    with executor.start():
        one, two = (executor.submit(int, each) for each in "12")
        nested = {"list": [one, 5], "tuple": (two, {"deep": one}), "set": {two}}
        assert executor.wait(nested) == {"list": [1, 5], "tuple": (2, {"deep": 1}), "set": {2}}


def test_the_number_of_what_is_done_comes_with_the_value(executor: LocalDaskExecutor) -> None:
    with executor.start():
        futures = {number: executor.submit(str, number) for number in range(5)}
        found = {}
        while futures:
            done = executor.next_done(futures)
            assert done is not None
            found[done[0]] = done[1]
            del futures[done[0]]

    assert found == {number: str(number) for number in range(5)}


def test_a_shared_value_arrives(executor: LocalDaskExecutor) -> None:
    with executor.start():
        shared = executor.share(b"abc")
        assert executor.wait([executor.submit(len, shared) for _ in range(3)]) == [3, 3, 3]


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_work_before_the_start_is_refused(scheduler: str) -> None:
    executor = LocalDaskExecutor(scheduler)
    with pytest.raises(ExecutorUsageError, match=r"with executor.start\(\)"):
        executor.submit(len, "abc")
    with executor.start():
        pass
    with pytest.raises(ValueError, match="not started"):
        executor.submit(len, "abc")


def test_it_travels_before_during_and_after_use(executor: LocalDaskExecutor) -> None:
    with executor.start():
        executor.wait(executor.submit(len, "abc"))
        copies = [pickle.loads(pickle.dumps(executor))]
    copies.append(pickle.loads(pickle.dumps(executor)))

    for copy in copies:
        assert (copy.scheduler, copy.workers, copy.inline) == (executor.scheduler, 2, executor.inline)
        with copy.start():
            assert copy.wait(copy.submit(len, "abc")) == 3


def test_it_can_be_started_again_and_again(executor: LocalDaskExecutor) -> None:
    for _ in range(3):
        with executor.start():
            assert executor.wait(executor.submit(len, "abc")) == 3


def test_it_can_be_started_while_it_is_started(executor: LocalDaskExecutor) -> None:
    """a handler of one run begins another one"""
    with executor.start():
        outer = executor.submit(len, "a")
        with executor.start():
            assert executor.wait(executor.submit(len, "ab")) == 2
        assert executor.wait([outer, executor.submit(len, "abc")]) == [1, 3]


def test_two_threads_can_use_it_at_once(executor: LocalDaskExecutor) -> None:
    meet = threading.Barrier(2)

    def use(text: str) -> list[int]:
        with executor.start():
            meet.wait()
            values: list[int] = executor.wait([executor.submit(len, text * n) for n in range(20)])
            meet.wait()
            return values

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(use, ["a", "ab"]))

    assert found == [list(range(20)), list(range(0, 40, 2))]


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_settings_of_dask_hold_during_a_run(scheduler: str) -> None:
    executor = LocalDaskExecutor(scheduler, num_workers=1, chunksize=7)
    with executor.start():
        assert executor.wait(executor.submit(dask.config.get, "chunksize")) == 7

    assert dask.config.get("chunksize", None) is None


def test_without_settings_dask_is_not_loaded() -> None:
    code = (
        "import sys; from prefect.executors import LocalDaskExecutor\n"
        "e = LocalDaskExecutor(num_workers=1)\n"
        "with e.start(): e.wait(e.submit(len, 'abc'))\n"
        "sys.exit('dask' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_after_cancel_everything_has_an_outcome(scheduler: str) -> None:
    executor = LocalDaskExecutor(scheduler, num_workers=1)
    executor.cancel()  # there is nothing to cancel
    with executor.start():
        futures = [executor.submit(list, range(3)), executor.submit(spin), executor.submit(spin)]
        executor.wait(futures[0])
        executor.cancel()
        assert [each.reason for each in executor.wait(futures[1:])] == ["the call was cancelled"] * 2


def spin() -> None:
    while True:
        pass


def test_a_timeout_that_threads_cannot_keep_is_logged_once_for_each_task(caplog: pytest.LogCaptureFixture) -> None:
    with Flow("f") as flow:
        task(lambda x: x, name="quick", timeout=5).map(list(range(20)))
        task(later, name="coroutine", timeout=5)()

    assert flow.run(executor=LocalDaskExecutor("threads", num_workers=2)).is_successful()

    assert [line for line in caplog.messages if "cannot be kept" in line] == [
        "Task 'quick': its timeout of 5 s cannot be kept on LocalDaskExecutor, where nothing stops what has begun."
    ]


async def later() -> None:
    """Ends at its next `await`."""


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_a_timeout_that_is_kept_is_not_worth_a_word(scheduler: str, caplog: pytest.LogCaptureFixture) -> None:
    flow = Flow("f", tasks=[task(lambda: 1, name="quick", timeout=5)])

    assert flow.run(executor=LocalDaskExecutor(scheduler, num_workers=1)).is_successful()

    assert "cannot be kept" not in caplog.text


def test_outside_the_main_thread_no_timeout_is_kept_at_all(caplog: pytest.LogCaptureFixture) -> None:
    flow = Flow("f", tasks=[task(lambda: 1, name="quick", timeout=5)])
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(flow.run, executor=LocalDaskExecutor("sync")).result().is_successful()

    assert "Task 'quick': its timeout of 5 s cannot be kept outside the main thread" in caplog.text


@pytest.mark.slow
def test_a_timeout_stops_a_process() -> None:
    executor = LocalDaskExecutor("processes", num_workers=1)
    about = {"task_name": "spin", "task_tags": set(), "task_index": 3, "timeout": 0.01}
    with executor.start():
        lost = executor.wait(executor.submit(spin, extra_context=about))

    assert lost.timed_out
    assert "in spin" in lost.stack


def test_errors_name_the_task() -> None:
    executor = LocalDaskExecutor("processes", num_workers=1)
    about = {"task_name": "load", "task_tags": set(), "task_index": 3}
    with executor.start(), pytest.raises(Exception, match=r"load\[3\] cannot be sent"):
        executor.submit(len, threading.Lock(), extra_context=about)


@task
def numbers(n: int) -> list[int]:
    return list(range(n))


@task
def double(x: int) -> int:
    return 2 * x


@task
def total(values: list[int]) -> int:
    return sum(values)


def test_a_flow_runs_on_it(executor: LocalDaskExecutor) -> None:
    """numbers ─▶ double.map ─▶ double.map ─▶ total"""
    with Flow("doubles") as flow:
        end = total(double.map(double.map(numbers(50))))

    state = flow.run(executor=executor)

    assert state.result[end].result == 4 * sum(range(50))
