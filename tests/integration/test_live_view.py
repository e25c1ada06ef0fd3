"""The live view in a real terminal: what a person sees while a flow runs, and what is left when it is over."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("There are no pseudo terminals here.", allow_module_level=True)

import pty
import termios

FRAME = re.compile(r"\x1b7\x1b\[r\x1b8(?:\x1bD)+\x1b\[\d+A\x1b7\x1b\[m\x1b\[1;\d+r(.*?)\x1b8", re.DOTALL)
GIVEN_BACK = "\x1b7\x1b[r\x1b8\x1b[J"
CODE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[78D])")
LOG_LINE = re.compile(r"\[[-0-9]+ [:,0-9]+\] - (DEBUG|INFO|WARNING|ERROR) - prefect(\.[\w-]+)? \| .*")

CI = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "TEAMCITY_VERSION", "TF_BUILD", "BUILDKITE")

HEAD = """
import subprocess, sys, threading, time
import prefect
from prefect import Flow, task
from prefect.utilities.terminal import Foot

drawn = threading.Semaphore(0)
show = Foot.show

def counted(foot, lines):
    show(foot, lines)
    drawn.release()

Foot.show = counted

def see_frames():
    # However slow the machine is: two frames are drawn while this waits.
    while drawn.acquire(blocking=False):
        pass
    for _ in range(2):
        assert drawn.acquire(timeout=60)
"""

MAP = f"""{HEAD}
@task
def load(n):
    time.sleep(0.005)
    if n % 10 == 0:
        print(f"printed {{n}}")
    if n % 100 == 50:
        subprocess.run(["echo", f"echoed {{n}}"])
    if n % 100 == 99:
        prefect.context.logger.warning("warned %s", n)
        see_frames()

with Flow("daily") as flow:
    load.map(list(range(300)))

flow.run()
print("after")
"""

SLEEP = f"""{HEAD}
@task
def sleep(seconds):
    time.sleep(seconds)

with Flow("short") as flow:
    sleep(float(sys.argv[1]))

flow.run()
"""

SEEN = f"""{HEAD}
with Flow("short") as flow:
    task(see_frames)()

flow.run()
"""

FOREVER = f"""{HEAD}
@task
def wait(n):
    time.sleep(0.05)

with Flow("long") as flow:
    wait.map(list(range(10_000)))

print(type(flow.run()).__name__)
"""

NESTED = f"""{HEAD}
with Flow("inner") as inner:
    task(see_frames)()

@task
def run_inner():
    inner.run()

with Flow("outer") as outer:
    run_inner()

outer.run()
"""

LEAN = f"""{HEAD}
with Flow("lean") as flow:
    task(lambda: 1, name="one")()

flow.run()
print([name for name in sys.modules if name.split(".")[0] == "rich"])
"""


def environment(**more: str) -> dict[str, str]:
    """That of a person at a terminal."""
    ours = {key: value for key, value in os.environ.items() if key not in CI}
    return {**ours, "TERM": "xterm-256color", **more}


def at_terminal(
    code: str,
    *arguments: str,
    act: Callable[[str, subprocess.Popen[bytes]], None] = lambda seen, process: None,
    stdout: int | None = None,
    **more: str,
) -> str:
    """All that a program writes to a terminal of 24 lines; `act` is told what was written so far."""
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (24, 100))
    command = [sys.executable, "-c", code, *arguments]
    process = subprocess.Popen(
        command, stdin=inner, stdout=stdout or inner, stderr=inner, env=environment(**more), start_new_session=True
    )
    os.close(inner)
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    seen = b""
    try:
        while piece := read(outer):
            seen += piece
            act(seen.decode(errors="replace"), process)
        process.wait()
    finally:
        watchdog.cancel()
        process.kill()
        os.close(outer)
    return seen.decode().replace("\r\n", "\n")


def read(descriptor: int) -> bytes:
    """The next bytes; none when the program has let the terminal go."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def frames(seen: str) -> list[str]:
    """What the view showed, one text for each moment."""
    return [CODE.sub(" ", frame) for frame in FRAME.findall(seen)]


def above(seen: str) -> list[str]:
    """The lines that scrolled by above the view."""
    return CODE.sub("", FRAME.sub("", seen)).splitlines()


@pytest.fixture(scope="module")
def daily() -> str:
    return at_terminal(MAP)


def test_the_bar_goes_up_to_the_end(daily) -> None:
    done = [int(found[1]) for frame in frames(daily) if (found := re.search(r"load .* (\d+)/300 ", frame))]

    assert len(set(done)) > 2
    assert done == sorted(done)
    assert "2 succeeded; 300 mapped runs; " in above(daily)[-2]


