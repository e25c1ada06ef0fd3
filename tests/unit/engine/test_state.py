"""The tree of states: what each one is, holds and looks like, and how it travels."""

from __future__ import annotations

import copyreg
import pickle
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import cloudpickle
import pytest

from prefect import context
from prefect.engine import state as states
from prefect.engine.result import NoResult, Result
from prefect.engine.results import LocalResult
from prefect.engine.state import (
    Cached,
    Cancelled,
    Cancelling,
    ClientFailed,
    Crashed,
    Failed,
    Finished,
    Looped,
    Mapped,
    Paused,
    Pending,
    Queued,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
    TimedOut,
    TriggerFailed,
    ValidationFailed,
)

EVERY = [State, *State.children()]

NATURE: dict[type[State], str] = {
    State: "",
    Pending: "pending",
    Scheduled: "pending scheduled",
    Paused: "pending scheduled",
    Resume: "pending scheduled",
    Retrying: "pending scheduled retrying",
    ClientFailed: "meta_state",
    Submitted: "meta_state submitted",
    Queued: "meta_state queued scheduled",
    Running: "running",
    Cancelling: "running",
    Finished: "finished",
    Looped: "finished looped",
    Success: "finished successful",
    Cached: "finished successful cached",
    Mapped: "finished successful mapped",
    Skipped: "finished successful skipped",
    Cancelled: "finished",
    Failed: "finished failed",
    TimedOut: "finished failed",
    TriggerFailed: "finished failed",
    Crashed: "finished failed",
    ValidationFailed: "finished failed",
}
PREDICATES = sorted({word for words in NATURE.values() for word in words.split()})

COLORS = {
    State: "#696969",
    Pending: "#7ebdff",
    Scheduled: "#ffab00",
    Paused: "#99a8e8",
    Resume: "#f58c0c",
    Retrying: "#f66a0a",
    ClientFailed: "#eb0000",
    Submitted: "#ffdf5d",
    Queued: "#ffea7f",
    Running: "#3d67ff",
    Cancelling: "#E8E8E8",
    Finished: "#003ccb",
    Looped: "#003ccb",
    Success: "#28a745",
    Cached: "#34d058",
    Mapped: "#003ccb",
    Skipped: "#62757f",
    Cancelled: "#bdbdbd",
    Failed: "#eb0000",
    TimedOut: "#ff4e33",
    TriggerFailed: "#ff5131",
    Crashed: "#b00050",
    ValidationFailed: "#ff5131",
}


