"""Worker processes die in every way there is. What is lost is known, and nothing of them stays."""

from __future__ import annotations

import ctypes
import gc
import itertools
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cloudpickle
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect.exceptions import TaskTimeoutSignal
from prefect.executors import LocalDaskExecutor
from prefect.executors.base import Lost
from prefect.executors.processes import ProcessPool
from prefect.executors.stopping import says_its_limits, under_limit

GRACE = 0.15


@pytest.fixture(scope="module", autouse=True)
def by_value() -> Iterator[None]:
    """Workers cannot import test modules."""
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    yield
    cloudpickle.unregister_pickle_by_value(here)


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPool]:
    with ProcessPool(2, grace=GRACE) as pool:
        yield pool


def outcome(pool: ProcessPool, fn: Callable[..., Any], *args: Any, timeout: float | None = None) -> Any:
    return pool.result(pool.submit(fn, args, timeout=timeout))


def lost(pool: ProcessPool, fn: Callable[..., Any], *args: Any, timeout: float | None = None) -> Lost:
    found = outcome(pool, fn, *args, timeout=timeout)
    assert isinstance(found, Lost)
    return found


def gone(process: int) -> bool:
    """Has a process ended, or does it within seconds? A dead one that nobody has asked for counts."""
    for _ in range(500):
        try:
            if psutil.Process(process).status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


# --- ways to die ------------------------------------------------------------------------------------------------------


def leave() -> None:
    os._exit(3)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def crash() -> None:
    ctypes.string_at(0)


def close_everything() -> None:
    os.closerange(3, 1000)
    time.sleep(60)


WAYS: dict[Callable[[], None], str] = {
    leave: "exited with code 3",
    kill: "was killed by SIGKILL",
    terminate: "was ended by SIGTERM",
    crash: "was killed by SIGSEGV",
    close_everything: "was killed by SIGKILL",
}


def yield_and_die(n: int, way: Callable[[], None]) -> Iterator[int]:
    yield from range(n)
    way()


@pytest.mark.parametrize(("way", "reason"), WAYS.items(), ids=lambda each: getattr(each, "__name__", None))
def test_a_call_whose_worker_dies_is_lost_and_a_fresh_worker_takes_over(
    pool: ProcessPool, way: Callable[[], None], reason: str
) -> None:
    before = outcome(pool, os.getpid)

    found = lost(pool, way)

    assert reason in found.reason
    assert (found.done, found.timed_out) == (None, False)
    assert gone(before)
    assert outcome(pool, os.getpid) not in (before, os.getpid())


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_a_generator_yielded_before_is_kept(pool: ProcessPool, way: Callable[[], None]) -> None:
    assert lost(pool, yield_and_die, 1000, way).done == list(range(1000))
    assert lost(pool, yield_and_die, 0, way).done == []


def test_where_c_code_crashed_is_known(pool: ProcessPool) -> None:
    assert "in crash" in (lost(pool, crash).stack or "")


def test_what_was_printed_before_shows(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)

    def print_and_leave() -> None:
        print("the last words")
        os._exit(3)

    with ProcessPool(1, grace=GRACE) as pool:
        lost(pool, print_and_leave)

    assert capfd.readouterr().out == "the last words\n"


def test_running_out_of_memory_is_an_error_if_python_notices_it() -> None:
    def eat() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
        bytes(2**31)

    with ProcessPool(1, grace=GRACE) as pool:
        before = outcome(pool, os.getpid)
        with pytest.raises(MemoryError):
            outcome(pool, eat)
        assert outcome(pool, os.getpid) == before


def test_siblings_of_the_dead_are_left_in_peace(pool: ProcessPool, tmp_path: Path) -> None:
    def wait_for(path: Path) -> int:
        while not path.exists():
            time.sleep(0.005)
        return os.getpid()

    sibling = pool.submit(wait_for, (tmp_path / "go",))
    for way in (leave, kill, crash):
        lost(pool, way)
    lost(pool, sleep_on, timeout=0.05)
    (tmp_path / "go").touch()

    assert isinstance(pool.result(sibling), int)


def test_an_idle_worker_that_dies_harms_no_call(pool: ProcessPool) -> None:
    for _ in range(3):
        os.kill(outcome(pool, os.getpid), signal.SIGKILL)
        time.sleep(0.01)
        assert outcome(pool, len, "abc") == 3


def test_a_worker_that_cannot_start_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os; os._exit(4)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with ProcessPool(1, grace=GRACE) as pool:
        assert "exited with code 4 while it started" in lost(pool, len, "abc").reason


def answer_or_die(way: str, n: int) -> Iterator[int]:
    yield from range(n)
    if way == "fail":
        raise ValueError(n)
    if way == "leave":
        os._exit(n + 1)


