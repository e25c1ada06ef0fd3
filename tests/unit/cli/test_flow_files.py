"""From what somebody names at the terminal to a flow."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from importlib import invalidate_caches
from pathlib import Path

import pytest

from prefect import Flow, task
from prefect.cli.flow_files import flow_in
from prefect.exceptions import FlowFileError, FlowFileMissing

File = Callable[[str, str], str]

ONE = """
    from prefect import Flow
    with Flow("one") as first:
        pass
"""
TWO = f"""{ONE}
    with Flow("two") as second:
        pass
    same = second
"""


def name_of(target: str, name: str | None = None) -> str:
    with flow_in(target, name) as flow:
        return flow.name


@pytest.fixture(autouse=True)
def import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", sys.path[:])
    invalidate_caches()


# --- which flow -------------------------------------------------------------------------------------------------------


def test_the_only_flow_of_a_file_needs_no_name(file: File) -> None:
    assert name_of(file("one.py", ONE)) == "one"


@pytest.mark.parametrize("name", ["two", "second"])
def test_one_of_several_goes_by_its_name_or_by_its_variable(file: File, name: str) -> None:
    assert name_of(file("two.py", TWO), name) == "two"
    assert name_of(f"{file('two.py', TWO)}:{name}") == "two"


def test_several_flows_are_listed_if_none_is_chosen(file: File) -> None:
    with pytest.raises(FlowFileError, match=r"several flows in 'two.py': 'one' \(first\), 'two' \(second\)"):
        name_of(file("two.py", TWO))


def test_a_name_that_no_flow_has_is_refused_with_those_there_are(file: File) -> None:
    with pytest.raises(FlowFileError, match=r"No flow in 'one.py' is called 'three'; there is 'one' \(first\)"):
        name_of(file("one.py", ONE), "three")


def test_a_file_without_a_flow_says_what_to_do(file: File) -> None:
    with pytest.raises(FlowFileError, match="Build it at the top level"):
        name_of(file("none.py", "x = 1"))


# --- the kinds --------------------------------------------------------------------------------------------------------


def test_a_module_of_the_current_folder(file: File) -> None:
    file("nightly/__init__.py", "")
    file("nightly/jobs.py", TWO)

    assert name_of("nightly.jobs", "one") == "one"
    assert name_of("nightly.jobs:second") == "two"


def test_a_flow_that_was_saved(folder: Path) -> None:
    with Flow("Saved flow") as flow:
        task(lambda: 1, name="one")()
    flow.save()
    flow.save(folder / "here.prefect")

    assert name_of("Saved flow") == name_of("saved-flow") == name_of(str(folder / "here.prefect")) == "Saved flow"


def test_what_does_not_exist_says_what_there_is(folder: Path) -> None:
    with pytest.raises(FlowFileMissing, match=f"no file 'x/y.py'. Check the path; you are in '{folder}'"):
        name_of("x/y.py")
    with pytest.raises(FlowFileMissing, match="no file, no module and no saved flow 'nothing'"):
        name_of("nothing")
    with pytest.raises(FlowFileMissing, match="no saved flow 'not.a.module'"):
        name_of("not.a.module")


def test_a_file_of_another_kind_is_refused(file: File, folder: Path) -> None:
    with pytest.raises(FlowFileError, match="is no flow file"):
        name_of(str(folder / file("notes.txt", "hello")))


# --- a script ---------------------------------------------------------------------------------------------------------


def test_a_script_finds_what_lies_beside_it(file: File) -> None:
    file("deep/helper_of_the_flow.py", "NAME = 'helped'")
    file("deep/flow.py", "from prefect import Flow\nfrom helper_of_the_flow import NAME\nflow = Flow(NAME)")

    assert name_of("deep/flow.py") == "helped"


@pytest.mark.parametrize(
    "guard",
    [
        'if __name__ == "__main__":',
        "if '__main__' == __name__:",
        'if __name__ == "__main__" and True:',
        'if not __name__ != "__main__":',
    ],
)
def test_what_is_guarded_does_not_run(file: File, guard: str) -> None:
    code = f"from prefect import Flow\nflow = Flow('x')\n{guard}\n    raise ValueError('it ran')"

    assert name_of(file("guarded.py", code)) == "x"


def test_a_run_that_is_not_guarded_is_passed_over_with_a_warning(file: File, caplog: pytest.LogCaptureFixture) -> None:
    assert name_of(file("one.py", f"{ONE}\n    first.run()")) == "one"
    assert "passed over" in caplog.text


def test_what_a_script_defines_is_named_as_when_python_runs_it(file: File) -> None:
    code = f"""{ONE}
    import pickle, sys
    from dataclasses import dataclass

    @dataclass
    class Point:
        x: int

    def double(x):
        return 2 * x

    first.seen = pickle.dumps([Point(4), double]), sys.argv[:], __file__
    """
    file("points.py", code)

    with flow_in("points.py") as flow:
        data, argv, own = flow.seen
        point, double = pickle.loads(data)
        assert (double(point.x), type(point).__module__) == (8, "__main__")
    assert argv == [own]
    assert own == os.path.abspath("points.py")


def test_afterwards_everything_is_as_before(file: File) -> None:
    before = sys.modules["__main__"], sys.path[:], sys.argv[:]

    name_of(file("one.py", ONE))
    with pytest.raises(FlowFileError):
        name_of(file("broken.py", "1/0"))

    assert (sys.modules["__main__"], sys.path[:], sys.argv[:]) == before


# --- mistakes in the user's code --------------------------------------------------------------------------------------


def told(target: str) -> str:
    with pytest.raises(FlowFileError) as caught:
        name_of(target)
    return str(caught.value)


def test_an_error_is_told_with_the_frames_of_the_users_code_alone(file: File) -> None:
    message = told(file("broken.py", "def f():\n    return 1 / 0\n\nf()\n"))

    assert message.startswith("'broken.py' cannot be loaded.\n\nTraceback")
    assert "broken.py" in message
    assert "return 1 / 0" in message
    assert "flow_files.py" not in message
    assert message.endswith("ZeroDivisionError: division by zero")


def test_a_wrong_call_of_the_package_is_told_where_the_user_made_it(file: File) -> None:
    message = told(file("wrong.py", "from prefect import Flow\nflow = Flow('x', schedule=1, tasks=[7])\n"))

    assert "Flow('x', schedule=1, tasks=[7])" in message
    assert "graph.py" not in message


def test_a_mistake_of_syntax_is_told_with_its_line(file: File) -> None:
    message = told(file("syntax.py", "x = (1,\ny = 2\n"))

    assert "syntax.py" in message
    assert "SyntaxError" in message
    assert "ast.py" not in message


def test_a_module_that_is_missing_is_told(file: File) -> None:
    assert "No module named 'nothing_of_that_name'" in told(file("missing.py", "import nothing_of_that_name"))


@pytest.mark.parametrize("code", ["import sys\nsys.exit(3)", "flow = None\nflow.result"])
def test_a_script_that_ends_itself_or_uses_what_run_returns_gets_a_hint(file: File, code: str) -> None:
    assert "Put what runs the flow below" in told(file("ends.py", code))
