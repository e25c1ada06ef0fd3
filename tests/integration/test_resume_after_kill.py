"""Exact resume: whatever is killed, a run goes on where it was."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from killed_runs import Killed
from whole_histories import check_once, check_whole

pytestmark = pytest.mark.slow


def kill_again_and_again(killed: Killed, kills: int, longest: float) -> int:
    """Kill a run at random moments; how often that happened before it ended."""
    rng = random.Random(kills)
    return sum(killed.kill_sometime(rng, longest) for _ in range(kills))


@pytest.mark.parametrize(("executor", "workers"), [("local", 1), ("threads", 2), ("processes", 2)])
def test_killed_at_random_moments_every_child_succeeds_once_and_hardly_any_runs_twice(tmp_path, executor, workers):
    killed = Killed(tmp_path, lanes=400, executor=executor)

    kills = kill_again_and_again(killed, 4, 0.15)
    killed.finish()

    assert check_once(killed, workers * kills).attempts == killed.attempts


def test_edited_between_the_attempts_it_goes_on_all_the_same(tmp_path):
    killed = Killed(tmp_path, lanes=400, edits=True)

    kills = kill_again_and_again(killed, 3, 0.1)
    killed.finish()

    check_once(killed, kills)
    assert "The flow has changed since this run began: edited: first-1" in killed.errors


def test_with_commits_in_groups_only_what_was_not_yet_written_runs_again(tmp_path: Path):
    killed = Killed(tmp_path, lanes=2000, durable="group")

    kills = kill_again_and_again(killed, 3, 0.05)
    name, values = killed.finish()

    assert (name, values) == ("Success", [index * 2 for index in range(2000)])
    assert killed.attempts == kills + 1 or kills < 3
    check_whole(killed)
