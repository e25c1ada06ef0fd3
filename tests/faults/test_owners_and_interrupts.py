"""Two processes want one run, again and again; and Ctrl-C comes at any moment of a run, again and again."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from tests.integration.test_one_owner import check_that_one_gets_it

from killed_runs import Killed
from whole_histories import check_whole, numbers, run_of, store_of

pytestmark = pytest.mark.faults

SOON = 120


def test_twenty_times_of_two_processes_that_resume_a_killed_run_one_gets_it(tmp_path: Path) -> None:
    for number in range(20):
        check_that_one_gets_it(tmp_path / str(number))


@pytest.mark.parametrize("executor", ["local", "threads", "processes"])
def test_interrupted_at_any_moment_nothing_is_missing_and_the_run_goes_on(tmp_path: Path, executor: str) -> None:
    """SIGINT or SIGTERM, resume, SIGINT or SIGTERM, resume, …"""
    rng = random.Random()
    killed = Killed(tmp_path, 3000, executor, durable="group", seconds=0.0005)

    for part in range(1, 21):
        process = killed.start()
        killed.wait_until_begun(process, max(killed.begun() + 1, killed.whole * part // 22))
        time.sleep(rng.random() * 0.02)
        os.kill(process.pid, rng.choice([signal.SIGINT, signal.SIGTERM]))
        assert process.wait(SOON) in (0, -signal.SIGTERM), killed.errors[-3000:]
        store, run = store_of(killed), run_of(killed)
        assert (run.state, run.lease_until) == ("Cancelled", 0), killed.errors[-3000:]
        assert numbers(store, run.id) == list(range(1, run.last_seq + 1))
    killed.finish(SOON)

    assert killed.outcome()[2] == [index * 2 for index in range(3000)]
    check_whole(killed)
