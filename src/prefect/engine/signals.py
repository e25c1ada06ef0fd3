"""Signals: exceptions that a task raises to choose the state its run ends in.

They are `BaseException`s, so that `except Exception` in a task does not swallow them.

| raise | and the run becomes |
|---|---|
| `SUCCESS` | `Success` with the result given |
| `SKIP` | `Skipped` |
| `FAIL`, `VALIDATIONFAIL` | `Failed`, `ValidationFailed`, then retried if the task has retries left |
| `RETRY` | `Retrying`, whatever `max_retries` says |
| `PAUSE` | `Paused` |
| `LOOP` | `Looped`, and `run` is called again at once |
| `ENDRUN(state)` | that state, and nothing more happens to it |
"""

from __future__ import annotations

from typing import Any, ClassVar

from prefect.engine.state import (
    Failed,
    Looped,
    Paused,
    Retrying,
    Skipped,
    State,
    Success,
    TriggerFailed,
    ValidationFailed,
)
from prefect.exceptions import PrefectSignal, TaskSettingError, TaskTimeoutSignal, VersionLockMismatchSignal

__all__ = [
    "ENDRUN",
    "FAIL",
    "LOOP",
    "PAUSE",
    "RETRY",
    "SKIP",
    "SUCCESS",
    "TRIGGERFAIL",
    "VALIDATIONFAIL",
    "PrefectStateSignal",
    "TaskTimeoutSignal",
    "VersionLockMismatchSignal",
    "signal_from_state",
]


class PrefectStateSignal(PrefectSignal):
    """A signal that stands for a state, found at its attribute `state`.

    Args:
        message: the message of the state.
        *args: further arguments of the exception.
        **kwargs: fields of the state; its `result` is the signal itself unless one is given.
    """

    state_class: ClassVar[type[State]] = State

    def __init__(self, message: str | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(message, *args)
        kwargs.setdefault("result", self.default_result())
        self.state = self.state_class(message=message, **kwargs)

    def default_result(self) -> Any:
        return self

    def __reduce__(self) -> Any:
        return rebuild, (type(self), self.args, {**self.__dict__, "state": without(self, self.state)})


def without(signal: PrefectStateSignal, state: State) -> State | tuple[Any, ...]:
    """A state to travel beside the signal, which must not hold the signal again."""
    if state.result is not signal:
        return state
    plain: Any
    slots: dict[str, Any]
    plain, slots = object.__getstate__(state)  # type: ignore[misc]
    return (type(state), plain, {**slots, "_held": None})


def rebuild(cls: type[PrefectStateSignal], args: tuple[Any, ...], attributes: dict[str, Any]) -> PrefectStateSignal:
    signal = cls.__new__(cls, *args)
    signal.args = args
    signal.__dict__.update(attributes)
    if isinstance(signal.state, tuple):
        state_class, plain, slots = signal.state
        state = state_class.__new__(state_class)
        state.__dict__.update(plain or {})
        for name, value in slots.items():
            setattr(state, name, value)
        state._held = signal
        signal.state = state
    return signal


class FAIL(PrefectStateSignal):
    """End the run as `Failed`."""

    state_class = Failed


class TRIGGERFAIL(FAIL, Exception):
    """End the run as `TriggerFailed`: the upstream states are not the ones to run after."""

    state_class = TriggerFailed


class VALIDATIONFAIL(FAIL):
    """End the run as `ValidationFailed`."""

    state_class = ValidationFailed


class SUCCESS(PrefectStateSignal):
    """End the run as `Success` at once."""

    state_class = Success


class SKIP(PrefectStateSignal):
    """End the run as `Skipped`; tasks behind it are skipped too unless they say otherwise."""

    state_class = Skipped


class RETRY(PrefectStateSignal):
    """Run the task again, at `start_time` if given."""

    state_class = Retrying


class PAUSE(PrefectStateSignal):
    """Wait for a person to resume the run, or for `start_time` if given."""

    state_class = Paused


class LOOP(PrefectStateSignal):
    """Run the task again at once; `result` is found there as `prefect.context.task_loop_result`."""

    state_class = Looped

    def default_result(self) -> Any:
        return repr(self)


class ENDRUN(PrefectSignal):
    """End the run in a given state, without retries or caching."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state = state


def signal_from_state(state: State) -> type[PrefectStateSignal]:
    """The signal class that ends a run in a state of this type.

    Raises:
        TaskSettingError: no signal leads to such a state.
    """
    signals = (FAIL, TRIGGERFAIL, VALIDATIONFAIL, SUCCESS, SKIP, RETRY, PAUSE, LOOP)
    for signal in signals:
        if signal.state_class is type(state):
            return signal
    raise TaskSettingError(f"No signal leads to a state of type {type(state).__name__}.")
