"""The documents of tasks: how they are called and set, what they take and give; not the code they run.

A task that comes back from its document is a plain `Task` or `Parameter`. It has the settings, remembers what else the
document said, so that it describes itself in the same words, and says so when it is told to run code it does not have.
"""

from __future__ import annotations

import builtins
import json
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from inspect import Parameter as Argument
from inspect import Signature
from typing import Any, NoReturn, TypeAlias

from prefect import exceptions, triggers
from prefect.core.graph import Graph
from prefect.core.parameter import DateTimeParameter, Parameter
from prefect.core.signature import RunSignature
from prefect.core.task import Task
from prefect.engine import cache_validators
from prefect.exceptions import DocumentError, TaskSettingError
from prefect.serialization.functions import TRIGGERS, VALIDATORS, function_document, function_from, qualified_name
from prefect.utilities.datetimes import to_timedelta
from prefect.utilities.documents import Document, Fields

Lost: TypeAlias = Mapping[str, tuple[Any, Any]]
"""For settings that did not come back: what the document said, and what stands in for it."""

ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")


@dataclass(frozen=True, slots=True)
class Declared:
    """What a document said about a thing that the thing itself cannot hold.

    Attributes:
        type: the name of its class.
        lost: the settings that did not come back.
    """

    type: str
    lost: Lost


def declared(thing: Any) -> Document:
    """The part of its document that a thing remembers, save for settings that were changed since."""
    known: Declared | None = vars(thing).get("_declared")
    if known is None:
        return {}
    kept = {name: said for name, (said, stand_in) in known.lost.items() if getattr(thing, name) == stand_in}
    return {"type": known.type, **kept}


def declare(thing: Any, type_name: str, lost: Lost) -> None:
    if lost or type_name != qualified_name(type(thing)):
        vars(thing)["_declared"] = Declared(type_name, lost)


# --- writing ----------------------------------------------------------------------------------------------------------


def task_document(flow: Graph, task: Task) -> Document:
    document = {
        "type": qualified_name(type(task)),
        "name": task.name,
        "slug": flow.slugs[task],
        "tags": sorted(map(str, task._tags or ())),
        "max_retries": task.max_retries,
        "retry_delay": delay_document(task.retry_delay),
        "retry_on": None if task.retry_on is None else sorted(map(qualified_name, task.retry_on)),
        "timeout": task.timeout,
        "inputs": {name: input_document(facts) for name, facts in task.inputs().items()},
        "outputs": annotation_text(task.outputs()),
        "trigger": function_document(task.trigger),
        "skip_on_upstream_skip": bool(task.skip_on_upstream_skip),
        "cache_for": None if task.cache_for is None else task.cache_for.total_seconds(),
        "cache_key": None if task.cache_key is None else str(task.cache_key),
        "cache_validator": function_document(task.cache_validator),
        "auto_generated": task.auto_generated,
        "mapped": any(edge.mapped for edge in flow.incoming(task)),
    }
    return {**document, **declared(task)}


def parameter_document(flow: Graph, parameter: Parameter) -> Document:
    return {
        "type": declared(parameter).get("type", qualified_name(type(parameter))),
        "name": parameter.name,
        "slug": flow.slugs[parameter],
        "required": parameter.required,
        "default": default_document(parameter),
        "tags": sorted(map(str, parameter._tags or ())),
    }


