"""Where the kinds of results keep values."""

from __future__ import annotations

import os
import pickle
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.configuration import config
from prefect.engine.results import ConstantResult, LocalResult, PrefectResult, SecretResult
from prefect.engine.serializers import DateTimeSerializer, JSONSerializer, PickleSerializer, Serializer
from prefect.exceptions import PrefectException, ResultStoreError, TaskSettingError

scalars = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=6)
file_names = st.from_regex(r"[A-Za-z0-9_-]{1,20}(/[A-Za-z0-9_-]{1,20}){0,3}", fullmatch=True)


class Unwritable(Serializer):
    def serialize(self, value: Any) -> bytes:
        raise OSError("the disk is gone")


class Token:
    """A secret task whose secret changes."""

    name = "token"

    def __init__(self) -> None:
        self.asked = 0

    def run(self) -> str:
        self.asked += 1
        return f"secret {self.asked}"


@given(values, file_names)
def test_every_value_comes_back_from_its_file(value: Any, name: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        written = LocalResult(directory, location="{task_name}").write(value, task_name=name)
        assert written.location == os.path.join(os.path.abspath(directory), name)
        again = LocalResult(directory).read(written.location)
        assert (again.value, again.location) == (value, written.location)
        assert LocalResult(directory).read(name).value == value


def test_writing_makes_a_new_result(tmp_path: Path) -> None:
    template = LocalResult(tmp_path, location="{x}.pkl", serializer=JSONSerializer())
    written = template.write([1], x="a")
    assert (template.value, template.location) == (None, "{x}.pkl")
    assert (written.value, written.serializer) == ([1], JSONSerializer())
    assert (tmp_path / "a.pkl").read_bytes() == b"[1]"


def test_a_function_may_name_the_file(tmp_path: Path) -> None:
    written = LocalResult(tmp_path, location=lambda **values: f"{values['map_index']}.pkl").write(1, map_index=4)
    assert written.location == str(tmp_path / "4.pkl")


def test_files_without_a_name_get_one_each(tmp_path: Path) -> None:
    result = LocalResult(tmp_path)
    written = {result.write(number).location: number for number in range(50)}
    assert len(written) == 50
    assert all(result.read(location or "").value == number for location, number in written.items())
    assert all(name.startswith(f"prefect-result-{datetime.now(UTC).year}") for name in os.listdir(tmp_path))


def test_an_absolute_location_leaves_the_directory(tmp_path: Path) -> None:
    written = LocalResult(tmp_path / "unused").write(1)
    elsewhere = str(tmp_path / "elsewhere" / "x")
    assert LocalResult(tmp_path / "unused", location=elsewhere).write(2).location == elsewhere
    assert LocalResult(tmp_path).read(elsewhere).value == 2
    assert LocalResult(tmp_path).read(written.location or "").value == 1


def test_a_location_exists_once_it_is_written(tmp_path: Path) -> None:
    result = LocalResult(tmp_path, location="{task_name}/{map_index}")
    assert not result.exists("{task_name}/{map_index}", task_name="add", map_index=1)
    written = result.write(5, task_name="add", map_index=1)
    assert result.exists("{task_name}/{map_index}", task_name="add", map_index=1)
    assert result.exists("add/1")
    assert result.exists(written.location or "")
    assert not result.exists("add")  # a directory holds no value


def test_an_unknown_key_is_an_error_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(TaskSettingError, match="'oops'"):
        LocalResult(tmp_path, location="{oops}").write(1, x=1)
    with pytest.raises(TaskSettingError, match="'oops'"):
        LocalResult(tmp_path).exists("{oops}", x=1)
    assert os.listdir(tmp_path) == []


def test_the_default_directory_is_in_the_home_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(config, "home_dir", str(tmp_path))
    assert LocalResult().dir == str(tmp_path / "results")
    assert LocalResult().write(1).location.startswith(str(tmp_path / "results"))  # type: ignore[union-attr]


def test_a_directory_inside_home_is_used_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config, "home_dir", str(tmp_path))
    written = LocalResult(tmp_path / "mine", location="x").write(1)
    assert written.location == str(tmp_path / "mine" / "x")


def test_a_directory_becomes_absolute_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert LocalResult("some/where").dir == str(tmp_path / "some" / "where")
    assert LocalResult("~/there").dir == str(tmp_path / "there")
    assert LocalResult("~/there", validate_dir=False).dir == "~/there"
    assert LocalResult("relative", validate_dir=False, location="x").write(1).location == str(tmp_path / "relative/x")


