"""Flow files: a flow is saved and loaded whole, or there is an error that says what is wrong with the file."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import prefect
from prefect import Flow, Parameter, Task, task
from prefect.exceptions import FlowFileError, FlowFileMissing
from prefect.schedules import CronSchedule
from prefect.serialization.flow_file import digest, slug
from prefect.utilities.configuration import set_temporary_config


@task(max_retries=1, retry_delay=1)
def add(x: int, y: int = 1) -> int:
    return x + y


def simple(name: str = "My Flow!") -> Flow:
    """x ─▶ add ─▶ add"""
    factor = 10
    with Flow(name, schedule=CronSchedule("@daily")) as flow:
        add(add(Parameter("x"), 2) * factor)
    return flow


def load(path: Any) -> Flow:
    """Load a flow, which must not cost a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return Flow.load(path)


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    """The folder of saved flows."""
    with set_temporary_config({"home_dir": str(tmp_path / "home")}):
        yield tmp_path / "home" / "flows"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A file with a flow."""
    return Path(simple().save(tmp_path / "saved.prefect"))


def value_of_last(flow: Flow, **parameters: int) -> Any:
    state = flow.run(run_on_schedule=False, parameters=parameters)
    return state.result[flow.sorted_tasks()[-1]].result


# --- there and back ---------------------------------------------------------------------------------------------------


def test_a_loaded_flow_is_described_as_the_saved_one_and_runs(saved: Path) -> None:
    flow = load(saved)

    assert flow.serialize() == simple().serialize()
    assert flow.serialized_hash() == simple().serialized_hash()
    assert value_of_last(flow, x=1) == value_of_last(simple(), x=1) == 31


def test_a_loaded_flow_can_be_saved_again_and_built_further(saved: Path) -> None:
    flow = load(saved)
    with flow:
        add(5, task_args={"name": "more"})

    again = load(flow.save(saved))

    assert again.serialize() == flow.serialize()
    assert len(again.tasks) == len(simple().tasks) + 1


def test_a_flow_from_a_document_can_be_saved(tmp_path: Path) -> None:
    flow = Flow.deserialize(simple().serialize())

    assert load(flow.save(tmp_path / "f")).serialize() == simple().serialize()


def test_save_returns_the_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    path = simple().save("some/flow.bin")

    assert path == str(tmp_path / "some" / "flow.bin")
    assert load("some/flow.bin").name == load(path).name == "My Flow!"


def test_a_flow_is_saved_under_its_name_in_the_home_directory(folder: Path) -> None:
    assert simple().save() == str(folder / "my-flow.prefect")


@pytest.mark.parametrize("name", ["My Flow!", "my-flow", "my-flow.prefect"])
def test_a_saved_flow_is_found_by_its_name(name: str, folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()  # is no file, so it is not meant
    simple().save()

    assert load(name).name == "My Flow!"


def test_a_file_that_is_there_comes_before_a_name(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    simple("etl").save()
    simple("other").save("etl")

    assert load("etl").name == "other"


def test_saving_again_replaces_the_file_and_leaves_nothing_else(saved: Path) -> None:
    Flow("new").save(saved)

    assert load(saved).name == "new"
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("My Flow!", "my-flow"),
        ("etl_2", "etl_2"),
        ("Crème brûlée", "creme-brulee"),
        ("日本 語", "日本-語"),
        ("../../etc/passwd", "etc-passwd"),
        ("!!!", "flow"),
    ],
)
def test_the_name_of_a_file_is_that_of_the_flow_in_plain_words(name: str, expected: str) -> None:
    assert slug(name) == expected


@given(st.text(min_size=1))
def test_every_name_gives_a_file_name_that_stays_in_its_folder(name: str) -> None:
    assert slug(name)
    assert os.path.basename(slug(name)) == slug(name)
    assert not slug(name).startswith(".")


SCRIPT = """
    from prefect import Flow, task

    class Point:
        def __init__(self, x):
            self.x = x

    @task
    def double(point):
        return 2 * point.x

    with Flow("points") as flow:
        double(Point(4))

    flow.save({path!r})
    print(flow.serialized_hash())
"""


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    variables = {**os.environ, **environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, env=variables, check=False)


def test_a_flow_of_a_script_runs_in_another_process(tmp_path: Path) -> None:
    path = str(tmp_path / "points")
    written = python(SCRIPT.format(path=path), PYTHONHASHSEED="1")

    flow = load(path)

    assert flow.serialized_hash() == written.stdout.strip(), written.stderr
    assert value_of_last(flow) == 8


# --- missing files ----------------------------------------------------------------------------------------------------


def test_a_missing_flow_is_an_error_that_lists_those_that_are_there(folder: Path) -> None:
    simple("one").save()
    simple("two").save()

    with pytest.raises(FlowFileMissing, match=r"three\.prefect.*there are: one\.prefect, two\.prefect") as caught:
        Flow.load("three")

    assert isinstance(caught.value, FileNotFoundError)


def test_a_missing_file_is_an_error_that_lists_its_neighbours(saved: Path) -> None:
    with pytest.raises(FlowFileMissing, match=r"absent.*there are: saved\.prefect"):
        Flow.load(saved.parent / "absent")


def test_a_missing_folder_is_named(folder: Path) -> None:
    with pytest.raises(FlowFileMissing, match="flows' does not exist"):
        Flow.load("x" * 300)


def test_of_many_files_some_are_listed(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}").touch()

    with pytest.raises(FlowFileMissing, match="and 10 more"):
        Flow.load(tmp_path / "absent")


# --- files that are wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"", b"hello", pickle.dumps(Flow("bare")), b"\x80\x04", b"prefect flow", b"PK\x03\x04"], ids=repr
)
def test_a_foreign_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(content)

    with pytest.raises(FlowFileError, match="foreign' is no flow file"):
        Flow.load(path)


def test_a_truncated_file_is_refused_and_says_how_much_is_missing(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-7])

    with pytest.raises(FlowFileError, match="lacks its last 7 bytes, so nothing of it was loaded"):
        Flow.load(saved)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a file with a flow."""
    return Path(simple().save(tmp_path_factory.mktemp("flows") / "f")).read_bytes()


