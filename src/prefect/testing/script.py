"""The script of a simulation: what its author says about single tasks and children.

A task is named by its slug, its name, or the task itself; a child by `("load", 2)` or `"load[2]"`.

| said | meaning |
|---|---|
| `fail="load"` or `fail=["load", "clean[2]"]` | each attempt fails |
| `fail={"load": 2}` | the first two attempts fail |
| `fail={"load": KeyError("x")}` | each attempt fails, with this error |
| `skip="load"` | it skips itself |
| `returns={"load": [1, 2]}` | its value is known |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from prefect.core.graph import Graph
from prefect.core.task import Task
from prefect.engine.scheduler import WHOLE
from prefect.exceptions import GraphError
from prefect.tasks.core.constants import Constant

Key: TypeAlias = str | Task | tuple[str | Task, int]
Failures: TypeAlias = Key | Iterable[Key] | Mapping[Key, int | Exception]

CHILD = re.compile(r"(?P<task>.+)\[(?P<index>\d+)\]")
ALWAYS = 2**31
"""So many attempts fail when each does."""

MADE_TO_FAIL = "The simulation made it fail."


@dataclass(frozen=True, slots=True)
class Run:
    """A task run: the slug of the task, and the index of a child or -1.

    In a script, -1 of a mapped task means all its children.
    """

    slug: str
    index: int = WHOLE

    def __str__(self) -> str:
        return self.slug if self.index == WHOLE else f"{self.slug}[{self.index}]"


class Script:
    """What is said about the runs of a flow.

    Raises:
        GraphError: a task that is named is not in the flow, never runs, or has no children.
    """

    def __init__(
        self,
        flow: Graph,
        fail: Failures = (),
        skip: Key | Iterable[Key] = (),
        returns: Mapping[Key, Any] | None = None,
    ) -> None:
        self.fails = dict(told(flow, fail if isinstance(fail, Mapping) else dict.fromkeys(keys(fail), ALWAYS)))
        self.skips = dict(told(flow, dict.fromkeys(keys(skip), True)))
        self.returns = dict(told(flow, returns or {}))

    def error(self, run: Run, attempt: int, task: Task) -> Exception | None:
        """The error with which an attempt fails, if it is to fail."""
        said = found(self.fails, run)
        if isinstance(said, Exception):
            return said
        return failure_of(task) if said is not None and attempt <= said else None

    def skipped(self, run: Run) -> bool:
        return found(self.skips, run) is not None

    def value(self, run: Run) -> tuple[Any] | None:
        """The value that a run is said to return, in a tuple, because it can be None."""
        for each in (run, Run(run.slug)):
            if each in self.returns:
                return (self.returns[each],)
        return None

    def named(self) -> set[Run]:
        """The runs that are to fail or to skip."""
        return {*self.fails, *self.skips}


def found(said: Mapping[Run, Any], run: Run) -> Any:
    return said.get(run, said.get(Run(run.slug)))


def failure_of(task: Task) -> Exception:
    """An error of a kind that the task tries again after, if there is one."""
    kind: type[Exception] = next(iter(task.retry_on or ()), RuntimeError)
    return kind.__new__(kind, MADE_TO_FAIL)


# --- names ------------------------------------------------------------------------------------------------------------


def keys(given: Key | Iterable[Key]) -> list[Key]:
    """One key or many as a list."""
    if isinstance(given, str | Task) or is_child(given):
        return [given]  # type: ignore[list-item]
    return list(given)  # type: ignore[arg-type]


def is_child(given: Any) -> bool:
    return isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], int)


def told(flow: Graph, said: Mapping[Key, Any]) -> Iterator[tuple[Run, Any]]:
    """What is said, for each run that it is about."""
    for key, value in said.items():
        for run in runs_named(flow, key):
            yield run, value


def runs_named(flow: Graph, key: Key) -> list[Run]:
    """The runs that a key means; a name may be that of several tasks."""
    tasks = tasks_named(flow, key)
    if tasks:
        return [Run(flow.slugs[task]) for task in tasks]
    parent, index = child_of(key)
    tasks = [] if parent is None else tasks_named(flow, parent)
    if not tasks:
        raise unknown(flow, key if parent is None else parent)
    for task in tasks:
        if not any(edge.mapped for edge in flow.incoming(task)):
            raise GraphError(f"{task!r} is not mapped, so it has no child {index}: name the task itself.")
    return [Run(flow.slugs[task], index) for task in tasks]


def tasks_named(flow: Graph, key: Any) -> list[Task]:
    if isinstance(key, Task):
        return [key] if key in flow.slugs else []
    exact = [task for task, slug in flow.slugs.items() if slug == key]
    tasks = exact or [task for task in flow.slugs if task.name == key]
    if tasks and all(isinstance(task, Constant) for task in tasks):
        raise GraphError(f"{tasks[0]!r} is a plain value, which does not run. Name a task that does.")
    return tasks


def child_of(key: Key) -> tuple[str | Task | None, int]:
    """The task and the index of a child that is named."""
    if is_child(key):
        return key  # type: ignore[return-value]
    match = CHILD.fullmatch(key) if isinstance(key, str) else None
    return (match["task"], int(match["index"])) if match else (None, WHOLE)


def unknown(flow: Graph, key: Any) -> GraphError:
    if isinstance(key, Task):
        return GraphError(f"{key!r} is not a task of {flow!r}. Use the copy that calling it returned.")
    from difflib import get_close_matches  # only needed for a mistake

    names = list(dict.fromkeys(task.name for task in flow.slugs if not isinstance(task, Constant)))
    near = get_close_matches(str(key), names)
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"It has: {', '.join(names) or 'no tasks'}."
    return GraphError(f"{flow!r} has no task {key!r}. {hint}")
