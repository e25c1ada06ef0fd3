"""A rehearsal: the real engine takes a flow through its states, but no code of a task is called and no time passes.

```
FlowRehearsal ─▶ PassRehearsal ─▶ TaskRehearsal       the real runners, with the work and the clock replaced
                      │                 │
                      ▼                 ▼
                     Stage: the script, the virtual clock, the path of every run
```

Triggers, retries with their delays, skips and mapping are the real ones. State handlers are not called, because they
tell the world; nothing is stored, cached or logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import RLock
from typing import Any, NamedTuple

from prefect.core.graph import Graph
from prefect.core.parameter import DateTimeParameter, Parameter
from prefect.core.task import Task
from prefect.engine import mapping, readiness, retrying
from prefect.engine.driver import resumed_from
from prefect.engine.flow_runner import FlowRunner, final_state
from prefect.engine.run_pass import Pass
from prefect.engine.runner import step
from prefect.engine.scheduler import UNLIMITED, WHOLE
from prefect.engine.signals import ENDRUN
from prefect.engine.state import Failed, Mapped, Paused, Retrying, Skipped, State, Success
from prefect.engine.task_runner import TaskRunner, UpstreamStates
from prefect.executors.local import LocalExecutor
from prefect.tasks.control_flow.conditional import CompareValue, Merge, as_bool
from prefect.tasks.core import collections, constants, operators
from prefect.testing.script import MADE_TO_FAIL, Run, Script
from prefect.testing.unknown import Unknown, holds_unknown
from prefect.utilities.context import lookup
from prefect.utilities.datetimes import utcnow
from prefect.utilities.logging import get_logger

STAGE = "_stage"
"""The key of the context under which a rehearsal finds its stage."""


class Change(NamedTuple):
    """A step on the path of a run.

    Attributes:
        after: how long after the beginning, in virtual time.
        state: the type of the state.
        message: its message.
    """

    after: timedelta
    state: str
    message: str | None


@dataclass
class Stage:
    """What a rehearsal goes by, and what it leaves behind.

    Attributes:
        script: what is said about single runs.
        children: how many elements an unknown value has.
        began: the virtual time at the beginning.
        now: the virtual time.
        paths: how each run came to its state.
        assumed: the values that unknown ones were taken for, by their names.
        resumed: the runs that waited for a person.
    """

    script: Script
    children: int
    began: datetime = field(default_factory=utcnow)
    now: datetime = field(init=False)
    paths: dict[Run, list[Change]] = field(default_factory=dict)
    assumed: dict[str, Any] = field(default_factory=dict)
    resumed: dict[Run, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.now = self.began

    def note(self, run: Run, state: State) -> None:
        change = Change(self.now - self.began, type(state).__name__, state.message)
        self.paths.setdefault(run, []).append(change)

    def assume(self, unknown: Unknown, value: Any) -> Any:
        """An unknown value is taken to be the first one that it is compared with."""
        return self.assumed.setdefault(unknown.name, value)

    def resume(self, run: Run, state: State | None) -> State | None:
        """The state of a run that waits for a person, who agrees at once; None if it does not wait, or did before."""
        if not isinstance(state, Paused) or run in self.resumed:
            return None
        self.resumed[run] = None
        new = resumed_from(state)
        new.start_time = self.now
        self.note(run, new)
        return new


# --- which code runs after all ----------------------------------------------------------------------------------------

ASSEMBLING: frozenset[Any] = frozenset(
    {collections.List.run, collections.Tuple.run, collections.Set.run, Merge.run, constants.Constant.run}
)
"""Tasks that only hand on what they get, known or not."""

DECIDING: frozenset[Any] = frozenset(
    {
        *(each.run for each in vars(operators).values() if isinstance(each, type) and issubclass(each, Task)),
        *(collections.Dict.run, CompareValue.run, Parameter.run, DateTimeParameter.run, as_bool.run),
    }
) - {Task.run}
"""Tasks that work something out from what they get, so that it has to be known."""


def is_of_package(task: Task) -> bool:
    """Is this one of the small tasks that the package puts between those of the user?"""
    return function_of(task) in ASSEMBLING | DECIDING


def function_of(task: Task) -> Any:
    return getattr(task.run, "__func__", task.run)


def really_runs(task: Task, inputs: Mapping[str, Any]) -> bool:
    """Is this a small task of the package itself, which knows all it needs?"""
    function = function_of(task)
    if function in ASSEMBLING:
        return True
    if isinstance(task, Parameter) and task.required and task.name not in (lookup("parameters") or {}):
        return False
    return function in DECIDING and not holds_unknown(inputs)


# --- runners ----------------------------------------------------------------------------------------------------------


class TaskRehearsal(TaskRunner):
    """Takes a task through its states as the script says."""

    quiet = True
    watched = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stage: Stage = lookup(STAGE)
        self.quiet, self.logged = True, False
        self.needs = replace(self.needs, name=False, target=False, cached=False, checkpoint=False, result=False)

    def speak_at(self, level: int) -> None:
        return None

    @property
    def current(self) -> Run:
        index = lookup("map_index")
        return Run(self.slug or self.task.name, WHOLE if index is None else index)

    def saw(self, state: State) -> None:
        self.stage.note(self.current, state)

    @step
    def check_task_reached_start_time(self, state: State) -> State:
        """By the virtual clock."""
        if not readiness.start_reached(state, self.stage.now):
            raise ENDRUN(state)
        return state

    @step
    def check_task_ready_to_map(self, state: State, upstream_states: UpstreamStates) -> State:
        """A list whose length is known says how many children there are, whatever is unknown beside it."""
        mapped: Callable[..., State] = TaskRunner.check_task_ready_to_map.__wrapped__  # type: ignore[attr-defined]
        return mapped(self, state, without_unknown(upstream_states))

    def get_task_run_state(self, state: State, inputs: dict[str, Any]) -> State:
        """Call no code of the user."""
        compared = inputs.get("value")
        if type(self.task) is CompareValue and isinstance(compared, Unknown):
            inputs = {"value": self.stage.assume(compared, self.task.value)}
        said = self.stage.script.value(self.current) or self.stage.script.skipped(self.current)
        fails = self.stage.script.error(self.current, lookup("task_run_count"), self.task)
        if not said and fails is None and really_runs(self.task, inputs):
            return super().get_task_run_state(state, inputs)
        return self.pretend(state)

    @step
    def pretend(self, state: State) -> State:
        """The state that a run comes to without doing anything."""
        if not state.is_running():
            raise ENDRUN(state)
        script, run = self.stage.script, self.current
        error = script.error(run, lookup("task_run_count"), self.task)
        if error is not None:
            return Failed(MADE_TO_FAIL, result=error)
        if script.skipped(run):
            return Skipped("The simulation made it skip.")
        known = script.value(run)
        return Success(result=Unknown(str(run), self.stage.children) if known is None else known[0])

    @step
    def check_for_retry(self, state: State, inputs: Mapping[str, Any]) -> State:
        """The delay of a retry begins at the virtual time."""
        retried: Callable[..., State] = TaskRunner.check_for_retry.__wrapped__  # type: ignore[attr-defined]
        new = retried(self, state, inputs)
        if isinstance(new, Retrying) and new is not state:
            count = lookup("task_run_count", 1)
            new.start_time = self.stage.now + retrying.delay_before(self.task.retry_delay, count)
        return new


def without_unknown(upstream_states: UpstreamStates) -> UpstreamStates:
    """The states that say how long a map is: all but the unknown ones, if any are left to map over."""
    known = {edge: state for edge, state in upstream_states.items() if not isinstance(state.result, Unknown)}
    counts = any(edge.mapped and state.is_successful() and not state.is_skipped() for edge, state in known.items())
    return known if counts else upstream_states


class PassRehearsal(Pass):
    """A pass in which waiting takes no time, and nothing is held back by a limit."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stage: Stage = lookup(STAGE)
        self.gate, self.scheduler.limited = None, UNLIMITED
        self._spare_iterators()

    def _spare_iterators(self) -> None:
        """An iterator among the constants can be drawn once only, which is for a real run."""
        for number, state in enumerate(self.scheduler.states):
            if state is not None and mapping.is_iterator(state):
                unknown = Unknown(self.plan.nodes[number].slug, self.stage.children)
                self.scheduler.states[number] = Success(state.message, result=unknown)

    def _now(self) -> datetime:
        return self.stage.now

    def _sleep(self) -> bool:
        """Put the clock to the first run that is due."""
        if not self.scheduler.due:
            return False
        self.stage.now = max(self.stage.now, self.scheduler.due[0][0])
        return True


