"""Helpers to make tasks and the values around them."""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from prefect.core.graph import Graph
from prefect.core.lift import as_task as as_task
from prefect.core.lift import opened
from prefect.core.parameter import Parameter
from prefect.core.task import Task
from prefect.engine.signals import PAUSE
from prefect.exceptions import FlowContextMissing, GraphTypeError, TaskSettingError
from prefect.tasks.core.constants import Constant
from prefect.tasks.core.function import FunctionTask
from prefect.utilities.context import context, lookup
from prefect.utilities.datetimes import utcnow
from prefect.utilities.edges import EdgeAnnotation

if TYPE_CHECKING:
    from prefect.core.edge import Edge

P = ParamSpec("P")
R = TypeVar("R")


@overload
def task(fn: Callable[P, R], /) -> FunctionTask[P, R]: ...
@overload
def task(fn: None = None, /, **task_init_kwargs: Any) -> Callable[[Callable[P, R]], FunctionTask[P, R]]: ...
def task(fn: Callable[..., Any] | None = None, /, **task_init_kwargs: Any) -> Any:
    """Turn a function into a task: `@task`, or `@task(name="Add", max_retries=3, ...)` with settings of a Task."""
    if fn is None:
        return functools.partial(FunctionTask, **task_init_kwargs)
    return FunctionTask(fn, **task_init_kwargs)


@contextmanager
def tags(*tags: str) -> Iterator[None]:
    """Give these tags to every task made, copied or called in this block."""
    with context(tags={*lookup("tags", ()), *tags}):
        yield


def pause_task(message: str | None = None, duration: timedelta | None = None) -> None:
    """Pause the task that calls this, until a person resumes it or `duration` has passed; `run` then starts anew.

    Args:
        message: what the person is told.
        duration: after this time the task resumes by itself.
    """
    if lookup("resume"):
        return
    raise PAUSE(message or "The task paused itself.", start_time=None if duration is None else utcnow() + duration)


def exponential_backoff(
    base: timedelta | float = 1.0,
    factor: float = 2.0,
    max_delay: timedelta | float = 7200.0,
    jitter: float = 0.5,
) -> Callable[[int], timedelta]:
    """Delays for `retry_delay=` that grow with every retry, and are random so that retries do not come all at once.

    Args:
        base: the delay before the first retry, a timedelta or seconds.
        factor: each further delay is so many times the one before.
        max_delay: no delay is longer, jitter included.
        jitter: the part of a delay that is random: 0.5 gives half to the whole of it, 0 always the whole.
    """
    first, longest = (each.total_seconds() if isinstance(each, timedelta) else each for each in (base, max_delay))
    if first < 0 or factor <= 0 or longest < 0 or not 0 <= jitter <= 1:
        raise TaskSettingError(
            f"exponential_backoff(base={base!r}, factor={factor!r}, max_delay={max_delay!r}, jitter={jitter!r}) makes "
            "no delays: base and max_delay must not be negative, factor must be above 0, and jitter between 0 and 1."
        )

    def delay(run_count: int) -> timedelta:
        try:
            whole = min(first * float(factor) ** (run_count - 1), longest)
        except OverflowError:
            whole = longest
        return timedelta(seconds=whole * (1 - jitter * random.random()))

    return delay