def test_the_view_tells_the_tasks_by_state_a_rate_and_the_time_left(daily) -> None:
    last = frames(daily)[-1]

    assert "1 running" in last
    assert re.search(r"[\d.]+/(s|min)", last)
    assert re.search(r"\d+:\d\d left", last)


def test_the_lines_above_are_whole_and_in_order(daily) -> None:
    lines = above(daily)
    rest = [line for line in lines if not LOG_LINE.fullmatch(line)]
    printed = [f"printed {n}" for n in range(0, 300, 10)]

    assert [line for line in rest if line.startswith("printed")] == printed
    assert [line for line in rest if line.startswith("echoed")] == ["echoed 50", "echoed 150", "echoed 250"]
    assert len(rest) == len(printed) + 3 + 2
    assert rest[-2].startswith("daily  ")
    assert rest[-1] == "after"
    assert [line.split("warned ")[1] for line in lines if "warned" in line] == ["99", "199", "299"]


def test_the_terminal_is_given_back_at_the_end(daily) -> None:
    left = daily.rpartition(GIVEN_BACK)[2]

    assert daily.count(GIVEN_BACK) == 1
    assert CODE.sub("", left).startswith("daily  ")
    assert not FRAME.search(left)
    assert "\x1b[?25l" not in daily


def test_ctrl_c_gives_the_terminal_back() -> None:
    def interrupt(seen: str, process: subprocess.Popen[bytes]) -> None:
        if not interrupted and FRAME.search(seen):
            interrupted.append(True)
            process.send_signal(signal.SIGINT)

    interrupted: list[bool] = []
    seen = at_terminal(FOREVER, act=interrupt)
    left = seen.rpartition(GIVEN_BACK)[2]

    assert interrupted
    assert not FRAME.search(left)
    assert "\x1b[?25l" not in seen
    assert above(seen)[-1] == "Cancelled"
    assert not any(line.startswith("long  ") for line in above(seen))


def test_a_flow_inside_a_task_has_no_view_of_its_own() -> None:
    seen = at_terminal(NESTED)

    assert frames(seen)
    assert all("outer " in frame for frame in frames(seen))
    assert not any("inner " in frame for frame in frames(seen))
    assert seen.count(GIVEN_BACK) == 1


def test_stdout_stays_clean_when_only_the_errors_go_to_the_terminal(tmp_path: Path) -> None:
    with open(tmp_path / "log", "wb") as log:
        seen = at_terminal(SEEN, stdout=log.fileno())

    assert frames(seen)
    assert "\x1b" not in (tmp_path / "log").read_text()
    assert "Flow 'short': ended as Success" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    "setting", [{"CI": "true"}, {"GITHUB_ACTIONS": "true"}, {"TERM": "dumb"}, {"PREFECT__ENGINE__PROGRESS": "false"}]
)
def test_there_is_no_view_where_it_is_not_wanted(setting: dict[str, str]) -> None:
    seen = at_terminal(SLEEP, "1", **setting)

    assert "\x1b" not in seen
    assert "Flow 'short': ended as Success" in seen


def test_a_short_run_shows_nothing_of_it() -> None:
    assert "\x1b" not in at_terminal(SLEEP, "0")


def test_there_is_no_view_in_a_pipe() -> None:
    run = subprocess.run([sys.executable, "-c", SLEEP, "1"], capture_output=True, text=True, env=environment())

    assert "\x1b" not in run.stdout + run.stderr
    assert "Flow 'short': ended as Success" in run.stdout


def test_a_setting_forces_it_even_there() -> None:
    more = environment(PREFECT__ENGINE__PROGRESS="true", CI="true")
    run = subprocess.run([sys.executable, "-c", SEEN], capture_output=True, text=True, env=more)

    assert frames(run.stderr)
    assert "\x1b" not in run.stdout


def test_another_value_of_the_setting_is_refused() -> None:
    more = environment(PREFECT__ENGINE__PROGRESS="sometimes")
    run = subprocess.run([sys.executable, "-c", SLEEP, "0"], capture_output=True, text=True, env=more)

    assert "The setting 'engine.progress' is 'sometimes'. Set it to \"auto\", true or false." in run.stderr


def test_a_run_without_a_view_does_not_load_rich() -> None:
    run = subprocess.run([sys.executable, "-c", LEAN], capture_output=True, text=True, env=environment())

    assert run.stdout.splitlines()[-1] == "[]"
