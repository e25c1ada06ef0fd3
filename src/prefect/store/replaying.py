"""Running one task run again, alone, with exactly the inputs that it had, or would have had.

```
history ── states before it ──▶ TaskRunner.run ──▶ a state ──▶ shown, or written back into the run
```
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
from prefect.engine.plan import Node, plan_of
from prefect.engine.state import State
from prefect.engine.task_runner import TaskRunner
from prefect.exceptions import ResumeError
from prefect.store.base import Store
from prefect.store.history import keeper_for
from prefect.store.reading import Address
from prefect.store.recorder import document_of, micros
from prefect.store.records import WHOLE, Event, FlowRun, TaskRun
from prefect.store.resuming import Resumption, prepared
from prefect.store.writer import write_files
from prefect.utilities.context import isolated
from prefect.utilities.debug import raise_on_exception


@dataclass(frozen=True, slots=True)
class Replay:
    """A task run, ready to run again.

    Attributes:
        store: where its run is written down.
        run: the flow run.
        flow: the flow, as it is now.
        address: which task run.
        node: its task in the plan.
        upstream: the states before it.
        facts: the context of the run.
        index: the child; None for a task that is not mapped.
    """

    store: Store
    run: FlowRun
    flow: Graph
    address: Address
    node: Node
    upstream: Mapping[Edge, State]
    facts: dict[str, Any]
    index: int | None

    def inputs(self) -> dict[str, Any]:
        """The arguments of its `run`, by name.

        Raises:
            ResultMissing: the value of one is not there any more.
        """
        return self._runner().get_task_inputs(None, self.upstream)  # type: ignore[arg-type]

    def go(self, raises: bool = False) -> State:
        """Run it; nothing is written down.

        Args:
            raises: let its errors come out, for a debugger, instead of making them states.
        """
        self.inputs()  # what is missing is said before anything runs
        facts = {} if self.index is None else {"map_index": self.index}
        with isolated(self.facts):
            if not raises:
                return self._runner().run(None, self.upstream, facts)
            with raise_on_exception():
                return self._runner().run(None, self.upstream, facts)

    def promote(self, state: State) -> None:
        """Write a state into the run, as that of this task run: resuming goes on from there.

        Raises:
            RunHeld: a process works at the run.
        """
        if not state.is_finished():
            raise ResumeError(f"{self.address} came to {state!r}, which is no end: only ends can be written back.")
        keeper = keeper_for({**self.facts, "flow_run_id": self.run.id})
        now, number = micros(time()), self.address.task.number
        value = None if state.is_failed() else keeper.keep(state._held)
        write_files(keeper)
        name, message = type(state).__name__, state.message
        self.store.put(
            self.run.id,
            TaskRun(0, number, self.address.child, name, 1, now, now, message, document_of(state), value),
            Event(0, number, self.address.child, self.address.child, 1, name, now, f"Replayed and promoted: {message}"),
            self.run.epoch,
        )

    def _runner(self) -> TaskRunner:
        runner = TaskRunner(bare_of_help(self.node.task), flow_result=getattr(self.flow, "result", None))
        runner.slug = self.node.slug
        runner.constants = self.flow.constants.get(self.node.task, {})
        return runner


def bare_of_help(task: Task) -> Task:
    """A task without retries, caches and targets, which would only stand in the way."""
    return task.copy(max_retries=0, retry_delay=None, retry_on=None, cache_for=None, cache_validator=None, target=None)


def replay(store: Store, run: FlowRun, flow: Graph, address: Address) -> Replay:
    """Prepare to run one task run again.

    Args:
        store: where its run is written down.
        run: the flow run.
        flow: the flow, as it is now.
        address: which task run.

    Raises:
        ResumeError: the flow has no such task any more, or the task run has never had all of its inputs.
    """
    plan = plan_of(flow)
    node = next((each for each in plan.nodes if each.slug == address.task.slug), None)
    if node is None:
        raise ResumeError(f"The flow {flow.name!r} has no task {address.task.slug!r} any more.")
    if node.mapped and address.child == WHOLE:
        raise ResumeError(f"{address} is mapped: say which of its children, as in {address.task.slug}[0].")
    found = prepared(store, run, flow)
    upstream = upstream_states(node, found, address.child)
    return Replay(
        store, run, flow, address, node, upstream, context_of(flow, found), address.child if node.mapped else None
    )


def upstream_states(node: Node, found: Resumption, index: int) -> dict[Edge, State]:
    """The states that a run reads, from the history."""
    states: dict[Edge, State] = {}
    for edge in node.edges:
        state = found.stood.get(edge.upstream_task)
        if state is None:
            raise ResumeError(f"{edge.upstream_task!r}, which comes before {node.task!r}, has no value in this run.")
        states[edge] = mapping.flattened(state) if edge.flattened else state
    if not node.mapped:
        return states
    parts = {edge: source[index] for edge, source in mapping.sources_of(states)}
    for edge, state in parts.items():
        if state is None:
            raise ResumeError(f"Child {index} of {edge.upstream_task!r}, which comes before it, has not run in this run.")
    return parts


def context_of(flow: Graph, found: Resumption) -> dict[str, Any]:
    """The context of the run, as it was."""
    facts = {**found.context, "flow_run_id": found.run.id, "flow_run_name": found.run.name}
    return FlowRunner(flow).initialize_run(None, {}, facts, {}, found.parameters).context
