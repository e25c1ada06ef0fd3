"""State handlers made from simpler callbacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect.engine.state import State

StateHandler = Callable[[Any, State, State], State | None]


def failure_handler(callback: Callable[[Any, State], Any]) -> StateHandler:
    """Call `callback(task_or_flow, state)` whenever a failed state is reached."""

    def on_failure(obj: Any, old_state: State, new_state: State) -> State:
        if new_state.is_failed():
            callback(obj, new_state)
        return new_state

    return on_failure
