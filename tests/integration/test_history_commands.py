"""The commands about the history as people use them: real processes, a real file, edits, and a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

Done = subprocess.CompletedProcess[str]
Call = Callable[..., Done]

NIGHT = """
    import os
    import time

    from prefect import Flow, task


    @task
    def numbers():
        return list(range(10))


    @task
    def invert(x):
        with open("ran", "a") as file:
            print("invert", x, file=file)
        return 12 // (7 - x)


    @task
    def total(xs):
        return sum(xs)


    with Flow("night") as flow:
        total(invert.map(numbers()))
"""

SLEEPS = """
    import time

    from prefect import Flow, task


    @task
    def rest(x):
        open(f"began-{x}", "w").close()
        time.sleep(0 if x == 0 else 600)


    with Flow("sleeps") as flow:
        rest.map([0, 1])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "night.py").write_text(textwrap.dedent(NIGHT))
    (tmp_path / "sleeps.py").write_text(textwrap.dedent(SLEEPS))
    return tmp_path


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PREFECT__HOME_DIR": str(folder / "home"),
        "PREFECT__STORE__ENABLED": "true",
        "PREFECT__LOGGING__LEVEL": "WARNING",
    }


@pytest.fixture
def prefect(folder: Path, environment: dict[str, str]) -> Call:
    def call(*arguments: str, **options: Any) -> Done:
        command = [sys.executable, "-m", "prefect", *arguments]
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if "input" not in options else {}
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, **given, **options
        )

    return call


@pytest.fixture
def document(prefect: Call) -> Callable[..., Any]:
    return lambda *arguments: json.loads(prefect(*arguments, "--json").stdout)


@pytest.fixture
def failed(prefect: Call) -> None:
    """`night` ran, and `invert[7]` failed."""
    assert prefect("run", "night.py").returncode == 1


def mend(folder: Path) -> None:
    path = folder / "night.py"
    path.write_text(path.read_text().replace("12 // (7 - x)", "0 if x == 7 else 12 // (7 - x)"))


def runs(folder: Path) -> list[str]:
    return (folder / "ran").read_text().splitlines()


# --- it fails at child 7 of 10 ----------------------------------------------------------------------------------------


def test_a_failure_is_looked_at_mended_and_gone_on_from(
    prefect: Call, document: Callable[..., Any], folder: Path, failed: None
) -> None:
    shown = prefect("show", "last")
    assert "invert   Failed         9 Success, 1 Failed" in shown.stdout, shown.stderr
    assert "invert[7]  Failed  Unexpected error: ZeroDivisionError" in shown.stdout
    assert document("why", "last", "total")["causes"][0]["index"] == 7
    mend(folder)
    assert document("plan", "night.py", "--resume", "last")["changes"]["edited"] == ["invert-1"]

    asked = prefect("resume", "last")
    assert asked.returncode == 2
    assert "add --yes" in asked.stderr
    resumed = prefect("resume", "last", "--yes")

    assert resumed.returncode == 0, resumed.stderr
    assert "invert   9 of 10  1     1 failed" in resumed.stdout
    assert runs(folder) == [*(f"invert {x}" for x in range(10)), "invert 7"]
    [run] = document("runs")
    assert (run["state"], run["attempts"]) == ("Success", 2)


def test_a_child_is_replayed_and_its_value_written_back(prefect: Call, folder: Path, failed: None) -> None:
    assert prefect("replay", "last", "invert[7]").returncode == 1
    mend(folder)

    replayed = prefect("replay", "last", "invert[7]", "--promote")
    resumed = prefect("resume", "last", "--yes")

    assert replayed.returncode == 0, replayed.stderr
    assert "value  0\n" in replayed.stdout
    assert resumed.returncode == 0, resumed.stderr
    assert runs(folder).count("invert 7") == 3  # in the run, and in the two replays


def test_python_runs_can_be_gone_on_with_too(
    prefect: Call, document: Callable[..., Any], folder: Path, environment: dict[str, str]
) -> None:
    path = folder / "night.py"
    path.write_text(path.read_text() + '\nif __name__ == "__main__":\n    flow.run()\n')
    subprocess.run([sys.executable, "night.py"], cwd=folder, env=environment, capture_output=True, check=True)

    assert document("runs")[0]["source"] == str(path)
    assert document("plan", "night.py", "--resume", "last")["changes"]["edited"] == []
    assert prefect("resume", "last").returncode == 1  # nothing has changed: nobody is asked, and it fails again


def test_the_debugger_stops_where_the_task_failed(prefect: Call, failed: None) -> None:
    done = prefect("replay", "last", "invert[7]", "--pdb", input="p 'x is', x\nq\n")

    assert "('x is', 7)" in done.stdout, done.stderr
    assert done.returncode == 1


# --- it is killed -----------------------------------------------------------------------------------------------------


@pytest.fixture
def sleeping(folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A run that is at work at `rest[1]`, as its history tells."""
    command = [sys.executable, "-m", "prefect", "run", "sleeps.py"]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    while not (folder / "began-1").exists():
        assert process.poll() is None
        time.sleep(0.01)
    yield process
    process.kill()
    process.wait()


def eventually(told: Callable[[], Any], wanted: Any) -> None:
    """Ask until the answer is the wanted one, as the history is written in groups; not forever, if it never is."""
    end = time.monotonic() + 60
    while (answer := told()) != wanted:
        assert time.monotonic() < end, answer
        time.sleep(0.05)


def test_a_run_that_is_killed_died_and_can_be_gone_on_with(
    prefect: Call, document: Callable[..., Any], folder: Path, sleeping: subprocess.Popen[bytes]
) -> None:
    eventually(lambda: document("runs")[0]["progress"], {"over": 1, "known": 2})
    held = prefect("resume", "last", "--yes")
    assert (held.returncode, "works at the flow run" in held.stderr) == (1, True)

    sleeping.send_signal(signal.SIGKILL)
    sleeping.wait()

    assert document("runs")[0]["condition"] == "died"
    assert "died" in prefect("runs").stdout
    path = folder / "sleeps.py"
    path.write_text(path.read_text().replace("600", "0"))
    resumed = prefect("resume", "last", "--yes")
    assert resumed.returncode == 0, resumed.stderr
    assert document("show", "last")["tasks"][-1]["counts"] == {"Success": 2}


def test_who_follows_a_run_sees_its_end(
    prefect: Call, folder: Path, environment: dict[str, str], sleeping: subprocess.Popen[bytes]
) -> None:
    command = [sys.executable, "-m", "prefect", "show", "last", "--follow"]
    following = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    with pytest.raises(subprocess.TimeoutExpired):
        following.communicate(timeout=1)

    sleeping.send_signal(signal.SIGKILL)
    sleeping.wait()

    assert following.communicate()[0].startswith("sleeps: died.")


# --- at a terminal ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="There are no pseudo terminals here.")
@pytest.mark.parametrize(("answer", "code", "state"), [("y", 0, "Success"), ("n", 1, "Failed")])
def test_at_a_terminal_somebody_is_asked_whether_changed_code_may_go_on(
    document: Callable[..., Any],
    folder: Path,
    environment: dict[str, str],
    failed: None,
    answer: str,
    code: int,
    state: str,
) -> None:
    import pty

    mend(folder)
    driver, terminal = pty.openpty()
    os.write(driver, f"{answer}\n".encode())

    done = subprocess.run(
        [sys.executable, "-m", "prefect", "resume", "last"],
        cwd=folder,
        env=environment,
        stdin=terminal,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Go on with the changed code? [y/N]" in done.stdout
    assert done.returncode == code
    assert document("runs")[0]["state"] == state
