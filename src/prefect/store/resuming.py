"""Going on with a flow run that stopped: its states come from the history, and only what is missing runs.

```
store ── rows and stretches ──▶ standings ── frontier ──▶ states that stay ──▶ FlowRunner
                                                  └─────▶ what runs again, and why
```
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from prefect.core.graph import Graph
from prefect.core.task import NO_TAGS, Task
from prefect.engine.plan import Node, RunPlan, plan_of
from prefect.engine.run_pass import LASTING_ROLES
from prefect.engine.state import KINDS, Mapped, Pending, Resume, Running, Scheduled, State, Success
from prefect.exceptions import DocumentError, ResumeError, RunMissing
from prefect.store import ownership, stretches
from prefect.store.base import Store
from prefect.store.flow_versions import Changes, changes, version_of
from prefect.store.frontier import ALONE, Frontier, Standing, frontier
from prefect.store.recorder import PLAIN, RUNNING
from prefect.store.records import UNOWNED, WHOLE, Batch, FlowRun, RunFilter, RunTask, Stretch, TaskRun
from prefect.store.values import Recalled, column_of, held_by, reason_lost, recall
from prefect.tasks.core.constants import Constant

LAST = "last"
PENDING = Pending.__name__
NO_PARAMETERS: Mapping[str, Any] = {}


class Rerun(NamedTuple):
    """Runs of one task that were over and run again.

    Attributes:
        slug: the task.
        count: how many runs.
        reason: why.
    """

    slug: str
    count: int  # type: ignore[assignment]
    reason: str


class Progress(NamedTuple):
    """How far one task is.

    Attributes:
        slug: the task.
        kept: how many runs stay as they are.
        width: how many there are; None if nobody knows yet.
        to_run: how many runs are to run, by the type of the state they are in; `Pending` for those that have not begun.
        lasting: False for a task that gives something to the process it runs in, and always runs anew.
    """

    slug: str
    kept: int
    width: int | None
    to_run: Mapping[str, int]
    lasting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """A stopped run, ready to go on.

    Attributes:
        store: where it is written down.
        run: the run.
        tasks: its tasks, by slug.
        rows: for each task number, the types of the states of its runs that have a row of their own.
        at_work: runs that were at work when the process died.
        stood: the states that the tasks had when the run stopped.
        states: the states that the tasks begin with.
        settled: the tasks for which nothing is left to do.
        changes: what is different in the flow.
        reruns: what was over and runs again.
        progress: how far each task is.
    """

    store: Store
    run: FlowRun
    tasks: Mapping[str, RunTask]
    rows: dict[int, dict[int, str]]
    at_work: list[TaskRun]
    stood: dict[Task, State]
    states: dict[Task, State]
    settled: frozenset[Task]
    changes: Changes
    reruns: list[Rerun]
    progress: list[Progress]

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters the run was started with."""
        return parameters_of(self.run)

    @property
    def context(self) -> dict[str, Any]:
        """What was in its context, as far as it was kept."""
        return {name: recall(value) for name, value in self.run.context.items() if value.format != "lost"}

    @property
    def left(self) -> int:
        """How many runs are left to do, of those that are known, without tasks that always run anew."""
        return sum(sum(each.to_run.values()) for each in self.progress if each.lasting)

    @property
    def state(self) -> State:
        """The state in which the flow goes on."""
        if self.run.state == RUNNING:
            return Running(self.run.message)
        return Resume("The run goes on.")


def find_run(store: Store, which: str, flow: str | None = None) -> FlowRun:
    """The run that somebody means.

    Args:
        store: where to look.
        which: an id, the beginning of one, or `last`.
        flow: the name of the flow, to which `last` is limited.

    Raises:
        RunMissing: there is none, or there are several.
    """
    if which != LAST:
        return store.run(which)
    found = store.runs(RunFilter(flow=flow, parent=""), limit=1)
    if not found:
        of = "" if flow is None else f" of the flow {flow!r}"
        raise RunMissing(f"There is no run{of} in the history at {store.url}.")
    return found[0]


def resume(
    store: Store, which: str, flow: Graph, lease_until: int, now: int, parameters: Mapping[str, Any] = NO_PARAMETERS
) -> Resumption:
    """Take over a run that stopped, to go on with it; `parameters` were given again, and have to be those of the run.

    Raises:
        RunMissing: there is no such run.
        RunHeld: a process works at it.
        ResumeError: it is a run of another flow, or one with other parameters.
    """
    run = checked(find_run(store, which, flow.name), flow)
    refuse_others(run, parameters)
    dead = run.owner if ownership.is_dead(run.owner) else None
    claimed = store.claim(run.id, ownership.this_process(), lease_until, now, dead)
    try:
        return prepared(store, claimed, flow)
    except BaseException:
        let_go(store, claimed)
        raise


