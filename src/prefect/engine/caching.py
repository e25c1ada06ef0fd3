"""Values that need not be made again: targets, cached states and checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from prefect.core.task import SETTINGS, Task
from prefect.engine.cache import Cache, Recipe, Shelf, digests, expired, fingerprint, recipe_of
from prefect.engine.cache_validators import Compared, compared, never_use
from prefect.engine.result.base import Result
from prefect.engine.state import Cached, State, Success
from prefect.exceptions import ResultMissing, ResultUnreadable
from prefect.utilities.code import code_of
from prefect.utilities.context import context, lookup
from prefect.utilities.datetimes import utcnow

UNSEEN = frozenset({"_run_limits", "_run_signature", "_state_handlers", "_tags"})
SAID: set[tuple[str, str]] = set()
NOTHING = Compared(frozenset(), frozenset())


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
    try:
        found = result.read(target)
    except ResultMissing:  # somebody took it away in between
        return None
    return Cached(f"A value was found at the target {target!r}.", result=found)


def checkpoint(result: Result, value: Any, inputs: Mapping[str, Any]) -> Result:
    """Store a value, and return the result that says where."""
    return result.write(value, **template_values(inputs))


# --- cached states ----------------------------------------------------------------------------------------------------


class Order(NamedTuple):
    """What one run of a task asks of the cache, worked out before the run can change its inputs.

    Attributes:
        key: what tasks must have in common to share cached values.
        recipe: what its value is made from.
        compared: what its validator compares; None if only the validator itself knows.
        unstable: what the value is made from, is compared, and cannot be recognized; then nothing is cached.
        why: why the task runs; None before it was looked up.
    """

    key: str
    recipe: Recipe
    compared: Compared | None
    unstable: list[str]
    why: str | None = None


def order_of(task: Task, inputs: Mapping[str, Any], made: Making) -> Order:
    """What a run asks of the cache.

    Args:
        task: the task.
        inputs: the arguments of its run.
        made: what is the same for all its runs.
    """
    recipe = Recipe(
        inputs=digests(inputs),
        parameters=digests(lookup("parameters") or {}),
        code=made.code,
        code_digest=made.code_digest,
        place=made.place,
        map_index=lookup("map_index"),
    )
    what = compared(task.cache_validator)
    unstable = [*made.unstable, *unknown_inputs(recipe, what)]
    if unstable:
        say_once(task, f"%r is not cached: {listing(unstable)} cannot be recognized in another run")
    return Order(made.key, recipe, what, unstable)


def say_once(task: Task, message: str) -> None:
    if (task.name, message) not in SAID:
        SAID.add((task.name, message))
        task.logger.warning(message, task)


def listing(names: Sequence[str]) -> str:
    return ", ".join(names)


def unknown_inputs(recipe: Recipe, what: Compared | None) -> list[str]:
    """The inputs and parameters that are compared and have no digest."""
    if what is None:
        return []
    parts = (("input", recipe.inputs, what.inputs), ("parameter", recipe.parameters, what.parameters))
    return [
        f"{kind} `{name}`"
        for kind, values, names in parts
        for name, code in values.items()
        if code is None and (names is None or name in names)
    ]


def cache_key(task: Task) -> str:
    """What tasks must have in common to share cached values: the key they were given, or else names."""
    if task.cache_key:
        return str(task.cache_key)
    return f"{getattr(task.run, '__qualname__', type(task).__qualname__)}:{task.name}"


class Making(NamedTuple):
    """What the values of a task depend on besides its inputs: the same for all its runs in a flow run.

    Attributes:
        key: what tasks must have in common to share cached values.
        code: a digest of each part of its code; None if the task shares its values on purpose.
        code_digest: one digest of them all, likewise.
        unstable: the parts that cannot be recognized, in words.
        place: where it stands in the flow.
    """

    key: str
    code: Mapping[str, str] | None = None
    code_digest: str | None = None
    unstable: Sequence[str] = ()
    place: str | None = None


def making_of(task: Task, place: Callable[[], str] | None = None) -> Making:
    """What the values of a task depend on: its code, the attributes it was made with, and its place, if it has one."""
    key = cache_key(task)
    if task.cache_key:
        return Making(key)
    attributes = {name: value for name, value in vars(task).items() if is_own(name)}
    code = code_of(attributes.pop("run", type(task)), **attributes)
    unstable = [f"`{name}` in its code" for name in code.unstable]
    return Making(key, code.parts, code.digest, unstable, None if place is None else place())


def is_own(name: str) -> bool:
    """Is an attribute of a task one that its author gave it?"""
    return name not in SETTINGS and name not in UNSEEN and not name.startswith("__")


class Found(NamedTuple):
    """What was found in a cache.

    Attributes:
        state: the state whose value can be used, if there is one.
        why: why it can be used; or why the task has to run.
    """

    state: Cached | None
    why: str


NOT_ASKED = Found(None, "as no cache was asked")


def find_given(task: Task, state: Cached, inputs: Mapping[str, Any]) -> Found:
    """Ask the task's validator about a cached state that the run was given."""
    name = name_of(task.cache_validator)
    if task.cache_validator(state, inputs, lookup("parameters")):
        return Found(state, f"`{name}` accepted it")
    return Found(None, f"although cached: `{name}` refused it")


