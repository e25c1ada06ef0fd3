"""The store of the history is cut off while a flow runs: the run ends well, and its history is whole later.

```
flow.run() ── changes ──▶ server     stopped, halted, or started anew, at random moments
                          file       kept locked by another process
                 └──────▶ memory, spool ── the server is back, or the next run ──▶ server
```
"""

from __future__ import annotations

import fcntl
import random
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.contract.postgres import Server, server_of_ours

from cut_off import cutting
from killed_runs import Killed, kill
from whole_histories import check_whole

pytestmark = pytest.mark.slow

SOON = 40


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with server_of_ours() as server:
        yield server


def lanes(directory: Path, server: Server, number: int, seconds: float = 0.0) -> Killed:
    """A flow of its own that is written down at a server, in groups."""
    name = f"lanes-{uuid4().hex[:8]}"
    return Killed(directory, number, durable="group", seconds=seconds, url=server.url, names=(name,))


def next_run(killed: Killed) -> None:
    """Another run of the same user: what waits in the spool is written then."""
    Killed(killed.directory, 1, url=killed.url, names=(f"next-{uuid4().hex[:8]}",)).finish(SOON)


def check(killed: Killed) -> None:
    [name] = killed.names
    assert killed.outcome(name)[::2] == ("Success", [index * 2 for index in range(killed.lanes)])
    check_whole(killed, name)


def test_cut_off_at_random_moments_a_run_ends_well_and_nothing_is_lost(tmp_path: Path, server: Server) -> None:
    killed = lanes(tmp_path, server, 600, seconds=0.001)

    process = killed.start()
    killed.wait_until_begun(process, 1)
    with cutting(server, random.Random(), every=0.3, longest=0.5) as cuts:
        assert process.wait(SOON) == 0, killed.errors
    next_run(killed)

    assert cuts.total() > 0
    assert killed.executions(*killed.names).total() == 3 * 600
    check(killed)


def test_killed_while_it_is_cut_off_a_run_goes_on_and_every_child_succeeds_once(tmp_path: Path, server: Server) -> None:
    killed = lanes(tmp_path, server, 600, seconds=0.001)

    process = killed.start()
    killed.wait_until_begun(process, 1)
    with cutting(server, random.Random(), every=0.2, longest=0.3):
        killed.wait_until_begun(process, killed.whole // 2)
        assert kill(process)
    process = killed.start()
    killed.wait_until_begun(process, killed.begun() + 1)
    with cutting(server, random.Random(), every=0.2, longest=0.3):
        assert process.wait(SOON) == 0, killed.errors
    next_run(killed)

    check(killed)


@pytest.mark.parametrize("durable", ["group", "each"])
def test_a_server_that_gives_no_answer_any_more_does_not_keep_a_run_from_its_end(
    tmp_path: Path, server: Server, durable: str
) -> None:
    killed = lanes(tmp_path, server, 200)
    killed.durable = durable

    process = killed.start()
    killed.wait_until_begun(process, killed.whole // 4)
    server.pause()
    try:
        assert process.wait(SOON) == 0, killed.errors
    finally:
        server.go_on()
    next_run(killed)

    assert "get there with the next run" in killed.errors
    check(killed)


def test_a_file_that_another_process_keeps_locked_does_not_keep_a_run_from_its_end(tmp_path: Path) -> None:
    killed = Killed(tmp_path, 200, durable="group", seconds=0.001)

    process = killed.start()
    killed.wait_until_begun(process, killed.whole // 4)
    with open(killed.home / "history.db-lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert process.wait(SOON) == 0, killed.errors
    next_run(killed)

    assert "get there with the next run" in killed.errors
    check(killed)
