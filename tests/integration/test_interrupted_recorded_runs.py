"""Ctrl-C and SIGTERM end a run that is written down: the history says so, and the run goes on where it was.

```
flow.run() ── SIGINT, SIGTERM ──▶ Cancelled ── flow.run(resume="last") ──▶ Success
```
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from killed_runs import Killed, kill
from whole_histories import check_once, numbers, run_of, store_of, successes

pytestmark = pytest.mark.slow

SOON = 60


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("executor", ["local", "threads", "processes"])
def test_a_run_that_is_interrupted_says_so_and_is_finished_later(tmp_path: Path, executor: str, signum: int) -> None:
    killed = Killed(tmp_path, 150, executor, durable="each", seconds=0.005)
    process = killed.start()
    killed.wait_until_begun(process, killed.whole // 3)
    os.kill(process.pid, signum)
    code = process.wait(SOON)

    assert code == (0 if signum == signal.SIGINT else -signal.SIGTERM), killed.errors
    store, run = store_of(killed), run_of(killed)
    assert (run.state, run.lease_until) == ("Cancelled", 0)
    events = store.events(run.id)
    assert numbers(store, run.id) == list(range(1, run.last_seq + 1))
    at_the_end = {event.state for event in events if event.seq > run.last_seq - 2}
    assert "Cancelled" in at_the_end
    done = sum(successes(store, run.id, task.number).total() for task in store.tasks(run.id))
    assert 0 < done < 3 * 150
    assert not [row for row in store.task_runs(run.id) if row.state in ("Running", "Failed", "Crashed")]

    killed.finish(SOON)

    # Two workers had begun two children, which were stopped or whose ends came too late.
    assert check_once(killed, spare=6).attempts == 2


def test_four_flows_in_threads_of_a_process_that_is_killed_all_go_on(tmp_path: Path) -> None:
    names = ("north", "east", "south", "west")
    killed = Killed(tmp_path, 80, seconds=0.002, names=names)

    for part in (5, 3, 2):
        process = killed.start()
        killed.wait_until_begun(process, max(killed.whole // part, killed.begun() + 1))
        assert kill(process)
    killed.finish(SOON)

    for name in names:
        assert check_once(killed, spare=3, name=name).attempts == 4
