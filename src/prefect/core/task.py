"""Task: one unit of work. Its `run` method does the work; its settings say when and how."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from prefect import triggers
from prefect.configuration import config
from prefect.core import settings
from prefect.core.algebra import Algebra
from prefect.core.handlers import failure_handler
from prefect.core.signature import RESERVED, RunSignature, read_signature
from prefect.engine import cache_validators
from prefect.engine.result.base import Result
from prefect.exceptions import (
    FlowContextMissing,
    GraphTypeError,
    TaskNotInitialized,
    TaskSettingError,
    TaskSettingTypeError,
    UnknownSetting,
)
from prefect.utilities.context import lookup
from prefect.utilities.edges import EdgeAnnotation
from prefect.utilities.logging import get_logger

if TYPE_CHECKING:
    from prefect.core.graph import Graph

SETTINGS = frozenset(
    {
        "auto_generated",
        "cache_for",
        "cache_key",
        "cache_validator",
        "checkpoint",
        "log_stdout",
        "logger",
        "max_retries",
        "name",
        "nout",
        "result",
        "retry_delay",
        "retry_on",
        "skip_on_upstream_skip",
        "slug",
        "state_handlers",
        "tags",
        "target",
        "task_run_name",
        "timeout",
        "trigger",
    }
)


NO_TAGS: frozenset[str] = frozenset()


class OnDemand:
    """A set or list of a task that is made when somebody asks for it: most tasks have no tags and no handlers."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.key = f"_{name}"

    def __get__(self, task: Task | None, owner: type | None = None) -> Any:
        if task is None:
            return self
        own = task.__dict__
        if self.key not in own:
            return task.__getattr__(self.name)
        if own[self.key] is None:
            own[self.key] = self.make()
        return own[self.key]

    def __set__(self, task: Task, value: Any) -> None:
        task.__dict__[self.key] = value or None


class CallSignature:
    """What a task can be called with: the arguments of `run` and those kept for calls. A class takes its settings."""

    def __get__(self, task: Task | None, owner: type[Task]) -> Signature:
        if task is None:
            constructor = signature(owner.__init__)
            return constructor.replace(parameters=[*constructor.parameters.values()][1:], return_annotation=owner)
        own = task._run_signature.signature
        kept = {"mapped": False, "task_args": None, "upstream_tasks": None, "flow": None}
        extra = [Parameter(key, Parameter.KEYWORD_ONLY, default=default) for key, default in kept.items()]
        parameters = list(own.parameters.values())
        end = len(parameters) - (1 if parameters and parameters[-1].kind is Parameter.VAR_KEYWORD else 0)
        return Signature([*parameters[:end], *extra, *parameters[end:]], return_annotation=Task)