class Stubborn(Exception):
    """An error that cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("stubborn")
        self.lock = threading.Lock()


class Demanding(Exception):
    """An error that pickles, but cannot be read back: its `__init__` wants more than its args."""

    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(code)
        self.reason = reason


# What they are


@pytest.mark.parametrize("kind", EVERY)
def test_a_state_knows_its_nature(kind: type[State]) -> None:
    state = kind()

    assert [word for word in PREDICATES if getattr(state, f"is_{word}")()] == sorted(NATURE[kind].split())


@pytest.mark.parametrize("kind", EVERY)
def test_a_state_has_a_color(kind: type[State]) -> None:
    assert kind.color == kind().color == COLORS[kind]


def test_the_tree_can_be_listed() -> None:
    assert set(State.children()) == NATURE.keys() - {State}
    assert Scheduled.children(names_only=True) == ["Paused", "Resume", "Retrying"]
    assert set(Finished.children(include_self=True, names_only=True)) >= {"Finished", "Success", "Cached"}
    assert Success.parents(names_only=True) == ["Finished", "State"]
    assert Queued.parents(include_self=True, names_only=True) == ["Queued", "State"]


# What they hold


def test_the_first_argument_is_the_message_and_the_second_the_result() -> None:
    state = Success("done", 3)

    assert (state.message, state.result) == ("done", 3)


def test_without_a_result_the_value_is_none() -> None:
    assert Success().result is None
    assert Success()._result is NoResult


def test_a_plain_value_is_wrapped_and_a_result_is_kept() -> None:
    result = Result(3, location="there")

    assert Success(result=3)._result == Result(3)
    assert Success(result=result)._result is result
    assert Success(result=result).result == 3


def test_the_result_can_be_replaced() -> None:
    state = Success(result=1)
    state.result = 2
    assert (state.result, state._result) == (2, Result(2))
    state._result = Result(4)
    assert state.result == 4


def test_a_scheduled_state_starts_now_a_paused_one_never() -> None:
    assert abs(Scheduled().start_time - datetime.now(UTC)) < timedelta(seconds=1)  # type: ignore[operator]
    assert Paused().start_time is None
    assert abs(Queued().start_time - datetime.now(UTC)) < timedelta(seconds=1)


@pytest.mark.parametrize("kind", [Scheduled, Paused, Resume, Retrying, Queued])
def test_a_naive_start_time_is_taken_as_utc(kind: Any) -> None:
    assert kind(start_time=datetime(2026, 1, 1)).start_time == datetime(2026, 1, 1, tzinfo=UTC)


def test_counts_come_from_the_run_or_are_one() -> None:
    assert (Retrying().run_count, Looped().loop_count) == (1, 1)
    with context(task_run_count=3, task_loop_count=7):
        assert (Retrying().run_count, Looped().loop_count) == (3, 7)
        assert Scheduled().context["task_run_count"] == 3
    assert (Retrying(run_count=5).run_count, Looped(loop_count=6).loop_count) == (5, 6)


def test_inside_a_task_run_a_state_carries_the_tags_of_the_task() -> None:
    assert Success().context == {}
    with context(task_tags={"red"}):
        assert Success().context == {"tags": ["red"]}


def test_the_result_of_a_mapped_state_is_that_of_its_children() -> None:
    state = Mapped(map_states=[Success(result=1), None, Failed(result=2)])

    assert state.result == [1, None, 2]
    assert state.n_map_states == 3
    assert Mapped(n_map_states=5).n_map_states == 5
    assert Mapped().map_states == []


def test_states_about_a_state_do_not_nest() -> None:
    inner = Retrying()

    assert Queued(state=Submitted(state=inner)).state is inner
    assert states.unwrapped(Submitted(state=inner)) is inner
    assert states.unwrapped(inner) is inner


# How they compare and look


def test_states_are_equal_if_their_kind_result_and_fields_are() -> None:
    assert Success("a", 1, context={"x": 1}) == Success("b", 1)
    assert Success(result=1) != Success(result=2)
    assert Success(result=1) != Cached(result=1)
    assert Retrying(run_count=1, start_time=datetime(2026, 1, 1)) == Retrying(
        run_count=1, start_time=datetime(2026, 1, 1)
    )
    assert Retrying(run_count=1) != Retrying(run_count=2)
    assert Success() != 1


def test_equal_states_are_two_in_a_set() -> None:
    assert len({Success(), Success()}) == 2


def test_a_state_shows_its_kind_and_message() -> None:
    assert repr(Success()) == "<Success>"
    assert repr(Failed("boom")) == '<Failed: "boom">'


# How they travel


@pytest.mark.parametrize("kind", EVERY)
def test_a_state_survives_pickling(kind: type[State]) -> None:
    state = kind("a message", {"a": 1}, context={"tags": ["x"]})

    copy = pickle.loads(pickle.dumps(state))

    assert copy == state
    assert (copy.message, copy.context) == ("a message", state.context)


def test_a_mapped_state_travels_with_its_children() -> None:
    copy = pickle.loads(pickle.dumps(Mapped(map_states=[Success(result=1), None])))

    assert copy.result == [1, None]
    assert copy.map_states[0] == Success(result=1)


@pytest.mark.parametrize("error", [Stubborn(), Demanding(3, reason="no")])
def test_an_error_that_cannot_travel_is_described_instead(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    # Importing Dask teaches pickle about the exceptions that exist by then.
    monkeypatch.delitem(copyreg.dispatch_table, type(error), raising=False)
    state = Failed(result=error)

    copy = cloudpickle.loads(cloudpickle.dumps(state))

    assert repr(error) in copy.result
    assert state.result is error


def test_a_value_that_cannot_travel_is_still_an_error() -> None:
    with pytest.raises(TypeError, match="lock"):
        cloudpickle.dumps(Success(result=threading.Lock()))


# Values that are stored elsewhere


def test_a_state_reads_its_value_from_where_it_is_stored(tmp_path: Any) -> None:
    stored = LocalResult(dir=tmp_path, location="x").write(42)
    known_place = Success(result=LocalResult(dir=tmp_path, location=stored.location))

    assert known_place.result is None
    assert known_place.load_result().result == 42
    assert Success(result=Result(location=stored.location)).load_result(LocalResult(dir=tmp_path)).result == 42


def test_a_mapped_state_reads_the_values_of_its_children(tmp_path: Any) -> None:
    stored = LocalResult(dir=tmp_path, location="x").write(42)
    state = Mapped(map_states=[Success(result=LocalResult(dir=tmp_path, location=stored.location)), None])

    assert state.load_result().result == [42, None]
    assert state.load_cached_results() is state
