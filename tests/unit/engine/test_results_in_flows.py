"""Results as flows use them: what is stored, what is found at a target, and what is wrong with either."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect import Flow, context, task, unmapped
from prefect.engine.result import Result
from prefect.engine.results import LocalResult
from prefect.engine.serializers import JSONSerializer
from prefect.engine.state import Cached, Failed, State, Success
from prefect.exceptions import (
    ResultNotImplementedError,
    ResultStoreError,
    ResultUnreadable,
    TaskSettingError,
)


@pytest.fixture(autouse=True)
def checkpointing() -> Iterator[None]:
    with context(checkpointing=True):
        yield


@pytest.fixture
def calls() -> list[int]:
    return []


@pytest.fixture
def state_of(calls: list[int]) -> Callable[..., State]:
    """The state of one task with these settings, after a run of a flow of it alone; its value is 1, 2 …"""

    def state_of(flow_result: Result | None = None, **settings: Any) -> State:
        @task(name="count", **settings)
        def count() -> int:
            calls.append(1)
            return len(calls)

        with Flow("results", result=flow_result) as flow:
            count()
        found: State = flow.run().result[flow.get_tasks("count")[0]]
        return found

    return state_of


# --- storing ----------------------------------------------------------------------------------------------------------


def test_a_value_is_stored_and_its_size_and_digest_travel_with_the_state(
    state_of: Callable[..., State], tmp_path: Path
) -> None:
    state = state_of(result=LocalResult(tmp_path, location="{task_name}.json", serializer=JSONSerializer()))

    again = pickle.loads(pickle.dumps(state))

    assert (tmp_path / "count.json").read_bytes() == b"1"
    assert again._result.location == str(tmp_path / "count.json")
    assert again._result.stored == state._result.stored
    assert again._result.stored.size == 1


def test_the_result_of_the_flow_serves_tasks_without_one(state_of: Callable[..., State], tmp_path: Path) -> None:
    state_of(flow_result=LocalResult(tmp_path), target="x")

    assert (tmp_path / "x").exists()


def test_children_of_a_map_are_stored_each_in_its_place(tmp_path: Path) -> None:
    @task(result=LocalResult(tmp_path, serializer=JSONSerializer()), target="{map_index}.json")
    def add(x: int, y: int) -> int:
        return x + y

    with Flow("map") as flow:
        add.map([1, 2, 3], unmapped(10))
    flow.run()

    assert [(tmp_path / f"{index}.json").read_text() for index in range(3)] == ["11", "12", "13"]


def test_a_value_that_cannot_be_stored_fails_its_task_and_leaves_the_old_one(
    state_of: Callable[..., State], tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"in the way")

    state = state_of(result=LocalResult(tmp_path, location="file/x"))

    assert type(state) is Failed
    assert isinstance(state.result, ResultStoreError)
    assert str(tmp_path / "file" / "x") in str(state.message)
    assert (tmp_path / "file").read_bytes() == b"in the way"


# --- locations --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["location", "target"])
def test_an_unknown_key_of_a_template_fails_the_task_and_is_named(
    state_of: Callable[..., State], tmp_path: Path, setting: str
) -> None:
    if setting == "target":
        state = state_of(target="{tsak_name}", result=LocalResult(tmp_path))
    else:
        state = state_of(result=LocalResult(tmp_path, location="{tsak_name}"))

    assert type(state) is Failed
    assert isinstance(state.result, TaskSettingError)
    assert "'{tsak_name}' asks for 'tsak_name'" in str(state.message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("settings", [{}, {"result": Result()}])
def test_a_target_on_a_result_that_cannot_store_fails_the_task_before_it_runs(
    state_of: Callable[..., State], calls: list[int], settings: dict[str, Any]
) -> None:
    state = state_of(target="x", **settings)

    assert type(state) is Failed
    assert isinstance(state.result, ResultNotImplementedError)
    assert "LocalResult" in str(state.message)
    assert calls == []


# --- what is found at a target ----------------------------------------------------------------------------------------


def test_a_value_at_the_target_is_taken_instead_of_running(
    state_of: Callable[..., State], calls: list[int], tmp_path: Path
) -> None:
    first = state_of(target="x", result=LocalResult(tmp_path))
    second = state_of(target="x", result=LocalResult(tmp_path))

    assert (type(first), type(second)) == (Success, Cached)
    assert (first.result, second.result, len(calls)) == (1, 1, 1)
    assert second._result.stored == first._result.stored


@pytest.mark.parametrize("content", [b"", b"garbage", pickle.dumps([1, 2, 3])[:-2], pickle.dumps(1) + b"\0\0"])
@pytest.mark.parametrize("retries", [{}, {"max_retries": 1, "retry_delay": 0}])
def test_a_corrupt_file_at_the_target_fails_the_task_and_is_named_and_kept(
    state_of: Callable[..., State], calls: list[int], tmp_path: Path, content: bytes, retries: dict[str, Any]
) -> None:
    (tmp_path / "x").write_bytes(content)

    state = state_of(target="x", result=LocalResult(tmp_path), **retries)

    assert type(state) is Failed
    assert isinstance(state.result, ResultUnreadable)
    assert str(tmp_path / "x") in str(state.message)
    assert calls == []
    assert (tmp_path / "x").read_bytes() == content


def test_a_corrupt_file_that_is_deleted_is_made_again(state_of: Callable[..., State], tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"garbage")
    state_of(target="x", result=LocalResult(tmp_path))

    (tmp_path / "x").unlink()

    assert type(state_of(target="x", result=LocalResult(tmp_path))) is Success


def test_a_failed_target_does_not_stop_tasks_that_do_not_need_it(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"garbage")

    @task(target="x", result=LocalResult(tmp_path))
    def broken() -> int:
        return 1

    @task
    def fine() -> int:
        return 2

    with Flow("two") as flow:
        broken()
        other = fine()

    assert flow.run().result[other].result == 2
