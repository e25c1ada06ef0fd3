"""A hundred thousand lanes, killed fifty times: every child succeeds once, in order, and hardly any runs twice.

```
range(100,000) ─▶ first.map ─▶ second.map ─▶ third.map        kill -9, resume, kill -9, resume, …
```
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from killed_runs import Killed
from whole_histories import check_once, check_whole

pytestmark = pytest.mark.faults

LANES, KILLS = 100_000, 50
AN_HOUR = 3600.0


def kill_often_and_finish(killed: Killed) -> int:
    """How often the run was killed before it came to its end."""
    kills = killed.kill_often(random.Random(), KILLS)
    killed.finish(AN_HOUR)
    assert kills == KILLS
    return kills


@pytest.mark.parametrize(
    ("executor", "workers", "lanes", "edits"),
    [("local", 1, LANES, False), ("local", 1, LANES, True), ("processes", 2, 30_000, False)],
)
def test_every_child_succeeds_once_and_hardly_any_runs_twice(
    tmp_path: Path, executor: str, workers: int, lanes: int, edits: bool
) -> None:
    killed = Killed(tmp_path, lanes=lanes, executor=executor, edits=edits)

    kills = kill_often_and_finish(killed)

    check_once(killed, workers * kills)
    assert ("edited: first-1" in killed.errors) is edits


@pytest.mark.parametrize("executor", ["local", "processes"])
def test_with_commits_in_groups_the_history_is_whole_all_the_same(tmp_path: Path, executor: str) -> None:
    killed = Killed(tmp_path, lanes=LANES, executor=executor, durable="group", edits=True)

    kill_often_and_finish(killed)

    assert killed.outcome()[2] == [index * 2 for index in range(LANES)]
    check_whole(killed)
