"""TaskRunner: takes one task, or one child of a mapped task, through its states.

```
Pending ─▶ check_task_is_ready ─▶ check_task_reached_start_time ─▶ check_upstream_finished ─▶ check_upstream_skipped
        ─▶ load_results ─▶ get_task_inputs ─▶ (a mapped task: check_task_ready_to_map, and done)
        ─▶ set_task_run_name ─▶ check_target | check_task_is_cached ─▶ check_task_trigger
        ─▶ set_task_to_running ─▶ get_task_run_state ─▶ cache_result ─▶ check_for_retry ─▶ check_task_is_looping
```

Each step takes a state and returns one, or raises `ENDRUN` to end the run. What a task does not use, its runner leaves
out: `Needs` says once for each runner which steps can matter. A subclass that overrides a step always gets it called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from logging import DEBUG, INFO
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from uuid import NAMESPACE_OID, uuid5

from prefect.configuration import config
from prefect.core.task import NO_TAGS, Task
from prefect.engine import caching, mapping, readiness, retrying
from prefect.engine.calling import AlarmRang, call
from prefect.engine.readiness import all_plain
from prefect.engine.reporting import TRAIL, leave_trace
from prefect.engine.result.base import Result
from prefect.engine.runner import Runner, call_each, reraise_if_asked, step
from prefect.engine.signals import ENDRUN, LOOP, TRIGGERFAIL, PrefectStateSignal
from prefect.engine.state import (
    Cached,
    Failed,
    Looped,
    Mapped,
    Paused,
    Pending,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Success,
    TimedOut,
    TriggerFailed,
    unwrapped,
)
from prefect.exceptions import TaskTimeoutSignal, UnmappableError
from prefect.executors.stopping import Stopped
from prefect.triggers import all_successful
from prefect.utilities.context import DERIVED, MISSING, context, innermost, lookup, pop, top
from prefect.utilities.datetimes import utcnow
from prefect.utilities.logging import RUN_FIELDS, RunLogger, emit
from prefect.utilities.texts import repr_of

if TYPE_CHECKING:
    from prefect.core.edge import Edge

UpstreamStates = Mapping["Edge", State]


class TaskRunnerInitializeResult(NamedTuple):
    """The state to begin with, and what the context of the run holds."""

    state: State
    context: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Needs:
    """Which steps can matter for a task; the others are left out.

    Attributes:
        begin: working out where the run begins, even if it has not begun.
        ready: the checks on the task's own state, even if it is plainly `Pending`.
        upstream: the checks on upstream states, even if all are plainly `Success`.
        trigger: asking the trigger, even if all upstream states are plainly `Success`.
        load: loading upstream values.
        name: working out a name of the run.
        target: looking for a value at the target.
        cached: looking for cached values, and making one.
        after: the steps after a plain success.
        checkpoint: storing the value.
        result: whether the value is held by a result that knows a place.
        help: whether `run` can be called without further ado, or needs a timeout, a redirect or an event loop.
    """

    begin: bool
    ready: bool
    upstream: bool
    trigger: bool
    load: bool
    name: bool
    target: bool
    cached: bool
    after: bool
    checkpoint: bool
    result: bool
    help: bool

    @classmethod
    def of(cls, runner: TaskRunner) -> Needs:
        task, changed = runner.task, runner.changed
        return cls(
            begin="initialize_run" in changed,
            ready=bool(changed & {"check_task_is_ready", "check_task_reached_start_time"}),
            upstream=bool(changed & {"check_upstream_finished", "check_upstream_skipped"}),
            trigger=task.trigger is not all_successful or "check_task_trigger" in changed,
            load="load_results" in changed,
            name=task.task_run_name is not None or "set_task_run_name" in changed,
            target=task.target is not None or "check_target" in changed,
            cached=task.cache_for is not None or bool(changed & {"check_task_is_cached", "cache_result"}),
            after=bool(changed & {"check_for_retry", "check_task_is_looping"}),
            checkpoint=runner.checkpointing and task.checkpoint is not False and not task.auto_generated,
            result=runner.result is not IN_MEMORY,
            help=needs_help(task),
        )


USED = attrgetter("trigger", "task_run_name", "target", "cache_for", "timeout", "log_stdout", "result")
UNUSED = (all_successful, None, None, None, None, False, None)


def is_plain(runner: TaskRunner) -> bool:
    """Does a task use nothing that would need a step of its own? Then `PLAIN` says it all, at no cost."""
    return (
        USED(runner.task) == UNUSED
        and runner.result is IN_MEMORY
        and not runner.checkpointing
        and not runner.task._run_signature.coroutine
        and not runner.changed
    )


def needs_help(task: Task) -> bool:
    return bool(task.timeout or task.log_stdout or task._run_signature.coroutine)


IN_MEMORY = Result()
SUCCEEDED = "The task succeeded."
STEPS = [
    "call_runner_target_handlers",
    "handle_state_change",
    "initialize_run",
    "check_task_is_ready",
    "check_task_reached_start_time",
    "check_upstream_finished",
    "check_upstream_skipped",
    "load_results",
    "get_task_inputs",
    "set_task_to_running",
    "get_task_run_state",
    "check_task_ready_to_map",
    "set_task_run_name",
    "check_target",
    "check_task_is_cached",
    "check_task_trigger",
    "cache_result",
    "check_for_retry",
    "check_task_is_looping",
]
PLAIN = Needs(*[False] * 12)
FRESH = Pending.made()
ORDER = "_cache_order"
"""The key of the context under which a run keeps what it asks of the cache."""


class TaskRunner(Runner):
    """Runs one task; see `run`.

    Args:
        task: the task.
        state_handlers: functions `(runner, old_state, new_state) -> state or None`, called after the task's own.
        flow_result: where the flow stores values, for a task that does not say.

    Attributes:
        constants: the arguments of `run` that are the same in every run.
        slug: the identifier of the task in its flow.
        making: what the values of a task with a cache depend on besides its inputs.
        succeed: makes the state of a success from value, message and tags; on its way it may raise a signal.
        changed: the steps that a subclass overrides.
    """

    constants: Mapping[str, Any] = {}
    slug: str | None = None
    making: caching.Making | None = None
    succeed: Callable[[Any, str, Any], State] = staticmethod(Success.made)
    changed: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.changed = frozenset(name for name in STEPS if getattr(cls, name) is not getattr(TaskRunner, name))

    def __init__(
        self,
        task: Task,
        state_handlers: Sequence[Callable[..., Any]] | None = None,
        flow_result: Result | None = None,
    ) -> None:
        self.task = task
        self.tags = task._tags or NO_TAGS
        if state_handlers:
            super().__init__(state_handlers)
        self.checkpointing = lookup("checkpointing")
        result = task.result or flow_result or IN_MEMORY
        self.result = result if task.target is None else result.at(task.target)
        self.needs = PLAIN if is_plain(self) else Needs.of(self)
        self.quiet = not (task._state_handlers or self.state_handlers or "call_runner_target_handlers" in self.changed)
        self.short = self.quiet and self.needs is PLAIN
        self.level = DEBUG if task.auto_generated else INFO
        self.logged = task.logger.isEnabledFor(self.level)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.task.name}>"

    def speak_at(self, level: int) -> None:
        """Log the beginning and the end of each run at this level."""
        self.level = level
        self.logged = self.task.logger.isEnabledFor(level)

    def call_runner_target_handlers(self, old_state: State, new_state: State) -> State:
        """Call the state handlers of the task."""
        return call_each(self.task.state_handlers, self.task, old_state, new_state)

    def saw(self, state: State) -> None:
        """Make a change of state a step of the trail of this run."""
        leave_trace(state)

    # --- the whole run -----------------------------------------------------------------------------------------------

    def run(
        self,
        state: State | None = None,
        upstream_states: UpstreamStates | None = None,
        context: Mapping[str, Any] | None = None,
        is_mapped_parent: bool = False,
    ) -> State:
        """Take the task from a state as far as it gets.

        Args:
            state: where it stands; by default it has not begun.
            upstream_states: the states of the tasks before it, by edge.
            context: what to add to the context of the run, such as `map_index`.
            is_mapped_parent: only find out how many children the mapped task has.

        Returns:
            The state it came to; errors of the task are in there, too.
        """
        task, upstream_states = self.task, upstream_states or {}
        facts = self.facts(context)
        token = top.set((facts, top.get(), True))
        try:
            if state is None and not self.needs.begin:
                state = FRESH if self.short else Pending.made(tags=self.tags)
            else:
                state, more = self.initialize_run(state, facts)
                facts.update(more)
            if self.logged:
                self._log("starting")
            while True:
                short = self.short and state is FRESH and not is_mapped_parent
                if short and all_plain(upstream_states):
                    state = self._short_turn(upstream_states)
                else:
                    state = self._turn(state, upstream_states, is_mapped_parent)
                if not isinstance(state, Looped):
                    break
                facts["task_loop_count"] = state.loop_count + 1
                facts["task_loop_result"] = state.result
                facts["task_run_count"] = 1
                facts.pop("resume", None)
                facts.pop(ORDER, None)
                state = Pending("Ready for the next turn of the loop.")
            if self.needs.cached and type(state) is Cached and ORDER in facts and facts[ORDER].why is not None:
                caching.remember(lookup("caches"), task, state)
            if self.logged:
                self._log(f"ended as {type(state).__name__}")
            if self.watched and TRAIL in facts:
                state._trail = facts[TRAIL]
            return Pending.made(tags=self.tags) if state is FRESH else state
        finally:
            pop(token)

    def facts(self, context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What the context of a run says of it."""
        facts = {
            "task_name": self.task.name,
            "task_slug": self.slug,
            "task_tags": self.tags,
            "task_run_count": 1,
            "map_index": None,
            "logger": self.task.logger,
        }
        if context:
            facts.update(context)
        return facts

    def conclude(self, given: State | None, new: State, context: Mapping[str, Any] | None = None) -> State:
        """Bring a run to a state that it could not reach itself, as its worker died; handlers and retries are as ever.

        Args:
            given: where it stood before.
            new: where it ends.
            context: as for `run`.
        """
        token = top.set((self.facts(context), top.get(), True))
        try:
            _, more = self.initialize_run(given, innermost())
            innermost().update(more)
            new = self.handle_state_change(Running.made(tags=self.tags), new)
            new = self.check_for_retry(new, {}) if isinstance(new, TimedOut) else new
        except (ENDRUN, PrefectStateSignal) as signal:
            new = signal.state
        finally:
            trail = innermost().get(TRAIL)
            pop(token)
        if trail is not None:
            new._trail = trail
        return new

    def _turn(self, state: State, upstream_states: UpstreamStates, is_mapped_parent: bool) -> State:
        """All steps, once."""
        needs = self.needs
        try:
            if needs.ready or type(state) is not Pending:
                state = self.check_task_is_ready(state)
                state = self.check_task_reached_start_time(state)
            plain = all_plain(upstream_states)
            if needs.upstream or not plain:
                state = self.check_upstream_finished(state, upstream_states)
                state = self.check_upstream_skipped(state, upstream_states)
            if needs.load:
                state, upstream_states = self.load_results(state, upstream_states)
            if is_mapped_parent:
                return self.check_task_ready_to_map(state, upstream_states)
            inputs = self.get_task_inputs(state, upstream_states)
            if needs.name:
                self.set_task_run_name(inputs)
            before = state
            if needs.cached:
                self._order(inputs)
            if needs.target:
                state = self.check_target(state, inputs)
            if state is before and self.task.target is None and (needs.cached or type(state) is Cached):
                state = self.check_task_is_cached(state, inputs)
            if needs.trigger or not plain:
                state = self.check_task_trigger(state, upstream_states)
            state = self.set_task_to_running(state, inputs)
            state = self.get_task_run_state(state, inputs)
            if needs.cached:
                state = self.cache_result(state, inputs)
            if needs.after or type(state) is not Success:
                state = self.check_for_retry(state, inputs)
                state = self.check_task_is_looping(state, inputs)
            return state
        except (ENDRUN, PrefectStateSignal) as signal:
            return signal.state
        except Exception as error:
            reraise_if_asked(error)
            self.logger.exception("The run of %r failed outside its own code", self.task)
            return Failed(f"Unexpected error while running {self.task!r}: {repr_of(error)}", result=error)

    def _short_turn(self, upstream_states: UpstreamStates) -> State:
        """The turn of a plain task that nobody watches: no step but the work itself can change anything.

        It says in one place what `get_task_inputs` and the steps around it say: their calls cost more than such a task.
        """
        inputs = dict(self.constants)
        try:
            try:
                for edge, each in upstream_states.items():
                    if edge.key is not None:
                        held = each._held
                        inputs[edge.key] = held.value if isinstance(held, Result) else held
                return self.succeed(self.task.run(**inputs), SUCCEEDED, self.tags)
            except BaseException as error:  # whatever a task or its input raises is the task's end, not the flow's
                state = self._mishap(error, inputs)
            if type(state) is Success:  # of a signal
                return state
            if self.watched:
                self.saw(Running.made())
                self.saw(state)
            return self.check_for_retry(state, {})
        except ENDRUN as signal:
            return signal.state

    def _log(self, what: str) -> None:
        emit(self.task.logger, self.level, f"Task '{lookup('task_full_name')}': {what}", RunLogger.facts(RUN_FIELDS))

    def initialize_run(self, state: State | None, context: dict[str, Any]) -> TaskRunnerInitializeResult:
        """Where the run begins: how often the task ran before, whether it is resumed, which turn of a loop is next."""
        state = unwrapped(state)
        if state is None or type(state) is Pending:
            return TaskRunnerInitializeResult(Pending() if state is None else state, context)
        context["task_run_count"] = run_count_of(state)
        if isinstance(state, Resume) or (isinstance(state, Paused) and readiness.start_reached(state, utcnow())):
            context["resume"] = True
        if state.context.get("task_loop_count") is not None:
            context["task_loop_count"] = state.context["task_loop_count"]
            context["task_loop_result"] = state.result
        return TaskRunnerInitializeResult(state, context)

    # --- may it run? -------------------------------------------------------------------------------------------------

    @step
    def check_task_is_ready(self, state: State) -> State:
        """End the run if the task is at work or over."""
        if not readiness.may_start(state):
            raise ENDRUN(state)
        return state

    @step
    def check_task_reached_start_time(self, state: State) -> State:
        """End the run if it is too early."""
        if not readiness.start_reached(state, utcnow()):
            raise ENDRUN(state)
        return state

    @step
    def check_upstream_finished(self, state: State, upstream_states: UpstreamStates) -> State:
        """End the run, as it is, if an upstream task is not over."""
        if not readiness.all_finished(upstream_states):
            raise ENDRUN(state)
        return state

    @step
    def check_upstream_skipped(self, state: State, upstream_states: UpstreamStates) -> State:
        """Skip the task if an upstream task was skipped, unless it says otherwise."""
        if self.task.skip_on_upstream_skip and readiness.any_skipped(upstream_states):
            raise ENDRUN(Skipped("An upstream task was skipped, and `skip_on_upstream_skip` is on."))
        return state

    def load_results(self, state: State, upstream_states: UpstreamStates) -> tuple[State, UpstreamStates]:
        """A place for subclasses to read the values of upstream states from where they are stored."""
        return state, upstream_states

    def get_task_inputs(self, state: State, upstream_states: UpstreamStates) -> dict[str, Any]:
        """The arguments of `run` by name: constants, and the results of upstream tasks."""
        inputs = dict(self.constants)
        for edge, each in upstream_states.items():
            if edge.key is not None:
                inputs[edge.key] = each.result
        return inputs

    @step
    def check_task_ready_to_map(self, state: State, upstream_states: UpstreamStates) -> State:
        """End the run of a mapped task as `Mapped`, which says how many children it has."""
        if mapping.all_skipped(upstream_states):
            raise ENDRUN(Skipped("Every task to map over was skipped."))
        try:
            count = mapping.width(upstream_states)
        except UnmappableError as error:
            self.logger.error("%s", error)
            raise ENDRUN(Failed(str(error), result=error)) from error
        if isinstance(state, Mapped):
            raise ENDRUN(state)
        raise ENDRUN(Mapped(f"Mapped over {count} elements.", n_map_states=count))

    def set_task_run_name(self, inputs: Mapping[str, Any]) -> None:
        """Put the name of this run into the context."""
        name = self.task.task_run_name
        if name is None:
            return
        values = caching.template_values(inputs)
        context["task_run_name"] = name.format(**values) if isinstance(name, str) else name(**values)

    @step
    def check_target(self, state: State, inputs: Mapping[str, Any]) -> State:
        """Take the value from the target if it is there."""
        if self.task.target is None:
            return state
        return caching.find_target(self.result, inputs) or state

    @step
    def check_task_is_cached(self, state: State, inputs: Mapping[str, Any]) -> State:
        """Take the value of an earlier run if the task's validator accepts it; otherwise note why none was taken."""
        place = self.result if self.needs.result else None
        found = caching.NOT_ASKED
        if isinstance(state, Cached):
            found = caching.loaded(caching.find_given(self.task, state, inputs), place)
        order = self._order(inputs)
        cache = lookup("caches")
        if order is not None and cache is not None and found.state is None:
            found = caching.loaded(caching.find_cached(self.task, order, cache.shelf(order.key), inputs), place)
        if found.state is not None:
            return found.state
        if order is not None:
            innermost()[ORDER] = order._replace(why=found.why)
        return Pending(f"The task runs {found.why}.") if isinstance(state, Cached) else state

    def _order(self, inputs: Mapping[str, Any]) -> caching.Order | None:
        """What this run asks of the cache; worked out before the task can change its inputs."""
        if self.task.cache_for is None:
            return None
        facts = innermost()
        if ORDER not in facts:
            self.making = self.making or caching.making_of(self.task)
            facts[ORDER] = caching.order_of(self.task, inputs, self.making)
        order: caching.Order = facts[ORDER]
        return order

    @step
    def check_task_trigger(self, state: State, upstream_states: UpstreamStates) -> State:
        """Ask the trigger; where it refuses, the run ends as `TriggerFailed`."""
        try:
            passed = self.task.trigger(upstream_states)
        except (PrefectStateSignal, ENDRUN) as signal:
            raise ENDRUN(signal.state) from signal
        except (Exception, SystemExit) as error:
            reraise_if_asked(error)
            self.logger.exception("The trigger of %r failed", self.task)
            raise ENDRUN(TriggerFailed(f"The trigger failed: {repr_of(error)}", result=error)) from error
        if not passed:
            raise ENDRUN(refusal(self.task))
        return state

    # --- run ---------------------------------------------------------------------------------------------------------

    @step
    def set_task_to_running(self, state: State, inputs: Mapping[str, Any]) -> State:
        """Go to `Running`; a cached value ends the run here."""
        if not state.is_pending():
            raise ENDRUN(state)
        return Running.made(message=self._reason(), tags=self.tags)

    def _reason(self) -> str | None:
        """Why a task with a cache runs all the same."""
        order: caching.Order | None = innermost().get(ORDER) if self.needs.cached else None
        return f"The task runs {order.why}." if order is not None and order.why is not None else None

    @step
    def get_task_run_state(self, state: State, inputs: dict[str, Any]) -> State:
        """Call the task's `run` and make its outcome a state."""
        if not state.is_running():
            raise ENDRUN(state)
        return self._outcome(inputs)

    def _outcome(self, inputs: dict[str, Any]) -> State:
        task = self.task
        try:
            if self.needs.help:
                value = call(task.run, inputs, task.timeout, task.logger if task.log_stdout else None)
            else:
                value = task.run(**inputs)
        except BaseException as error:  # whatever a task raises is the task's end, not the flow's
            return self._mishap(error, inputs)
        held = value if self.needs is PLAIN else self._held(value, inputs)
        return self.succeed(held, SUCCEEDED, self.tags)

    def _mishap(self, error: BaseException, inputs: Mapping[str, Any]) -> State:
        """The state that an exception of `run` leads to; called while it is handled."""
        task = self.task
        if isinstance(error, (AlarmRang, ENDRUN, KeyboardInterrupt, Stopped)):  # an alarm: of a task around us
            raise
        if isinstance(error, TaskTimeoutSignal):
            message = f"The task ran longer than its timeout of {task.timeout} s."
            return TimedOut(message, result=error, stack=error.stack)
        if isinstance(error, LOOP):
            return self._looped(error, inputs)
        if isinstance(error, PrefectStateSignal):
            return self._signalled(error, inputs)
        if isinstance(error, SystemExit):
            code = repr_of(error.code)
            task.logger.error("%r called sys.exit(%s)", task, code)
            return Failed(f"The task called sys.exit({code}).", result=error)
        reraise_if_asked(error)
        trace = (type(error), error, error.__traceback__ and error.__traceback__.tb_next)  # without our own frame
        what = repr_of(error)
        task.logger.error("Task '%s' failed: %s", lookup("task_full_name"), what, exc_info=trace)
        return Failed(f"Unexpected error: {what}", result=error)

    def _held(self, value: Any, inputs: Mapping[str, Any]) -> Any:
        """A value as the state holds it: stored if it is to be, with its place if it has one."""
        if self.needs.checkpoint and value is not None and can_store(self.result):
            return caching.checkpoint(self.result, value, inputs)
        return self.result.from_value(value) if self.needs.result else value

    def _looped(self, signal: LOOP, inputs: Mapping[str, Any]) -> State:
        signal.state.result = self._held(signal.state.result, inputs)
        return signal.state

    def _signalled(self, signal: PrefectStateSignal, inputs: Mapping[str, Any]) -> State:
        state = signal.state
        if type(state) is Success and state.result is not signal:
            state.result = self._held(state.result, inputs)
        if isinstance(state, Scheduled) and lookup("task_loop_count") is not None:
            state.result = lookup("task_loop_result")
            state.context["task_loop_count"] = lookup("task_loop_count")
        return state

    # --- afterwards --------------------------------------------------------------------------------------------------

    @step
    def cache_result(self, state: State, inputs: Mapping[str, Any]) -> State:
        """Make a success a `Cached` state if later runs may use its value."""
        order = self._order(inputs)
        if order is None or not caching.refreshed(state):
            return state
        return caching.to_cache(self.task, state, order)

    @step
    def check_for_retry(self, state: State, inputs: Mapping[str, Any]) -> State:
        """Make a failure `Retrying` if the task has retries left."""
        task, run_count = self.task, lookup("task_run_count", 1)
        if not retrying.should_retry(state, run_count, task.max_retries, task.retry_on):
            return state
        start_time = utcnow() + self._delay(state, run_count)
        turn = lookup("task_loop_count")
        return Retrying(
            f"Retry {run_count} of {task.max_retries} after: {state.message}",
            result=lookup("task_loop_result"),
            start_time=start_time,
            run_count=run_count,
            context=None if turn is None else {"tags": list(self.tags), "task_loop_count": turn},
        )

    def _delay(self, state: State, run_count: int) -> timedelta:
        try:
            return retrying.delay_before(self.task.retry_delay, run_count)
        except Exception as error:
            raise error from (state.result if isinstance(state.result, BaseException) else None)

    @step
    def check_task_is_looping(self, state: State, inputs: Mapping[str, Any]) -> State:
        """A place for subclasses to see each turn of a loop; `run` starts the next one."""
        return state


