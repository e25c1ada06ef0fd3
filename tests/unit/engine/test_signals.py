"""Signals: what a task raises to choose its state."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from prefect.engine import signals
from prefect.engine.signals import (
    ENDRUN,
    FAIL,
    LOOP,
    PAUSE,
    RETRY,
    SKIP,
    SUCCESS,
    TRIGGERFAIL,
    VALIDATIONFAIL,
    PrefectStateSignal,
    signal_from_state,
)
from prefect.engine.state import (
    Cached,
    Cancelled,
    Failed,
    Looped,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Skipped,
    State,
    Success,
    TimedOut,
    TriggerFailed,
    ValidationFailed,
)
from prefect.exceptions import PrefectSignal

PAIRS: list[tuple[type[PrefectStateSignal], type[State]]] = [
    (FAIL, Failed),
    (TRIGGERFAIL, TriggerFailed),
    (VALIDATIONFAIL, ValidationFailed),
    (SUCCESS, Success),
    (SKIP, Skipped),
    (RETRY, Retrying),
    (PAUSE, Paused),
    (LOOP, Looped),
]


@pytest.mark.parametrize(("signal", "state"), PAIRS)
def test_a_signal_makes_its_state(signal: type[PrefectStateSignal], state: type[State]) -> None:
    raised = signal("because")

    assert type(raised.state) is state
    assert raised.state.message == str(raised) == "because"


@pytest.mark.parametrize(("signal", "state"), PAIRS)
def test_a_state_tells_its_signal(signal: type[PrefectStateSignal], state: type[State]) -> None:
    assert signal_from_state(state()) is signal


@pytest.mark.parametrize("state", [Cancelled, TimedOut, Cached, Mapped, Pending])
def test_some_states_have_no_signal(state: type[State]) -> None:
    with pytest.raises(ValueError, match=state.__name__):
        signal_from_state(state())


@pytest.mark.parametrize("signal", [signal for signal, _ in PAIRS if signal is not LOOP])
def test_the_result_is_the_signal_itself_unless_one_is_given(signal: type[PrefectStateSignal]) -> None:
    raised = signal("because")

    assert raised.state.result is raised
    assert signal(result=5).state.result == 5
    assert signal(result=None).state.result is None


def test_the_result_of_a_loop_is_what_is_given_and_never_the_signal() -> None:
    assert isinstance(LOOP("again").state.result, str)
    assert LOOP(result=[1]).state.result == [1]


def test_fields_of_the_state_can_be_given() -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)

    assert RETRY(start_time=moment).state.start_time == moment
    assert PAUSE(start_time=moment).state.start_time == moment
    assert PAUSE().state.start_time is None


@pytest.mark.parametrize("signal", [each for each, _ in PAIRS if each is not TRIGGERFAIL] + [ENDRUN])
def test_signals_are_not_exceptions_so_that_tasks_do_not_swallow_them(signal: Any) -> None:
    assert issubclass(signal, PrefectSignal)
    assert not issubclass(signal, Exception)


def test_a_refusing_trigger_is_an_exception_as_well() -> None:
    assert isinstance(TRIGGERFAIL().state.result, Exception)
    assert isinstance(TRIGGERFAIL(), FAIL)


def test_endrun_carries_any_state() -> None:
    state = Cancelled()

    assert ENDRUN(state).state is state
    assert not issubclass(ENDRUN, PrefectStateSignal)


def test_the_names_of_old_are_here() -> None:
    assert {"TaskTimeoutSignal", "VersionLockMismatchSignal"} <= set(signals.__all__)


@pytest.mark.parametrize("signal", [signal for signal, _ in PAIRS])
def test_a_signal_survives_pickling_with_what_was_attached_to_it(signal: type[PrefectStateSignal]) -> None:
    raised: Any = signal("because")
    raised.note = "attached"

    copy = pickle.loads(pickle.dumps(raised))

    assert (type(copy), copy.args, copy.note) == (signal, raised.args, "attached")
    assert (type(copy.state), copy.state.message) == (type(raised.state), "because")
    if signal is not LOOP:
        assert copy.state.result is copy


def test_a_state_whose_result_is_its_signal_survives_pickling() -> None:
    state = FAIL("because").state

    copy = pickle.loads(pickle.dumps(state))

    assert type(copy.result) is FAIL
    assert copy.message == "because"
