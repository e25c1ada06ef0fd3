"""DaskExecutor on real clusters: worker processes that are killed, a scheduler that is killed, and threads."""

from __future__ import annotations

import json
import logging
import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import dask
import psutil
import pytest
from distributed import LocalCluster, get_worker
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect import Flow, task
from prefect.engine.state import Failed
from prefect.exceptions import ExecutorError, ExecutorUsageError
from prefect.executors import DaskExecutor, dask_pool
from prefect.executors.base import Lost
from prefect.utilities.configuration import set_temporary_config

THREADS = {"processes": False, "n_workers": 1, "threads_per_worker": 4, "dashboard_address": "127.0.0.1:0"}
PROCESSES = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}


@pytest.fixture(scope="module", autouse=True)
def scratch_space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where clusters write that are not made by the executor."""
    with dask.config.set({"temporary-directory": str(tmp_path_factory.mktemp("dask"))}):
        yield


@pytest.fixture(scope="module")
def processes() -> Iterator[DaskExecutor]:
    """Two worker processes."""
    executor = DaskExecutor(cluster_kwargs=PROCESSES)
    with executor.start():
        yield executor


@pytest.fixture(scope="module")
def threads() -> Iterator[DaskExecutor]:
    """A worker with four threads in this process, which offers two of something."""
    executor = DaskExecutor(cluster_kwargs={**THREADS, "resources": {"GPU": 2}})
    with executor.start():
        yield executor


@pytest.fixture(params=["processes", "threads"])
def executor(request: pytest.FixtureRequest) -> DaskExecutor:
    found: DaskExecutor = request.getfixturevalue(request.param)
    return found


def outcomes(executor: DaskExecutor, futures: dict[int, Any]) -> dict[int, Any]:
    """What all of some calls come to."""
    found = {}
    while futures:
        done = executor.next_done(futures)
        assert done is not None
        del futures[done[0]]
        found[done[0]] = done[1]
    return found


# --- calls ------------------------------------------------------------------------------------------------------------


def test_a_call_comes_to_its_value(executor):
    assert executor.wait(executor.submit(lambda x, y: x + y, 1, y=2)) == 3


def test_futures_are_waited_for_in_nested_containers(executor):
    one, two = (executor.submit(lambda x: x, number) for number in (1, 2))

    assert executor.wait({"a": [one, (two, 3)], "b": {one}, "c": "no future"}) == {
        "a": [1, (2, 3)],
        "b": {1},
        "c": "no future",
    }


nested = st.recursive(
    st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(value=nested)
@settings(max_examples=20)
def test_every_nesting_of_futures_becomes_the_same_nesting_of_values(threads, value):
    def begun(each: Any) -> Any:
        if isinstance(each, list):
            return [begun(inner) for inner in each]
        if isinstance(each, dict):
            return {key: begun(inner) for key, inner in each.items()}
        return threads.submit(lambda: each)

    assert threads.wait(begun(value)) == value


def test_the_value_of_a_generator_is_the_list_of_what_it_yields(executor):
    def count(n: int) -> Iterator[int]:
        yield from range(n)

    assert executor.wait(executor.submit(count, 3)) == [0, 1, 2]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_comes_out_and_tells_where_it_was_raised(executor, kind):
    def fails() -> None:
        raise kind("no")

    with pytest.raises(kind, match="no") as caught:
        executor.wait(executor.submit(fails))

    assert "in fails" in caught.value.__notes__[0]


def test_whichever_is_done_first_comes_first(executor):
    futures = {7: executor.submit(time.sleep, 0.3), 8: executor.submit(lambda: "quick")}

    assert executor.next_done(futures) == (8, "quick")
    del futures[8]
    assert executor.next_done(futures, timeout=0.01) is None
    assert executor.next_done(futures) == (7, None)


def test_hundreds_of_calls_each_come_to_their_own_value(executor):
    futures = {number: executor.submit(lambda x: x * x, number) for number in range(300)}

    assert outcomes(executor, futures) == {number: number * number for number in range(300)}


def test_large_arguments_and_values_travel(executor):
    data = os.urandom(3_000_000)

    assert executor.wait(executor.submit(lambda first, second: second + first, data, b"x")) == b"x" + data


def test_a_shared_value_arrives_at_every_call(executor):
    data = os.urandom(500_000)
    shared = executor.share(data)
    futures = [executor.submit(lambda x, n, y: (x == y, n), shared, n, y=shared) for n in range(20)]

    assert executor.wait(futures) == [(True, n) for n in range(20)]
    assert executor.wait(executor.submit(lambda x: len(x), shared)) == 500_000


def test_a_key_names_the_task_and_the_child(executor):
    def key() -> Any:
        return get_worker().get_current_task()

    plain = executor.submit(key, extra_context={"task_name": "load", "task_index": None, "task_tags": set()})
    child = executor.submit(key, extra_context={"task_name": "load", "task_index": 3, "task_tags": set()})

    assert re.fullmatch(r"load-[0-9a-f]{8}-[0-9a-f-]{27}", executor.wait(plain))
    assert re.fullmatch(r"load-3-[0-9a-f]{8}-[0-9a-f-]{27}", executor.wait(child))


# --- what cannot travel -----------------------------------------------------------------------------------------------


def test_an_argument_that_cannot_travel_is_named_at_once(executor):
    with pytest.raises(ExecutorError, match=r"The call of load cannot travel to a Dask worker: .*lock"):
        executor.submit(len, [Lock()], extra_context={"task_name": "load"})


def test_a_value_that_cannot_travel_is_named(executor):
    with pytest.raises(ExecutorError, match=r"A value cannot travel back .* value\['x'\]: _thread.lock"):
        executor.wait(executor.submit(lambda: {"x": Lock()}))


def test_an_error_that_cannot_travel_is_told(executor):
    class Held(Exception):
        def __init__(self) -> None:
            super().__init__("held")
            self.lock = Lock()

    def fails() -> None:
        raise Held

    with pytest.raises(ExecutorError, match=r"(?s)cannot be pickled was raised on a worker.*Held: held"):
        executor.wait(executor.submit(fails))


# --- resources --------------------------------------------------------------------------------------------------------


def test_calls_that_ask_for_all_of_a_resource_run_one_after_the_other(threads):
    def work() -> tuple[float, float]:
        began = time.monotonic()
        time.sleep(0.02)
        return began, time.monotonic()

    about = {"task_name": "train", "task_tags": {"dask-resource:GPU=2", "other"}}
    times = sorted(threads.wait([threads.submit(work, extra_context=about) for _ in range(4)]))

    assert all(end <= begin for (_, end), (begin, _) in zip(times, times[1:], strict=False))


@pytest.mark.parametrize("tag", ["dask-resource:GPU", "dask-resource:GPU=many"])
def test_a_tag_without_an_amount_is_refused(threads, tag):
    with pytest.raises(ExecutorUsageError, match="write 'dask-resource:GPU=1'"):
        threads.submit(len, (), extra_context={"task_tags": {tag}})


@pytest.mark.parametrize(
    ("tags", "size", "message"),
    [
        (["dask-resource:TPU=1"], 1, "No worker of the Dask cluster offers TPU=1; 'waits' waits for one."),
        ([], 0, "The Dask cluster has no worker; the tasks wait for one."),
    ],
)
def test_calls_that_nobody_can_make_are_told_of_once(monkeypatch, caplog, tags, size, message):
    monkeypatch.setattr(dask_pool, "LOOKS_IN_VAIN", 1)
    monkeypatch.setattr(dask_pool, "LOOKS_EVERY", 0.01)
    about = {"task_name": "waits", "task_tags": set(tags)}

    with LocalCluster(
        n_workers=size, processes=False, dashboard_address=None, silence_logs=logging.CRITICAL
    ) as cluster:
        executor = DaskExecutor(address=cluster.scheduler_address)
        with executor.start():
            call = executor.submit(len, (), extra_context=about)
            assert executor.next_done({1: call}, 0.5) is None

    assert [record.message for record in caplog.records if record.name == "prefect.DaskExecutor"] == [message]


def test_clusters_that_start_side_by_side_leave_the_settings_of_dask_alone():
    names = ("temporary-directory", "distributed.scheduler.allowed-failures")
    before = [dask.config.get(name, None) for name in names]

    def work(seconds: float) -> None:
        executor = DaskExecutor(cluster_kwargs=THREADS)
        with executor.start():
            time.sleep(seconds)

    runs = [threading.Thread(target=work, args=(seconds,)) for seconds in (0.1, 0.3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()

    assert [dask.config.get(name, None) for name in names] == before


# --- death ------------------------------------------------------------------------------------------------------------


def test_a_call_whose_worker_dies_is_lost_and_the_others_go_on(processes):
    def deadly() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    data = processes.share(b"shared")
    for _ in range(2):  # both workers, or the one that took the place of the first
        assert processes.wait([processes.submit(lambda x: x, data) for _ in range(4)]) == [b"shared"] * 4
        lost = processes.wait(processes.submit(deadly))
        assert isinstance(lost, Lost)
        assert re.search(r"the Dask worker \d \(tcp://127.0.0.1:\d+\) died over it", lost.reason)

    assert processes.wait([processes.submit(lambda x: x, data) for _ in range(4)]) == [b"shared"] * 4


def test_every_call_has_one_outcome_however_many_workers_die(processes):
    def deadly(number: int) -> int:
        if number % 10 == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    found = outcomes(processes, {number: processes.submit(deadly, number) for number in range(30)})

    assert sorted(found) == list(range(30))
    assert all(isinstance(found[number], Lost) for number in (3, 13, 23))
    assert all(isinstance(value, Lost) or value == number for number, value in found.items())


@pytest.mark.slow
def test_a_worker_that_dies_while_it_starts_is_started_again():
    before = worker_processes()
    executor = DaskExecutor(cluster_kwargs={**PROCESSES, "n_workers": 1})
    with executor.start():
        [first] = [each for each in worker_processes() if each not in before]
        first.kill()
        until(lambda: any(each not in [*before, first] for each in worker_processes()))
        [second] = [each for each in worker_processes() if each not in [*before, first]]
        second.kill()

        assert executor.wait(executor.submit(len, "abc")) == 3


class Away:
    """A cluster in processes of its own, with one worker of two threads."""

    def __init__(self, directory: Path) -> None:
        file = directory / "scheduler.json"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
        self.scheduler = subprocess.Popen([*command, "--no-dashboard", "--scheduler-file", str(file)], **quiet)
        command = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--no-nanny"]
        more = ["--nthreads", "2", "--no-dashboard", "--local-directory", str(directory)]
        self.worker = subprocess.Popen([*command, *more], **quiet)
        while not file.exists() or not file.read_text():
            time.sleep(0.05)
        self.address = json.loads(file.read_text())["address"]

    def end(self) -> None:
        for process in (self.scheduler, self.worker):
            process.kill()
            process.wait()


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Away]:
    cluster = Away(tmp_path)
    yield cluster
    cluster.end()


@pytest.mark.slow
@pytest.mark.parametrize("signal", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_scheduler_is_an_error_and_nothing_hangs(away, signal):
    executor = DaskExecutor(address=away.address)
    with executor.start():
        assert executor.wait(executor.submit(len, "abc")) == 3
        future = executor.submit(time.sleep, 600)
        away.scheduler.send_signal(signal)

        with pytest.raises(ExecutorError, match="The Dask cluster is gone"):
            executor.next_done({1: future})
        with pytest.raises(ExecutorError, match="The Dask cluster is gone"):
            executor.wait(future)
        with pytest.raises(ExecutorError, match="The Dask cluster is gone"):
            executor.submit(len, "abc")


@pytest.mark.slow
def test_a_flow_whose_scheduler_is_killed_fails(away):
    with Flow("f") as flow:
        task(lambda pid: os.kill(pid, signal.SIGKILL) or time.sleep(600), name="kill")(away.scheduler.pid)

    state = flow.run(executor=DaskExecutor(address=away.address))

    assert type(state) is Failed
    assert "The Dask cluster is gone" in str(state.result)


def test_an_address_where_nobody_answers_is_an_error():
    executor = DaskExecutor(address="tcp://127.0.0.1:9", client_kwargs={"timeout": 0.2})

    with pytest.raises(ExecutorError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"), executor.start():
        pass


# --- cancelling -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_cancelled_run_ends_its_worker_processes(tmp_path):
    def long(mark: Path) -> None:
        mark.write_text(str(os.getpid()))
        time.sleep(600)

    executor = DaskExecutor(cluster_kwargs={**PROCESSES, "n_workers": 1})
    with executor.start():
        futures = {number: executor.submit(long, tmp_path / str(number)) for number in range(4)}
        until(lambda: any(mark.read_text() for mark in tmp_path.iterdir()))
        executor.cancel()
        assert all(isinstance(each, Lost) for each in outcomes(executor, futures).values())

    [begun] = tmp_path.iterdir()
    assert not psutil.pid_exists(int(begun.read_text()))


def test_generators_end_and_calls_do_not_begin_after_a_run_was_cancelled():
    begun, seen = threading.Event(), []
    sys.modules["notes_of_dask"] = type(sys)("notes_of_dask")
    sys.modules["notes_of_dask"].begun, sys.modules["notes_of_dask"].seen = begun, seen  # type: ignore[attr-defined]

    def endless() -> Iterator[int]:
        import notes_of_dask  # type: ignore[import-not-found]

        notes_of_dask.begun.set()
        while True:
            notes_of_dask.seen.append(1)
            time.sleep(0.001)
            yield 1

    with LocalCluster(**{**THREADS, "threads_per_worker": 1}) as cluster:
        executor = DaskExecutor(address=cluster.scheduler_address)
        with executor.start():
            executor.submit(endless)
            executor.submit(endless)
            begun.wait()
            executor.cancel()
        until(lambda: not grows(seen))
    del sys.modules["notes_of_dask"]


def grows(items: list[int]) -> bool:
    before = len(items)
    time.sleep(0.05)
    return len(items) > before


def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.01)


# --- clusters ---------------------------------------------------------------------------------------------------------


def test_a_cluster_that_is_there_already_is_used_and_stays():
    with LocalCluster(**THREADS) as cluster:
        for _ in range(2):
            executor = DaskExecutor(address=cluster.scheduler_address)
            with executor.start():
                assert (
                    executor.wait(executor.submit(lambda: get_worker().scheduler.address)) == cluster.scheduler_address
                )


@pytest.mark.parametrize("kind", ["distributed.LocalCluster", LocalCluster, lambda **kwargs: LocalCluster(**kwargs)])
def test_a_cluster_is_made_by_a_class_a_callable_or_what_a_name_stands_for(kind):
    executor = DaskExecutor(cluster_class=kind, cluster_kwargs=THREADS)

    with executor.start():
        assert executor.wait(executor.submit(len, "abc")) == 3


def test_a_cluster_class_that_cannot_be_imported_is_an_error():
    executor = DaskExecutor(cluster_class="distributed.NoSuchCluster")

    with (
        pytest.raises(ExecutorUsageError, match="'distributed.NoSuchCluster', which cannot be imported"),
        executor.start(),
    ):
        pass


def test_there_is_work_at_hand_for_every_thread():
    executor = DaskExecutor(cluster_kwargs={**THREADS, "threads_per_worker": 10})

    with executor.start():
        assert executor.slots == 30


def test_a_cluster_that_adapts_grows_from_nothing():
    executor = DaskExecutor(cluster_kwargs={**THREADS, "n_workers": 0}, adapt_kwargs={"minimum": 0, "maximum": 1})

    with executor.start():
        assert executor.slots >= 16
        assert executor.wait([executor.submit(len, "abc") for _ in range(4)]) == [3] * 4


def test_workers_that_come_are_reported_to_subclasses():
    class Watching(DaskExecutor):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.seen: list[tuple[str, str]] = []

        async def on_worker_status_changed(self, op: str, message: Mapping[str, Any]) -> None:
            self.seen.append((op, message["worker"]))

    with LocalCluster(**THREADS) as cluster:
        executor = Watching(address=cluster.scheduler_address)
        [first] = cluster.scheduler_info["workers"]
        with executor.start():
            executor.wait(executor.submit(len, "abc"))  # by then the scheduler knows who listens
            cluster.scale(2)
            until(lambda: [op for op, _ in executor.seen] == ["add"])
            cluster.scale(0)
            until(lambda: ("remove", first) in executor.seen)


def test_a_performance_report_is_written(tmp_path):
    pytest.importorskip("bokeh")
    executor = DaskExecutor(cluster_kwargs=THREADS, performance_report_path=tmp_path / "report.html")
    assert executor.performance_report is None

    with executor.start():
        executor.wait(executor.submit(len, "abc"))

    assert "<html" in executor.performance_report


# --- before, after and again ------------------------------------------------------------------------------------------


def test_work_before_the_start_is_refused():
    with pytest.raises(ExecutorUsageError, match="was not started"):
        DaskExecutor().submit(len, "abc")


@pytest.mark.parametrize(
    "other", [{"cluster_class": LocalCluster}, {"cluster_kwargs": {}}, {"adapt_kwargs": {"maximum": 2}}]
)
def test_an_address_and_a_cluster_of_its_own_do_not_go_together(other):
    with pytest.raises(ExecutorUsageError, match="give the one or the others"):
        DaskExecutor(address="tcp://127.0.0.1:8786", **other)


def test_the_address_may_come_from_the_configuration():
    with set_temporary_config({"engine.executor.dask.address": "tcp://10.0.0.1:8786"}):
        assert DaskExecutor().address == "tcp://10.0.0.1:8786"
        assert DaskExecutor(cluster_kwargs={"n_workers": 1}).address is None


def test_an_executor_can_be_pickled_before_and_after_use():
    before: DaskExecutor = pickle.loads(pickle.dumps(DaskExecutor(cluster_kwargs=THREADS)))
    with before.start():
        pickle.dumps(before)
    after: DaskExecutor = pickle.loads(pickle.dumps(before))

    with after.start():
        assert after.wait(after.submit(len, "abc")) == 3


def worker_processes() -> list[psutil.Process]:
    return [each for each in psutil.Process().children(recursive=True) if is_worker(each)]


def is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:  # it is over
        return False


def remains(directory: Path) -> tuple[int, int, list[Path]]:
    """Threads, worker processes and files that are there now."""
    return threading.active_count(), len(worker_processes()), list(directory.iterdir())


@pytest.mark.parametrize("kwargs", [THREADS, pytest.param(PROCESSES, marks=pytest.mark.slow)])
def test_an_executor_can_be_started_again_and_again_and_leaves_nothing_behind(kwargs, tmp_path):
    executor = DaskExecutor(cluster_kwargs=kwargs)

    def once() -> None:
        with dask.config.set({"temporary-directory": str(tmp_path)}), executor.start():
            assert executor.wait(executor.submit(len, "abc")) == 3

    once()  # Dask keeps some threads for the life of the process
    before = remains(tmp_path)
    once()

    assert remains(tmp_path) == before
    assert before[2] == []


# --- flows ------------------------------------------------------------------------------------------------------------


def test_a_flow_with_a_map_runs_on_a_cluster():
    with Flow("f") as flow:
        doubled = task(lambda x: 2 * x, name="double").map(list(range(50)))
        total = task(lambda xs: sum(xs), name="total")(doubled)

    state = flow.run(executor=DaskExecutor(cluster_kwargs=THREADS))

    assert state.is_successful()
    assert state.result[total].result == 2450


# --- Ctrl-C and what workers start ------------------------------------------------------------------------------------


def test_a_cluster_that_is_being_made_when_ctrl_c_comes_is_closed():
    closed = threading.Event()

    class Cluster:
        def __init__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)

        def close(self) -> None:
            closed.set()

    with pytest.raises(KeyboardInterrupt), DaskExecutor(cluster_class=Cluster).start():
        pass

    assert closed.is_set()


def test_ctrl_c_at_the_terminal_is_not_for_the_workers_but_for_what_they_start(processes):
    def facts() -> tuple[bool, bool]:
        return os.getpgid(0) == os.getpid(), signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())

    assert processes.wait(processes.submit(facts)) == (True, False)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_what_threads_of_this_process_start_hears_ctrl_c(threads):
    def deaf() -> bool:
        return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())

    assert threads.wait(threads.submit(deaf)) is False
    assert os.getpgid(0) != os.getpid() or os.getpid() == os.getsid(0)


def start_sleep() -> tuple[int, int]:
    return os.getpid(), subprocess.Popen(["sleep", "600"]).pid


def is_over(process: int) -> bool:
    try:
        return psutil.Process(process).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.slow
def test_what_a_task_has_started_ends_with_its_worker_even_if_that_is_killed():
    executor = DaskExecutor(cluster_kwargs={**PROCESSES, "n_workers": 1})
    with executor.start():
        worker, first = executor.wait(executor.submit(start_sleep))
        os.kill(worker, signal.SIGKILL)
        until(lambda: is_over(first))
        _, second = executor.wait(executor.submit(start_sleep))
        assert not is_over(second)

    until(lambda: is_over(second))


KILLED = """
    import dask, os, sys, time
    from prefect.executors import DaskExecutor

    if __name__ == "__main__":
        executor = DaskExecutor(cluster_kwargs={"n_workers": 1, "dashboard_address": None})
        with dask.config.set({"temporary-directory": sys.argv[1]}), executor.start():
            import subprocess
            print(executor.wait(executor.submit(lambda: subprocess.Popen(["sleep", "600"]).pid)), flush=True)
            time.sleep(600)
