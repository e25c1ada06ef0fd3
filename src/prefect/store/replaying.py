"""Running one task run again, alone, with exactly the inputs that it had, or would have had.

```
history ── states before it ──▶ TaskRunner.run ──▶ a state ──▶ shown, or written back into the run
```

The task runs as it is now, in this process, but without what stands around it: no retries, caches, targets or state
handlers. Secrets are fetched anew, as the history has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import time
from typing import Any

from prefect.core.edge import Edge
from prefect.core.graph import Graph
from prefect.core.task import Task
from prefect.engine import mapping
from prefect.engine.flow_runner import FlowRunner
from prefect.engine.mapping import Source
from prefect.engine.plan import Node, RunPlan, plan_of
from prefect.engine.reporting import Seconds, trail_of
from prefect.engine.results.secret_result import SecretResult
from prefect.engine.run_pass import LASTING_ROLES, known
from prefect.engine.state import Mapped, State
from prefect.engine.task_runner import TaskRunner
from prefect.exceptions import ResumeError
from prefect.store import ownership
from prefect.store.base import Store
from prefect.store.history import keeper_for
from prefect.store.reading import Address, RunReading, is_under_way
from prefect.store.recorder import document_of
from prefect.store.records import WHOLE, Event, FlowRun, TaskRun, micros
from prefect.store.resuming import Resumption, prepared
from prefect.store.values import Keeper
from prefect.store.writer import write_files
from prefect.tasks.core.constants import Constant
from prefect.utilities.context import isolated

SECRET = "<secret>"
LONGEST = 200
"""Of the words for an input, so many characters are shown."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A task run, ready to run again.

    Attributes:
        store: where its run is written down.
        run: the flow run.
        address: which task run.
        runner: runs its task.
        upstream: the states before it.
        facts: the context of the run.
    """

    store: Store
    run: FlowRun
    address: Address
    runner: TaskRunner
    upstream: Mapping[Edge, State]
    facts: dict[str, Any]

    def inputs(self) -> dict[str, Any]:
        """The arguments of its `run`, by name.

        Raises:
            ResultMissing: the value of one is not there any more.
        """
        return self.runner.get_task_inputs(State(), self.upstream)

    def shown(self) -> dict[str, str]:
        """The arguments of its `run` for people, without secrets."""
        keeper, inputs = self._keeper(), self.inputs()
        hidden = {edge.key for edge, state in self.upstream.items() if isinstance(state._held, SecretResult)}
        keeper.learn_secret([value for key, value in inputs.items() if key in hidden])
        return {key: SECRET if key in hidden else masked(value, keeper) for key, value in inputs.items()}

    def words(self, value: Any) -> str:
        """A value for people, without secrets."""
        return masked(value, self._keeper())

    def go(self) -> State:
        """Run it; nothing is written down."""
        self.inputs()  # what is missing is said before anything runs
        with isolated(self.facts):
            return self.runner.run(None, self.upstream, facts_of(self.address))

    def promote(self, state: State) -> None:
        """Write a state into the run, as that of this task run: resuming goes on from there.

        Raises:
            ResumeError: the state is no success, or its value cannot be kept.
            RunHeld: a process works at the run.
        """
        if not state.is_successful():
            raise ResumeError(f"{self.address} came to {state!r}: only a success can be written back into the run.")
        keeper = self._keeper()
        value = keeper.keep(state._held)
        if value.format == "lost":
            raise ResumeError(
                f"The value of {self.address} cannot be written back: {value.data}. Resume the run, in which the task "
                "runs again; or give the task a `result`, so that it stores its value itself."
            )
        write_files(keeper)
        now, number, child = micros(time()), self.address.task.number, self.address.child
        began = micros(began_at(state)) if trail_of(state) else now
        before = RunReading(self.store, self.run).task_run(self.address)
        attempt = 1 if before is None else before.attempt + 1
        name, message = type(state).__name__, f"Replayed and written back: {state.message}"
        self.store.put(
            self.run.id,
            TaskRun(0, number, child, name, attempt, began, now, message, document_of(state), value),
            Event(0, number, child, child, attempt, name, now, message),
            freed(self.store, self.run, now).epoch,
        )

    def _keeper(self) -> Keeper:
        return keeper_for({**self.facts, "flow_run_id": self.run.id})


def began_at(state: State) -> Seconds:
    return trail_of(state)[0].at


def masked(value: Any, keeper: Keeper) -> str:
    """A value for people, in a line."""
    text = keeper.masked(repr(value))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def freed(store: Store, run: FlowRun, now: int) -> FlowRun:
    """A run that its dead owner still holds, taken from it; any other one as it is."""
    if run.lease_until <= now or is_under_way(run, now):
        return run
    return store.claim(run.id, ownership.this_process(), now, now, dead=run.owner)


# --- getting ready ----------------------------------------------------------------------------------------------------


def replay(store: Store, run: FlowRun, flow: Graph, address: Address) -> Replay:
    """Prepare to run one task run again.

    Args:
        store: where its run is written down.
        run: the flow run.
        flow: the flow, as it is now.
        address: which task run.

    Raises:
        ResumeError: the flow has no such task any more, the task run has never had all of its inputs, or it uses a
            resource.
    """
    plan = plan_of(flow)
    node = next((each for each in plan.nodes if each.slug == address.task.slug), None)
    if node is None:
        raise ResumeError(f"The flow {flow.name!r} has no task {address.task.slug!r} any more.")
    if node.mapped and address.child == WHOLE:
        raise ResumeError(f"{address} is mapped: say which of its children, as in {address.task.slug}[0].")
    if not node.mapped and address.child != WHOLE:
        raise ResumeError(f"{address.task.slug!r} is not mapped any more, so it has no child {address.child}.")
    found = prepared(store, run, flow)
    facts = context_of(flow, found)
    with isolated(facts):
        upstream = Past(flow, plan, found).before(node, address.child)
    return Replay(store, run, address, runner_of(flow, node), upstream, facts)


def runner_of(flow: Graph, node: Node) -> TaskRunner:
    runner = TaskRunner(bare_of_help(node.task), flow_result=getattr(flow, "result", None))
    runner.slug = node.slug
    runner.constants = flow.constants.get(node.task, {})
    runner.quiet = runner.watched = True
    return runner


def bare_of_help(task: Task) -> Task:
    """A task without retries, caches and targets, which would only stand in the way."""
    return task.copy(max_retries=0, retry_delay=None, retry_on=None, cache_for=None, cache_validator=None, target=None)


def context_of(flow: Graph, found: Resumption) -> dict[str, Any]:
    """The context of the run, as it was."""
    facts = {**found.context, "flow_run_id": found.run.id, "flow_run_name": found.run.name}
    return FlowRunner(flow).initialize_run(None, {}, facts, {}, found.parameters).context


def facts_of(address: Address) -> dict[str, Any]:
    """What the context of a child says of it."""
    return {} if address.child == WHOLE else {"map_index": address.child}


# --- the states before it ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Past:
    """The states that the tasks of a run came to.

    Attributes:
        flow: the flow, as it is now.
        plan: likewise.
        found: the run, as the history has it.
    """

    flow: Graph
    plan: RunPlan
    found: Resumption

    def before(self, node: Node, child: int) -> dict[Edge, State]:
        """The states that a task run reads."""
        states = {
            edge: self.seen_through(edge, self.state_of(self.plan.nodes[source], node))
            for edge, source in zip(node.edges, node.sources, strict=True)
        }
        if not node.mapped:
            return states
        return {edge: self.element(edge, source, child) for edge, source in mapping.sources_of(states)}

    def state_of(self, node: Node, reader: Node) -> State:
        if node.task.role == "secret":
            return runner_of(self.flow, node).run(None, self.before(node, WHOLE))
        if node.task.role not in LASTING_ROLES:
            raise ResumeError(
                f"{reader.slug!r} uses the resource of {node.slug!r}, which exists only while the flow runs: resume "
                "the run instead."
            )
        state = known(node.task) if isinstance(node.task, Constant) else self.found.stood.get(node.task)
        if state is None or not state.is_finished():
            raise ResumeError(f"{node.slug!r}, which {reader.slug!r} reads or waits for, is not over in this run.")
        return state

    def seen_through(self, edge: Edge, state: State) -> State:
        """A state as it is seen through an edge."""
        if edge.flattened:
            self.check_whole(edge, state)
            return mapping.flattened(state)
        if not edge.mapped:
            self.check_whole(edge, state)
        return state

    def element(self, edge: Edge, source: Source, child: int) -> State:
        """What a child reads through an edge."""
        try:
            found: State | None = source[child]
        except LookupError:
            found = None
        if found is None:
            raise ResumeError(f"The child {child} of {self.flow.slugs[edge.upstream_task]!r} is not over in this run.")
        return found

    def check_whole(self, edge: Edge, state: State) -> None:
        """Refuse a map of which some children are not over, where all are read."""
        missing = sum(each is None for each in state.map_states) if isinstance(state, Mapped) else 0
        if missing:
            slug = self.flow.slugs[edge.upstream_task]
            raise ResumeError(f"{missing:,} children of {slug!r} are not over in this run: resume it first.")
