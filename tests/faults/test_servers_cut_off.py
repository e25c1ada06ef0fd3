"""A PostgreSQL server is cut off all the time while large flows run, are killed, and go on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.postgres import Server, server_of_ours
from tests.integration.test_history_cut_off import check, lanes, next_run

from cut_off import cutting
from killed_runs import kill

pytestmark = pytest.mark.faults

LANES, SOON = 3_000, 300


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with server_of_ours() as server:
        yield server


@pytest.mark.parametrize("executor", ["local", "processes"])
@pytest.mark.parametrize("number", range(3))
def test_cut_off_all_the_time_a_run_ends_well(tmp_path: Path, server: Server, executor: str, number: int) -> None:
    killed = lanes(tmp_path, server, LANES, seconds=0.001)
    killed.executor = executor

    process = killed.start()
    killed.wait_until_begun(process, 1)
    with cutting(server, random.Random(), every=0.5, longest=2.0) as cuts:
        assert process.wait(SOON) == 0, killed.errors[-3000:]
    next_run(killed)

    assert cuts.total() > 3
    check(killed)


@pytest.mark.parametrize("number", range(3))
def test_cut_off_and_killed_again_and_again_every_child_succeeds_once(
    tmp_path: Path, server: Server, number: int
) -> None:
    """The server runs when a process starts, as it could not find its run otherwise."""
    rng = random.Random()
    killed = lanes(tmp_path, server, LANES)

    for part in range(1, 9):
        process = killed.start()
        killed.wait_until_begun(process, killed.begun() + 1)
        with cutting(server, rng, every=0.2, longest=0.5):
            killed.wait_until_begun(process, max(killed.begun() + 1, killed.whole * part // 10))
            kill(process)
    killed.finish(SOON)
    next_run(killed)

    check(killed)
