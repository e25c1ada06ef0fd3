"""The same flow a thousand times on each executor: it never hangs, and leaves nothing behind."""

from __future__ import annotations

import gc
import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect import Flow, task
from prefect.executors import DaskExecutor, Executor, LocalDaskExecutor, LocalExecutor

TIMES, CHILDREN = 1_000, 150


@task
def double(x: int) -> int:
    return 2 * x


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


def two_hundred_tasks() -> Flow:
    """range(150) ─▶ double.map ─▶ total, and 48 tasks in a row behind it"""
    with Flow("many") as flow:
        value = total(double.map(list(range(CHILDREN))))
        for _ in range(48):
            value = double(value)
    flow.set_reference_tasks([value])
    return flow


@pytest.fixture(scope="module", autouse=True)
def temporary() -> Iterator[None]:
    """A directory for temporary files that nobody else on this machine uses."""
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", directory)
        patch.setattr(tempfile, "tempdir", directory)
        yield


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None, silence_logs=logging.CRITICAL) as made:
        yield made.scheduler_address


@pytest.fixture(params=["local", "sync", "threads", "processes", "dask"])
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "local":
        return LocalExecutor()
    if request.param == "dask":
        return DaskExecutor(address=request.getfixturevalue("cluster"))
    return LocalDaskExecutor(request.param, num_workers=2)


def left_behind() -> dict[str, int]:
    """Threads, open files, child processes and temporary files of this process."""
    gc.collect()
    me = str(os.getpid())
    children = 0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                children += Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1] == me
            except OSError:
                continue
    return {
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
        "processes": children,
        "temporary files": len(os.listdir(tempfile.gettempdir())),
    }


@pytest.mark.faults
def test_a_thousand_runs_leave_nothing_behind(executor: Executor) -> None:
    flow = two_hundred_tasks()
    for _ in range(3):  # what stays once, such as pools of imports, is there now
        assert flow.run(executor=executor).is_successful()
    before = left_behind()

    for _ in range(TIMES):
        assert flow.run(executor=executor).is_successful()

    after = left_behind()
    assert all(after[what] <= before[what] + 3 for what in before), (before, after)