def defaults_from_attrs(*attr_args: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Let `run` take arguments that it was not given from the attributes of the same names.

    ```python
    class Add(Task):
        def __init__(self, y=None, **kwargs):
            self.y = y
            super().__init__(**kwargs)

        @defaults_from_attrs("y")
        def run(self, x, y=None):
            return x + y
    ```
    An argument given as None stays None.
    """

    def decorate(run: Callable[..., R]) -> Callable[..., R]:
        positions = tuple(inspect.signature(run).parameters)[1:]

        @functools.wraps(run)
        def with_defaults(self: Task, *args: Any, **kwargs: Any) -> R:
            given = {*positions[: len(args)], *kwargs}
            missing = {name: getattr(self, name) for name in attr_args if name not in given}
            return run(self, *args, **kwargs, **missing)

        return with_defaults

    return decorate


def apply_map(func: Callable[..., Any], *args: Any, flow: Graph | None = None, **kwargs: Any) -> Any:
    """Map a function that builds several tasks: each task it calls runs once for each element of the arguments.

    Args:
        func: builds tasks by calling them, and returns some of them; it must not call `.map` itself.
        *args: tasks, sequences or annotations such as `unmapped(x)`, given to `func` as tasks.
        flow: the flow to add to; by default the one being built. `func` must take it as `flow=` if it is given.
        **kwargs: arguments by name.

    Returns:
        What `func` returns; its tasks are now mapped.

    Raises:
        GraphTypeError: an argument has no elements.
        GraphError: `func` calls `.map`.
    """
    target = lookup("flow") if flow is None else flow
    if target is None:
        raise FlowContextMissing("`apply_map` was called while no flow is being built: use it in one, or pass `flow=`.")
    before = set(target.tasks)
    inner = Graph("apply_map")
    listed = [mappable(value, target) for value in args]
    keyed = {key: mappable(value, target) for key, value in kwargs.items()}
    positional: list[Any] = [task for task, _ in listed]
    named: dict[str, Any] = {key: task for key, (task, _) in keyed.items()}
    if flow is not None:
        named["flow"] = inner
    with inner.building(), context(mapped=True):
        returned = func(*positional, **named)
    MappedCopy(target, inner, dict([*listed, *keyed.values()]), before).add()
    return returned


def mappable(value: Any, flow: Graph) -> tuple[Task, dict[str, bool]]:
    """An argument of `apply_map` as a task, and its annotations."""
    if not isinstance(value, (Task, EdgeAnnotation, Sequence)):
        raise GraphTypeError(f"`apply_map` cannot map over {value!r}: give it a task, a sequence or `unmapped(...)`.")
    inner, annotations = opened(value)
    task = as_task(inner, flow)
    if isinstance(task, Constant) and annotations.get("mapped", True):
        task.auto_generated = False  # a value to map over must stay a task, and not be folded into those it feeds
    return task, annotations


FIXED = (Constant, Parameter)


class MappedCopy:
    """Adds the tasks that an `apply_map` function built to the real flow, with every edge mapped."""

    def __init__(self, flow: Graph, inner: Graph, arguments: dict[Task, dict[str, bool]], before: set[Task]) -> None:
        self.flow = flow
        self.inner = inner
        self.annotations = arguments
        self.outside = before - arguments.keys()

    def add(self) -> None:
        for task in self.inner.tasks:
            if task not in self.annotations:
                self.flow.add_task(task)
        for task, values in self.inner.constants.items():
            self.flow.constants.setdefault(task, {}).update(values)
        for edge in self.inner.edges:
            self._connect(edge)
        for task in self.inner.tasks:
            if task not in self.annotations and task not in self.outside and not isinstance(task, FIXED):
                self._widen(task)

    def _connect(self, edge: Edge) -> None:
        annotations = self.annotations.get(edge.upstream_task, {})
        self.flow.add_edge(
            edge.upstream_task,
            edge.downstream_task,
            key=edge.key,
            mapped=annotations.get("mapped", self._is_lane(edge.upstream_task)),
            flattened=annotations.get("flattened", edge.flattened),
        )

    def _is_lane(self, task: Task) -> bool:
        """Does a task have a child for each element? What was there before, and plain values, are the same for all."""
        return task in self.annotations or not (task in self.outside or isinstance(task, FIXED))

    def _widen(self, task: Task) -> None:
        """Give a task with no upstream task of its own every argument, so that all lanes have the same width."""
        if any(edge.upstream_task not in {*self.annotations, *self.outside} for edge in self.inner.incoming(task)):
            return
        fed = {edge.upstream_task for edge in self.inner.incoming(task)}
        for argument, notes in self.annotations.items():
            if argument not in fed and notes.get("mapped", True):
                self.flow.add_edge(argument, task, mapped=True, flattened=notes.get("flattened", False))
