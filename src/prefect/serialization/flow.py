"""The document of a flow: what it is made of, in plain values, the same in every process.

It tells which tasks there are, how they are set and who waits for whom. The code of the tasks and the constants that
feed them are not in it. A schedule, run configuration or storage writes its own part with its method `serialize`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, TypeVar

from prefect import schedules
from prefect.core.edge import Edge
from prefect.core.graph import Graph
from prefect.core.parameter import Parameter
from prefect.core.task import Task
from prefect.serialization.functions import qualified_name
from prefect.serialization.tasks import TaskReader, declare, declared, parameter_document, task_document
from prefect.utilities.documents import Document, Fields
from prefect.utilities.version import __version__

G = TypeVar("G", bound=Graph)

FORMAT = 1
"""The format of the documents of flows; a change that older code would misread makes it one more."""


def flow_document(flow: Graph) -> Document:
    """Describe a flow in plain values; tasks and edges are in the order in which they were added.

    Raises:
        TaskSettingError: the default of a parameter cannot be written as JSON.
    """
    references = flow.reference_tasks()
    return {
        "name": flow.name,
        "type": declared(flow).get("type", qualified_name(type(flow))),
        "schedule": own_document(getattr(flow, "schedule", None)),
        "parameters": [parameter_document(flow, task) for task in flow.tasks if isinstance(task, Parameter)],
        "tasks": [task_document(flow, task) for task in flow.tasks],
        "edges": [edge_document(flow, edge) for edge in flow.edges],
        "reference_tasks": [flow.slugs[task] for task in flow.tasks if task in references],
        "run_config": own_document(getattr(flow, "run_config", None)),
        "storage": own_document(getattr(flow, "storage", None)),
        "format": FORMAT,
        "__version__": __version__,
    }


def hash_of(document: Mapping[str, Any]) -> str:
    """A digest of a document; the order of its keys does not matter."""
    return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def edge_document(flow: Graph, edge: Edge) -> Document:
    return {
        "upstream_task": flow.slugs[edge.upstream_task],
        "downstream_task": flow.slugs[edge.downstream_task],
        "key": edge.key,
        "mapped": edge.mapped,
        "flattened": edge.flattened,
    }


def own_document(part: Any) -> Any:
    """The document of a schedule, run configuration or storage."""
    if part is None:
        return None
    serialize = getattr(part, "serialize", None)
    return serialize() if serialize is not None else {"type": qualified_name(type(part))}


# --- reading ----------------------------------------------------------------------------------------------------------


def flow_from(document: Mapping[str, Any], make: Callable[..., G], stacklevel: int = 1) -> G:
    """The flow that a document describes, of plain tasks without their code.

    Args:
        document: what `flow_document` made.
        make: makes an empty flow, given its name and, by keyword, `schedule`, `run_config` and `storage`.
        stacklevel: at whom warnings point, 1 being who calls this function.

    Raises:
        DocumentError: the document is broken, or of a newer format; the message names the path of the culprit.
    """
    fields = Fields(copy.deepcopy(document))
    fields.check_format(FORMAT)
    parts = {
        "schedule": fields.maybe("schedule", lambda key: schedule_from(fields, key)),
        "run_config": fields.maybe("run_config", lambda key: Described(fields.inner(key).values)),
        "storage": fields.maybe("storage", lambda key: Described(fields.inner(key).values)),
    }
    flow = fields.made("name", lambda name: make(name, **parts), fields.text("name"))
    reader = TaskReader()
    with flow.building():  # whatever else is being built takes no part in this
        fill(flow, fields, reader)
    declare(flow, fields.text("type"), {})
    reader.warn(flow.name, stacklevel + 1)
    return flow


class Described:
    """A run configuration or storage of which only the document is known."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document

    def serialize(self) -> Document:
        """The document, as it was read."""
        return copy.deepcopy(dict(self.document))


def schedule_from(fields: Fields, key: str) -> schedules.Schedule:
    return fields.made(key, schedules.Schedule.deserialize, fields.inner(key).values)


def fill(flow: Graph, fields: Fields, reader: TaskReader) -> None:
    """Add the tasks and edges of a document to an empty flow."""
    parameters = {each.text("slug"): each for each in fields.each("parameters")}
    for each in fields.each("tasks"):
        each.made("slug", flow.add_task, reader.read(each, parameters.get(each.text("slug"))))
    tasks = {slug: task for task, slug in flow.slugs.items()}
    for each in parameters.values():
        task_at(each, "slug", tasks)
    for each in fields.each("edges"):
        add_edge(flow, each, tasks)
    fields.made("edges", flow.validate)
    set_references(flow, fields, tasks)


def add_edge(flow: Graph, fields: Fields, tasks: Mapping[str, Task]) -> None:
    upstream, downstream = task_at(fields, "upstream_task", tasks), task_at(fields, "downstream_task", tasks)
    key = fields.maybe("key", fields.text)
    count = len(flow.edges)
    fields.made("", flow.add_edge, upstream, downstream, key, fields.flag("mapped"), fields.flag("flattened"), False)
    if len(flow.edges) == count:
        fields.wrong("", "this edge is there already")


def task_at(fields: Fields, key: str, tasks: Mapping[str, Task]) -> Task:
    """The task whose slug stands under a key."""
    slug = fields.text(key)
    if slug not in tasks:
        fields.wrong(key, f"no task with the slug {slug!r}")
    return tasks[slug]


def set_references(flow: Graph, fields: Fields, tasks: Mapping[str, Task]) -> None:
    """Set the reference tasks, unless they are those that a flow has by itself."""
    slugs = fields.texts("reference_tasks")
    for index, slug in enumerate(slugs):
        if slug not in tasks:
            fields.wrong(f"reference_tasks[{index}]", f"no task with the slug {slug!r}")
    wanted = [tasks[slug] for slug in slugs]
    if set(wanted) != flow.reference_tasks():
        flow.set_reference_tasks(wanted)
