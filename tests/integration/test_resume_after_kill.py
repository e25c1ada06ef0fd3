"""Exact resume: whatever is killed, a run goes on where it was."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from killed_runs import Killed
from prefect.store import stretches
from prefect.store.base import Store
from prefect.store.records import WHOLE
from prefect.store.sqlite import SqliteStore

pytestmark = pytest.mark.slow


def kill_again_and_again(killed: Killed, kills: int, longest: float) -> int:
    """Kill a run at random moments; how often that happened before it ended."""
    rng = random.Random(kills)
    return sum(killed.kill_sometime(rng, longest) for _ in range(kills))


def successes(store: Store, run: str, number: int) -> dict[int, int]:
    """How many committed successes each child of a task has."""
    found: dict[int, int] = {}
    for stretch in store.stretches(run, number):
        for index in stretches.indices_of(stretch):
            found[index] = found.get(index, 0) + 1
    for row in store.task_runs(run, number):
        if row.index != WHOLE and row.state == "Success":
            found[row.index] = found.get(row.index, 0) + 1
    return found


def check(killed: Killed, kills: int, workers: int) -> None:
    name, values = killed.finish()

    assert name == "Success"
    assert values == [index * 2 for index in range(killed.lanes)]
    executions = killed.executions()
    assert len(executions) == 3 * killed.lanes
    assert executions.total() <= 3 * killed.lanes + workers * kills
    store = SqliteStore(str(killed.directory / "home" / "history.db"))
    [run] = store.runs()
    assert (run.state, run.attempts) == ("Success", killed.attempts)
    for task in store.tasks(run.id):
        if task.width is not None:
            assert successes(store, run.id, task.number) == dict.fromkeys(range(killed.lanes), 1)
    seqs = sorted([each.seq for each in store.events(run.id)] + [each.seq for each in store.stretches(run.id)])
    assert seqs == list(range(1, run.last_seq + 1))


@pytest.mark.parametrize(("executor", "workers"), [("local", 1), ("threads", 2), ("processes", 2)])
def test_killed_at_random_moments_every_child_succeeds_once_and_hardly_any_runs_twice(tmp_path, executor, workers):
    killed = Killed(tmp_path, lanes=400, executor=executor)

    kills = kill_again_and_again(killed, 4, 0.15)

    check(killed, kills, workers)


def test_edited_between_the_attempts_it_goes_on_all_the_same(tmp_path):
    killed = Killed(tmp_path, lanes=400, edits=True)

    kills = kill_again_and_again(killed, 3, 0.1)

    check(killed, kills, 1)
    assert "The flow has changed since this run began: edited: first-1" in (tmp_path / "stderr.txt").read_text()


def test_with_commits_in_groups_only_what_was_not_yet_written_runs_again(tmp_path: Path):
    killed = Killed(tmp_path, lanes=2000, durable="group")

    kills = kill_again_and_again(killed, 3, 0.05)

    name, values = killed.finish()
    assert (name, values) == ("Success", [index * 2 for index in range(2000)])
    assert killed.attempts == kills + 1 or kills < 3
