"""Tasks that do to their workers what tasks should not do: each comes to its own state, its neighbours to theirs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import prefect
from prefect import Flow, task
from prefect.engine.signals import LOOP
from prefect.engine.state import Crashed, Failed, State, Success, TimedOut
from prefect.executors import DaskExecutor, Executor, LocalDaskExecutor
from prefect.utilities.configuration import set_temporary_config


@pytest.fixture(params=["processes", "dask"])
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "dask":
        return DaskExecutor(cluster_kwargs={"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None})
    return LocalDaskExecutor("processes", num_workers=2)


def among_others(work: Callable[[], Any], executor: Executor, **settings: Any) -> State:
    """Run a task beside well-behaved ones, which succeed; its state."""
    with Flow("flow") as flow:
        bad = task(work, name="bad", **settings)()
        good = task(lambda x: 2 * x, name="good").map(list(range(20)))
        after = task(lambda x: x, name="after")(bad)

    with set_temporary_config({"engine.crash_retries": 1}):
        result = flow.run(executor=executor).result

    assert result[good].result == [2 * x for x in range(20)]
    assert type(result[after]).__name__ == ("TriggerFailed" if result[bad].is_failed() else "Success")
    state: State = result[bad]
    return state


def returns_a_lock() -> Any:
    return {"rows": [1, {"lock": threading.Lock()}]}


def raises_what_cannot_be_pickled() -> None:
    error = ValueError("broken")
    error.lock = threading.Lock()  # type: ignore[attr-defined]
    raise error


def leaves() -> None:
    os._exit(3)


def is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_value_that_cannot_travel(executor: Executor) -> None:
    state = among_others(returns_a_lock, executor)

    assert type(state) is Failed
    assert "['rows'][1]['lock']: _thread.lock" in str(state.message)


def test_an_exception_that_cannot_travel(executor: Executor) -> None:
    state = among_others(raises_what_cannot_be_pickled, executor)

    assert type(state) is Failed
    assert "ValueError('broken')" in str(state.result)
    assert "in raises_what_cannot_be_pickled" in str(state.result)


def test_a_task_that_ends_its_process(executor: Executor) -> None:
    state = among_others(leaves, executor)

    assert type(state) is Crashed
    assert re.search(r"died [23] times", str(state.message))


def test_a_task_whose_process_is_killed(executor: Executor) -> None:
    assert type(among_others(is_killed, executor)) is Crashed


def test_a_task_that_eats_memory_until_it_is_killed() -> None:
    def eats() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
        os.environ["PYTHONFAULTHANDLER"] = ""
        blocks = []
        try:
            while True:
                blocks.append(bytearray(50_000_000))
        except MemoryError:
            os.kill(os.getpid(), signal.SIGKILL)  # as the system does where memory is promised but not there

    assert type(among_others(eats, LocalDaskExecutor("processes", num_workers=2))) is Crashed


# --- timeouts ---------------------------------------------------------------------------------------------------------


def stopped(work: Callable[[], Any], executor: Executor | None = None) -> TimedOut:
    begun = time.monotonic()
    state = among_others(work, executor or LocalDaskExecutor("processes", num_workers=2), timeout=0.3)

    assert isinstance(state, TimedOut)
    assert time.monotonic() - begun < 30  # instead of for ever
    return state


def test_a_task_that_sleeps() -> None:
    def sleeps() -> None:
        time.sleep(600)

    assert "time.sleep(600)" in str(stopped(sleeps).stack)


def test_a_task_that_ignores_exceptions_and_sigterm() -> None:
    def stubborn() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            try:
                time.sleep(600)
            except BaseException:
                continue

    assert "in stubborn" in str(stopped(stubborn).stack)


def test_a_task_that_hangs_in_c_with_the_lock_of_the_interpreter(executor: Executor) -> None:
    def hangs() -> None:
        import ctypes

        mutex = ctypes.create_string_buffer(256)
        library = ctypes.PyDLL(None)  # keeps the lock during calls
        library.pthread_mutex_init(mutex, None)
        library.pthread_mutex_lock(mutex)
        library.pthread_mutex_lock(mutex)

    assert "in hangs" in str(stopped(hangs, executor).stack)


def test_what_a_task_has_started_ends_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    def starts() -> None:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        note.write_text(str(child.pid))
        while True:
            try:
                child.wait()
            except BaseException:
                continue

    stopped(starts)

    deadline = time.monotonic() + 10
    while Path(f"/proc/{note.read_text()}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_handlers_hear_only_what_is_recorded(executor: Executor, tmp_path: Path) -> None:
    notes = tmp_path / "notes"

    def swallows_the_first() -> None:
        try:
            time.sleep(600)
        except BaseException:
            time.sleep(600)

    def hear(task: Any, old: State, new: State) -> None:
        with notes.open("a") as file:
            print(type(old).__name__, type(new).__name__, file=file)

    with Flow("flow") as flow:
        bad = task(swallows_the_first, timeout=0.1, state_handlers=[hear])()

    assert type(flow.run(executor=executor).result[bad]) is TimedOut
    assert notes.read_text().splitlines() == ["Pending Running", "Running TimedOut"]


def test_a_timeout_is_for_each_run_alone(executor: Executor) -> None:
    """longer than the timeout and the grace: all turns of a loop together, and a slow handler"""

    def loops() -> int:
        turn: int = prefect.context.get("task_loop_count", 1)
        time.sleep(0.3)
        if turn < 7:
            raise LOOP(result=turn)
        return turn

    def dawdle(task: Any, old: State, new: State) -> None:
        time.sleep(2.1 if new.is_running() else 0)

    with Flow("flow") as flow:
        looped = task(loops, timeout=1)()
        handled = task(lambda: 1, name="handled", timeout=1, state_handlers=[dawdle])()

    result = flow.run(executor=executor).result

    assert (result[looped].result, result[handled].result) == (7, 1)


def test_a_child_that_hangs_leaves_its_siblings_alone() -> None:
    """[0 … 9] ─▶ work.map, of which [3] hangs and is tried again"""

    def work(x: int) -> int:
        if x == 3:
            time.sleep(600)
        return x

    with Flow("flow") as flow:
        worked = task(work, timeout=0.2, max_retries=1, retry_delay=0.01).map(list(range(10)))

    states = flow.run(executor=LocalDaskExecutor("processes", num_workers=2)).result[worked].map_states

    assert [type(state) for state in states] == [TimedOut if index == 3 else Success for index in range(10)]


def test_ctrl_c_stops_the_work_and_gives_back_resources(tmp_path: Path) -> None:
    """a resource around a map of long tasks ─▶ SIGINT after the first began"""
    script = f"""
import os, signal, time
from pathlib import Path
from prefect import Flow, resource_manager, task
from prefect.executors import LocalDaskExecutor

notes = Path({str(tmp_path)!r}) / "notes"

def note(text):
    with notes.open("a") as file:
        print(text, file=file)

@resource_manager
class Database:
    def setup(self):
        note("opened")
    def cleanup(self, value):
        note("closed")

@task
def work(x):
    note("at work")
    time.sleep(600)

with Flow("flow", executor=LocalDaskExecutor("processes", num_workers=2)) as flow:
    with Database():
        worked = work.map([1, 2, 3])

state = flow.run()
note(type(state).__name__)
note(",".join(sorted({{type(child).__name__ for child in state.result[worked].map_states}})))
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    notes = tmp_path / "notes"
    try:
        while not notes.exists() or "at work" not in notes.read_text():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()

    assert notes.read_text().split()[-3:] == ["closed", "Cancelled", "Cancelled"]