@settings(max_examples=8)
@given(st.lists(st.tuples(st.sampled_from(["return", "fail", "leave"]), st.integers(0, 3)), max_size=8))
def test_whatever_happens_to_others_each_call_has_its_own_outcome(
    pool: ProcessPool, ways: list[tuple[str, int]]
) -> None:
    calls = [pool.submit(answer_or_die, way) for way in ways]

    for (way, n), call in zip(ways, calls, strict=True):
        if way == "fail":
            with pytest.raises(ValueError, match=str(n)):
                pool.result(call)
            continue
        found = pool.result(call)
        done = list(range(n))
        assert found == (
            done if way == "return" else Lost(reason=f"the worker process exited with code {n + 1}", done=done)
        )


def test_a_copy_that_a_call_makes_of_its_process_answers_nothing(pool: ProcessPool) -> None:
    def fork() -> int:
        return min(os.fork(), 1)

    assert [outcome(pool, fork) for _ in range(10)] == [1] * 10


# --- timeouts ---------------------------------------------------------------------------------------------------------


def sleep_on() -> None:
    while True:
        time.sleep(1)


def ignore_the_signal() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleep_on()


def catch_everything() -> None:
    while True:
        with suppress(BaseException):
            sleep_on()


def count_in_c() -> None:
    sum(itertools.repeat(0))  # lets no other thread run, nor a signal handler of Python


def sleep_in_c() -> None:
    while True:
        ctypes.PyDLL(None).sleep(60)  # nor does this


def stop_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


