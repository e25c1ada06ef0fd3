"""A flow as the history knows it: its document, and a digest of the code of each task, to tell what was edited.

```python
{"flow": {…}, "code": {"load-1": "9f2c…", "clean-1": "07ab…"}}
```
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from time import time
from typing import Any, NamedTuple

from prefect.core.graph import Graph
from prefect.core.task import Task
from prefect.serialization.flow import flow_document, hash_of
from prefect.store.records import FlowVersion, micros
from prefect.utilities.code import code_of, package_of
from prefect.utilities.hashing import digest


def version_of(flow: Graph) -> FlowVersion:
    """The version that a flow is now; worked out once, as long as no task or edge is added."""
    version: FlowVersion = flow.remembered("history", lambda: made_version(flow))
    return version


def made_version(flow: Graph) -> FlowVersion:
    document = {"flow": flow_document(flow), "code": {flow.slugs[task]: code_digest(task) for task in flow.tasks}}
    return FlowVersion(hash_of(document), flow.name, json.dumps(document), micros(time()))


def code_digest(task: Task) -> str | None:
    """What the code of a task is; None if that cannot be told."""
    function = getattr(task.run, "__func__", task.run)
    if package_of(function) == "prefect":  # such as a parameter, which is no code of the flow
        return None
    try:
        return digest_of_function(function)
    except Exception:  # code may be anything; at worst nobody is told that it changed
        return None


@lru_cache(maxsize=4096)
def digest_of_function(function: Callable[..., Any]) -> str | None:
    return digest(code_of(function).parts)


class Changes(NamedTuple):
    """What is different in a flow, compared with an earlier version.

    Attributes:
        edited: slugs of tasks with other code.
        added: slugs of tasks that were not there.
        removed: slugs of tasks that are not there any more.
        rewired: slugs of tasks that get their inputs from elsewhere, or other constants.
    """

    edited: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    rewired: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(self)

    def lines(self) -> list[str]:
        """For people, one line for each kind of change."""
        kinds = zip(("edited", "new", "removed", "other inputs"), self, strict=True)
        return [f"{kind}: {', '.join(slugs)}" for kind, slugs in kinds if slugs]


def changes(old: FlowVersion, new: FlowVersion) -> Changes:
    """What changed from one version of a flow to another."""
    if old.digest == new.digest:
        return Changes()
    before, after = json.loads(old.document), json.loads(new.document)
    was, now = before["code"], after["code"]
    both = [slug for slug in now if slug in was]
    wires, rewires = inputs_of(before["flow"]), inputs_of(after["flow"])
    return Changes(
        edited=tuple(slug for slug in both if now[slug] != was[slug]),
        added=tuple(slug for slug in now if slug not in was),
        removed=tuple(slug for slug in was if slug not in now),
        rewired=tuple(slug for slug in both if wires.get(slug) != rewires.get(slug)),
    )


def inputs_of(flow: Mapping[str, Any]) -> dict[str, list[str]]:
    """Where each task gets its inputs from, by slug."""
    found: dict[str, list[str]] = {}
    for edge in flow["edges"]:
        found.setdefault(edge["downstream_task"], []).append(json.dumps(edge, sort_keys=True))
    return {slug: sorted(edges) for slug, edges in found.items()}
