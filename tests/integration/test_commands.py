"""The commands as people use them: a real process, its exit code, its stdout and its stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

Done = subprocess.CompletedProcess[str]
Call = Callable[..., Done]

SHAPES = """
    import multiprocessing, os, pickle, sys
    from dataclasses import dataclass
    from prefect import Flow, Parameter, task

    @dataclass
    class Square:
        side: int

        def area(self):
            return self.side**2

    class TooLarge(Exception):
        pass

    def checked(shape):
        if shape.side > 3:
            raise TooLarge(shape.side)
        return shape

    @task
    def make(side):
        print("made", side)
        return checked(Square(side))

    @task
    def measure(shapes):
        assert all(isinstance(each, Square) for each in shapes)
        return sum(each.area() for each in shapes)

    @task
    def keep(total, path):
        with open(path, "ab") as file:
            pickle.dump((Square(total), checked), file)

    @task
    def look(path):
        with open(path, "rb") as file:
            while file.peek():
                square, function = pickle.load(file)
                assert isinstance(square, Square) and function is checked

    with Flow("shapes") as flow:
        total = measure(make.map(Parameter("sides", default=[1, 2, 3])))

    with Flow("kept") as kept:
        path = Parameter("path", default="squares")
        look(path, upstream_tasks=[keep(2, path)])

    if __name__ == "__main__":
        assert kept.run().is_successful()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shapes.py").write_text(textwrap.dedent(SHAPES))
    return tmp_path


@pytest.fixture
def python(folder: Path) -> Call:
    def call(*arguments: str, **environment: str) -> Done:
        own = {"PREFECT__HOME_DIR": str(folder / "home"), "PATH": os.environ["PATH"], **environment}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)

    return call


@pytest.fixture
def prefect(python: Call) -> Call:
    return lambda *arguments, **environment: python("-m", "prefect", *arguments, **environment)


def states(done: Done) -> dict[str, str]:
    return {each["name"]: each["state"] for each in json.loads(done.stdout)["tasks"]}


# --- run --------------------------------------------------------------------------------------------------------------


def test_a_flow_file_runs(prefect: Call) -> None:
    done = prefect("run", "shapes.py", "--flow", "shapes")

    assert done.returncode == 0, done.stderr
    assert "measure  Success" in done.stdout
    assert "made 1" in done.stdout
    assert "Flow 'shapes': starting" in done.stderr


def test_a_flow_that_fails_exits_with_1(prefect: Call) -> None:
    done = prefect("run", "shapes.py:shapes", "--param", "sides=[3, 4]", "--json")

    assert done.returncode == 1
    assert states(done) == {"sides": "Success", "make": "Mapped", "measure": "TriggerFailed"}


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["threads", "processes", "dask"])
def test_what_a_flow_file_defines_travels_to_workers_and_back(prefect: Call, executor: str) -> None:
    done = prefect("run", "shapes.py:shapes", "--param", "sides=[3, 4]", "--executor", executor, "--json")

    assert states(done) == {"sides": "Success", "make": "Mapped", "measure": "TriggerFailed"}, done.stderr
    [make] = [each for each in json.loads(done.stdout)["tasks"] if each["name"] == "make"]
    assert make["children"][1]["message"] == "Unexpected error: TooLarge(4)"
    assert done.returncode == 1


@pytest.mark.slow
def test_python_and_the_command_read_what_the_other_pickled(python: Call, prefect: Call) -> None:
    """python shapes.py ─▶ squares ◀─ prefect run shapes.py, in both orders"""
    for run in (python, lambda file: prefect("run", f"{file}:kept"), python):
        done = run("shapes.py")
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_processes_that_a_task_starts_do_not_execute_the_file_again(prefect: Call, folder: Path) -> None:
    code = """
        import multiprocessing, os
        from prefect import Flow, task

        with open("loaded", "a") as file:
            print(os.getpid(), file=file)

        @task
        def start():
            process = multiprocessing.get_context("spawn").Process(target=print, args=("child",))
            process.start()
            process.join()
            assert process.exitcode == 0

        with Flow("spawns") as flow:
            start()
    """
    (folder / "spawns.py").write_text(textwrap.dedent(code))

    done = prefect("run", "spawns.py")

    assert done.returncode == 0, done.stderr
    assert len((folder / "loaded").read_text().splitlines()) == 1


def test_a_module_runs(prefect: Call) -> None:
    assert prefect("run", "shapes:shapes").returncode == 0


# --- JSON and pipes ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_with_json_not_even_a_worker_process_writes_to_stdout(prefect: Call) -> None:
    done = prefect("run", "shapes.py:shapes", "--executor", "processes", "--json", "--log-level", "DEBUG")

    assert json.loads(done.stdout)["state"] == "Success"
    assert "made 1" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "shapes.py:shapes"),
        ("simulate", "shapes.py:shapes"),
        ("simulate", "shapes.py:shapes", "--every-single-failure"),
        ("config",),
    ],
)
def test_each_command_prints_one_document(prefect: Call, arguments: tuple[str, ...]) -> None:
    done = prefect(*arguments, "--json")

    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)


def test_in_a_pipe_there_are_no_colours_and_nothing_is_cut(prefect: Call, folder: Path) -> None:
    name = "a_task_with_a_name_that_is_longer_than_any_terminal_" * 5
    (folder / "long.py").write_text(
        f"from prefect import Flow, task\nwith Flow('long') as flow:\n    task(lambda: 1, name='{name}')()\n"
    )

    done = prefect("simulate", "long.py")

    assert f"{name}  Success" in done.stdout
    assert "\x1b" not in done.stdout


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nowhere.py"), "There is no file 'nowhere.py'"),
        (("run", "shapes.py"), "several flows in 'shapes.py': 'shapes' (flow), 'kept' (kept)"),
        (("run", "shapes.py", "--flow", "none"), "No flow in 'shapes.py' is called 'none'"),
        (("run", "shapes.py:shapes", "--param", "side=1"), "has no parameter 'side'; it has 'sides'"),
        (("run", "syntax.py"), "SyntaxError"),
        (("run", "raises.py"), "KeyError: 'deep'"),
        (("simulate", "shapes.py:shapes", "--fail", "mak"), "Did you mean 'make'?"),
        (("config", "engine.progres"), "Did you mean 'engine.progress'?"),
    ],
)
def test_mistakes_are_told_without_a_traceback_of_ours(
    prefect: Call, folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    (folder / "syntax.py").write_text("with Flow('x') as flow\n    pass\n")
    (folder / "raises.py").write_text("def f():\n    {}['deep']\nf()\n")

    done = prefect(*arguments)

    assert done.returncode == 2
    assert words in done.stderr
    assert f"prefect{os.sep}" not in done.stderr
    assert done.stdout == ""


def test_a_mistake_in_the_settings_is_told_as_well(prefect: Call) -> None:
    done = prefect("config", PREFECT__LOGGING="loud")

    assert done.returncode == 2
    assert done.stderr.startswith("Error: the environment gives 'logging' a single value")