@pytest.mark.parametrize(
    ("fn", "end"),
    [
        (sleep_on, "SIGTERM"),
        (ignore_the_signal, "SIGKILL"),
        (catch_everything, "SIGKILL"),
        (count_in_c, "SIGKILL"),
        (sleep_in_c, "SIGTERM"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_a_call_that_takes_too_long_is_stopped_and_says_where_it_was(
    pool: ProcessPool, fn: Callable[[], None], end: str
) -> None:
    found = lost(pool, fn, timeout=0.05)

    assert found.timed_out
    assert found.reason in (f"the worker process was ended by {end}", f"the worker process was killed by {end}")
    assert f"in {fn.__name__}" in (found.stack or "")
    assert outcome(pool, len, "abc") == 3


def test_a_process_that_was_halted_is_stopped_too(pool: ProcessPool) -> None:
    found = lost(pool, stop_itself, timeout=0.05)

    assert found.timed_out
    assert "SIGKILL" in found.reason


def test_what_was_yielded_in_time_is_kept(pool: ProcessPool) -> None:
    def dawdle() -> Iterator[int]:
        yield from range(3)
        time.sleep(60)

    found = lost(pool, dawdle, timeout=0.05)

    assert found.timed_out
    assert found.done == [0, 1, 2]


def test_a_call_cut_short_by_the_question_where_it_is_does_not_count_as_done(pool: ProcessPool) -> None:
    """a C function returns early when a signal arrives"""
    assert lost(pool, sleep_once, timeout=0.05).timed_out


def sleep_once() -> str:
    ctypes.PyDLL(None).sleep(60)
    return "slept well"


def test_a_timeout_ends_with_its_call(pool: ProcessPool) -> None:
    """the time of the first call is over while the worker is idle, and while it is at the second one"""
    first = outcome(pool, os.getpid, timeout=0.05)
    time.sleep(0.05 + GRACE)
    pool.advance(0)

    def nap() -> int:
        time.sleep(0.1 + GRACE)
        return os.getpid()

    assert outcome(pool, nap) == first


@says_its_limits
def work_in_parts() -> Iterator[bytes]:
    """Only the parts have a limit."""
    time.sleep(1)
    for _ in range(3):
        with under_limit():
            time.sleep(0.3)
    yield bytes(1_000_000)


def test_the_parts_of_a_call_have_a_limit_each(pool: ProcessPool) -> None:
    assert outcome(pool, work_in_parts, timeout=0.6) == [bytes(1_000_000)]


def test_what_was_over_in_time_counts_even_if_the_driver_hears_of_it_late(pool: ProcessPool) -> None:
    """the value is larger than the pipe, so the worker waits for the driver"""
    call = pool.submit(work_in_parts, timeout=0.6)
    pool.advance(1.5)
    time.sleep(1.5)

    assert pool.result(call) == [bytes(1_000_000)]


def leave_at_the_alarm(path: Path) -> None:
    """What a task does whose time is over: its child does not hear of that."""
    path.write_text(f"{os.getpid()} {subprocess.Popen(['sleep', '1000']).pid}")
    raise TaskTimeoutSignal


def test_a_worker_whose_call_was_cut_short_is_replaced_along_with_what_the_call_has_started(
    pool: ProcessPool, tmp_path: Path
) -> None:
    with pytest.raises(TaskTimeoutSignal):
        outcome(pool, leave_at_the_alarm, tmp_path / "pids", timeout=60)

    worker, child = map(int, (tmp_path / "pids").read_text().split())
    assert gone(child)
    assert gone(worker)
    assert outcome(pool, os.getpid) != worker


def test_the_time_of_a_call_does_not_begin_before_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """what the worker has to start and to import is not the fault of the function"""
    (tmp_path / "ponderous.py").write_text("import time; time.sleep(0.5)\nclass Thing: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import ponderous  # type: ignore[import-not-found]

    with ProcessPool(1, grace=GRACE) as pool:
        assert outcome(pool, isinstance, 1, ponderous.Thing, timeout=0.1) is False


# --- what a call has started ------------------------------------------------------------------------------------------


def with_a_child(then: Callable[[], None]) -> Iterator[int]:
    yield subprocess.Popen(["sleep", "1000"]).pid
    then()


def with_a_copy(then: Callable[[], None]) -> Iterator[int]:
    """The copy holds the pipes of the worker open."""
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,))
    process.start()
    assert process.pid is not None
    yield process.pid
    then()


@pytest.mark.parametrize("start", [with_a_child, with_a_copy])
@pytest.mark.parametrize("then", [leave, kill, ignore_the_signal])
def test_what_a_call_has_started_dies_with_its_worker(
    pool: ProcessPool, start: Callable[..., Iterator[int]], then: Callable[[], None]
) -> None:
    found = lost(pool, start, then, timeout=0.05)

    assert found.done is not None
    assert gone(*found.done)


def test_what_a_call_has_left_behind_is_gone_with_the_pool() -> None:
    with ProcessPool(1, grace=GRACE) as pool:
        [child] = outcome(pool, with_a_child, dict)

    assert gone(child)


# --- the end of the pool ----------------------------------------------------------------------------------------------


def clean_up(path: Path) -> Iterator[int]:
    try:
        yield 1
        sleep_on()
    finally:
        path.write_text("clean")


def test_a_cancelled_call_can_clean_up(tmp_path: Path) -> None:
    with ProcessPool(2, grace=5) as pool:
        calls = [pool.submit(clean_up, (tmp_path / name,)) for name in "ab"]
        while not all(call.items for call in calls):
            pool.advance()
        pool.cancel()

    assert [call.outcome() for call in calls] == [Lost(reason="the call was cancelled", done=[1])] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("fn", [sleep_on, ignore_the_signal, catch_everything, count_in_c])
def test_leaving_stops_what_is_under_way(fn: Callable[[], None]) -> None:
    before = set(psutil.Process().children())
    with ProcessPool(2, grace=GRACE) as pool:
        idle = outcome(pool, os.getpid)
        calls = [pool.submit(fn) for _ in range(3)]
        pool.advance(0.05)

    assert [type(call.outcome()) for call in calls] == [Lost] * 3
    assert gone(idle)
    assert set(psutil.Process().children()) <= before


DRIVER = """
import ctypes, itertools, os, subprocess, sys, time
from prefect.executors.processes import ProcessPool

def work(kind):
    child = subprocess.Popen(["sleep", "1000"])
    print(os.getpid(), child.pid, flush=True)
    if kind == "sleeping":
        time.sleep(1000)
    if kind == "counting":
        sum(itertools.repeat(0))

with ProcessPool(3, grace=0.2) as pool:
    pool.result(pool.submit(work, ("idle",)))
    for kind in ("sleeping", "counting"):
        pool.submit(work, (kind,))
    pool.submit(time.sleep, (1000,))
    pool.advance(60)
    while True:
        pool.advance(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV])
def test_when_the_driver_dies_nothing_stays(tmp_path: Path, number: int) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as driver:
        assert driver.stdout is not None
        processes = [int(each) for _ in range(3) for each in driver.stdout.readline().split()]
        driver.send_signal(number)
        driver.wait(timeout=20)

    assert len(processes) == 6
    assert all(map(gone, processes))


def everything() -> tuple[int, int, int]:
    """What this process has: file descriptors, threads and children."""
    gc.collect()
    this = psutil.Process()
    return this.num_fds(), threading.active_count(), len(this.children(recursive=True))


@pytest.mark.slow
def test_nothing_is_left_after_many_rounds() -> None:
    """a call is done, one dies, and one is under way at the end"""
    ends = [leave, sleep_on, count_in_c, catch_everything]
    before = everything()
    for number in range(50):
        with ProcessPool(1, grace=0.02) as pool:
            outcome(pool, yield_and_die, 3, [leave, dict, dict][number % 3])
            pool.submit(ends[number % len(ends)])

    assert everything() == before


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_an_executor_leaves_nothing_behind(scheduler: str) -> None:
    executor = LocalDaskExecutor(scheduler, num_workers=2)
    before = everything()
    for _ in range(3):
        with executor.start():
            assert executor.wait([executor.submit(divmod, 7, 2) for _ in range(5)]) == [(3, 1)] * 5

    assert everything() == before
