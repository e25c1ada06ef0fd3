"""A disk that is full in the middle of a write: a clear error, the old value intact, and no draft left behind.

The disk is a small tmpfs that only a child process sees, where the system lets us mount one; and everywhere, a limit
on the size of files.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WRITE = """
import json, os, resource, sys
from prefect.engine.results import LocalResult
from prefect.exceptions import ResultStoreError

directory, limit = sys.argv[1], int(sys.argv[2])
result = LocalResult(directory, location="x")
old = result.write("old" * 1000)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    result.write(os.urandom(2_000_000))
    error = cause = None
except ResultStoreError as caught:
    error, cause = str(caught), caught.__cause__.strerror
small = result.at("y").write("small")
print(json.dumps({
    "error": error,
    "cause": cause,
    "old": old.read(old.location).value == "old" * 1000,
    "small": small.read(small.location).value == "small",
    "files": sorted(os.listdir(directory)),
}))
"""

MOUNT = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1" 0'
"""A megabyte; it goes with the process."""

UNSHARE = [["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]]
"""Ways to a mount that nobody else sees: for root, and for everybody where the system allows it."""


def way_to_mount(directory: Path) -> list[str] | None:
    probe = ["sh", "-c", 'mount -t tmpfs -o size=1m none "$1"', "sh", str(directory)]
    if shutil.which("unshare") is None:
        return None
    return next((way for way in UNSHARE if subprocess.run([*way, *probe], capture_output=True).returncode == 0), None)


def outcome(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_disk_that_is_full_in_the_middle_of_a_write_leaves_what_was_there(tmp_path: Path) -> None:
    way = way_to_mount(tmp_path)
    if way is None:
        pytest.skip("This system lets nobody mount a small disk; the test below stands in.")

    answer = outcome([*way, "sh", "-c", MOUNT, "sh", str(tmp_path), sys.executable, WRITE])

    assert "No space left" in answer["cause"]
    assert f"'{tmp_path}/x' could not be written" in answer["error"]
    assert "no room left: free some" in answer["error"]
    assert (answer["old"], answer["small"], answer["files"]) == (True, True, ["x", "y"])


def test_a_limit_on_the_size_of_files_leaves_what_was_there(tmp_path: Path) -> None:
    answer = outcome([sys.executable, "-c", WRITE, str(tmp_path), "1000000"])

    assert answer["cause"] == "File too large"
    assert "larger than a file may be here" in answer["error"]
    assert (answer["old"], answer["small"], answer["files"]) == (True, True, ["x", "y"])
