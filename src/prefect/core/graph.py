"""Graph: the tasks of a flow, the edges between them and the constants that feed them. It cannot run.

Everything is kept in the order of insertion, which breaks the ties wherever an order is asked for.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from typing import Any, Self, TypeVar

from prefect.configuration import config
from prefect.core.edge import Edge
from prefect.core.lift import as_task, is_scalar, opened
from prefect.core.parameter import Parameter
from prefect.core.task import Task
from prefect.exceptions import (
    ArgumentError,
    CycleError,
    GraphError,
    GraphTypeError,
    ParameterError,
    PrefectException,
    TaskSettingError,
)
from prefect.tasks.core import operators  # noqa: F401  (enters the operators)
from prefect.tasks.core.constants import Constant
from prefect.utilities.collections import OrderedView
from prefect.utilities.context import lookup, pop, push
from prefect.utilities.edges import EdgeAnnotation

T = TypeVar("T", bound=Task)
Made = TypeVar("Made")


class Graph:
    """Tasks joined by edges.

    Args:
        name: what people call it.
        tasks: tasks to begin with.
        edges: edges to begin with.
    """

    def __init__(self, name: str, tasks: Iterable[Task] | None = None, edges: Iterable[Edge] | None = None) -> None:
        if not name or not isinstance(name, str):
            raise TaskSettingError(f"A flow needs a name, and {name!r} is none: Flow('my flow').")
        self.name = name
        self.slugs: dict[Task, str] = {}
        self.constants: dict[Task, dict[str, Any]] = {}
        self._edges: dict[Edge, None] = {}
        self._into: dict[Task, list[Edge]] = {}
        self._out: dict[Task, list[Edge]] = {}
        self._used_slugs: set[str] = set()
        self._slug_counts: dict[str, int] = {}
        self._reference_tasks: list[Task] | None = None
        self._holds_resources = False
        self._memo: dict[str, Any] = {}
        for task in tasks or ():
            self.add_task(task)
        for edge in edges or ():
            self._join(edge)

    # --- what is in it -----------------------------------------------------------------------------------------------

    @property
    def tasks(self) -> OrderedView[Task]:
        """All tasks, in the order they were added."""
        return OrderedView(self.slugs)

    @property
    def edges(self) -> OrderedView[Edge]:
        """All edges, in the order they were added."""
        return OrderedView(self._edges)

    def __iter__(self) -> Iterator[Task]:
        return iter(self.sorted_tasks())

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        assert isinstance(other, Graph)
        return (
            self.name == other.name
            and self.tasks == other.tasks
            and self.edges == other.edges
            and self.constants == other.constants
            and self.reference_tasks() == other.reference_tasks()
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: name="{self.name}">'

    def joined(self, task: Task) -> bool:
        """Has a task of this flow any edge?"""
        return bool(self._into.get(task) or self._out.get(task))

    def get_tasks(
        self,
        name: str | None = None,
        slug: str | None = None,
        tags: Iterable[str] | None = None,
        task_type: type[Task] | None = None,
    ) -> list[Task]:
        """The tasks with this name, this slug, all these tags and this type."""
        wanted = set(tags or ())
        return [
            task
            for task in self.tasks
            if (name is None or task.name == name)
            and (slug is None or slug in (task.slug, self.slugs[task]))
            and wanted <= task.tags
            and (task_type is None or isinstance(task, task_type))
        ]

    def parameters(self) -> OrderedView[Parameter]:
        """The parameters among the tasks, in the order they were added."""
        found = self.remembered(
            "parameters", lambda: {task: None for task in self.slugs if isinstance(task, Parameter)}
        )
        return OrderedView(found)

    def root_tasks(self) -> OrderedView[Task]:
        """The tasks that run after no other, in the order they were added."""
        return OrderedView({task: None for task in self.tasks if not self._into[task]})

    def terminal_tasks(self) -> OrderedView[Task]:
        """The tasks that no other runs after, in the order they were added."""
        last = self.remembered("terminal", lambda: {task: None for task, edges in self._out.items() if not edges})
        return OrderedView(last)

    def reference_tasks(self) -> set[Task]:
        """The tasks whose states decide the state of a run: those set, or else the last ones."""
        return set(self._reference_tasks or self.remembered("reference", self._default_reference_tasks))

    def _default_reference_tasks(self) -> set[Task]:
        """The last tasks; what only sets up or cleans up a resource has no say."""
        if not self._holds_resources:
            return set(self.terminal_tasks())
        last: set[Task] = set()
        for task, edges in self._out.items():
            for edge in edges:
                if edge.downstream_task.role != "cleanup":
                    break
            else:
                if task.role not in ("init", "cleanup"):
                    last.add(task)
        return last

    def set_reference_tasks(self, tasks: Iterable[Task]) -> None:
        """Let the states of these tasks decide the state of a run; none goes back to the last tasks."""
        tasks = list(tasks)
        for task in tasks:
            self._require(task, "be a reference task")
        self._reference_tasks = tasks or None

    def edges_to(self, task: Task) -> set[Edge]:
        """The edges that end at a task."""
        return set(self._into[self._require(task, "be asked for its edges")])

    def edges_from(self, task: Task) -> set[Edge]:
        """The edges that start at a task."""
        return set(self._out[self._require(task, "be asked for its edges")])

    def upstream_tasks(self, task: Task) -> set[Task]:
        """The tasks right before a task."""
        return {edge.upstream_task for edge in self.edges_to(task)}

    def downstream_tasks(self, task: Task) -> set[Task]:
        """The tasks right after a task."""
        return {edge.downstream_task for edge in self.edges_from(task)}

    def all_upstream_edges(self) -> dict[Task, set[Edge]]:
        """For each task the edges that end there."""
        return {task: set(edges) for task, edges in self._into.items()}

    def all_downstream_edges(self) -> dict[Task, set[Edge]]:
        """For each task the edges that start there."""
        return {task: set(edges) for task, edges in self._out.items()}

    def incoming(self, task: Task) -> list[Edge]:
        """The edges that end at a task, in the order they were added; not to be changed."""
        return self._into[task]

    def remembered(self, what: str, make: Callable[[], Made]) -> Made:
        """Something that is worked out from the graph, once for as long as the graph does not change."""
        if what not in self._memo:
            self._memo[what] = make()
        found: Made = self._memo[what]
        return found

    def _require(self, task: Task, deed: str) -> Task:
        if task not in self.slugs:
            raise GraphError(f"{task!r} is not a task of {self!r}, so it cannot {deed} there.")
        return task

    # --- building ----------------------------------------------------------------------------------------------------

    def add_task(self, task: T) -> T:
        """Add a task; one that is already there stays as it is.

        Raises:
            GraphTypeError: it is not a task.
            GraphError: another task has the same slug; `ParameterError` if both are parameters.
        """
        if not isinstance(task, Task):
            raise GraphTypeError(f"Only tasks can be added to a flow, and {task!r} is none. Use `as_task(...)`.")
        if task in self.slugs:
            return task
        self.slugs[task] = self._slug_for(task)
        self._into[task] = []
        self._out[task] = []
        if task.role != "work":
            self._holds_resources = True
        self._memo.clear()
        for block in lookup("blocks", ()):  # a `case` or a resource being built takes note of new tasks
            block.add_task(task, self)
        return task

    def _slug_for(self, task: Task) -> str:
        slug = self._next_slug(task) if task.slug is None else task.slug
        if slug in self._used_slugs:
            raise self._twin(task, slug)
        self._used_slugs.add(slug)
        return slug

    def _next_slug(self, task: Task) -> str:
        prefix = "-".join([task.name, *sorted(task._tags)]) if task._tags else task.name
        number = self._slug_counts.get(prefix, 0) + 1
        while (slug := f"{prefix}-{number}") in self._used_slugs:
            number += 1
        self._slug_counts[prefix] = number
        return slug

    def _twin(self, task: Task, slug: str) -> PrefectException:
        if isinstance(task, Parameter):
            return ParameterError(
                f"{self!r} already has a task called {slug!r}, and parameters go by their names. "
                "Use the parameter that is there, or another name."
            )
        return GraphError(f"{self!r} already has a task with the slug {slug!r}. Give {task!r} another one.")

    def add_edge(
        self,
        upstream_task: Any,
        downstream_task: Task,
        key: str | None = None,
        mapped: bool = False,
        flattened: bool = False,
        validate: bool | None = None,
    ) -> Edge:
        """Make a task run after another, which hands it its value as argument `key` if given.

        Args:
            upstream_task: a task, or any value; plain values under a key become constants of the downstream task.
            downstream_task: the task that runs after it.
            key: the argument that takes the value.
            mapped: map the downstream task over the value.
            flattened: join the value, a sequence of sequences, into one first.
            validate: look for cycles now rather than before the next run.

        Raises:
            GraphError: the edge cannot be; `ArgumentError` if the task does not take `key`.
        """
        upstream, _ = opened(upstream_task)
        if isinstance(upstream, Task) and not isinstance(upstream, Constant):
            self.add_task(upstream)
        downstream_task, annotations = opened(downstream_task)
        mapped, flattened = annotations.get("mapped", mapped), annotations.get("flattened", flattened)
        downstream_task = self.add_task(as_task(downstream_task, self))
        edge = self._connect(upstream_task, downstream_task, key, mapped, flattened)
        self._validate_if(validate)
        return edge or Edge(upstream_task, downstream_task, key, mapped, flattened, flow=self)

    def _connect(
        self, upstream: Any, task: Task, key: str | None, mapped: bool, flattened: bool, checked: bool = False
    ) -> Edge | None:
        """Add the edge for an argument, or keep the argument as a constant and return None."""
        if isinstance(upstream, EdgeAnnotation):
            upstream, annotations = opened(upstream)
            mapped = annotations.get("mapped", mapped)
            flattened = annotations.get("flattened", flattened)
        if not isinstance(upstream, Task):
            if key is not None and not mapped and not flattened and is_scalar(upstream):
                self._fold(upstream, task, key, checked)
                return None
            upstream = as_task(upstream, self)
        elif upstream.auto_generated and isinstance(upstream, Constant) and not (key is None or mapped or flattened):
            self._fold(upstream.value, task, key, checked)
            return None
        edge = Edge.join(upstream, task, key, mapped, flattened)
        if checked or edge not in self._edges:
            self._join(edge, checked)
        return edge

    def _fold(self, value: Any, task: Task, key: str, checked: bool) -> None:
        if not checked:
            self._check_key(task, key, constant=True)
        self.set_constant(task, key, value)

    def _join(self, edge: Edge, checked: bool = False) -> None:
        upstream, task = edge.upstream_task, edge.downstream_task
        if edge.mapped or not checked:
            self._check_edge(edge)
        if upstream not in self.slugs:
            self.add_task(upstream)
        if task not in self.slugs:
            self.add_task(task)
        self._edges[edge] = None
        self._into[task].append(edge)
        self._out[upstream].append(edge)
        self._memo.clear()

    def _check_edge(self, edge: Edge) -> None:
        task = edge.downstream_task
        if isinstance(task, Parameter):
            raise self._fed_parameter(task)
        if edge.mapped and lookup("mapped"):
            raise GraphError(
                f"{task!r} is mapped inside `apply_map`, whose tasks are all mapped already. "
                "Call it without `.map` or `mapped`, or map it outside."
            )
        if edge.key is not None:
            self._check_key(task, edge.key)

    @staticmethod
    def _fed_parameter(task: Task) -> GraphError:
        return GraphError(f"{task!r} cannot run after another task: its value comes from outside the flow.")

    def _check_key(self, task: Task, key: str, constant: bool = False) -> None:
        if not task._run_signature.takes(key):
            raise ArgumentError(
                f"{task!r} does not take the argument {key!r}: its run takes {task._run_signature.signature}."
            )
        for edge in self._into.get(task, ()):
            if edge.key == key:
                raise self._taken(task, key, edge.upstream_task)
        if not constant and key in self.constants.get(task, ()):
            raise self._taken(task, key, self.constants[task][key])

    @staticmethod
    def _taken(task: Task, key: str, source: Any) -> GraphError:
        return GraphError(
            f"{task!r} already takes its argument {key!r} from {source!r}. "
            "Call the task to make a copy for other arguments."
        )

    def set_constant(self, task: Task, key: str, value: Any) -> None:
        """Feed a plain value to an argument of a task."""
        self.constants.setdefault(task, {})[key] = value
        self._memo.clear()

    def set_dependencies(
        self,
        task: Any,
        upstream_tasks: Iterable[Any] | None = None,
        downstream_tasks: Iterable[Any] | None = None,
        keyword_tasks: dict[str, Any] | None = None,
        mapped: bool = False,
        validate: bool | None = None,
    ) -> None:
        """Join a task to others.

        Args:
            task: the task; any other value becomes one.
            upstream_tasks: tasks to run after.
            downstream_tasks: tasks to run before.
            keyword_tasks: the arguments of the task.
            mapped: map over all upstream tasks and arguments that are not `unmapped`.
            validate: look for cycles now rather than before the next run.
        """
        task = task if isinstance(task, Task) else as_task(task, self)
        new = task not in self.slugs
        self.add_task(task)
        if upstream_tasks:
            for upstream in listed(upstream_tasks, "upstream_tasks"):
                self._connect(upstream, task, None, mapped, False)
        if downstream_tasks:
            for downstream in listed(downstream_tasks, "downstream_tasks"):
                self._connect(task, self.add_task(as_task(downstream, self)), None, False, False)
        if keyword_tasks:
            checked = new and task._run_signature.takes_all(
                keyword_tasks
            )  # each key is there once, so no more can be wrong
            for key, value in keyword_tasks.items():
                self._connect(value, task, key, mapped, False, checked)
        self._validate_if(validate)

    def chain(self, *tasks: Any, validate: bool | None = None) -> list[Edge]:
        """Run these tasks one after the other."""
        return [
            self.add_edge(upstream, downstream, validate=validate)
            for upstream, downstream in zip(tasks, tasks[1:], strict=False)
        ]

    @contextmanager
    def building(self) -> Iterator[Self]:
        """Add every task that is called in this block to this graph."""
        unused: dict[Task, None] = {}
        fresh = {"case": None, "resource": None, "blocks": (), "mapped": False, "tags": lookup("tags", frozenset())}
        token = push({"flow": self, "_unused_task_tracker": unused, **fresh})
        try:
            yield self
        finally:
            pop(token)
        forgotten = [task for task in unused if task not in self.slugs and not isinstance(task, Constant)]
        if forgotten:
            warnings.warn(
                f"Made while building {self!r}, but not part of it: {', '.join(map(repr, forgotten))}. "
                "Call a task to add it to the flow.",
                stacklevel=4,
            )

    # --- changing ----------------------------------------------------------------------------------------------------

    def update(
        self,
        flow: Graph,
        merge_parameters: bool = False,
        validate: bool | None = None,
        merge_reference_tasks: bool = False,
    ) -> None:
        """Add all of another flow.

        Args:
            flow: the other flow.
            merge_parameters: take the other's parameters in place of this flow's ones with the same names.
            validate: look for cycles now rather than before the next run.
            merge_reference_tasks: add the other's reference tasks to this flow's.

        Raises:
            ParameterError: both have a parameter of the same name, and they are not to be merged.
        """
        references = self.reference_tasks() | flow.reference_tasks() if merge_reference_tasks else None
        own = {parameter.name: parameter for parameter in self.parameters()}
        for task in flow.tasks:
            twin = own.get(task.name) if isinstance(task, Parameter) else None
            if twin is not None and twin is not task and merge_parameters:
                self.replace(twin, task, validate=False)
            self.add_task(task)
        for edge in flow.edges:
            if edge not in self._edges:
                self._join(edge)
        for task, values in flow.constants.items():
            for key, value in values.items():
                self.set_constant(task, key, value)
        if references is not None:
            self.set_reference_tasks(task for task in self.tasks if task in references)
        self._validate_if(merge_parameters or validate)

    def replace(self, old: Task, new: Any, validate: bool = True) -> None:
        """Put another task in the place of one, with its edges, its constants and its place as reference task."""
        self._require(old, "be replaced")
        new = as_task(new, self)
        self._check_substitute(old, new)
        edges = [edge for edge in self._edges if old in (edge.upstream_task, edge.downstream_task)]
        constants = self.constants.get(old, {})
        references = self._reference_tasks
        self._remove(old)
        self.add_task(new)
        for edge in edges:
            up, down = (new if task is old else task for task in (edge.upstream_task, edge.downstream_task))
            self._join(Edge.join(up, down, edge.key, edge.mapped, edge.flattened))
        for key, value in constants.items():
            self._check_key(new, key)
            self.set_constant(new, key, value)
        if references:
            self._reference_tasks = [new if task is old else task for task in references]
        if validate:
            self.validate()

    def _check_substitute(self, old: Task, new: Task) -> None:
        """Refuse before anything is changed."""
        if new is old:
            return
        if self._into[old] and isinstance(new, Parameter):
            raise self._fed_parameter(new)
        if any(new in edge[:2] for edge in [*self._into[old], *self._out[old]]):
            raise GraphError(f"{old!r} and {new!r} are joined by an edge, so one cannot take the place of the other.")
        if new not in self.slugs and new.slug is not None and new.slug in self._used_slugs - {self.slugs[old]}:
            raise self._twin(new, new.slug)
        for key in (*(edge.key for edge in self._into[old]), *self.constants.get(old, ())):
            if key is not None:
                self._check_key(new, key)

    def _remove(self, task: Task) -> None:
        for edge in [*self._into.pop(task), *self._out.pop(task)]:
            self._edges.pop(edge, None)
            for edges in (self._into.get(edge.downstream_task), self._out.get(edge.upstream_task)):
                if edges is not None and edge in edges:
                    edges.remove(edge)
        self._used_slugs.discard(self.slugs.pop(task))
        self.constants.pop(task, None)
        self._memo.clear()

    def copy(self) -> Self:
        """A flow with the same tasks, edges and constants that can be changed on its own."""
        new = copy.copy(self)
        new.slugs = dict(self.slugs)
        new.constants = {task: dict(values) for task, values in self.constants.items()}
        new._edges = dict(self._edges)
        new._into = {task: list(edges) for task, edges in self._into.items()}
        new._out = {task: list(edges) for task, edges in self._out.items()}
        new._used_slugs = set(self._used_slugs)
        new._slug_counts = dict(self._slug_counts)
        new._reference_tasks = None if self._reference_tasks is None else list(self._reference_tasks)
        new._memo = {}
        return new

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_memo": {}}

    # --- order -------------------------------------------------------------------------------------------------------

    def sorted_tasks(self, root_tasks: Iterable[Task] | None = None) -> tuple[Task, ...]:
        """The tasks in an order in which each comes after those it depends on; insertion order breaks ties.

        Args:
            root_tasks: only these tasks and those that depend on them.

        Raises:
            CycleError: there is no such order; the message names the cycle.
        """
        order = self.remembered("sorted", self._sort)
        if root_tasks is None:
            return order
        reached = set(root_tasks)
        for task in order:
            if task in reached:
                reached.update(edge.downstream_task for edge in self._out[task])
        return tuple(task for task in order if task in reached)

    def _sort(self) -> tuple[Task, ...]:
        """Kahn's algorithm; the ready task that was added first goes first."""
        if self._added_in_order():
            return tuple(self.slugs)
        place = {task: number for number, task in enumerate(self.slugs)}
        waiting = {task: len(edges) for task, edges in self._into.items()}
        tasks = list(place)
        ready = [place[task] for task, count in waiting.items() if not count]
        heapify(ready)
        order: list[Task] = []
        while ready:
            task = tasks[heappop(ready)]
            order.append(task)
            for edge in self._out[task]:
                after = edge.downstream_task
                waiting[after] -= 1
                if not waiting[after]:
                    heappush(ready, place[after])
        if len(order) < len(tasks):
            raise CycleError(self._name_cycle({task for task, count in waiting.items() if count}))
        return tuple(order)

    def _added_in_order(self) -> bool:
        """Was every task added after those it depends on? Then that is the order."""
        seen: set[Task] = set()
        for task, edges in self._into.items():
            for edge in edges:
                if edge.upstream_task not in seen:
                    return False
            seen.add(task)
        return True

    def _name_cycle(self, stuck: set[Task]) -> str:
        """Walk upstream among the tasks that can never start, until one comes back."""
        task = next(task for task in self.slugs if task in stuck)
        path: list[Task] = []
        while task not in path:
            path.append(task)
            task = next(edge.upstream_task for edge in self._into[task] if edge.upstream_task in stuck)
        cycle = [*path[path.index(task) :], task][::-1]
        names = " → ".join(each.name for each in cycle)
        return f"The tasks of {self!r} wait for each other in a cycle: {names}. Remove one of these edges."

    def validate(self) -> None:
        """Check that the flow can run.

        Raises:
            CycleError: tasks wait for each other.
        """
        self.sorted_tasks()

    def _validate_if(self, validate: bool | None) -> None:
        if config["flows"]["eager_edge_validation"] if validate is None else validate:
            self.validate()


def listed(tasks: Iterable[Any], argument: str) -> Iterable[Any]:
    if isinstance(tasks, (Task, EdgeAnnotation, str)):
        raise GraphTypeError(f"{argument} must be a list, even for one task: write {argument}=[{tasks!r}].")
    return tasks
