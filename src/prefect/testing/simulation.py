"""simulate: which tasks of a flow would end how, if some of them failed or were skipped.

```
print(simulate(flow, fail="extract"))

etl: Failed after 20 s
1 of 1 reference tasks failed.

extract  Failed         2 retries  made to fail
load     TriggerFailed             all_successful: extract is Failed
```
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from prefect.core.graph import Graph
from prefect.core.task import Task
from prefect.engine.driver import check_parameters
from prefect.engine.scheduler import WHOLE
from prefect.engine.state import Mapped, State
from prefect.exceptions import GraphError
from prefect.testing import report
from prefect.testing.reasons import Reasons
from prefect.testing.rehearsal import Change, Stage, rehearse
from prefect.testing.script import Failures, Key, Run, Script, runs_named

CHILDREN = 3
"""So many elements has a value that is not known, unless said otherwise."""


@dataclass(frozen=True, eq=False)
class TaskRun:
    """How a task, or a child of a mapped one, ends.

    Attributes:
        task: the task.
        slug: its slug.
        name: what to call it: its name, or its slug if others have the same name.
        index: which child; -1 for a task that is not mapped, and for a mapped task as a whole.
        state: the state it ends in.
        path: the states on its way there, with virtual times.
        why: why it ended so, in words; empty for a plain success.
        children: those of a mapped task.
    """

    task: Task
    slug: str
    name: str
    index: int
    state: State
    path: Sequence[Change]
    why: str
    children: Sequence[TaskRun] = ()

    def __str__(self) -> str:
        return self.name if self.index == WHOLE else f"{self.name}[{self.index}]"

    @property
    def attempts(self) -> int:
        """How often it runs."""
        return sum(change.state == "Running" for change in self.path)

    @property
    def could_fail(self) -> bool:
        """Does it, or one of its children, run at all?"""
        return self.attempts > 0 or any(each.attempts for each in self.children)

    def to_dict(self) -> dict[str, Any]:
        """The task run as a document of plain values."""
        return {
            "task": self.slug,
            "name": self.name,
            **({} if self.index == WHOLE else {"index": self.index}),
            "state": type(self.state).__name__,
            "why": self.why,
            "attempts": self.attempts,
            "path": [{**each._asdict(), "after": each.after.total_seconds()} for each in self.path],
            **({"children": [each.to_dict() for each in self.children]} if self.children else {}),
        }


@dataclass(frozen=True, eq=False)
class Simulation:
    """What would come of a run. Print it to read it; `simulation["load"]` is the state of a task.

    Attributes:
        flow: the flow.
        state: the state that it ends in.
        task_runs: one for each task, in running order.
        duration: how long retries make it wait.
        assumed: what unknown values were taken for, where a branch depends on them.
        notes: what else to know of it.
    """

    flow: Graph
    state: State
    task_runs: Sequence[TaskRun]
    duration: timedelta
    assumed: Mapping[str, Any]
    notes: Sequence[str]

    def __getitem__(self, key: Key) -> State:
        """The state of a task; with `("load", 2)` or `"load[2]"`, that of a child.

        Raises:
            GraphError: there is no such task or child, or several tasks have the name.
        """
        return self.task_run(key).state

    def task_run(self, key: Key) -> TaskRun:
        """How a task or child ends; see `simulation[key]`."""
        runs = runs_named(self.flow, key)
        if len(runs) > 1:
            raise GraphError(f"{key!r} means several tasks: {', '.join(map(str, runs))}. Name one of them.")
        for each in self.all_runs():
            if Run(each.slug, each.index) == runs[0]:
                return each
        raise GraphError(f"In this simulation there is no {runs[0]}.")

    def all_runs(self) -> Iterator[TaskRun]:
        """All task runs, each mapped task before its children."""
        for each in self.task_runs:
            yield each
            yield from each.children

    def __str__(self) -> str:
        return report.simulation_text(self)

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """The simulation as a document of plain values."""
        return {
            "flow": self.flow.name,
            "state": type(self.state).__name__,
            "message": self.state.message,
            "seconds": self.duration.total_seconds(),
            "tasks": [each.to_dict() for each in self.task_runs],
            "assumed": {name: repr(value) for name, value in self.assumed.items()},
            "notes": list(self.notes),
        }


def simulate(
    flow: Graph,
    fail: Failures = (),
    skip: Key | Iterable[Key] = (),
    returns: Mapping[Key, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    children: int = CHILDREN,
) -> Simulation:
    """Find out which tasks end how, without running their code: by triggers, retries, skips and mapping alone.

    Nothing waits and nothing is written: the delays of retries pass on a virtual clock, state handlers are not called,
    and results and caches are left alone. A task is named by its slug, its name, or the task itself; a child of a
    mapped one by `("load", 2)` or `"load[2]"`.

    Args:
        flow: the flow.
        fail: the tasks that fail. `{"load": 2}` fails the first two attempts only; `{"load": KeyError("x")}` fails all
            of them with this error, which matters for `retry_on`.
        skip: the tasks that skip themselves.
        returns: what tasks return, where it matters: `{"weather": "rain"}` decides a branch, `{"files": [1, 2]}` the
            number of children. All other values are unknown; where a branch compares one, it is taken to be the first
            value that it is compared with.
        parameters: values of the flow's parameters.
        children: how many elements an unknown value has.

    Raises:
        GraphError: a task that is named is not in the flow; `CycleError` if tasks wait for each other.
        ParameterError: a parameter is unknown.
    """
    given = dict(parameters or {})
    check_parameters(flow, given, {each.name for each in flow.parameters()})
    flow.validate()
    stage = Stage(Script(flow, fail, skip, returns), children)
    state = rehearse(flow, stage, given)
    reasons = Reasons(flow, state.result)
    return Simulation(
        flow=flow,
        state=state,
        task_runs=[task_run(flow, task, stage, state.result[task], reasons) for task in flow.sorted_tasks()],
        duration=stage.now - stage.began,
        assumed=dict(stage.assumed),
        notes=[*unmet(stage), *resumed(stage), *not_called(flow)],
    )


def task_run(flow: Graph, task: Task, stage: Stage, state: State, reasons: Reasons) -> TaskRun:
    def made(run: Run, state: State, children: Sequence[TaskRun] = ()) -> TaskRun:
        path = stage.paths.get(run, [])
        why = reasons.of(task, run.index, state, path)
        return TaskRun(task, run.slug, reasons.names[task], run.index, state, path, why, children)

    slug = flow.slugs[task]
    states = state.map_states if isinstance(state, Mapped) else ()
    return made(Run(slug), state, [made(Run(slug, index), each) for index, each in enumerate(states)])


# --- notes ------------------------------------------------------------------------------------------------------------


def unmet(stage: Stage) -> list[str]:
    """What was said of runs that never came to run."""
    ran = {run for run, path in stage.paths.items() if any(change.state == "Running" for change in path)}
    ran |= {Run(run.slug) for run in ran}
    return [f"{run} did not run, so it could not fail or skip." for run in stage.script.named() if run not in ran]


def resumed(stage: Stage) -> list[str]:
    """Who waited for a person."""
    return [f"{run} waited for a person, who resumed it at once." for run in stage.resumed]


def not_called(flow: Graph) -> list[str]:
    """Handlers, which could change states in a real run."""
    owners = [task.name for task in flow.tasks if task._state_handlers]
    if getattr(flow, "state_handlers", None) or getattr(flow, "terminal_state_handler", None):
        owners.append("the flow")
    return [f"State handlers were not called: of {', '.join(dict.fromkeys(owners))}."] if owners else []
