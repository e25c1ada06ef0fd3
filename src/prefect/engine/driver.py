"""The driver: runs a flow until it is over, with its retries and pauses; then waits for the schedule's next time.

```
for each time of the schedule (or once):
    wait for it ─▶ FlowRunner.run, patient ──┬─▶ finished: done
                        ▲                    └─▶ paused: ask the person at the terminal
                        └──────── resumed ◀──────┘
```
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from prefect.core.graph import Graph
from prefect.core.task import Task
from prefect.engine.file_cache import default_cache
from prefect.engine.flow_runner import FlowRunner
from prefect.engine.live_view import live_view
from prefect.engine.reporting import NO_HISTORY, SILENT, History, Reporter
from prefect.engine.state import Cancelled, Mapped, Paused, Pending, Resume, Scheduled, State
from prefect.engine.termination import interruptible
from prefect.exceptions import ParameterError, ScheduleError
from prefect.utilities.context import lookup
from prefect.utilities.datetimes import as_utc, utcnow, wait_until

ANSWERS = {"y": True, "yes": True, "n": False, "no": False}


def run_flow(
    flow: Graph,
    runner_class: type[FlowRunner],
    parameters: Mapping[str, Any],
    schedule: Any = None,
    state: State | None = None,
    task_states: Mapping[Task, State] | None = None,
    context: Mapping[str, Any] | None = None,
    flow_run_id: str | None = None,
    flow_run_name: str | None = None,
    history: History = NO_HISTORY,
    settled: Collection[Task] = (),
    **runner_options: Any,
) -> State:
    """Run a flow to its end, once or at every time of a schedule.

    Args:
        flow: the flow.
        runner_class: makes the runner of each pass.
        parameters: the values of its parameters.
        schedule: when to run; None runs once, now.
        state: a state to begin with.
        task_states: states that tasks already have.
        context: what to add to the context.
        flow_run_id: an identifier; by default a new one.
        flow_run_name: what people call this run.
        history: where the run is written down.
        settled: mapped tasks whose given states are final, with all their children.
        **runner_options: passed on to `FlowRunner.run`.

    Returns:
        The state of the last run; its result is `{task: state}`.

    Raises:
        ParameterError: parameters are unknown or missing.
        ScheduleError: the schedule has no time left.
    """
    check_parameters(flow, parameters, supplied_by_clocks(schedule))
    flow.validate()
    final: State | None = None
    for start_time, defaults in starts(schedule):
        wait_until(start_time)
        given = {**parameters, **defaults}
        facts = {
            "flow_run_id": flow_run_id or str(uuid4()),
            "flow_id": flow.name,
            "flow_run_name": flow_run_name or flow.name,
            "caches": lookup("caches") or default_cache(),
            "scheduled_start_time": start_time,
            **(context or {}),
        }
        with interruptible(), history.recording(flow, facts, given) as reporter:
            final = run_once(
                flow,
                runner_class,
                parameters=given,
                state=state if state is not None else Scheduled(start_time=start_time),
                task_states=task_states or {},
                context=facts,
                reporter=reporter,
                settled=settled,
                **runner_options,
            )
            reporter.flow_changed(final)
        if isinstance(final, Cancelled):
            break
    assert final is not None
    return final


def check_parameters(flow: Graph, given: Mapping[str, Any], supplied: Collection[str] = ()) -> None:
    """Refuse unknown parameters and missing ones; those supplied later, by clocks, are not missing."""
    known = {parameter.name: parameter for parameter in flow.parameters()}
    unknown = ", ".join(repr(name) for name in given if name not in known)
    if unknown:
        has = ", ".join(map(repr, known)) or "no parameters"
        raise ParameterError(f"{flow!r} has no parameter {unknown}; it has {has}.")
    there = {*given, *supplied}
    missing = ", ".join(repr(name) for name, each in known.items() if each.required and name not in there)
    if missing:
        raise ParameterError(f"{flow!r} needs a value for the parameter {missing}: flow.run(parameters={{...}}).")


def supplied_by_clocks(schedule: Any) -> set[str]:
    """The parameters for which every clock has a value, so that no run lacks it."""
    supplied = [set(clock.parameter_defaults) for clock in getattr(schedule, "clocks", ())]
    return set.intersection(*supplied) if supplied else set()


def starts(schedule: Any) -> Iterator[tuple[datetime, Mapping[str, Any]]]:
    """The times to run at, each worked out when the run before is over, with the parameters that belong to it."""
    if schedule is None:
        yield utcnow(), {}
        return
    events = next_events(schedule)
    if not events:
        raise ScheduleError("The schedule has no time left to run at: flow.run(run_on_schedule=False) runs now.")
    while events:
        for event in events:
            yield event.start_time, event.parameter_defaults or {}
        events = next_events(schedule)


def next_events(schedule: Any) -> list[Any]:
    """The next event; and those of other clocks at the same time, which would be over after its run."""
    first: list[Any] = []
    for event in schedule.next(len(getattr(schedule, "clocks", ())) or 1, return_events=True):
        if not first or (as_utc(event.start_time) == as_utc(first[0].start_time) and event not in first):
            first.append(event)
    return first


def run_once(
    flow: Graph,
    runner_class: type[FlowRunner],
    state: State,
    task_states: Mapping[Task, State],
    context: Mapping[str, Any],
    reporter: Reporter = SILENT,
    settled: Collection[Task] = (),
    **options: Any,
) -> State:
    """One run, pass after pass, until it is over or nobody is there to resume it."""
    known = dict(task_states)
    continued = False
    while True:
        runner = runner_class(flow)
        runner.patient, runner.continued = True, continued
        runner.reporter, runner.settled = reporter, settled if not continued else ()
        with live_view(runner):
            state = runner.run(state=state, task_states=known, return_tasks=flow.tasks, context=context, **options)
        if not isinstance(state.result, dict):
            return without_results(flow, state)
        known.update(state.result)
        if state.is_finished() or not resume_some(known):
            return state
        continued = True


def without_results(flow: Graph, state: State) -> State:
    """A run that ended before its tasks: they count as pending, and an error stays where it is."""
    if state.result is None:
        state.result = {task: Pending("The task did not run.") for task in flow.tasks}
    return state


# --- pauses -----------------------------------------------------------------------------------------------------------


def resume_some(states: dict[Task, State]) -> bool:
    """Ask about every paused run; True if at least one is to go on."""
    resumed = False
    for task, state in states.items():
        if isinstance(state, Mapped):
            for index, child in enumerate(state.map_states):
                if isinstance(child, Paused) and agreed(f"{task.name}[{index}]", child):
                    state.map_states[index] = resumed_from(child)
                    resumed = True
        elif isinstance(state, Paused) and agreed(task.name, state):
            states[task] = resumed_from(state)
            resumed = True
    return resumed


def resumed_from(state: Paused) -> Resume:
    """A paused run goes on with what is known about it, such as the turn of a loop."""
    return Resume("Resumed by a person.", result=state.result, context=state.context)


def agreed(name: str, state: Paused) -> bool:
    """Ask the person at the terminal, who may leave the task paused; without a terminal nobody agrees."""
    message = state.message or "It waits until a person resumes it."
    try:
        while True:
            answer = input(f"Task '{name}' is paused: {message}\nResume it? [y/n] ").strip().lower()
            if answer in ANSWERS:
                return ANSWERS[answer]
    except (EOFError, OSError):
        return False
