"""A writer may die at any moment: each location holds a whole value or none. The deaths are real."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prefect.engine.results import LocalResult

LOCATIONS = [f"{number:02}.pkl" for number in range(20)]
ROUNDS = 40

HEAD = """
import itertools, os, signal, sys
from prefect.engine.results import LocalResult

def value(number):
    return {"number": number, "content": bytes([number % 256]) * (1 + number * 7919 % 300_000)}

directory, seed = sys.argv[1], int(sys.argv[2])
"""

WRITER = f"""{HEAD}
result = LocalResult(directory, location="{{number:02}}.pkl")
print("ready", flush=True)
for number in itertools.count(seed):
    result.write(value(number), number=number % {len(LOCATIONS)})
"""

DIES_BEFORE_THE_MOVE = f"""{HEAD}
os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
LocalResult(directory, location="00.pkl").write(value(seed))
"""

DIES_IN_THE_MIDDLE = f"""{HEAD}
import prefect.utilities.files as files

class Slow:
    # A disk that takes half of the bytes, and then the process is gone.
    def __init__(self, file):
        self.file = file
    def __enter__(self):
        return self
    def __exit__(self, *error):
        pass
    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

files.open = lambda *arguments, **options: Slow(open(*arguments, **options))
LocalResult(directory, location="00.pkl").write(value(seed))
"""

BOTH = f"""{HEAD}
result = LocalResult(directory, location="shared.pkl")
for number in range(seed, seed + 500):
    result.write(value(number))
    found = result.read("shared.pkl").value
    assert found == value(found["number"]), "half a value"
"""


def start(code: str, directory: Path, seed: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, str(directory), str(seed)], stdout=subprocess.PIPE, text=True)


def value(number: int) -> dict[str, object]:
    return {"number": number, "content": bytes([number % 256]) * (1 + number * 7919 % 300_000)}


def check(directory: Path) -> int:
    """How many locations hold a value, all of them whole."""
    result = LocalResult(directory)
    found = [result.read(name).value for name in LOCATIONS if result.exists(name)]
    assert all(each == value(each["number"]) for each in found)
    return len(found)


def drafts(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} - set(LOCATIONS)


@pytest.mark.slow
def test_a_writer_that_is_killed_at_any_moment_leaves_whole_values_or_none(tmp_path: Path) -> None:
    """writes to 20 locations without end ── SIGKILL ──▶ look at all of them; again and again"""
    for seed in range(ROUNDS):
        with start(WRITER, tmp_path, seed * 1000) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(random.uniform(0, 0.1))
            writer.kill()
        assert writer.returncode == -signal.SIGKILL
        check(tmp_path)

    assert check(tmp_path) == len(LOCATIONS)
    assert all(name.startswith(".") and name.endswith(".tmp") for name in drafts(tmp_path))


@pytest.mark.parametrize("code", [DIES_BEFORE_THE_MOVE, DIES_IN_THE_MIDDLE])
def test_the_draft_of_a_dead_writer_is_never_taken_for_a_value(tmp_path: Path, code: str) -> None:
    LocalResult(tmp_path, location="00.pkl").write(value(1))

    with start(code, tmp_path, 2) as writer:
        writer.wait()

    assert writer.returncode == -signal.SIGKILL
    assert len(drafts(tmp_path)) == 1
    assert LocalResult(tmp_path).read("00.pkl").value == value(1)
    assert check(tmp_path) == 1


@pytest.mark.slow
def test_two_processes_write_and_read_one_location_and_see_whole_values_only(tmp_path: Path) -> None:
    with start(BOTH, tmp_path, 0) as one, start(BOTH, tmp_path, 10_000) as other:
        assert (one.wait(), other.wait()) == (0, 0)

    found = LocalResult(tmp_path).read("shared.pkl").value
    assert found == value(found["number"])
