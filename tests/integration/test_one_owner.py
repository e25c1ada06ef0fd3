"""One process at a time works at a run: of two that want it one gets it, and one that lost it writes no more.

```
killed run ◀── resume ── process A     goes on to its end
           ◀── resume ── process B     RunHeld
```
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from killed_runs import Killed, kill
from whole_histories import check_once, run_of, store_of

pytestmark = pytest.mark.slow

SOON = 60


def resume_at_once(killed: Killed, processes: int) -> list[int]:
    """Several processes want the same run at the same moment; what each ends with."""
    go = killed.directory / "go"
    started = [killed.start(resume=True, wait_for=str(go)) for _ in range(processes)]
    while not all((killed.directory / f"ready-{each.pid}").exists() for each in started):
        time.sleep(0.001)
    go.touch()
    return [each.wait(SOON) for each in started]


def check_that_one_gets_it(directory: Path) -> None:
    """Kill a run, let two processes go on with it, and see that one of them was refused."""
    directory.mkdir()
    killed = Killed(directory, 100, seconds=0.005)
    process = killed.start()
    killed.wait_until_begun(process, killed.whole // 10)
    assert kill(process)

    codes = resume_at_once(killed, 2)

    assert sorted(codes) == [0, 1], killed.errors
    assert killed.errors.count("prefect.exceptions.RunHeld") == 1
    assert check_once(killed, spare=1).attempts == 2


def test_of_two_processes_that_resume_a_killed_run_one_gets_it(tmp_path: Path) -> None:
    for number in range(3):
        check_that_one_gets_it(tmp_path / str(number))


def wait_until_stopped(process: subprocess.Popen[bytes]) -> None:
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.005)


@pytest.mark.parametrize("durable", ["group", "each"])
def test_a_process_that_slept_longer_than_its_lease_finds_its_run_taken_over_and_stops(
    tmp_path: Path, durable: str
) -> None:
    """A works ── SIGSTOP ── its lease is over ── B goes on ── SIGCONT ── A stops, B comes to the end"""
    lease = {"PREFECT__STORE__LEASE_SECONDS": "2"}
    killed = Killed(tmp_path, 150, durable=durable, seconds=0.01, environment=lease)

    first = killed.start()
    killed.wait_until_begun(first, killed.whole // 4)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        wait_until_stopped(first)
        begun = killed.begun()
        while run_of(killed).lease_until > time.time() * 1e6:
            time.sleep(0.05)
        second = killed.start(resume=True)
        killed.wait_until_begun(second, begun + 1)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    epoch = run_of(killed).epoch

    assert first.wait(SOON) == 0
    assert "took over the flow run" in killed.errors
    assert killed.outcome()[0] == "Failed"
    assert second.wait(SOON) == 0, killed.errors
    # What A was at when it was stopped ran again: one child, or those that it had not yet written.
    check_once(killed, spare=2 if durable == "each" else 30)
    run = run_of(killed)
    assert (run.attempts, run.epoch) == (2, epoch)
    assert not [event for event in store_of(killed).events(run.id) if "took over" in (event.message or "")]
