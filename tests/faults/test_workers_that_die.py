"""Workers are killed while a flow runs: every child comes to exactly one state, and none is wrong."""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from prefect import Flow, task
from prefect.engine.state import State, Success
from prefect.executors import DaskExecutor, LocalDaskExecutor
from prefect.utilities.configuration import set_temporary_config

CHILDREN, EVERY = 10_000, 2.0


@task
def nap(x: int) -> int:
    time.sleep(0.005)
    return 2 * x


@contextmanager
def killing(victims: Callable[[], list[int]], every: float) -> Iterator[list[int]]:
    """Kill a random one of some processes now and then; the list of those that were killed."""
    over, killed = threading.Event(), list[int]()

    def kill() -> None:
        while not over.wait(every):
            living = victims()
            if living:
                killed.append(random.choice(living))
                os.kill(killed[-1], signal.SIGKILL)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def run_and_count(flow: Flow, children: Any, executor: Any) -> list[State]:
    with set_temporary_config({"engine.crash_retries": 10}):
        state = flow.run(executor=executor)
    states: list[State] = state.result[children].map_states
    assert state.is_successful(), state
    return states


@pytest.mark.faults
def test_dask_workers_killed_every_two_seconds() -> None:
    """range(10,000) ─▶ nap.map on a cluster whose workers die all the time"""
    from distributed import LocalCluster

    with Flow("map") as flow:
        children = nap.map(range(CHILDREN))

    with LocalCluster(
        n_workers=2, threads_per_worker=2, dashboard_address=None, silence_logs=logging.CRITICAL
    ) as cluster:

        def workers() -> list[int]:
            return [worker.process.pid for worker in cluster.workers.values() if worker.process and worker.process.pid]

        with killing(workers, EVERY) as killed:
            states = run_and_count(flow, children, DaskExecutor(address=cluster.scheduler_address))

    assert len(killed) > 2
    assert [type(state) for state in states] == [Success] * CHILDREN
    assert [state.result for state in states] == [2 * index for index in range(CHILDREN)]


@pytest.mark.faults
def test_worker_processes_killed_all_the_time_and_no_finished_child_runs_again(tmp_path: Path) -> None:
    """range(10,000) ─▶ note.map: each child notes that it ends, in a file of its own"""
    notes = str(tmp_path)

    @task
    def note(x: int) -> int:
        time.sleep(0.002)
        with open(os.path.join(notes, str(x)), "a") as file:
            file.write("x")
        return 2 * x

    with Flow("map") as flow:
        children = note.map(range(CHILDREN))

    def workers() -> list[int]:
        me = str(os.getpid())
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                    line = Path(f"/proc/{entry}/cmdline").read_bytes()
                except OSError:
                    continue
                if fields[1] == me and b"prefect.executors" in line:
                    found.append(int(entry))
        return found

    with killing(workers, 0.5) as killed:
        states = run_and_count(flow, children, LocalDaskExecutor("processes", num_workers=2))

    assert len(killed) > 5
    assert [state.result for state in states] == [2 * index for index in range(CHILDREN)]
    # A child that was killed between its note and its end has noted twice; there are no more of those than deaths.
    twice = [name for name in os.listdir(notes) if os.path.getsize(os.path.join(notes, name)) > 1]
    assert len(twice) <= len(killed)
