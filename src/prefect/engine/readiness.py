"""May a task run now? Pure checks on its own state and the states of its upstream tasks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from prefect.engine.state import Cached, Mapped, Pending, Scheduled, State, Success
from prefect.triggers import all_finished as all_finished
from prefect.triggers import counted

if TYPE_CHECKING:
    from prefect.core.edge import Edge


def may_start(state: State) -> bool:
    """Has the run not begun, or does it have a state that still has to be looked at?"""
    return isinstance(state, (Pending, Mapped, Cached))


def start_reached(state: State, now: datetime) -> bool:
    """Is it time? A pause without an end never gets there by itself."""
    if not isinstance(state, Scheduled):
        return True
    return state.start_time is not None and state.start_time <= now


def any_skipped(upstream_states: Mapping[Edge, State]) -> bool:
    return any(state.is_skipped() for state in counted(upstream_states))


def all_plain(upstream_states: Mapping[Edge, State]) -> bool:
    """Did every upstream task just succeed? Then the checks on them cannot fail."""
    for state in upstream_states.values():  # noqa: SIM110  (twice as quick as `all` over so few)
        if type(state) is not Success:
            return False
    return True