@given(data=st.data())
def test_a_file_that_differs_in_any_byte_is_refused(data: st.DataObject, content: bytes, tmp_path_factory: Any) -> None:
    place = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    path = tmp_path_factory.getbasetemp() / "changed"
    path.write_bytes(content[:place] + bytes([byte]) + content[place + 1 :])

    with pytest.raises(FlowFileError):
        Flow.load(path)


@given(data=st.data())
def test_a_file_that_was_cut_anywhere_is_refused(data: st.DataObject, content: bytes, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "cut"
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])

    with pytest.raises(FlowFileError):
        Flow.load(path)


class Bomb:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


def test_nothing_of_a_changed_file_is_unpickled(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    flow = Flow("f", run_config=Bomb(trace))
    path = Path(flow.save(tmp_path / "f"))
    path.write_bytes(path.read_bytes() + b".")

    with pytest.raises(FlowFileError, match="truncated or was changed"):
        Flow.load(path)

    assert not trace.exists()


def rewritten(path: Path, pickled: bytes | None = None, **header: Any) -> Path:
    """A file with another header or content, and the digest that belongs to it."""
    first, line, old = path.read_bytes().split(b"\n", 2)
    body = json.dumps({**json.loads(line), **header}).encode() + b"\n" + (old if pickled is None else pickled)
    path.write_bytes(b" ".join(first.split(b" ")[:3]) + f" {digest(body)}\n".encode() + body)
    return path


def test_a_file_of_a_newer_format_is_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes().replace(b"prefect flow 1 ", b"prefect flow 2 ", 1))

    with pytest.raises(FlowFileError, match="has the format 2, and prefect-core .* up to 1. Update prefect-core"):
        Flow.load(saved)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"python": "3.2.1"}, f"Python 3.2, and this is Python {sys.version_info.major}.{sys.version_info.minor}"),
        ({"prefect": "0.1"}, f"prefect-core 0.1, and this is prefect-core {prefect.__version__}"),
    ],
)
def test_other_versions_are_worth_a_warning(header: dict[str, str], words: str, saved: Path) -> None:
    with pytest.warns(UserWarning, match=words) as caught:
        flow = Flow.load(rewritten(saved, **header))

    assert [warning.filename for warning in caught] == [__file__]
    assert value_of_last(flow, x=1) == 31


def test_another_patch_of_python_or_another_cloudpickle_is_not(saved: Path) -> None:
    python_here = f"{sys.version_info.major}.{sys.version_info.minor}.99"

    assert load(rewritten(saved, python=python_here, cloudpickle="0.1")).name == "My Flow!"


def test_a_file_that_holds_something_else_is_refused(saved: Path) -> None:
    with pytest.raises(FlowFileError, match="holds a dict, which is no Flow"):
        Flow.load(rewritten(saved, pickle.dumps({})))


def test_a_module_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "helpers_of_mine.py").write_text("def triple(x):\n    return 3 * x\n")
    path = str(tmp_path / "flow")
    code = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from helpers_of_mine import triple
        from prefect import Flow, task

        with Flow("tripled") as flow:
            task(triple)(2)
        flow.save({path!r})
    """
    written = python(code)
    assert written.returncode == 0, written.stderr

    with pytest.raises(FlowFileError, match="The flow 'tripled' needs the module 'helpers_of_mine'") as caught:
        Flow.load(path)

    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_whatever_else_goes_wrong_in_loading_tells_the_versions(saved: Path) -> None:
    pickled = b"\x80\x04cprefect.core.flow\nNoSuchThing\n."

    with pytest.raises(FlowFileError, match=r"cannot be loaded \(AttributeError: .*NoSuchThing.* and cloudpickle"):
        Flow.load(rewritten(saved, pickled))


# --- flows that cannot be saved ---------------------------------------------------------------------------------------


def test_a_flow_that_cannot_be_pickled_says_so_and_leaves_the_file(saved: Path) -> None:
    flow = Flow("locked", tasks=[Task("a")])
    next(iter(flow.tasks)).lock = threading.Lock()

    with pytest.raises(FlowFileError, match="locked.* cannot be saved.*lock"):
        flow.save(saved)

    assert load(saved).name == "My Flow!"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FlowFileError, match="cannot be written to .*inside.*give another path") as caught:
        simple().save(tmp_path / "file" / "inside")

    assert isinstance(caught.value.__cause__, OSError)


def test_a_name_that_is_too_long_for_a_file_says_so(folder: Path) -> None:
    with pytest.raises(FlowFileError, match="name too long"):
        Flow("x" * 400).save()
