"""One pass over the tasks of a flow: carries out what the scheduler says, and tells it what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from logging import DEBUG
from typing import Any

from prefect.core.edge import Edge
from prefect.core.task import NO_TAGS, Task
from prefect.engine import mapping, pace
from prefect.engine.jobs import ChildrenOutcome, run_children, run_task
from prefect.engine.mapping import Source
from prefect.engine.plan import Node, RunPlan
from prefect.engine.reporting import SILENT, Reporter
from prefect.engine.result.base import Result
from prefect.engine.scheduler import Instruction, RunChildren, RunTask, Scheduler
from prefect.engine.state import Cached, Cancelled, Mapped, Pending, State, Success
from prefect.engine.task_runner import TaskRunner
from prefect.executors.base import Executor
from prefect.executors.local import LocalExecutor
from prefect.tasks.core.constants import Constant
from prefect.utilities.context import innermost
from prefect.utilities.datetimes import utcnow, wait_until

LASTING_ROLES = ("init", "work")


class Pass:
    """One pass over the tasks of a flow: carries out what the scheduler says."""

    def __init__(
        self,
        plan: RunPlan,
        constants: Mapping[Task, Mapping[str, Any]],
        task_states: Mapping[Task, State],
        task_contexts: Mapping[Task, Mapping[str, Any]],
        runner_class: type[TaskRunner],
        handlers: Sequence[Callable[..., Any]] | None,
        result: Result | None,
        executor: Executor,
        reporter: Reporter,
        patient: bool,
        continued: bool,
    ) -> None:
        self.plan = plan
        self.constants = constants
        self.contexts = task_contexts
        self.runner_class = runner_class
        self.handlers = handlers
        self.result = result
        self.executor = executor
        self.reporter = reporter
        self.direct = type(executor) is LocalExecutor  # it only calls, so we call at once
        self.patient = patient
        self.scheduler = begin(plan, task_states, continued)
        self.flow_facts = innermost()
        self.began = utcnow()
        self.interrupted = False
        self.tickets = 0
        self.in_flight: dict[int, tuple[Any, RunTask | RunChildren]] = {}
        self.maps: dict[int, tuple[TaskRunner, list[tuple[Any, Source]]]] = {}
        self.sizes: dict[int, int] = {}

    # --- the loop ----------------------------------------------------------------------------------------------------

    def finish(self) -> tuple[dict[Task, State], bool]:
        """Run until nothing is left to do; the state of every task, and whether Ctrl-C ended it."""
        broken: Exception | None = None
        try:
            while not self.interrupted and self._advance():
                pass
        except KeyboardInterrupt:
            self.interrupted = True
        except Exception as error:  # of the executor: errors of tasks are states
            broken, self.interrupted = error, True
        unclean = self._unclean() if self.interrupted else []
        states = self._final_states()
        for node in unclean:
            states[node.task] = self._runner(node).run(None, self._upstream(node), self.contexts.get(node.task))
        if broken is not None:
            raise broken
        return states, self.interrupted

    def _unclean(self) -> list[Node]:
        """Tasks that would give back a resource and have not: after Ctrl-C nothing else will."""
        states = self.scheduler.states
        return [node for node in self.plan.nodes if node.task.role == "cleanup" and states[node.number] is None]

    def unfinished_maps(self) -> list[State]:
        """Mapped tasks with children that are not over; a task behind them may be over for lack of children."""
        return [self.scheduler.states[number] for number, each in self.scheduler.children.items() if each.left]  # type: ignore[misc]

    def _advance(self) -> bool:
        """Do the next thing. False when there is nothing more to do in this pass."""
        slots, scheduler = self.executor.slots, self.scheduler
        if slots is None or len(self.in_flight) < slots:
            instruction = scheduler.next(self._now() if scheduler.due else None, self.sizes)
            if instruction is not None:
                node = self.plan.nodes[instruction.node]
                if slots == 1 and type(instruction) is RunTask:  # the common case, without detours
                    scheduler.ended(node.number, self._submit_task(node))
                else:
                    self._carry_out(instruction, node)
                return True
        if self.in_flight:
            self._collect()
            return True
        return self._sleep()

    def _now(self) -> datetime:
        """The time up to which due runs may start; a pass without patience stays at its beginning."""
        return utcnow() if self.patient else self.began

    def _seconds_to_next(self) -> float | None:
        """How long until a waiting run is due, if anybody waits for it."""
        full = self.executor.slots is not None and len(self.in_flight) >= self.executor.slots
        if full or not self.scheduler.due or not self.patient:
            return None
        return max(0.0, (self.scheduler.due[0][0] - utcnow()).total_seconds())

    def _sleep(self) -> bool:
        """Wait for the first run that is due. False if there is none to wait for."""
        if not self.scheduler.due:
            return False
        first = self.scheduler.due[0][0]
        if not self.patient:
            return first <= self.began
        wait_until(first)
        return True

    def _carry_out(self, instruction: Instruction, node: Node) -> None:
        if type(instruction) is RunTask:
            future = self._submit_task(node)
        elif type(instruction) is RunChildren:
            future = self._submit_children(node, instruction.indices)
        else:
            self._open(node)
            return
        if self.executor.slots == 1:  # it has done the work already
            self._take_in(instruction, future)
            return
        self.tickets += 1
        self.in_flight[self.tickets] = (future, instruction)

    def _submit_task(self, node: Node) -> Any:
        task, runner, upstream = node.task, self._runner(node), self._upstream(node)
        given, facts = self.scheduler.states[node.number], self.contexts.get(task)
        if self.direct:
            return runner.run(given, upstream, facts)
        extra = {"task_name": task.name, "task_tags": task._tags or NO_TAGS, "task_index": None}
        if self.executor.slots == 1:  # the work is done in this thread, where the context is
            return self.executor.submit(runner.run, given, upstream, facts, extra_context=extra)
        return self.executor.submit(run_task, runner, self.flow_facts, facts, upstream, given, extra_context=extra)

    def _submit_children(self, node: Node, indices: Sequence[int]) -> Any:
        runner, sources = self.maps[node.number]
        task, states = node.task, self.scheduler.children[node.number].states
        return self.executor.submit(
            run_children,
            runner,
            self.flow_facts,
            self.contexts.get(node.task),
            sources,
            indices,
            [states[index] for index in indices],
            extra_context={"task_name": task.name, "task_tags": task._tags or NO_TAGS, "task_index": indices[0]},
        )

    def _collect(self) -> None:
        """Take in the outcome of what is done first."""
        futures = {ticket: future for ticket, (future, _) in self.in_flight.items()}
        done = self.executor.next_done(futures, self._seconds_to_next())
        if done is None:
            return
        ticket, outcome = done
        _, instruction = self.in_flight.pop(ticket)
        self._take_in(instruction, outcome)

    def _take_in(self, instruction: RunTask | RunChildren, outcome: Any) -> None:
        node = instruction.node
        if type(instruction) is RunTask:
            self.scheduler.ended(node, outcome)
            return
        assert isinstance(instruction, RunChildren)
        assert isinstance(outcome, ChildrenOutcome)
        self.interrupted = self.interrupted or outcome.interrupted
        for index, state in zip(instruction.indices, outcome.states, strict=False):
            self.scheduler.child_ended(node, index, state)
        self.sizes[node] = pace.next_size(len(outcome.states), outcome.seconds)

    # --- what a run needs --------------------------------------------------------------------------------------------

    def _runner(self, node: Node) -> TaskRunner:
        runner = self.runner_class(task=node.task, state_handlers=self.handlers, flow_result=self.result)
        if self.reporter is not SILENT:
            runner.reporter = self.reporter
        runner.slug = node.slug
        if node.task in self.constants:
            runner.constants = self.constants[node.task]
        return runner

    def _upstream(self, node: Node) -> dict[Edge, State]:
        states: Any = self.scheduler.states
        found: dict[Edge, State] = {}
        for edge, source in zip(node.edges, node.sources):  # noqa: B905  (of equal length, and this is the hot path)
            found[edge] = mapping.flattened(states[source]) if edge.flattened else states[source]
        return found

    def _open(self, node: Node) -> None:
        """Find out how many children a mapped task has."""
        runner = self._runner(node)
        upstream = self._upstream(node)
        given = self.scheduler.states[node.number]
        state = runner.run(given, upstream, self.contexts.get(node.task), is_mapped_parent=True)
        if not isinstance(state, Mapped):
            self.scheduler.ended(node.number, state)
            return
        runner.speak_at(DEBUG)
        again = state is given  # a state of an earlier pass is not ours to change
        count = mapping.width(upstream) if again else state.n_map_states
        self.maps[node.number] = (runner, mapping.sources_of(upstream))
        parent = Mapped(state.message) if again else state
        self.scheduler.opened(node.number, parent, mapping.children_given(given, count))

    # --- the end -----------------------------------------------------------------------------------------------------

    def _final_states(self) -> dict[Task, State]:
        missing = self._cancelled if self.interrupted else self._pending
        found = self.scheduler.states
        for number, state in enumerate(found):
            if type(state) is Success:
                continue
            if self._is_missing(state):
                found[number] = missing()
            elif isinstance(state, Mapped) and number in self.scheduler.children:
                state.map_states = [missing() if self._is_missing(child) else child for child in state.map_states]
        return dict(zip(self.plan.numbers, found, strict=True))  # type: ignore[arg-type]

    def _is_missing(self, state: State | None) -> bool:
        """Has a run come to no state, or, after Ctrl-C, to none that lasts?"""
        return state is None or (self.interrupted and not state.is_finished())

    @staticmethod
    def _pending() -> State:
        return Pending("The task did not run in this pass.")

    @staticmethod
    def _cancelled() -> State:
        return Cancelled("The run was interrupted before this task was over.")


def begin(plan: RunPlan, task_states: Mapping[Task, State | None], continued: bool) -> Scheduler:
    """A scheduler that knows the given states, and those of constants."""
    given = {
        plan.numbers[task]: state
        for task, state in task_states.items()
        if state is not None and task in plan.numbers and (continued or lasts(task, state))
    }
    given |= {n.number: known(n.task) for n in plan.nodes if isinstance(n.task, Constant) and not n.edges}
    over = [number for number, state in given.items() if ends(state)]
    return Scheduler(plan, given, over)


def known(task: Constant) -> State:
    return Success("A constant.", result=task.value)


def lasts(task: Task, state: State) -> bool:
    """Does a state from another process still hold? Resources and secrets of that process are gone."""
    return task.role in LASTING_ROLES or not state.is_finished()


def ends(state: State) -> bool:
    """Is a given state final, so that the task does not run again?"""
    return state.is_finished() and not isinstance(state, (Cached, Mapped))