def default_document(parameter: Parameter) -> Any:
    """The default as JSON gives it back: a tuple is a list, the time of a `DateTimeParameter` is text."""
    default = parameter.default
    if isinstance(parameter, DateTimeParameter) and isinstance(default, datetime):
        return default.isoformat()
    try:
        return json.loads(json.dumps(default, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TaskSettingError(
            f"The default of the parameter {parameter.name!r} cannot be written as JSON ({error}). "
            "Use text, numbers, lists and dictionaries, or make the value in a task from those."
        ) from error


def input_document(facts: Mapping[str, Any]) -> Document:
    return {"type": annotation_text(facts["type"]), "required": facts["required"]}


def annotation_text(annotation: Any) -> str:
    """An annotation as it is written in code; addresses in memory, which each process has its own, are left out."""
    if isinstance(annotation, str):
        return annotation
    if annotation is Any:
        return "Any"
    plain = isinstance(annotation, type) and not hasattr(annotation, "__args__")
    return qualified_name(annotation) if plain else ADDRESS.sub("", str(annotation))


def delay_document(delay: Any) -> float | list[float] | str | None:
    """A delay between attempts: seconds, a list of seconds, or the name of the function that tells them."""
    if delay is None:
        return None
    if isinstance(delay, (int, float)):
        return delay
    if isinstance(delay, timedelta):
        return delay.total_seconds()
    if isinstance(delay, Iterable):
        return [each.total_seconds() for each in delay]
    return str(function_document(delay)["name"])


# --- reading ----------------------------------------------------------------------------------------------------------


class TaskReader:
    """Makes tasks of documents, and keeps a list of what could not be restored.

    Attributes:
        lost: the slugs of the tasks that miss something, by what they miss and what they got instead.
    """

    def __init__(self) -> None:
        self.lost: dict[tuple[str, str], list[str]] = {}

    def read(self, fields: Fields, parameter: Fields | None) -> Task:
        """The task that a document describes; `parameter` is what another document says about it, if it is one."""
        name = fields.text("name")
        task = Task(name, max_retries=0) if parameter is None else parameter_from(parameter)
        task.name, task.slug = name, fields.text("slug")
        self._set_plain(task, fields)
        lost = {
            **self._set_delay(task, fields),
            **self._set_retry_on(task, fields),
            **self._set_function(task, fields, "trigger", triggers.all_successful),
            **self._set_function(task, fields, "cache_validator", default_validator(task)),
        }
        give_signature(task, fields)
        declare(task, fields.text("type"), lost)
        return task

    def _set_plain(self, task: Task, fields: Fields) -> None:
        task.tags = set(fields.texts("tags"))
        task.max_retries = fields.whole("max_retries", least=0)
        task.timeout = fields.maybe("timeout", fields.number)
        task.skip_on_upstream_skip = fields.flag("skip_on_upstream_skip")
        seconds = fields.maybe("cache_for", fields.number)
        task.cache_for = None if seconds is None else fields.made("cache_for", to_timedelta, seconds)
        task.cache_key = fields.maybe("cache_key", fields.text)
        task.auto_generated = fields.flag("auto_generated")

    def _set_delay(self, task: Task, fields: Fields) -> Lost:
        said = fields.value("retry_delay")
        if not isinstance(said, str):
            task.retry_delay = fields.made("retry_delay", delay_from, said)
            return {}
        task.retry_delay = timedelta(0)
        self._miss(task, f"the retry_delay {said!r}", "no delay")
        return {"retry_delay": (said, task.retry_delay)}

    def _set_retry_on(self, task: Task, fields: Fields) -> Lost:
        names = fields.maybe("retry_on", fields.texts)
        kinds = [error_named(name) for name in names or ()]
        task.retry_on = None if names is None or None in kinds else set(kinds)
        if None not in kinds:
            return {}
        self._miss(task, f"retry_on={names}", "any exception")
        return {"retry_on": (names, None)}

    def _set_function(self, task: Task, fields: Fields, setting: str, default: Any) -> Lost:
        """Set a trigger or validator; for one that is not known the default stands in."""
        described = fields.inner(setting)
        found = function_from(described, TRIGGERS if setting == "trigger" else VALIDATORS)
        setattr(task, setting, default if found is None else found)
        if found is not None:
            return {}
        self._miss(task, f"the {setting} {described.text('name')!r}", f"`{default.__name__}`")
        return {setting: (described.values, default)}

    def _miss(self, task: Task, what: str, instead: str) -> None:
        self.lost.setdefault((what, instead), []).append(str(task.slug))

    def warn(self, name: str, stacklevel: int) -> None:
        """Tell what could not be restored, each thing once."""
        for (what, instead), slugs in self.lost.items():
            warnings.warn(
                f"The document of the flow {name!r} names {what}, which cannot be restored from a document. "
                f"It is replaced by {instead} in the tasks: {', '.join(slugs)}.",
                stacklevel=stacklevel + 1,
            )


def parameter_from(fields: Fields) -> Parameter:
    make = DateTimeParameter if fields.text("type") == qualified_name(DateTimeParameter) else Parameter
    default, required = fields.value("default"), fields.flag("required")
    return fields.made("name", lambda name: make(name, default=default, required=required), fields.text("name"))


def default_validator(task: Task) -> Any:
    return cache_validators.never_use if task.cache_for is None else cache_validators.duration_only


def delay_from(delay: Any) -> timedelta | tuple[timedelta, ...] | None:
    if isinstance(delay, list):
        return tuple(map(to_timedelta, delay))
    return None if delay is None else to_timedelta(delay)


def error_named(name: str) -> type[Exception] | None:
    """An exception of Python or of this package; None for any other."""
    home = exceptions if name.startswith("prefect.exceptions.") else builtins
    found = vars(home).get(name.removeprefix("prefect.exceptions."))
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def give_signature(task: Task, fields: Fields) -> None:
    """Let a task take what its document says; one whose code is not here says so when it runs."""
    type_name = fields.text("type")
    base = type_name == qualified_name(Task)
    inputs = fields.inner("inputs")
    arguments = [inputs.made(name, argument, name, inputs.inner(name)) for name in inputs.values]
    task._run_signature = RunSignature(  # type: ignore[misc]
        signature=Signature(arguments, return_annotation=fields.text("outputs")),
        positional=(),
        accepted=frozenset(each.name for each in arguments),
        required=frozenset(each.name for each in arguments if each.default is each.empty),
        takes_any=not base,
        nout=None,
        coroutine=False,
        exact=-1,
    )
    if not base and not isinstance(task, Parameter):
        task.run = partial(no_code, task.name, type_name)


def argument(name: str, fields: Fields) -> Argument:
    default = Argument.empty if fields.flag("required") else None
    return Argument(name, Argument.KEYWORD_ONLY, default=default, annotation=fields.text("type"))


def no_code(name: str, type_name: str, **inputs: Any) -> NoReturn:
    raise DocumentError(
        f"The task {name!r} comes from a document, which tells that it is a {type_name}, but not what it does. "
        "To run the flow, load it with its code: `flow.save()` where it was made, then `Flow.load(...)`."
    )