class FlowRehearsal(FlowRunner):
    """Takes a flow through its states, and calls no handlers."""

    pass_class = PassRehearsal
    patient = True
    quiet = True

    def determine_final_state(
        self,
        state: State,
        key_states: Sequence[State],
        return_states: dict[Task, State],
        terminal_states: Sequence[State],
    ) -> State:
        """The state of the flow by the rules; the terminal state handler is not asked."""
        new = final_state(state, key_states, terminal_states)
        new.result = return_states
        return new


# --- the whole of it --------------------------------------------------------------------------------------------------


def rehearse(flow: Graph, stage: Stage, parameters: Mapping[str, Any]) -> State:
    """Take a flow to its end; who is asked to resume a task agrees at once."""
    known: dict[Task, State] = {}
    with silence():
        while True:
            runner = FlowRehearsal(flow, TaskRehearsal)
            runner.continued = bool(known)
            state = runner.run(
                task_states=known,
                return_tasks=flow.tasks,
                parameters=parameters,
                executor=LocalExecutor(),
                context={STAGE: stage, "checkpointing": False},
            )
            if not isinstance(state.result, dict):
                raise state.result
            known = state.result
            if state.is_finished() or not resume_all(flow, stage, known):
                return state


def resume_all(flow: Graph, stage: Stage, states: dict[Task, State]) -> bool:
    """Resume whatever waits for a person. True if something does."""
    before = len(stage.resumed)
    for task, state in states.items():
        slug = flow.slugs[task]
        if isinstance(state, Mapped):
            children = enumerate(state.map_states)
            state.map_states = [stage.resume(Run(slug, index), child) or child for index, child in children]
        else:
            states[task] = stage.resume(Run(slug), state) or state
    return len(stage.resumed) > before


SILENT = RLock()


@contextmanager
def silence() -> Iterator[None]:
    """Log nothing for the length of a block: what did not happen is no news."""
    with SILENT:
        logger = get_logger()
        level = logger.level
        logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            logger.setLevel(level)
