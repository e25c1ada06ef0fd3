"""FlowRunner: takes a flow through one pass. The scheduler says what is next; executors do it; states come back.

```
initialize_run ─▶ check_flow_is_pending_or_running ─▶ check_flow_reached_start_time ─▶ set_flow_to_running
               ─▶ get_flow_run_state ──┬── scheduler.next() ─▶ executor
                                       └── scheduler.ended(…) ◀────────── states
               ─▶ determine_final_state
```
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date as Date
from datetime import datetime, timedelta
from logging import INFO
from typing import Any, NamedTuple
from uuid import uuid4

from prefect.configuration import config
from prefect.core.graph import Graph
from prefect.core.task import Task
from prefect.engine.plan import plan_of
from prefect.engine.reporting import SILENT, Reporter
from prefect.engine.run_pass import End, Pass, culprit
from prefect.engine.runner import Runner, call_each, reraise_if_asked, step
from prefect.engine.signals import ENDRUN, PrefectStateSignal
from prefect.engine.state import (
    Cancelled,
    Failed,
    Mapped,
    Pending,
    Running,
    Scheduled,
    State,
    Success,
    unwrapped,
)
from prefect.engine.task_runner import TaskRunner
from prefect.exceptions import GraphError
from prefect.executors.base import Executor
from prefect.utilities.context import ambient, isolated, lookup
from prefect.utilities.datetimes import utcnow
from prefect.utilities.importing import named_class
from prefect.utilities.texts import repr_of


class FlowRunnerInitializeResult(NamedTuple):
    """What a flow run begins with."""

    state: State
    task_states: dict[Task, State]
    context: dict[str, Any]
    task_contexts: dict[Task, dict[str, Any]]


class FlowRunner(Runner):
    """Runs a flow; see `run`.

    Args:
        flow: the flow.
        task_runner_cls: the class that runs its tasks.
        state_handlers: functions `(runner, old_state, new_state) -> state or None`, called after the flow's own.

    Attributes:
        patient: False makes one pass, in which no task runs twice. True also runs what becomes due meanwhile, such as
            retries, until nothing is left that a time would start; `flow.run` does so.
        continued: the given states come from a pass in this very process, so that resources and secrets still exist.
        interrupted: Ctrl-C ended the run.
        current: the pass over the tasks, from its beginning on; until then None.
        settled: mapped tasks whose given states are final, with all their children.
        pass_class: makes the pass.
        reporter: is told what happens.
    """

    settled: Collection[Task] = ()
    pass_class: type[Pass] = Pass
    reporter: Reporter = SILENT
    patient = False
    continued = False
    interrupted = False
    current: Pass | None = None

    def __init__(
        self,
        flow: Graph,
        task_runner_cls: type[TaskRunner] | None = None,
        state_handlers: Sequence[Callable[..., Any]] | None = None,
    ) -> None:
        self.flow: Any = flow
        self.task_runner_cls = task_runner_cls or named_class(config.engine.task_runner.default_class, TaskRunner)
        super().__init__(state_handlers)
        if hasattr(flow, "logger"):
            self.logger = flow.logger

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.flow.name}>"

    def call_runner_target_handlers(self, old_state: State, new_state: State) -> State:
        """Call the state handlers of the flow."""
        return call_each(getattr(self.flow, "state_handlers", ()), self.flow, old_state, new_state)

    def handle_state_change(self, old_state: State, new_state: State) -> State:
        """As for every runner; a state that takes the place of another one takes over the states of the tasks."""
        new_state = with_result_of(new_state, super().handle_state_change(old_state, new_state))
        self.reporter.flow_changed(new_state)
        return new_state

    # --- the whole run -----------------------------------------------------------------------------------------------

    def run(
        self,
        state: State | None = None,
        task_states: Mapping[Task, State] | None = None,
        return_tasks: Iterable[Task] | None = None,
        parameters: Mapping[str, Any] | None = None,
        task_runner_state_handlers: Sequence[Callable[..., Any]] | None = None,
        executor: Executor | None = None,
        context: Mapping[str, Any] | None = None,
        task_contexts: Mapping[Task, Mapping[str, Any]] | None = None,
    ) -> State:
        """Take the flow from a state as far as it gets.

        Args:
            state: where it stands; by default it has not begun.
            task_states: states that tasks already have; tasks that are over do not run again.
            return_tasks: the tasks whose states are wanted in the result.
            parameters: values of the flow's parameters.
            task_runner_state_handlers: handlers for every task runner.
            executor: where tasks run; by default the flow's, or else the configured one.
            context: what to add to the context.
            task_contexts: what to add to the context of single tasks.

        Returns:
            The state it came to; its result is `{task: state}` for `return_tasks`.
        """
        inside_task = lookup("task_name") is not None
        begun = self.initialize_run(
            state,
            dict(task_states or {}),
            dict(context or {}),
            {task: dict(facts) for task, facts in (task_contexts or {}).items()},
            dict(parameters or {}),
        )
        with isolated(begun.context):
            self.logger.log(INFO, "Flow '%s': starting", self.flow.name)
            state = self._steps(begun, return_tasks, task_runner_state_handlers, executor)
            self.logger.log(INFO, "Flow '%s': ended as %s", self.flow.name, type(state).__name__)
        if self.interrupted and inside_task:
            raise KeyboardInterrupt("Ctrl-C ended this run and with it the run around it.")
        return state

    def _steps(
        self,
        begun: FlowRunnerInitializeResult,
        return_tasks: Iterable[Task] | None,
        handlers: Sequence[Callable[..., Any]] | None,
        executor: Executor | None,
    ) -> State:
        try:
            state = self.check_flow_is_pending_or_running(begun.state)
            state = self.check_flow_reached_start_time(state)
            state = self.set_flow_to_running(state)
            return self.get_flow_run_state(
                state,
                task_states=begun.task_states,
                task_contexts=begun.task_contexts,
                return_tasks=set(return_tasks or ()),
                task_runner_state_handlers=handlers,
                executor=executor or self.default_executor(),
            )
        except (ENDRUN, PrefectStateSignal) as signal:
            return signal.state
        except Exception as error:
            reraise_if_asked(error)
            self.logger.exception("The run of %r failed outside its tasks", self.flow)
            return Failed(f"Unexpected error while running {self.flow!r}: {repr_of(error)}", result=error)

    def default_executor(self) -> Executor:
        """The executor of the flow, or else the configured one."""
        own: Executor | None = getattr(self.flow, "executor", None)
        return own if own is not None else named_class(config.engine.executor.default_class, Executor)()

    def initialize_run(
        self,
        state: State | None,
        task_states: dict[Task, State],
        context: dict[str, Any],
        task_contexts: dict[Task, dict[str, Any]],
        parameters: dict[str, Any],
    ) -> FlowRunnerInitializeResult:
        """Work out the parameters and the context of the run."""
        state = unwrapped(state)
        context = {**ambient(), **context}
        defaults = {p.name: p.default for p in self.flow.parameters() if not p.required}
        context["parameters"] = {**defaults, **context.get("parameters", {}), **parameters}
        context["flow_name"] = self.flow.name
        context.setdefault("checkpointing", config.flows.checkpointing)
        context.setdefault("flow_run_id", str(uuid4()))
        context.setdefault("scheduled_start_time", utcnow())
        return FlowRunnerInitializeResult(
            Pending() if state is None else state,
            task_states,
            {**dates(context.get("date"), context["scheduled_start_time"], self.logger.warning), **context},
            task_contexts,
        )

    # --- steps -------------------------------------------------------------------------------------------------------

    @step
    def check_flow_is_pending_or_running(self, state: State) -> State:
        """End the run if the flow is over."""
        if state.is_finished() or not (state.is_pending() or state.is_running()):
            raise ENDRUN(state)
        return state

    @step
    def check_flow_reached_start_time(self, state: State) -> State:
        """End the run if it is too early."""
        if isinstance(state, Scheduled) and state.start_time is not None and state.start_time > utcnow():
            raise ENDRUN(state)
        return state

    @step
    def set_flow_to_running(self, state: State) -> State:
        """Go to `Running`."""
        return state if state.is_running() else Running("The flow is running.")

    @step
    def get_flow_run_state(
        self,
        state: State,
        task_states: dict[Task, State],
        task_contexts: dict[Task, dict[str, Any]],
        return_tasks: set[Task],
        task_runner_state_handlers: Sequence[Callable[..., Any]] | None,
        executor: Executor,
    ) -> State:
        """Run the tasks, and work out the state of the flow from theirs."""
        foreign = return_tasks - self.flow.slugs.keys()
        if foreign:
            raise GraphError(
                f"{next(iter(foreign))!r} is not a task of {self.flow!r}, so its state cannot be returned."
            )
        run = self.current = self.pass_class(
            plan=plan_of(self.flow),
            constants=self.flow.constants,
            task_states=task_states,
            task_contexts=task_contexts,
            runner_class=self.task_runner_cls,
            handlers=task_runner_state_handlers,
            result=getattr(self.flow, "result", None),
            executor=executor,
            reporter=self.reporter,
            patient=self.patient,
            continued=self.continued,
            settled=self.settled,
        )
        states, self.interrupted, broken = made(run, executor)
        everything = len(return_tasks) == len(states)
        wanted = states if everything else {task: state for task, state in states.items() if task in return_tasks}
        if broken is not None:
            reraise_if_asked(broken)
            self.logger.error("%s failed", culprit(broken), exc_info=broken)
            return Failed(f"{culprit(broken)} failed: {repr_of(broken)}", result=wanted)
        if self.interrupted:
            return Cancelled("The run was interrupted.", result=wanted)
        references = expanded(states[task] for task in self.flow.reference_tasks())
        terminal = expanded([*(states[task] for task in self.flow.terminal_tasks()), *run.unfinished_maps()])
        return self.determine_final_state(state, references, wanted, terminal)

    def determine_final_state(
        self,
        state: State,
        key_states: Sequence[State],
        return_states: dict[Task, State],
        terminal_states: Sequence[State],
    ) -> State:
        """The state of the flow, from the states of its tasks.

        Args:
            state: the state of the flow so far.
            key_states: those of its reference tasks.
            return_states: those to return.
            terminal_states: those of its last tasks.
        """
        new = final_state(state, key_states, terminal_states)
        new.result = return_states
        handler = getattr(self.flow, "terminal_state_handler", None)
        return with_result_of(new, handler(self.flow, new, set(key_states)) or new) if handler else new


def made(run: Pass, executor: Executor) -> End:
    """Make a pass; Ctrl-C while the executor starts or ends interrupts it, too."""
    end: End | None = None
    try:
        with executor.start():
            end = run.finish()
    except KeyboardInterrupt:
        end = run.interrupt() if end is None else end._replace(interrupted=True)
    return end


def with_result_of(old: State, new: State) -> State:
    """A state that was put in the place of another one, with the result of that one if it has none."""
    if new.result is None:
        new.result = old.result
    return new


def final_state(state: State, key_states: Sequence[State], terminal_states: Sequence[State]) -> State:
    """The state of a flow run."""
    if not all(each.is_finished() for each in terminal_states):
        return state
    failed = sum(each.is_failed() for each in key_states)
    if failed:
        return Failed(f"{failed} of {len(key_states)} reference tasks failed.")
    if all(each.is_successful() for each in key_states):
        return Success("All reference tasks succeeded.")
    return Success("No reference task failed.")


def expanded(states: Iterable[State]) -> list[State]:
    """The states that count: the children of a mapped task in its place."""
    found: list[State] = []
    for state in states:
        found += state.map_states if isinstance(state, Mapped) else (state,)
    return found


def dates(date: Any, scheduled: datetime, warn: Callable[..., None]) -> dict[str, Any]:
    """The keys of the context that tell the days around a run."""
    moment: Date = scheduled
    if date is not None:
        try:
            moment = date if isinstance(date, Date) else datetime.fromisoformat(date)
        except (TypeError, ValueError):
            warn("The context holds the date %r, which is no date in ISO 8601; today is taken instead.", date)
    facts: dict[str, Any] = {"date": moment}
    for name, days in (("yesterday", -1), ("today", 0), ("tomorrow", 1)):
        day = (moment + timedelta(days=days)).strftime("%Y-%m-%d")
        facts |= {name: day, f"{name}_nodash": day.replace("-", "")}
    return facts
