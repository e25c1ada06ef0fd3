"""The document of a flow: what it is made of, in plain values, the same in every process.

It tells which tasks there are, how they are set and who waits for whom. The code of the tasks and the constants that
feed them are not in it. A schedule, run configuration or storage writes its own part with its method `serialize`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from prefect.core.edge import Edge
from prefect.core.graph import Graph
from prefect.core.parameter import DateTimeParameter, Parameter
from prefect.core.task import Task
from prefect.exceptions import TaskSettingError
from prefect.utilities.version import __version__

Document = dict[str, Any]


def flow_document(flow: Graph) -> Document:
    """Describe a flow in plain values; tasks and edges are in the order in which they were added.

    Raises:
        TaskSettingError: the default of a parameter cannot be written as JSON.
    """
    references = flow.reference_tasks()
    return {
        "name": flow.name,
        "type": qualified_name(type(flow)),
        "schedule": own_document(getattr(flow, "schedule", None)),
        "parameters": [parameter_document(flow, task) for task in flow.tasks if isinstance(task, Parameter)],
        "tasks": [task_document(flow, task) for task in flow.tasks],
        "edges": [edge_document(flow, edge) for edge in flow.edges],
        "reference_tasks": [flow.slugs[task] for task in flow.tasks if task in references],
        "run_config": own_document(getattr(flow, "run_config", None)),
        "storage": own_document(getattr(flow, "storage", None)),
        "__version__": __version__,
    }


def hash_of(document: Mapping[str, Any]) -> str:
    """A digest of a document; the order of its keys does not matter."""
    return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def task_document(flow: Graph, task: Task) -> Document:
    return {
        "type": qualified_name(type(task)),
        "name": task.name,
        "slug": flow.slugs[task],
        "tags": sorted(task._tags or ()),
        "max_retries": task.max_retries,
        "retry_delay": delay_document(task.retry_delay),
        "retry_on": None if task.retry_on is None else sorted(map(qualified_name, task.retry_on)),
        "timeout": task.timeout,
        "inputs": {name: input_document(facts) for name, facts in task.inputs().items()},
        "outputs": annotation_text(task.outputs()),
        "trigger": function_document(task.trigger),
        "skip_on_upstream_skip": task.skip_on_upstream_skip,
        "cache_for": None if task.cache_for is None else task.cache_for.total_seconds(),
        "cache_key": task.cache_key,
        "cache_validator": function_document(task.cache_validator)["name"],
        "auto_generated": task.auto_generated,
        "mapped": any(edge.mapped for edge in flow.incoming(task)),
    }


def edge_document(flow: Graph, edge: Edge) -> Document:
    return {
        "upstream_task": flow.slugs[edge.upstream_task],
        "downstream_task": flow.slugs[edge.downstream_task],
        "key": edge.key,
        "mapped": edge.mapped,
        "flattened": edge.flattened,
    }


def parameter_document(flow: Graph, parameter: Parameter) -> Document:
    return {
        "type": qualified_name(type(parameter)),
        "name": parameter.name,
        "slug": flow.slugs[parameter],
        "required": parameter.required,
        "default": default_document(parameter),
        "tags": sorted(parameter._tags or ()),
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
    """An annotation as it is written in code."""
    if isinstance(annotation, str):
        return annotation
    if annotation is Any:
        return "Any"
    plain = isinstance(annotation, type) and not hasattr(annotation, "__args__")
    return qualified_name(annotation) if plain else str(annotation)


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


def function_document(function: Any) -> Document:
    """A function by name, with the values that its maker bound to it: `some_failed(at_least=2)`."""
    if isinstance(function, partial):
        return {"name": qualified_name(function.func), "kwargs": plain_values(function.keywords)}
    if not hasattr(function, "__qualname__"):
        return {"name": qualified_name(type(function)), "kwargs": {}}
    return {"name": qualified_name(function), "kwargs": plain_values(enclosed(function))}


def enclosed(function: Any) -> dict[str, Any]:
    """The variables that a function took along from the function it was made in."""
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    return dict(zip(names, (cell.cell_contents for cell in function.__closure__ or ()), strict=True)) if names else {}


def plain_values(values: Mapping[str, Any]) -> Document:
    """Only the values that are plain: others, such as functions, are not the same in every process."""
    return {name: value for name, value in values.items() if isinstance(value, (str, int, float, bool, type(None)))}


def qualified_name(thing: Any) -> str:
    """Where a class or function lives; one made by a function of its own name goes by that: `triggers.some_failed`."""
    path = str(thing.__qualname__).split(".<locals>.")
    if len(path) > 1 and path[-1] == path[-2]:
        path.pop()
    return f"{thing.__module__}.{'.'.join(path)}".removeprefix("builtins.")


def own_document(part: Any) -> Any:
    """The document of a schedule, run configuration or storage."""
    if part is None:
        return None
    serialize = getattr(part, "serialize", None)
    return serialize() if serialize is not None else {"type": qualified_name(type(part))}