def test_a_half_written_file_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given: a value that is there
    result = LocalResult(tmp_path, location="x")
    result.write("old")
    seen: list[Any] = []

    # when: the writer of a new one dies with the file complete, but not yet in place
    def die(source: str, target: str) -> None:
        seen.append((os.path.dirname(source), result.read("x").value))
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        result.write("new")

    # then: until the move, and after its failure, readers find the old value and nothing else
    assert seen == [(str(tmp_path), "old")]
    assert result.read("x").value == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_a_value_that_cannot_be_serialized_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="the disk is gone"):
        LocalResult(tmp_path / "dir", location="x", serializer=Unwritable()).write(1)
    assert not (tmp_path / "dir").exists()


def test_a_file_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    assert LocalResult(tmp_path, location="n" * 255).write(1).value == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No result is stored") as caught:
        LocalResult(tmp_path).read("missing")
    assert str(tmp_path / "missing") in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"garbage", pickle.dumps([1, 2, 3])[:-3]])
def test_a_file_that_does_not_hold_a_value_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken").write_bytes(content)
    with pytest.raises(PrefectException, match="PickleSerializer") as caught:
        LocalResult(tmp_path).read("broken")
    assert str(tmp_path / "broken") in str(caught.value)


@pytest.mark.parametrize(
    ("location", "advice"),
    [("taken", "file is where"), ("file/x", "file is where"), ("n" * 300, "shorten the location")],
)
def test_a_file_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path, location: str, advice: str) -> None:
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    (tmp_path / "file").write_text("here")
    with pytest.raises(ResultStoreError, match=advice) as caught:
        LocalResult(tmp_path, location=location).write(1)
    assert str(tmp_path / location) in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert sorted(os.listdir(tmp_path)) == ["file", "taken"]


def test_a_directory_cannot_be_read_as_a_value(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    with pytest.raises(ResultStoreError, match="'.*dir' could not be read"):
        LocalResult(tmp_path).read("dir")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="Root may do anything.")
def test_a_directory_without_permission_is_named_with_what_to_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ResultStoreError, match="Give this user the right"):
        LocalResult(tmp_path, location="x").write(1)


def test_a_local_result_survives_pickling(tmp_path: Path) -> None:
    written = LocalResult(tmp_path, location="x").write({"a": 1})
    again = pickle.loads(pickle.dumps(written))
    assert again == written
    assert again.read("x").value == {"a": 1}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=6))
def test_a_prefect_result_spells_its_value(value: Any) -> None:
    written = PrefectResult(location="{ignored}").write(value)
    assert JSONSerializer().deserialize((written.location or "").encode()) == value
    assert written.value == value
    assert PrefectResult().read(written.location or "") == written


def test_a_location_that_spells_no_value_does_not_exist() -> None:
    assert PrefectResult().exists("[1]")
    assert not PrefectResult().exists("[1")
    assert not PrefectResult(serializer=DateTimeSerializer()).exists("[1]")


def test_moments_can_be_spelled() -> None:
    moment = datetime(2024, 5, 6, tzinfo=UTC)
    written = PrefectResult(serializer=DateTimeSerializer()).write(moment)
    assert written.location == "2024-05-06T00:00:00+00:00"
    assert PrefectResult(serializer=DateTimeSerializer()).read(written.location).value == moment


def test_a_prefect_result_takes_only_serializers_that_make_text() -> None:
    with pytest.raises(TypeError, match="PickleSerializer"):
        PrefectResult(serializer=PickleSerializer())
    with pytest.raises(TypeError):
        PrefectResult().write({1, 2})


def test_a_constant_is_always_there_and_never_written() -> None:
    constant = ConstantResult(value=5)
    assert constant.read("anywhere") is constant
    assert constant.exists("anywhere")
    with pytest.raises(ValueError, match="never changes"):
        constant.write(6)
    with pytest.raises(ValueError, match="serializer"):
        ConstantResult(value=5, serializer=JSONSerializer())


def test_a_secret_is_asked_for_again_and_never_written() -> None:
    token = Token()
    result = SecretResult(token)
    assert result.location == "token"
    assert [result.read("token").value, result.read("token").value] == ["secret 1", "secret 2"]
    assert result.value is None
    assert result.exists("token")
    with pytest.raises(ValueError, match="never|nowhere"):
        result.write("secret")


def test_a_secret_is_not_shown() -> None:
    assert repr(SecretResult(Token()).read("token")) == "<SecretResult: 'token'>"
