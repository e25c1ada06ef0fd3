"""The disk of the history is full in the middle of a run: the run ends well, says so once, and nothing hangs.

```
small disk   history.db      full from a quarter of the run on, with room again for the next run
home         spool           on another disk: nothing is lost; on the same disk: what no place could take is lost
```

The small disk is one that only a process of its own sees; that process runs `in_a_small_disk`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.integration.test_full_disk import way_to_mount

from killed_runs import Killed
from whole_histories import check_whole, numbers, run_of, store_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CALL = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from tests.integration.test_full_disk_in_a_run import in_a_small_disk
in_a_small_disk(*sys.argv[1:])
"""
MOUNT = 'mount -t tmpfs -o size=16m none "$1" && exec "$2" -c "$3" "$1" "$4" "$5" "$6"'
LANES, SOON = 1000, 60


def in_a_small_disk(disk: str, directory: str, home: str, durable: str) -> None:
    """Run a flow, fill the disk meanwhile, make room, run another flow, and print what came of it as JSON."""
    url = f"sqlite:///{disk}/history.db"
    environment = {"PREFECT__HOME_DIR": home}
    killed = Killed(Path(directory), LANES, durable=durable, seconds=0.0005, url=url, environment=environment)
    process = killed.start()
    killed.wait_until_begun(process, killed.whole // 4)
    fill(Path(disk) / "filler")
    code = process.wait(SOON)
    (Path(disk) / "filler").unlink()
    errors = killed.errors
    Killed(killed.directory, 1, url=url, names=("next",), environment=environment).finish(SOON)
    print(
        json.dumps(
            {
                "code": code,
                "state": killed.outcome()[0],
                "values": killed.outcome()[2] == [index * 2 for index in range(LANES)],
                "executions": killed.executions().total(),
                "errors": errors,
                "history": history_of(killed),
            }
        )
    )


def fill(path: Path) -> None:
    """Leave no room on a disk."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def history_of(killed: Killed) -> str:
    """`whole`, `torn off` if it tells the beginning of the run only, or what is wrong with it."""
    run = run_of(killed)
    if run.state == "Running":
        return "torn off" if numbers(store_of(killed), run.id) == list(range(1, run.last_seq + 1)) else "with gaps"
    check_whole(killed)
    return "whole"


def outcome(tmp_path: Path, home_on_disk: bool, durable: str) -> dict[str, Any]:
    disk = tmp_path / "disk"
    disk.mkdir()
    way = way_to_mount(disk)
    if way is None:
        pytest.skip("This system lets nobody mount a small disk.")
    home = disk if home_on_disk else tmp_path / "home"
    arguments = [str(disk), sys.executable, CALL, str(tmp_path), str(home), durable]
    done = subprocess.run([*way, "sh", "-c", MOUNT, "sh", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("durable", ["group", "each"])
def test_with_the_home_directory_elsewhere_nothing_is_lost(tmp_path: Path, durable: str) -> None:
    answer = outcome(tmp_path, home_on_disk=False, durable=durable)

    assert (answer["code"], answer["state"], answer["values"]) == (0, "Success", True), answer["errors"]
    assert answer["executions"] == 3 * LANES
    assert answer["errors"].count("cannot be written now") == 1
    assert "no room left" in answer["errors"]
    assert "get there with the next run" in answer["errors"]
    assert answer["history"] == "whole"


@pytest.mark.parametrize("durable", ["group", "each"])
def test_with_the_home_directory_on_it_the_run_ends_well_and_says_what_is_lost(tmp_path: Path, durable: str) -> None:
    answer = outcome(tmp_path, home_on_disk=True, durable=durable)

    assert (answer["code"], answer["state"], answer["values"]) == (0, "Success", True), answer["errors"]
    assert answer["executions"] == 3 * LANES
    assert answer["errors"].count("cannot be written now") == 1
    assert "are lost" in answer["errors"]
    assert "Traceback" not in answer["errors"]
    assert answer["history"] == "torn off"