def run_count_of(state: State) -> int:
    """Which attempt comes after this state."""
    if isinstance(state, Retrying):
        return state.run_count + 1
    return int(state.context.get("task_run_count") or 1)


def can_store(result: Result) -> bool:
    return type(result).write is not Result.write


def refusal(task: Task) -> State:
    trigger = getattr(task.trigger, "__name__", repr(task.trigger))
    message = f"The trigger {trigger!r} refused the states of the upstream tasks."
    return TRIGGERFAIL(message).state


# --- what the context of a run knows of it ----------------------------------------------------------------------------


def task_full_name() -> Any:
    """The name of the task, with the index of the child behind it."""
    name, index = lookup("task_name", MISSING), lookup("map_index")
    return name if index is None else f"{name}[{index}]"


def task_run_id() -> Any:
    """The identifier of the task run: what stands for flow run and task, and the index of the child at its end."""
    flow_run, slug, index = lookup("flow_run_id"), lookup("task_slug"), lookup("map_index")
    if flow_run is None or slug is None:
        return MISSING
    return f"{id_prefix(flow_run, slug)}{0 if index is None else index + 1:012x}"


@lru_cache(maxsize=4096)
def id_prefix(flow_run: str, slug: str) -> str:
    return str(uuid5(NAMESPACE_OID, f"{flow_run}/{slug}"))[:24]


DERIVED["task_full_name"] = task_full_name
DERIVED["task_run_id"] = task_run_id
DERIVED["task_id"] = lambda: lookup("task_slug", MISSING)
DERIVED["checkpointing"] = lambda: config["flows"]["checkpointing"]