def loaded(found: Found, result: Result | None) -> Found:
    """What was found, with its value; a value that is lost or damaged is as good as none."""
    if found.state is None:
        return found
    state = taken(found.state, found.why)
    try:
        state.load_result(result)
    except (ResultMissing, ResultUnreadable) as error:
        return Found(None, f"although cached: {error}")
    return Found(state, found.why)


def find_cached(task: Task, order: Order, shelf: Shelf, inputs: Mapping[str, Any]) -> Found:
    """Look for a value that may stand in for a run."""
    if order.unstable:
        return Found(None, f"and is not cached: {listing(order.unstable)} cannot be recognized in another run")
    if task.cache_validator is never_use:
        return Found(None, "as its validator `never_use` takes no cached value")
    if order.compared is None:
        return find_by_asking(task, order, shelf, inputs)
    state = shelf.find(order.recipe, order.compared)
    if state is not None and not expired(state, utcnow()):
        return Found(state, f"it was made from the same {what_is_same(order.compared)}")
    return Found(None, why_none(order.recipe, order.compared, shelf))


def find_by_asking(task: Task, order: Order, shelf: Shelf, inputs: Mapping[str, Any]) -> Found:
    """Ask a validator that somebody wrote about each value of the same code and place, the newest first."""
    validator, parameters, refused = task.cache_validator, lookup("parameters"), 0
    for state in shelf.newest():
        if fingerprint(recipe_of(state), NOTHING) != fingerprint(order.recipe, NOTHING):
            continue
        if validator(state, inputs, parameters):
            return Found(state, f"`{name_of(validator)}` accepted it")
        refused += 1
    if refused:
        return Found(None, f"although cached: `{name_of(validator)}` refused it")
    return Found(None, why_none(order.recipe, NOTHING, shelf))


def what_is_same(what: Compared) -> str:
    """What a validator compares, in words."""
    kinds = [kind for kind, names in (("inputs", what.inputs), ("parameters", what.parameters)) if names != frozenset()]
    return " and ".join([*kinds, "code"])


def why_none(recipe: Recipe, what: Compared, shelf: Shelf) -> str:
    """Why no value of a shelf can be used: what changed since the last run at this place."""
    last = shelf.last(recipe)
    if last is None:
        return "as nothing was cached yet"
    return f"although cached: {listing(differences(recipe, recipe_of(last), what) or [lapse(last)])}"


def lapse(state: Cached) -> str:
    until = state.cached_result_expiration
    return "the value may no longer be used" if until is None else f"the value expired at {until:%Y-%m-%d %H:%M:%S} UTC"


def differences(now: Recipe, then: Recipe, what: Compared) -> list[str]:
    """What changed between two recipes, as far as it is compared, in words."""
    changed = [f"input `{name}` changed" for name in changes(now.inputs, then.inputs, what.inputs)]
    changed += [f"parameter `{name}` changed" for name in changes(now.parameters, then.parameters, what.parameters)]
    if now.code is not None and then.code is not None:
        changed += [f"the code of `{name}` changed" for name in changes(now.code, then.code, None)]
    return changed


def changes(now: Mapping[str, str | None], then: Mapping[str, str | None], names: frozenset[str] | None) -> list[str]:
    """The names whose digests differ; all of them count, or only some."""
    either = sorted(now.keys() | then.keys())
    return [name for name in either if (names is None or name in names) and now.get(name, "") != then.get(name, "")]


def name_of(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def taken(found: Cached, why: str) -> Cached:
    """The state of a run that took a cached value."""
    until = found.cached_result_expiration
    limit = "" if until is None else f"; it may be used until {until:%Y-%m-%d %H:%M:%S} UTC"
    state = Cached.made(found._held, f"Taken from the cache: {why}{limit}.", found._facts)
    state.cached_parameters, state.hashed_inputs = found.cached_parameters, found.hashed_inputs
    state.cached_result_expiration, state.made_from = found.cached_result_expiration, found.made_from
    return state


def to_cache(task: Task, state: State, order: Order) -> State:
    """The state of a run whose value later runs may use; it tells why the task ran."""
    message = f"The task ran {order.why}." if order.why else state.message
    if order.unstable:
        state.message = message
        return state
    recipe = order.recipe
    return Cached(
        message,
        result=state._result,
        hashed_inputs=dict(recipe.inputs),
        cached_parameters=dict(lookup("parameters") or {}),
        cached_result_expiration=utcnow() + (task.cache_for or timedelta(0)),
        made_from={
            "code": recipe.code,
            "code_digest": recipe.code_digest,
            "map_index": recipe.map_index,
            "parameters": recipe.parameters,
            "place": recipe.place,
        },
    )


def remember(cache: Cache | None, task: Task, state: State | None) -> None:
    """Keep a cached state for later runs."""
    if cache is not None and isinstance(state, Cached) and task.cache_for is not None:
        cache.add(cache_key(task), state)


def refreshed(state: State) -> bool:
    """Was the value just made, rather than found?"""
    return type(state) is Success