def let_go(store: Store, run: FlowRun) -> None:
    """Give back a run that was taken over, with nothing done."""
    store.commit([Batch(run=run.id, epoch=run.epoch, after=run.last_seq, last_seq=run.last_seq, lease_until=UNOWNED)])


def checked(run: FlowRun, flow: Graph) -> FlowRun:
    if run.flow != flow.name:
        raise ResumeError(
            f"The run {run.id} is one of the flow {run.flow!r}, not of {flow.name!r}: resume it with that flow."
        )
    return run


def refuse_others(run: FlowRun, parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that are not those of a run."""
    own = parameters_of(run)
    other = ", ".join(repr(name) for name, value in parameters.items() if name not in own or own[name] != value)
    if other:
        raise ResumeError(f"The run {run.id} has another value of {other}: leave it out, or start a new run.")


def parameters_of(run: FlowRun) -> dict[str, Any]:
    return {name: recall(value) for name, value in run.parameters.items()}


def prepared(store: Store, run: FlowRun, flow: Graph) -> Resumption:
    """What going on with a run means, without taking it over."""
    plan = plan_of(flow)
    tasks = {task.slug: task for task in store.tasks(run.id)}
    loading = Loading(plan, tasks)
    for stretch in store.stretches(run.id):
        loading.add_stretch(stretch)
    for row in store.task_runs(run.id):
        loading.add_row(row)
    found = frontier(plan, loading.standings, loading.lost)
    states = {node.task: given(node.task, loading, found, node.number) for node in plan.nodes}
    return Resumption(
        store=store,
        run=run,
        tasks=tasks,
        rows=loading.rows_to_go_on_from(found),
        at_work=loading.at_work,
        stood={plan.nodes[number].task: state_as_stood(each) for number, each in loading.standings.items()},
        states={task: state for task, state in states.items() if state is not None},
        settled=frozenset(node.task for node in plan.nodes if is_settled(node.number, loading, found)),
        changes=changes(store.version(run.version), version_of(flow)),
        reruns=list(reruns(plan, found)),
        progress=[progress(node, loading, found) for node in plan.nodes if not isinstance(node.task, Constant)],
    )


class Loading:
    """Puts the states of a run together.

    Args:
        plan: the flow as it is now.
        tasks: the tasks of the run, by slug.
    """

    def __init__(self, plan: RunPlan, tasks: Mapping[str, RunTask]) -> None:
        self.plan = plan
        self.rows: dict[int, dict[int, str]] = {}
        self.at_work: list[TaskRun] = []
        self.closed: set[int] = set()  # mapped tasks of which it is known how many children they have
        self._node_of: dict[int, int] = {}
        self._children: dict[int, list[State | None]] = {}
        self._seqs: dict[int, array[int]] = {}
        self._wholes: dict[int, State | None] = {}
        for node in plan.nodes:
            known = tasks.get(node.slug)
            if known is None:
                continue
            self._node_of[known.number] = node.number
            if node.mapped:
                self._children[node.number] = [None] * (known.width or 0)
                self._seqs[node.number] = array("q", bytes(8 * (known.width or 0)))
                if known.width is not None:
                    self.closed.add(node.number)
        self.ended: set[int] = set()  # mapped tasks whose end was told

    def add_stretch(self, stretch: Stretch) -> None:
        """Children that simply succeeded."""
        number = self._node_of.get(stretch.task)
        if number is None or number not in self._seqs:
            return
        states, seqs, task = self._children[number], self._seqs[number], self.plan.nodes[number].task
        tags, made = task._tags or NO_TAGS, Success.made
        indices = stretches.indices_of(stretch)
        grow(states, seqs, stretch.last)
        came = [made(held, PLAIN, tags) for held in column_of(stretch.values, task.result)]
        if isinstance(indices, range):
            states[indices.start : indices.stop] = came
            seqs[indices.start : indices.stop] = array("q", [stretch.seq]) * len(came)
            return
        for index, state in zip(indices, came, strict=True):
            states[index], seqs[index] = state, stretch.seq

    def add_row(self, row: TaskRun) -> None:
        """A task or child whose life was not a plain one."""
        number = self._node_of.get(row.task)
        self.rows.setdefault(row.task, {})[row.index] = row.state
        if row.state == RUNNING:
            self.at_work.append(row)
        if number is None:
            return
        task = self.plan.nodes[number].task
        if row.index == WHOLE:
            self._wholes[number] = state_of(row, task)
            if row.ended is not None:
                self.ended.add(number)
        elif number in self._seqs:
            states, seqs = self._children[number], self._seqs[number]
            grow(states, seqs, row.index)
            if row.seq > seqs[row.index]:
                states[row.index], seqs[row.index] = state_of(row, task), row.seq

    @cached_property
    def standings(self) -> dict[int, Standing]:
        """How each task stood, once everything was added."""
        found: dict[int, Standing] = {}
        for number, state in self._wholes.items():
            states = self._children.get(number)
            if states is None or not isinstance(state, Mapped):
                found[number] = Standing([state], False)
            elif number in self.closed:
                found[number] = Standing(states, True)
            else:
                found[number] = Standing([*states, None], True)  # at least one more may have come
        return found

    def rows_to_go_on_from(self, found: Frontier) -> dict[int, dict[int, str]]:
        """The types of the states of the rows; what begins anew may end in any other state, and counts as pending."""
        rows = {task: dict(states) for task, states in self.rows.items()}
        for task, states in rows.items():
            number = self._node_of.get(task)
            kept = bytearray() if number is None else found.kept[number]
            for index in states:
                position = ALONE if index == WHOLE else index
                if (index != WHOLE or number not in self._seqs) and position < len(kept) and not kept[position]:
                    states[index] = PENDING
        return rows

    def lost(self, number: int, position: int) -> str | None:
        """Why a value is not there any more; None if it is."""
        state = self.standings[number].states[position]
        held = None if state is None else state._held
        return reason_lost(held.kept, held.reader) if isinstance(held, Recalled) else None


def grow(states: list[State | None], seqs: array[int], index: int) -> None:
    """Make room for a child that came from an iterator, of which nobody knew how long it would be."""
    missing = index + 1 - len(states)
    if missing > 0:
        states.extend([None] * missing)
        seqs.extend([0] * missing)


def state_of(row: TaskRun, task: Task) -> State | None:
    """The state that a row tells of; None for one that is no place to go on from."""
    held = held_by(row.value, task.result)
    try:
        if row.document is not None:
            state = State.deserialize(json.loads(row.document))
            state._held = held
            return state
    except DocumentError:
        return None
    kind = KINDS.get(row.state)
    return None if kind is None else kind.made(held, row.message, task._tags or NO_TAGS)


def given(task: Task, loading: Loading, found: Frontier, number: int) -> State | None:
    """The state that a task begins with."""
    standing = loading.standings.get(number)
    if standing is None:
        return None
    kept = found.kept[number]
    states = [start(state, bool(kept[position])) for position, state in enumerate(standing.states)]
    if standing.mapped:
        return Mapped(f"Mapped over {len(states)} elements.", map_states=states)
    return states[0]


def state_as_stood(standing: Standing) -> State:
    """The state that a task had."""
    if standing.mapped:
        return Mapped("Mapped.", map_states=list(standing.states))
    return standing.states[0] or Pending("The task had not run.")


def start(state: State | None, kept: bool) -> State | None:
    """A state that is kept, or waits for something, stays; whatever else happened, the run begins anew."""
    return state if kept or isinstance(state, Scheduled) else None


def is_settled(number: int, loading: Loading, found: Frontier) -> bool:
    """Is a mapped task over, with all its children?"""
    standing = loading.standings.get(number)
    if standing is None or not standing.mapped or number not in loading.closed & loading.ended:
        return False
    return bool(standing.states) and 0 not in found.kept[number]


def reruns(plan: RunPlan, found: Frontier) -> Iterable[Rerun]:
    for node in plan.nodes:
        if found.stale[node.number]:
            yield Rerun(node.slug, found.stale[node.number], "something before it did not succeed")
        for reason, count in summed(found.lost[node.number]):
            yield Rerun(node.slug, count, f"its value is needed: {reason}")


def summed(reasons: Counter[str]) -> list[tuple[str, int]]:
    """The reasons, the most frequent first; of many different ones only the first few."""
    common = reasons.most_common(3)
    rest = reasons.total() - sum(count for _, count in common)
    return [*common, ("other reasons", rest)] if rest else common


def progress(node: Node, loading: Loading, found: Frontier) -> Progress:
    lasting = node.task.role in LASTING_ROLES
    standing = loading.standings.get(node.number)
    if standing is None:
        return Progress(node.slug, 0, None if node.mapped else 1, {name_of(None): 1}, lasting)
    kept = found.kept[node.number]
    width = None if standing.mapped and node.number not in loading.closed else len(standing.states)
    to_run = Counter(name_of(state) for state, stays in zip(standing.states, kept, strict=True) if not stays)
    return Progress(node.slug, kept.count(1), width, to_run, lasting)


def name_of(state: State | None) -> str:
    return type(Pending() if state is None else state).__name__