"""


@pytest.mark.slow
def test_a_driver_that_is_killed_leaves_no_process_and_no_file(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = script(tmp_path, KILLED, str(scratch))
    assert process.stdout is not None
    sleep = int(process.stdout.readline())
    assert list(scratch.iterdir())

    process.kill()
    process.wait()

    until(lambda: is_over(sleep) and not list(scratch.iterdir()))


INTERRUPTED = """
    import time

    from prefect import Flow, task
    from prefect.executors import DaskExecutor

    if __name__ == "__main__":
        flow = Flow("f", tasks=[task(lambda: time.sleep(60), name="long")])
        print("starting", flush=True)
        state = flow.run(executor=DaskExecutor(cluster_kwargs={"n_workers": 1, "dashboard_address": None}))
        print(type(state).__name__)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.5, 1.5])
def test_ctrl_c_while_the_cluster_starts_ends_the_run_without_a_word_of_dask(tmp_path, seconds):
    process = script(tmp_path, INTERRUPTED)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does

    out, errors = process.communicate(timeout=60)

    assert out.split("\n")[-2:] == ["Cancelled", ""]
    assert errors == ""


UNGUARDED = """
    from prefect import Flow, task
    from prefect.executors import DaskExecutor

    flow = Flow("f", tasks=[task(lambda: 1, name="never")])
    state = flow.run(executor=DaskExecutor(cluster_kwargs={"n_workers": 1, "dashboard_address": None}))
    print(state.result)
"""


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_what_to_do(tmp_path):
    process = script(tmp_path, UNGUARDED)

    out, errors = process.communicate(timeout=120)

    advice = 'put `flow.run()` below `if __name__ == "__main__":`'
    assert "could not be started" in out.split("\n")[-2]
    assert advice in out.split("\n")[-2]
    [line] = errors.splitlines()
    assert "A Dask worker was about to run the flow itself" in line
    assert advice in line


def script(directory: Path, text: str, *arguments: str) -> subprocess.Popen[str]:
    """Run a program in a process group of its own."""
    file = directory / "script.py"
    file.write_text(textwrap.dedent(text))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, str(file), *arguments], text=True, start_new_session=True, **pipes)  # type: ignore[call-overload,no-any-return]
