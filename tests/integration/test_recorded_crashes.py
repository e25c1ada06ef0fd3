"""Workers die under a run that is written down: the history tells of each attempt that was lost, and is whole.

```
first[7]   Running ─▶ Crashed (its worker was killed) ─▶ Running ─▶ Success
```
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from killed_runs import Killed
from prefect.store.records import Event
from whole_histories import check_once, store_of

pytestmark = pytest.mark.slow

SOON = 60
WORKERS = {"processes": "prefect.executors", "dask": "spawn_main"}
"""What the command lines of worker processes hold."""


def kill_a_worker(driver: int, mark: str) -> None:
    """Kill one worker of a process, the one that has worked most."""
    workers = [each for each in psutil.Process(driver).children(recursive=True) if mark in command_of(each)]
    os.kill(max(workers, key=lambda each: each.cpu_times().user).pid, signal.SIGKILL)


def command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def is_in_order(events: list[Event]) -> bool:
    """Did a run come to an end only once, after all that happened to it before?"""
    states = [event.state for event in events]
    return states[-1] == "Success" and states.count("Success") == 1


@pytest.mark.parametrize(("executor", "durable"), [("processes", "group"), ("processes", "each"), ("dask", "group")])
def test_a_worker_that_is_killed_leaves_a_crashed_attempt_and_no_duplicate(
    tmp_path: Path, executor: str, durable: str
) -> None:
    retries = {"PREFECT__ENGINE__CRASH_RETRIES": "20"}
    killed = Killed(tmp_path, 200, executor, durable, seconds=0.004, environment=retries)

    process = killed.start()
    for part in (5, 2):
        killed.wait_until_begun(process, killed.whole // part)
        kill_a_worker(process.pid, WORKERS[executor])
    assert process.wait(SOON) == 0, killed.errors

    run = check_once(killed, spare=3 * 200)
    store = store_of(killed)
    crashed = {(event.task, event.index) for event in store.events(run.id) if event.state == "Crashed"}
    assert crashed
    assert all(is_in_order(store.events(run.id, task, index)) for task, index in crashed)
