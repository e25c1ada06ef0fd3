"""Values that need not be made again: targets, cached states and checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from prefect.core.task import Task
from prefect.engine.result.base import Result
from prefect.engine.state import Cached, State, Success
from prefect.utilities.context import context, lookup
from prefect.utilities.datetimes import utcnow
from prefect.utilities.hashing import digest

Caches = dict[str, list[Cached]]


def cache_key(task: Task) -> str:
    """What tasks must have in common to share cached values: the key they were given, or name and code."""
    if task.cache_key:
        return str(task.cache_key)
    run = task.run
    return f"{getattr(run, '__module__', '')}.{getattr(run, '__qualname__', type(task).__qualname__)}:{task.name}"


def template_values(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What a template of a location or a name may use: parameters, then the context, then the task's inputs."""
    return {**(lookup("parameters") or {}), **context.to_dict(), **inputs}


# --- targets and checkpoints ------------------------------------------------------------------------------------------


def find_target(result: Result, inputs: Mapping[str, Any]) -> Cached | None:
    """The state of a task whose value is already where it would be stored."""
    values = {key: value for key, value in template_values(inputs).items() if key != "self"}
    target = result.locate(values)
    if target is None or not result.exists(target):
        return None
    return Cached(f"A value was found at the target {target!r}.", result=result.read(target))


def checkpoint(result: Result, value: Any, inputs: Mapping[str, Any]) -> Result:
    """Store a value, and return the result that says where."""
    return result.write(value, **template_values(inputs))


# --- cached states ----------------------------------------------------------------------------------------------------


def find_cached(task: Task, candidates: Iterable[Cached], inputs: Mapping[str, Any]) -> Cached | None:
    """The first cached state that the task's validator accepts."""
    parameters = lookup("parameters")
    for candidate in candidates:
        if task.cache_validator(candidate, inputs, parameters):
            return candidate
    return None


def to_cache(task: Task, state: State, inputs: Mapping[str, Any]) -> Cached:
    """The state of a run whose value later runs may use."""
    return Cached(
        state.message,
        result=state._result,
        hashed_inputs={key: digest(value) for key, value in inputs.items()},
        cached_parameters=dict(lookup("parameters") or {}),
        cached_result_expiration=utcnow() + (task.cache_for or timedelta(0)),
    )


def remember(caches: Caches, task: Task, state: State) -> None:
    """Keep a cached state for later runs, and drop those that have expired."""
    if not isinstance(state, Cached) or task.cache_for is None:
        return
    now = utcnow()
    kept = [
        old
        for old in caches.get(cache_key(task), [])
        if old is not state and (old.cached_result_expiration is None or old.cached_result_expiration > now)
    ]
    caches[cache_key(task)] = [state, *kept]


def refreshed(state: State) -> bool:
    """Was the value just made, rather than found?"""
    return type(state) is Success
