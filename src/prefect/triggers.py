"""Triggers: functions that decide from the states of a task's upstream tasks whether it may run.

A trigger takes `{edge: state}` and returns True, or returns False to make the task `TriggerFailed`, or raises a signal
to choose another state. A mapped upstream task counts as its children; constants and plain values do not count.
Skips are looked at before triggers: see `skip_on_upstream_skip`.

| trigger | runs when |
|---|---|
| `all_successful` (the default) | every upstream task succeeded; skipped counts as success |
| `all_finished`, `always_run` | every upstream task is over, however it ended |
| `all_failed` | every upstream task failed |
| `any_successful`, `any_failed` | at least one did |
| `some_successful(...)`, `some_failed(...)` | so many did |
| `not_all_skipped` | every upstream task succeeded, and not all were skipped |
| `manual_only` | a person resumes it |

Without upstream tasks every trigger but `manual_only` lets the task run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from prefect.engine.signals import PAUSE, SKIP
from prefect.engine.state import Mapped, State
from prefect.utilities.context import lookup

if TYPE_CHECKING:
    from prefect.core.edge import Edge

UpstreamStates = Mapping["Edge", State]
Trigger = Callable[[UpstreamStates], bool]


def counted(upstream_states: UpstreamStates) -> list[State]:
    """The states a trigger looks at: children stand for their mapped task, and each state counts once."""
    found: dict[int, State] = {}
    for edge, state in upstream_states.items():
        for each in children_of(state, mapped=bool(getattr(edge, "mapped", False))):
            found[id(each)] = each
    return list(found.values())


def children_of(state: State, mapped: bool = False) -> Iterable[State]:
    if isinstance(state, Mapped) and not mapped:
        return [child for child in state.map_states if child is not None]
    return [state]


def all_finished(upstream_states: UpstreamStates) -> bool:
    """Every upstream task is over, however it ended."""
    return all(state.is_finished() for state in counted(upstream_states))


def always_run(upstream_states: UpstreamStates) -> bool:
    """Another name of `all_finished`."""
    return all_finished(upstream_states)


def all_successful(upstream_states: UpstreamStates) -> bool:
    """Every upstream task succeeded or was skipped."""
    return all(state.is_successful() for state in counted(upstream_states))


def all_failed(upstream_states: UpstreamStates) -> bool:
    """Every upstream task failed."""
    return all(state.is_failed() for state in counted(upstream_states))


def any_successful(upstream_states: UpstreamStates) -> bool:
    """At least one upstream task succeeded."""
    states = counted(upstream_states)
    return not states or any(state.is_successful() for state in states)


def any_failed(upstream_states: UpstreamStates) -> bool:
    """At least one upstream task failed."""
    states = counted(upstream_states)
    return not states or any(state.is_failed() for state in states)


def not_all_skipped(upstream_states: UpstreamStates) -> bool:
    """Every upstream task succeeded, and at least one really ran; if all were skipped, this task is too."""
    states = counted(upstream_states)
    if states and all(state.is_skipped() for state in states):
        raise SKIP("Every upstream task was skipped.", result=None)
    return all(state.is_successful() for state in states)


def manual_only(upstream_states: UpstreamStates) -> bool:
    """A person has to resume the task; until then it is `Paused`."""
    if not lookup("resume"):
        raise PAUSE("This task waits until a person resumes it.")
    return True


def some_failed(at_least: float | None = None, at_most: float | None = None) -> Trigger:
    """So many upstream tasks failed.

    Args:
        at_least: the smallest number; below 1 it is a fraction of all upstream tasks.
        at_most: the largest number; below 1 it is a fraction of all upstream tasks.
    """

    def some_failed(upstream_states: UpstreamStates) -> bool:
        states = counted(upstream_states)
        return not states or between(sum(s.is_failed() for s in states), len(states), at_least, at_most)

    return some_failed


def some_successful(at_least: float | None = None, at_most: float | None = None) -> Trigger:
    """So many upstream tasks succeeded; the bounds are those of `some_failed`."""

    def some_successful(upstream_states: UpstreamStates) -> bool:
        states = counted(upstream_states)
        return not states or between(sum(s.is_successful() for s in states), len(states), at_least, at_most)

    return some_successful


def between(count: int, total: int, at_least: float | None, at_most: float | None) -> bool:
    low = 0 if at_least is None else absolute(at_least, total)
    high = total if at_most is None else absolute(at_most, total)
    return low <= count <= high


def absolute(bound: float, total: int) -> float:
    return bound * total if bound < 1 else bound
