"""Functions as documents: by name, with the values that their makers bound to them.

```python
some_failed(at_least=2)     {"name": "prefect.triggers.some_failed", "kwargs": {"at_least": 2, "at_most": None}}
```

Only the triggers and validators of the package come back. A name in a document is looked up in the tables here and
nowhere else, so that reading a document never imports or runs what it names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from typing import Any, NamedTuple

from prefect import triggers
from prefect.engine import cache_validators
from prefect.utilities.documents import Document, Fields, is_plain


def qualified_name(thing: Any) -> str:
    """Where a class or function lives; one made by a function of its own name goes by that: `triggers.some_failed`."""
    path = str(thing.__qualname__).split(".<locals>.")
    if len(path) > 1 and path[-1] == path[-2]:
        path.pop()
    return f"{thing.__module__}.{'.'.join(path)}".removeprefix("builtins.")


# --- writing ----------------------------------------------------------------------------------------------------------


def function_document(function: Any) -> Document:
    """A function by name, with the plain values that were bound to it."""
    if isinstance(function, partial):
        return {"name": qualified_name(function.func), "kwargs": plain_values(bound(function))}
    if not hasattr(function, "__qualname__"):
        return {"name": qualified_name(type(function)), "kwargs": {}}
    return {"name": qualified_name(function), "kwargs": plain_values(enclosed(function))}


def bound(function: partial[Any]) -> dict[str, Any]:
    """The arguments that a partial brings along, by name."""
    names = signature(function.func).parameters
    return {**dict(zip(names, function.args, strict=False)), **function.keywords}


def enclosed(function: Any) -> dict[str, Any]:
    """The variables that a function took along from the function it was made in."""
    found = {}
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    for name, cell in zip(names, getattr(function, "__closure__", None) or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not filled yet
            continue
    return found


def plain_values(values: Mapping[str, Any]) -> Document:
    """Only the values that are plain: others, such as functions, are not the same in every process."""
    plain = {name: names_in_order(value) for name, value in values.items()}
    return {name: value for name, value in plain.items() if not isinstance(value, dict) and is_plain(value)}


def names_in_order(value: Any) -> Any:
    """A set of names as a list, in an order that is the same in every process."""
    names = isinstance(value, set | frozenset) and all(isinstance(each, str) for each in value)
    return sorted(value) if names else value


# --- reading ----------------------------------------------------------------------------------------------------------


class Known(NamedTuple):
    """How a function of the package is found again.

    Attributes:
        needs: the names of the values that were bound to it.
        make: gives the function back, from those values.
    """

    needs: frozenset[str]
    make: Callable[[Fields], Any]


def function_from(fields: Fields, known: Mapping[str, Known]) -> Any | None:
    """The function that a document describes; None if it is none of these, or if not all that it needs is there."""
    name, given = fields.text("name"), fields.inner("kwargs")
    if name not in known or not known[name].needs <= given.values.keys():
        return None
    return known[name].make(given)


def plain(function: Callable[..., Any]) -> dict[str, Known]:
    return {qualified_name(function): Known(frozenset(), lambda given: function)}


def bounded(make: Callable[..., Any]) -> dict[str, Known]:
    """A trigger that was made with bounds."""
    bounds = ("at_least", "at_most")
    return {qualified_name(make): Known(frozenset(bounds), lambda given: make(*(number(given, key) for key in bounds)))}


def number(given: Fields, key: str) -> float | None:
    return given.maybe(key, given.number)


def naming(function: Callable[..., Any], make: Callable[..., Any]) -> dict[str, Known]:
    """A validator that was made with the names it compares."""
    return {qualified_name(function): Known(frozenset({"names"}), lambda given: make(given.texts("names")))}


TRIGGERS: Mapping[str, Known] = {
    **plain(triggers.all_finished),
    **plain(triggers.always_run),
    **plain(triggers.all_successful),
    **plain(triggers.all_failed),
    **plain(triggers.any_successful),
    **plain(triggers.any_failed),
    **plain(triggers.not_all_skipped),
    **plain(triggers.manual_only),
    **bounded(triggers.some_failed),
    **bounded(triggers.some_successful),
}
VALIDATORS: Mapping[str, Known] = {
    **plain(cache_validators.never_use),
    **plain(cache_validators.duration_only),
    **plain(cache_validators.all_inputs),
    **plain(cache_validators.all_parameters),
    **naming(cache_validators.partial_inputs, cache_validators.partial_inputs_only),
    **naming(cache_validators.partial_parameters, cache_validators.partial_parameters_only),
}