class Task(Algebra):
    """One unit of work; subclass it and write `run`, or put `@task` on a function.

    Args:
        name: what people call it; by default the name of the class or function.
        slug: an identifier that is unique in a flow; by default the flow makes one.
        tags: labels; those of an enclosing `with tags(...)` are added.
        max_retries: how often a failed run is tried again.
        retry_delay: how long to wait before that: a timedelta, seconds, a list of them, or a function of the run count.
        retry_on: only exceptions of these classes are retried.
        timeout: seconds or a timedelta that one run may take.
        trigger: decides from the states of the upstream tasks whether this one runs.
        skip_on_upstream_skip: skip when an upstream task was skipped.
        cache_for: how long a value may be used instead of running again.
        cache_validator: decides whether a cached value may be used.
        cache_key: tasks with the same key share their cached values.
        checkpoint: False never stores the value; True and None store it when checkpointing is on.
        state_handlers: functions `(task, old_state, new_state) -> state or None`, called in order at every change.
        on_failure: function `(task, state)` called when a failed state is reached.
        log_stdout: send what `run` prints to the log.
        result: where the value is stored.
        target: template or function of the location of the value; if a value is there, the task does not run.
        task_run_name: template or function of the name of a run of this task.
        nout: how many values `run` returns, for `a, b = my_task()`.
        max_active: at most so many runs of this task go on at once in a flow run: all its calls, and children of maps.
        rate: at most so many of them start a second; or a text such as "100/minute".
        on_map_end: function `(task, state, counts)` called once when all children of this mapped task are over, however
            many processes worked at them; `counts` tells how many ended in which type of state.

    Raises:
        TaskSettingError: a setting has a value it cannot have; `TaskSettingTypeError` if the type is wrong.
    """

    __signature__ = CallSignature()
    role: ClassVar[Literal["work", "init", "setup", "cleanup", "secret"]] = "work"
    tags = OnDemand(set)
    state_handlers = OnDemand(list)
    _tags: set[str] | None
    _state_handlers: list[Callable[..., Any]] | None
    _run_signature: ClassVar[RunSignature]
    _run_limits: settings.Limits | None = None
    on_map_end: Callable[..., Any] | None = None
    _plain: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        special = {"__slots__", "__copy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__"}
        cls._plain = cls._plain and not special & vars(cls).keys()
        if "run" in vars(cls):
            static = isinstance(vars(cls)["run"], (staticmethod, classmethod))
            cls._run_signature = read_signature(cls.run, cls.__name__, skip_self=not static)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        if any(isinstance(value, Task) for value in (*args, *kwargs.values())):
            warnings.warn(
                f"A task was given to the constructor of {cls.__name__}, which makes no edge between the two. "
                f"Call the new task with it instead: `{cls.__name__}(...)(other_task)`.",
                stacklevel=2,
            )
        return super().__new__(cls)

    def __init__(
        self,
        name: str | None = None,
        slug: str | None = None,
        tags: Iterable[str] | None = None,
        max_retries: int | None = None,
        retry_delay: Any = None,
        retry_on: type[Exception] | Iterable[type[Exception]] | None = None,
        timeout: float | timedelta | None = None,
        trigger: Callable[..., bool] | None = None,
        skip_on_upstream_skip: bool = True,
        cache_for: timedelta | None = None,
        cache_validator: Callable[..., bool] | None = None,
        cache_key: str | None = None,
        checkpoint: bool | None = None,
        state_handlers: Sequence[Callable[..., Any]] | None = None,
        on_failure: Callable[..., Any] | None = None,
        log_stdout: bool = False,
        result: Result | None = None,
        target: str | Callable[..., str] | None = None,
        task_run_name: str | Callable[..., str] | None = None,
        nout: int | None = None,
        max_active: int | None = None,
        rate: float | str | None = None,
        on_map_end: Callable[..., Any] | None = None,
    ) -> None:
        self._warn_of_early_settings()
        defaults = config.tasks.defaults
        self.name = name or type(self).__name__
        self.slug = slug
        self.tags = tags
        self.max_retries: Any = defaults.max_retries if max_retries is None else max_retries
        self.retry_delay = defaults.retry_delay if retry_delay is None and self.max_retries else retry_delay
        self.retry_on: Any = retry_on
        self.timeout: Any = defaults.timeout if timeout is None else timeout
        self.trigger: Any = trigger
        self.skip_on_upstream_skip = skip_on_upstream_skip
        self.cache_for = cache_for
        self.cache_validator: Any = cache_validator
        self.cache_key = cache_key
        self.checkpoint = checkpoint
        self.state_handlers = state_handlers
        self.log_stdout = log_stdout
        self.result = result
        self.target = target
        self.task_run_name = task_run_name
        self.nout = self._run_signature.nout if nout is None else nout
        self.auto_generated = False
        self._settle()
        if max_active is not None or rate is not None:
            self._limit({"max_active": max_active, "rate": rate})
        if on_failure is not None:
            self._watch_failures(on_failure)
        if on_map_end is not None:
            self.on_map_end = settings.function(on_map_end, "on_map_end", repr(self))
        tracker = lookup("_unused_task_tracker")
        if tracker is not None:
            tracker[self] = None

    def _watch_failures(self, callback: Callable[..., Any]) -> None:
        self.state_handlers.append(failure_handler(settings.function(callback, "on_failure", repr(self))))

    def _limit(self, given: dict[str, Any]) -> None:
        """Set limits. They have no attributes of their own: classes of users may call theirs `rate`."""
        self._run_limits = settings.limits(self._run_limits, given, repr(self))

    def _warn_of_early_settings(self) -> None:
        early = {key.removeprefix("_") for key in vars(self)} & SETTINGS
        if early:
            warnings.warn(
                f"{type(self).__name__}.__init__ sets {', '.join(sorted(early))} before `super().__init__()`, "
                "which sets it anew. Pass it on to `super().__init__(...)`, or use another name.",
                stacklevel=4,
            )

    def _settle(self) -> None:
        """Bring every setting into its stored form, and check that they go together."""
        owner = repr(self)
        if not isinstance(self.name, str):
            raise TaskSettingTypeError(f"The name of a task must be a text, not {self.name!r}.")
        if self.result is not None and not isinstance(self.result, Result):
            raise TaskSettingTypeError(f"{owner}: result must be a Result, such as LocalResult(), not {self.result!r}.")
        self.tags = settings.tags(self.tags, owner) | lookup("tags", set())
        self.max_retries = settings.max_retries(self.max_retries, owner)
        self.retry_delay = settings.retry_delay(self.retry_delay, self.max_retries, owner)
        self.retry_on = settings.retry_on(self.retry_on, self.max_retries, owner)
        self.timeout = settings.timeout(self.timeout, owner)
        self.trigger = settings.function(self.trigger, "trigger", owner) or triggers.all_successful
        self.cache_for = settings.cache_for(self.cache_for, owner)
        self.state_handlers = settings.state_handlers(self.state_handlers, owner)
        self.nout = settings.nout(self.nout, owner)
        self.target = settings.text_or_function(self.target, "target", owner)
        self.task_run_name = settings.text_or_function(self.task_run_name, "task_run_name", owner)
        self.logger = get_logger(self.name)
        self._settle_cache()
        self._settle_result()

    def _settle_cache(self) -> None:
        unset = (None, cache_validators.never_use)
        if self.cache_for is not None and self.cache_validator is None:
            self.cache_validator = cache_validators.duration_only
        if self.cache_for is None and self.cache_validator not in unset:
            warnings.warn(
                f"{self!r} has a cache_validator but no cache_for, so nothing is cached. Give it a cache_for.",
                stacklevel=4,
            )
        self.cache_validator = self.cache_validator or cache_validators.never_use

    def _settle_result(self) -> None:
        if self.target is None or self.result is None:
            return
        if self.result.location not in (None, self.target):
            warnings.warn(f"{self!r}: the target {self.target!r} replaces the location of its result.", stacklevel=4)
        self.result = self.result.at(self.target)

    def __getattr__(self, name: str) -> Any:
        if name in SETTINGS and "auto_generated" not in self.__dict__:
            raise TaskNotInitialized(
                f"{type(self).__name__}.__init__ did not call `super().__init__(**kwargs)`, so it is not a task yet. "
                "Add that call."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<Task: {self.name}>"

    # --- the work ----------------------------------------------------------------------------------------------------

    if TYPE_CHECKING:
        run: Callable[..., Any]  # each subclass has arguments of its own
    else:

        def run(self) -> Any:
            """Do the work and return its value; a bare Task does nothing."""

    def inputs(self) -> dict[str, dict[str, Any]]:
        """The arguments of `run`: for each its `type`, its `default` and whether it is `required`."""
        return {
            name: {
                "type": Any if p.annotation is p.empty else p.annotation,
                "default": None if p.default is p.empty else p.default,
                "required": p.default is p.empty,
            }
            for name, p in self._run_signature.signature.parameters.items()
            if p.kind is not p.VAR_KEYWORD
        }

    def outputs(self) -> Any:
        """The annotated type of the value of `run`."""
        annotation = self._run_signature.signature.return_annotation
        return Any if annotation is Signature.empty else annotation

    # --- joining a flow ----------------------------------------------------------------------------------------------

    def copy(self, **task_args: Any) -> Self:
        """A copy of this task with some settings changed; its edges are not copied.

        Raises:
            UnknownSetting: the task has no such attribute.
        """
        new = self._copy(lookup("flow"), task_args)._tagged()
        tracker = lookup("_unused_task_tracker")
        if tracker is not None:
            tracker[new] = None
        return new

    def _copy(self, flow: Graph | None, task_args: dict[str, Any]) -> Self:
        if flow is not None and self in flow.slugs and flow.joined(self):
            warnings.warn(
                f"{self!r} was copied, but its edges in {flow!r} were not. "
                "Keep what the first call returned, and use that.",
                stacklevel=4,
            )
        new = self._twin()
        tracker = lookup("_unused_task_tracker")
        if tracker is not None:
            tracker.pop(self, None)
        if self.slug:
            new.slug = f"{self.slug}-copy"
        if self._tags:
            new.tags = {*self._tags}
        if self._state_handlers:
            new.state_handlers = [*self._state_handlers]
        if task_args:
            new._override(task_args)
            new.tags = {*(self._tags or ()), *(new._tags or ())}
        return new

    def _tagged(self) -> Self:
        """This task, with the tags of the block it is used in."""
        labels = lookup("tags")
        if labels:
            self.tags = {*self.tags, *labels}
        return self

    def _twin(self) -> Self:
        """A shallow copy; the common class, which keeps all in its `__dict__`, has a short road."""
        if not self._plain:
            return copy.copy(self)
        new: Self = object.__new__(type(self))
        new.__dict__ = self.__dict__.copy()
        return new

    def _override(self, task_args: dict[str, Any]) -> None:
        self._forget_for(task_args)
        limits: dict[str, Any] = {}
        for key, value in task_args.items():
            if hasattr(self, key):
                setattr(self, key, value)
                continue
            if key not in settings.LIMITS:
                raise UnknownSetting(f"{self!r} has no attribute {key!r} that task_args could set.")
            limits[key] = value
        self._settle()
        if limits:
            self._limit(limits)

    def _forget_for(self, task_args: dict[str, Any]) -> None:
        """Drop the settings that made sense only with those to be changed."""
        if "max_retries" in task_args and not task_args["max_retries"]:
            self.retry_delay = self.retry_on = None
        if "cache_for" in task_args and (self.cache_for is None or task_args["cache_for"] is None):
            self.cache_validator = None

    def __call__(
        self,
        *args: Any,
        mapped: bool = False,
        task_args: dict[str, Any] | None = None,
        upstream_tasks: Iterable[Any] | None = None,
        flow: Graph | None = None,
        **kwargs: Any,
    ) -> Self:
        """Add a copy of this task to a flow, fed by these arguments.

        Args:
            *args: arguments of `run`: tasks, or plain values.
            mapped: map over all arguments; `task.map(...)` reads better.
            task_args: settings of the copy.
            upstream_tasks: tasks to run after, without taking their values.
            flow: the flow to add to; by default the one being built.
            **kwargs: arguments of `run` by name.

        Raises:
            ArgumentError: `run` does not take these arguments.
            FlowContextMissing: no flow is being built.
        """
        if flow is None:
            flow = self._active_flow("called")
        new = self._copy(flow, task_args or {})
        return new.bind(*args, mapped=mapped, upstream_tasks=upstream_tasks, flow=flow, **kwargs)

    def bind(
        self,
        *args: Any,
        mapped: bool = False,
        upstream_tasks: Iterable[Any] | None = None,
        flow: Graph | None = None,
        **kwargs: Any,
    ) -> Self:
        """Add this very task to a flow, fed by these arguments; see `__call__`."""
        if flow is None:
            flow = self._active_flow("bound")
        arguments = self._run_signature.bind(self.name, args, kwargs)
        if lookup("tags"):
            self._tagged()
        flow.set_dependencies(self, upstream_tasks=upstream_tasks, keyword_tasks=arguments, mapped=mapped)
        return self

    def map(
        self,
        *args: Any,
        upstream_tasks: Iterable[Any] | None = None,
        flow: Graph | None = None,
        task_args: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Add a copy of this task that runs once for each element of its arguments.

        Wrap an argument in `unmapped` to give it whole to every child.
        """
        for value in args:
            if not isinstance(value, EdgeAnnotation) and not hasattr(value, "__getitem__"):
                raise GraphTypeError(
                    f"{self!r} cannot be mapped over {value!r}, which has no elements. "
                    "Use `unmapped(...)` to give it to every child."
                )
        flow = self._active_flow("mapped") if flow is None else flow
        new = self._copy(flow, {"nout": None, **(task_args or {})})
        return new.bind(*args, mapped=True, upstream_tasks=upstream_tasks, flow=flow, **kwargs)

    def set_dependencies(
        self,
        flow: Graph | None = None,
        upstream_tasks: Iterable[Any] | None = None,
        downstream_tasks: Iterable[Any] | None = None,
        keyword_tasks: dict[str, Any] | None = None,
        mapped: bool = False,
        validate: bool | None = None,
    ) -> Self:
        """Join this task to others in a flow."""
        flow = self._active_flow("joined to others") if flow is None else flow
        flow.set_dependencies(
            self,
            upstream_tasks=upstream_tasks,
            downstream_tasks=downstream_tasks,
            keyword_tasks=keyword_tasks,
            mapped=mapped,
            validate=validate,
        )
        return self

    def set_upstream(self, task: Any, flow: Graph | None = None, key: str | None = None, mapped: bool = False) -> Self:
        """Run after another task, and take its value as argument `key` if given."""
        if key is None:
            return self.set_dependencies(flow=flow, upstream_tasks=[task], mapped=mapped)
        return self.set_dependencies(flow=flow, keyword_tasks={key: task}, mapped=mapped)

    def set_downstream(
        self, task: Task, flow: Graph | None = None, key: str | None = None, mapped: bool = False
    ) -> Self:
        """Run before another task, and give it the value as argument `key` if given."""
        if not isinstance(task, Task):
            raise GraphTypeError(f"Only a task can run after {self!r}, not {task!r}.")
        flow = self._active_flow("joined to others") if flow is None else flow
        task.set_upstream(self, flow=flow, key=key, mapped=mapped)
        return self

    def pipe(_prefect_self, _prefect_task: Callable[..., Any], **kwargs: Any) -> Any:
        """Feed this task to another as its first argument: `a.pipe(b).pipe(c.map)` reads from left to right."""
        if "self" in kwargs:
            raise TaskSettingError("`pipe` cannot pass an argument called 'self': give it another name.")
        piped = _prefect_task(_prefect_self, **kwargs)
        return piped.value if isinstance(piped, EdgeAnnotation) else piped

    def __or__(self, other: Any) -> Any:
        """`a | b`: b runs after a."""
        self._active_flow("joined to others").set_dependencies(other, upstream_tasks=[self])
        return other

    def __ror__(self, other: Any) -> Self:
        return self.set_dependencies(upstream_tasks=[other])

    def _active_flow(self, deed: str) -> Graph:
        """The flow being built."""
        flow: Graph | None = lookup("flow")
        if flow is None:
            raise FlowContextMissing(
                f"{self!r} was {deed} while no flow is being built. Do it inside `with Flow(...)`, pass `flow=`, "
                "or use `.run(...)` to do the task's work at once."
            )
        return flow


Task._run_signature = read_signature(Task.run, "Task", skip_self=True)
assert not RESERVED.keys() & SETTINGS
