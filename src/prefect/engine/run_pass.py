"""One pass over the tasks of a flow: carries out what the scheduler says, and tells it what came of it.

Work that was given out has a ticket. What comes back under a ticket counts once; what comes back under one that was
given up, as a twin of a run whose worker seemed to be dead, is dropped.

Hands may die over a run. Where it is not certain over which (a cluster names all that were with a worker), a run that
was there too often has a trial: it runs once more, with nothing else under way, before it is called `Crashed`.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from logging import DEBUG
from typing import Any, NamedTuple

from prefect.configuration import config
from prefect.core.edge import Edge
from prefect.core.task import NO_TAGS, Task
from prefect.engine import caching, mapping, pace
from prefect.engine.calling import can_alarm
from prefect.engine.hands import CannotTravel, CannotTravelTogether, MappedTask, Outcome, about, hands_for
from prefect.engine.limits import gate_for
from prefect.engine.lineage import lineages
from prefect.engine.mapping import Source
from prefect.engine.plan import Node, RunPlan
from prefect.engine.reporting import Reporter
from prefect.engine.result.base import Result
from prefect.engine.scheduler import WHOLE, Draw, Instruction, OpenMap, RunChildren, RunTask, Scheduler, Work
from prefect.engine.state import Cached, Cancelled, Crashed, Failed, Mapped, Pending, State, Success, TimedOut
from prefect.engine.streams import Streams
from prefect.engine.task_runner import TaskRunner
from prefect.engine.telling import Telling
from prefect.engine.termination import heeded, held
from prefect.exceptions import ExecutorUsageError, StoreError, TaskTimeoutSignal
from prefect.executors.base import Executor, Lost
from prefect.executors.local import LocalExecutor
from prefect.tasks.core.collections import puts_together
from prefect.tasks.core.constants import Constant
from prefect.utilities.context import innermost, lookup
from prefect.utilities.datetimes import LONGEST_SLEEP, utcnow, wait_until
from prefect.utilities.logging import get_logger
from prefect.utilities.texts import repr_of

LASTING_ROLES = ("init", "work")
MOST_IN_FLIGHT = 256
"""No more elements of an iterator are drawn while so much is under way, even if an executor takes everything."""

MOST_AT_ONCE = 8
"""No more elements of an iterator are drawn, or sent, in one go: each may be large."""

LOGGER = get_logger("FlowRunner")
INTERRUPTED = "The run was interrupted before this task was over."
STILL_AT_WORK = "The run was interrupted, but this task could not be stopped, and may go on."


class End(NamedTuple):
    """How a pass ended.

    Attributes:
        states: of every task.
        interrupted: did Ctrl-C end it?
        broken: the error that ended it, of the executor or of the history.
    """

    states: dict[Task, State]
    interrupted: bool = False
    broken: Exception | None = None


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
        settled: Collection[Task] = (),
    ) -> None:
        self.plan = plan
        self.constants = constants
        self.contexts = task_contexts
        self.runner_class = runner_class
        self.handlers = handlers
        self.result = result
        self.executor = executor
        self.one_by_one = reporter.one_by_one
        self.inline = executor.inline
        self.direct = type(executor) is LocalExecutor  # it only calls, so we call at once
        self.hands = hands_for(executor, innermost())
        self.patient = patient
        self.continued = continued
        by_lane = executor.distant and not self.one_by_one  # a child of a lane would not wait for the one before it
        self.scheduler = begin(plan, task_states, continued, by_lane, settled)
        if by_lane:
            self.scheduler.apart = {
                n.number for n in plan.nodes if n.mapped and executor.places(n.task._tags or NO_TAGS)
            }
        self.telling = Telling(reporter, plan, self.scheduler)
        limits = config.engine.limits
        self.gate = gate_for((node.task for node in plan.nodes), limits) if plan.limited or limits else None
        if self.gate is not None:
            self.scheduler.limited = self.gate.groups
        self.began = utcnow()
        self.interrupted = False
        self.broken: Exception | None = None
        self.tickets = 0
        self.in_flight: dict[int, Work] = {}
        self.futures: dict[int, Any] = {}
        self.began_at: dict[int, float] = {}
        self.deaths: Counter[tuple[int, int]] = Counter()
        self.trials: deque[Work] = deque()
        self.on_trial = False
        self.deaf: set[tuple[int, int]] = set()
        self.maps: dict[int, tuple[TaskRunner, list[tuple[Edge, Source]]]] = {}
        self.sizes: dict[int, int] = {}
        self.streams = Streams(plan, self.scheduler)
        self.lineages: Sequence[str] | None = None

    # --- the loop ----------------------------------------------------------------------------------------------------

    def finish(self) -> End:
        """Run until nothing is left to do."""
        self._name_timeouts_not_kept()
        try:
            advance = self._advance_here if self.inline and self.gate is None else self._advance
            while not self.interrupted and advance():
                pass
        except KeyboardInterrupt:
            self.interrupted = True
        except Exception as error:  # of the executor or the history: errors of tasks are states
            self.broken = error
        if self.interrupted or self.broken is not None:
            return self._cut_short()
        return End(self._final_states())

    def _name_timeouts_not_kept(self) -> None:
        """Say once for each task, and not for each child, that its timeout is only a wish here."""
        if self.continued or self.executor.stops_work or (self.inline and can_alarm()):
            return
        for node in self.plan.nodes:
            if node.task.timeout and not node.task._run_signature.coroutine:
                node.task.logger.warning(
                    "Task '%s': its timeout of %g s cannot be kept %s, where nothing stops what has begun.",
                    node.task.name,
                    node.task.timeout,
                    "outside the main thread" if self.inline else f"on {type(self.executor).__name__}",
                )

    def interrupt(self) -> End:
        """The end of a pass that Ctrl-C kept from its tasks."""
        self.interrupted = True
        return self._cut_short()

    def _cut_short(self) -> End:
        """Stop what is under way, and give back resources; then every task has a state."""
        with held():
            self._stop()
            unclean = self._unclean()
            states = self._final_states()
            for node in unclean:
                states[node.task] = self._cleaned(node)
        return End(states, self.interrupted, self.broken)

    def _cleaned(self, node: Node) -> State:
        """Give back a resource, unless somebody who will not wait for it interrupts again."""
        try:
            with heeded():
                return self._runner(node).run(None, self._upstream(node), self.contexts.get(node.task))
        except KeyboardInterrupt:
            LOGGER.warning("Task '%s' was interrupted: what it was to clean up may be left over.", node.task.name)
            return Cancelled("The run was interrupted again during this clean-up.")

    def _stop(self) -> None:
        """Stop what is under way: what gives back resources must not run beside it."""
        if self.in_flight:
            self._note_deaf(self.executor.cancel() or ())  # an executor of your own may return nothing
            self.in_flight.clear()

    def _note_deaf(self, futures: Collection[Any]) -> None:
        """Keep in mind what goes on all the same, and say it before resources are given back."""
        works = [self.in_flight[ticket] for ticket, future in self.futures.items() if future in futures]
        self.deaf.update((work.node, index) for work in works for index in work.indices)
        for work in works:
            ends = dict.fromkeys((work.indices[0], work.indices[-1]))
            name = " to ".join(called(self.plan.nodes[work.node], index) for index in ends)
            LOGGER.warning("Task %s could not be stopped, and may go on while resources are given back.", name)

    def _unclean(self) -> list[Node]:
        """Tasks that would give back a resource and have not: after Ctrl-C nothing else will."""
        states = self.scheduler.states
        return [node for node in self.plan.nodes if node.task.role == "cleanup" and states[node.number] is None]

    def unfinished_maps(self) -> list[State]:
        """Mapped tasks with children that are not over; a task behind them may be over for lack of children."""
        return [self.scheduler.states[number] for number, each in self.scheduler.children.items() if each.left]  # type: ignore[misc]

    def _advance_here(self) -> bool:
        """Do the next thing at once; most runs take this road. False when there is nothing more to do in this pass."""
        scheduler = self.scheduler
        instruction = scheduler.next(self._now() if scheduler.due else None, self.sizes)
        if instruction is None:
            return self._sleep()
        node = self.plan.nodes[instruction.node]
        if type(instruction) is RunTask:
            scheduler.ended(node.number, self._run_here(node))
        else:
            self._carry_out(instruction, node)
        return True

    def _advance(self) -> bool:
        """Do or collect the next thing. False when there is nothing more to do in this pass."""
        if self.trials and not self.in_flight:
            self.on_trial = True
            trial = self.trials.popleft()
            self._carry_out(trial, self.plan.nodes[trial.node])
            return True
        scheduler = self.scheduler
        if self.inline or self._has_room():
            instruction = scheduler.next(
                self._now() if scheduler.due else None,
                self.sizes,
                len(self.in_flight) < MOST_IN_FLIGHT,
                () if self.gate is None else self.gate.shut(time.monotonic()),
            )
            if type(instruction) is Draw and self._collects_at_once():
                return True  # drawing may take long: what is done, and what then can begin, comes first
            if instruction is not None:
                node = self.plan.nodes[instruction.node]
                if self.gate is not None and isinstance(instruction, Work):
                    self.gate.started(node.number, time.monotonic())
                if type(instruction) is RunTask and (self.inline or self._stays_here(node)):
                    scheduler.ended(node.number, self._run_here(node))
                else:
                    self._carry_out(instruction, node)
                return True
        if self.in_flight:
            self._collect(self._seconds_to_next())
            return True
        return self._sleep()

    def _stays_here(self, node: Node) -> bool:
        """Does a task return a generator, which cannot travel, or only put together what is here already?"""
        return self.executor.distant and (inspect.isgeneratorfunction(node.task.run) or puts_together(node.task))

    def _has_room(self) -> bool:
        """May one more thing be under way?"""
        if self.trials or self.on_trial:
            return False
        slots = self.executor.hands if self.one_by_one else self.executor.slots
        return slots is None or len(self.in_flight) < slots

    def _now(self) -> datetime:
        """The time up to which due runs may start; a pass without patience stays at its beginning."""
        return utcnow() if self.patient else self.began

    def _seconds_to_next(self) -> float | None:
        """How long until a waiting run is due, or may start again, if anybody waits for it."""
        if not (self.scheduler.due or self.scheduler.held) or not self._has_room():
            return None
        waits = [self._seconds_shut()]
        if self.scheduler.due and self.patient:
            waits.append((self.scheduler.due[0][0] - utcnow()).total_seconds())
        return min((max(0.0, each) for each in waits if each is not None), default=None)

    def _seconds_shut(self) -> float | None:
        """How long a rate holds the first of those that it holds; None if it holds nobody."""
        opens = self.gate.opens(self.scheduler.held) if self.gate is not None else None
        return None if opens is None else min(opens - time.monotonic(), LONGEST_SLEEP)

    def _sleep(self) -> bool:
        """Wait for the first run that is due, or may start again. False if there is none to wait for."""
        if self.scheduler.held and (seconds := self._seconds_to_next()) is not None:
            time.sleep(seconds)
            return True
        if not self.scheduler.due:
            return False
        first = self.scheduler.due[0][0]
        if not self.patient:
            return first <= self.began
        wait_until(first)
        return True

    # --- giving out work ---------------------------------------------------------------------------------------------

    def _run_here(self, node: Node) -> State:
        """Run a task in this thread, where the context of the flow is."""
        task, runner, upstream = node.task, self._runner(node), self._upstream(node)
        given, facts = self.scheduler.states[node.number], self.contexts.get(task)
        if self.direct and not self.telling.on:
            return runner.run(given, upstream, facts)  # most take this road
        began = self.telling.begin(node, (WHOLE,))
        state = self._run_now(runner, given, upstream, facts)
        self.telling.ended(node, WHOLE, state, began)
        return state

    def _run_now(
        self, runner: TaskRunner, given: State | None, upstream: dict[Edge, State], facts: Mapping[str, Any] | None
    ) -> State:
        if self.direct or self.executor.distant:
            return runner.run(given, upstream, facts)
        state: State = self.executor.submit(runner.run, given, upstream, facts, extra_context=about(runner.task))
        return state

    def _carry_out(self, instruction: Instruction, node: Node) -> None:
        if isinstance(instruction, OpenMap | Draw):
            self._open_or_draw(instruction, node)
            return
        began = self.telling.begin(node, instruction.indices)
        try:
            if type(instruction) is RunTask:
                future = self._submit_task(node)
            else:
                assert isinstance(instruction, RunChildren)
                future = self._submit_children(instruction)
        except (CannotTravel, ExecutorUsageError) as error:
            self._refused(instruction, node, error)
            return
        except CannotTravelTogether:
            self.scheduler.again(node.number, instruction.indices, alone=True)
            return
        if self.inline:  # it has done the work already
            self._take_in(instruction, self.hands.outcome(future), began)
            return
        if self.gate is not None:
            self.gate.entered(node.number)
        self.tickets += 1
        self.in_flight[self.tickets], self.futures[self.tickets] = instruction, future
        self.began_at[self.tickets] = began

    def _refused(self, instruction: Work, node: Node, error: CannotTravel | ExecutorUsageError) -> None:
        """Some work cannot be given out: that fails it, and nothing else."""
        for index in instruction.indices:
            state = error.state if isinstance(error, CannotTravel) else Failed(str(error), result=error)
            self._conclude(node, index, state)

    def _submit_task(self, node: Node) -> Any:
        given, facts = self.scheduler.states[node.number], self.contexts.get(node.task)
        return self.hands.task(self._runner(node), facts, self._upstream(node), given)

    def _submit_children(self, instruction: RunChildren) -> Any:
        lane = instruction.tasks
        states = self.scheduler.children[instruction.node].states
        given = [states[index] for index in instruction.indices]
        return self.hands.children(lane, [self._mapped(number, lane) for number in lane], instruction.indices, given)

    def _mapped(self, number: int, lane: Sequence[int]) -> MappedTask:
        node = self.plan.nodes[number]
        runner, sources = self.maps[number]
        readers = {*self.plan.after_end.get(number, ()), *self.plan.after_opening.get(number, ())}
        return MappedTask(
            runner=runner,
            facts=self.contexts.get(node.task),
            sources=sources,
            origins=[lane.index(each) if each in node.lanes and each in lane else None for each in node.sources],
            width=sys.maxsize if number in self.streams else len(self.scheduler.children[number].states),
            kept=not readers or not readers <= set(lane),
        )

    # --- taking in what came of it -----------------------------------------------------------------------------------

    def _collects_at_once(self) -> bool:
        """Was something done already? Nobody can tell of an executor that only knows how to wait."""
        polls = type(self.executor).next_done is not Executor.next_done
        return bool(self.in_flight) and polls and self._collect(0.0)

    def _collect(self, seconds: float | None) -> bool:
        """Take in the outcome of what is done first. False if nothing was done in so many seconds."""
        done = self.executor.next_done(self.futures, seconds)
        if done is None:
            return False
        ticket, value = done
        self.futures.pop(ticket, None)
        instruction = self.in_flight.pop(ticket, None)
        began = self.began_at.pop(ticket, 0.0)
        if self.gate is not None and instruction is not None:
            self.gate.left(instruction.node)
        if instruction is None:
            LOGGER.warning("The outcome of an attempt that was given up came late; it is dropped.")
        elif isinstance(value, Lost):
            self._lost(instruction, value, began)
        else:
            self._take_in(instruction, self.hands.outcome(value), began)
        self.on_trial = False
        return True

    def _take_in(self, instruction: Work, outcome: Outcome, began: float) -> None:
        self.telling.came(instruction, outcome, began)
        node, scheduler, lane = instruction.node, self.scheduler, instruction.tasks
        if self.executor.distant:
            self._remember(lane, outcome)
        if type(instruction) is RunTask:
            [[state]] = outcome.lanes
            assert state is not None
            scheduler.ended(node, state)
            return
        assert isinstance(instruction, RunChildren)
        self.interrupted = self.interrupted or outcome.interrupted
        growing = [number for number in lane if number in self.streams]
        for index, states in zip(instruction.indices, outcome.lanes, strict=False):
            if instruction.lane:
                scheduler.lane_ended(lane, index, states)
            else:
                scheduler.child_ended(node, index, states[0])  # type: ignore[arg-type]
            for number in growing:
                self.streams.forget(number, index)
        for number in lane:
            self.telling.look_for_end(number)
        self.sizes[node] = self._next_size(node, len(outcome.lanes), outcome.seconds)

    def _remember(self, lane: Sequence[int], outcome: Outcome) -> None:
        """Keep cached values that were made in another process; those made in this one are there already."""
        for position, number in enumerate(lane):
            task = self.plan.nodes[number].task
            if task.cache_for is not None:
                for states in outcome.lanes:
                    caching.remember(lookup("caches"), task, states[position])

    def _next_size(self, node: int, count: int, seconds: float) -> int:
        """How many children to give out at once: near the end fewer, so that all hands end together."""
        if self.one_by_one or (self.gate is not None and self.gate.spaced(node)):
            return 1
        if self.inline:
            return pace.next_size(count, seconds)
        if self.executor.stops_work and self.plan.nodes[node].task.timeout:
            return 1
        if node in self.streams and self.scheduler.children[node].growing:
            return min(pace.next_size(count, seconds, self.executor.chunk_seconds), MOST_AT_ONCE)
        slots = self.executor.slots or 1
        size = pace.next_size(count, seconds, self.executor.chunk_seconds)
        return pace.fair_size(size, self.scheduler.children[node].left, slots)

    # --- hands that died ---------------------------------------------------------------------------------------------

    def _lost(self, instruction: Work, lost: Lost, began: float) -> None:
        """Some work came to no end: keep what is known of it, and have the rest done again."""
        node = self.plan.nodes[instruction.node]
        indices = instruction.indices
        if lost.done:
            outcome = self.hands.outcome(lost.done)
            self._take_in(instruction, outcome, began)
            indices = indices[len(outcome.lanes) :]
        if len(indices) > 1 and lost.done is None:  # nobody knows which of them it was
            LOGGER.warning("%s; %d children of %r run again, one by one.", lost.reason, len(indices), node.task)
            self._crashed(node, indices, lost, began)
            self.scheduler.again(node.number, indices, alone=True)
        elif indices:
            if indices[1:]:
                self.scheduler.again(node.number, indices[1:])
            self._blame(node, indices[0], lost, began, instruction.tasks[1:])

    def _crashed(self, node: Node, indices: Sequence[int], lost: Lost, began: float) -> None:
        """Tell that these attempts came to no end; the runs begin anew."""
        for index in indices:
            self.telling.ended(node, index, Crashed(f"{lost.reason}; it runs again."), began)

    def _blame(self, node: Node, index: int, lost: Lost, began: float, lane: Sequence[int] = ()) -> None:
        """The hands died over this very run, or over that of the same index in its lane: nobody knows how far it got.

        So it counts for all of them. From now on they come without a lane, and the one that it was is known.
        """
        name = " or ".join(called(self.plan.nodes[each], index) for each in (node.number, *lane))
        if lost.timed_out:
            message = f"The task ran longer than its timeout of {node.task.timeout} s, and was stopped: {lost.reason}."
            self._conclude(node, index, TimedOut(message, result=TaskTimeoutSignal(message), stack=lost.stack))
            return
        self.deaths.update((number, index) for number in (node.number, *lane))
        count = self.deaths[node.number, index]
        if count > config.engine.crash_retries and not (lost.certain or self.on_trial):
            LOGGER.warning("Task %s: %s; it runs again with nothing else beside it, to be sure.", name, lost.reason)
            self._crashed(node, (index,), lost, began)
            self.trials.append(RunTask(node.number) if index == WHOLE else RunChildren(node.number, (index,)))
            return
        if count <= config.engine.crash_retries:
            LOGGER.warning(
                "Task %s: %s; it runs again (%d of %d).", name, lost.reason, count, config.engine.crash_retries
            )
            self._crashed(node, (index,), lost, began)
            self.scheduler.again(node.number, (index,), alone=True)
            return
        LOGGER.error("Task %s: %s; it is given up after %d attempts.", name, lost.reason, count)
        self._conclude(node, index, Crashed(f"What the task ran on died {count} times, at last so: {lost.reason}."))

    def _conclude(self, node: Node, index: int, state: State) -> None:
        """Bring a run to a state that its hands could not bring it to."""
        facts = self.contexts.get(node.task) or {}
        if index == WHOLE:
            state = self._runner(node).conclude(self.scheduler.states[node.number], state, facts)
        else:
            given = self.scheduler.children[node.number].states[index]
            state = self.maps[node.number][0].conclude(given, state, {**facts, "map_index": index})
        self.telling.ended(node, index, state)
        if index == WHOLE:
            self.scheduler.ended(node.number, state)
        else:
            self.scheduler.child_ended(node.number, index, state)
            self.telling.look_for_end(node.number)

    # --- what a run needs --------------------------------------------------------------------------------------------

    def _runner(self, node: Node) -> TaskRunner:
        runner = self.runner_class(task=node.task, state_handlers=self.handlers, flow_result=self.result)
        if self.telling.on:
            runner.watched = True
        runner.slug = node.slug
        if node.task in self.constants:
            runner.constants = self.constants[node.task]
        if node.task.cache_for is not None:
            runner.making = caching.making_of(node.task, lambda: self._lineages()[node.number])
        return runner

    def _lineages(self) -> Sequence[str]:
        if self.lineages is None:
            self.lineages = lineages(self.plan, self.constants)
        return self.lineages

    def _upstream(self, node: Node) -> dict[Edge, State]:
        states: Any = self.scheduler.states
        found: dict[Edge, State] = {}
        for edge, source in zip(node.edges, node.sources):  # noqa: B905  (of equal length, and this is the hot path)
            found[edge] = mapping.flattened(states[source]) if edge.flattened else states[source]
        return found

    def _open_or_draw(self, instruction: Instruction, node: Node) -> None:
        if type(instruction) is Draw:
            self.streams.draw(node, min(self.sizes.get(node.number, 1), MOST_AT_ONCE))
            self.telling.opened(node)
        else:
            self._open(node)

    def _open(self, node: Node) -> None:
        """Find out how many children a mapped task has."""
        runner = self._runner(node)
        upstream = self._upstream(node)
        self.streams.take_over(node, upstream)
        given = self.scheduler.states[node.number]
        began = time.time()
        state = runner.run(given, upstream, self.contexts.get(node.task), is_mapped_parent=True)
        if not isinstance(state, Mapped):
            self.telling.ended(node, WHOLE, state, began)
            self.scheduler.ended(node.number, state)
            return
        runner.speak_at(DEBUG)
        again = state is given  # a state of an earlier pass is not ours to change
        count = mapping.width(upstream) if again else state.n_map_states
        self.maps[node.number] = (runner, mapping.sources_of(upstream))
        parent = Mapped(state.message) if again else state
        self.scheduler.opened(
            node.number,
            parent,
            mapping.children_given(given, count),
            *self.streams.growth(node, upstream),
            known=given.map_states if isinstance(given, Mapped) and node.number in self.streams else (),
        )
        self.telling.opened(node)
        if again and self.continued:
            self.telling.pass_over(node.number)
        self.telling.look_for_end(node.number)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _final_states(self) -> dict[Task, State]:
        found = self.scheduler.states
        for number, state in enumerate(found):
            if type(state) is Success:
                continue
            if self._is_missing(state):
                found[number] = self._missing(number)
            elif isinstance(state, Mapped) and number in self.scheduler.children:
                state.map_states = [
                    self._missing(number, index) if self._is_missing(each) else each
                    for index, each in enumerate(state.map_states)
                ]
                if number in self.streams:
                    state.message = f"Mapped over {len(state.map_states)} elements, one after the other."
        return dict(zip(self.plan.numbers, found, strict=True))  # type: ignore[arg-type]

    def _is_missing(self, state: State | None) -> bool:
        """Has a run come to no state, or, if the pass was cut short, to none that lasts?"""
        cut_short = self.interrupted or self.broken is not None
        return state is None or (cut_short and not state.is_finished())

    def _missing(self, number: int, index: int = WHOLE) -> State:
        if self.broken is not None:
            what = culprit(self.broken)
            return Crashed(f"{what} failed before this task was over: {repr_of(self.broken)}")
        if self.interrupted:
            return Cancelled(STILL_AT_WORK if (number, index) in self.deaf else INTERRUPTED)
        return Pending("The task did not run in this pass.")


def begin(
    plan: RunPlan,
    task_states: Mapping[Task, State | None],
    continued: bool,
    by_lane: bool,
    settled: Collection[Task] = (),
) -> Scheduler:
    """A scheduler that knows the given states, and those of constants; `settled` are mapped tasks that are over."""
    given = {
        plan.numbers[task]: state
        for task, state in task_states.items()
        if state is not None and task in plan.numbers and (continued or lasts(task, state))
    }
    given |= {n.number: known(n.task) for n in plan.nodes if isinstance(n.task, Constant) and not n.edges}
    over = [number for number, state in given.items() if ends(state) or plan.nodes[number].task in settled]
    return Scheduler(plan, given, over, by_lane)


def culprit(broken: Exception) -> str:
    """What ended a run, as messages say it."""
    return "The history" if isinstance(broken, StoreError) else "The executor"


def called(node: Node, index: int) -> str:
    """How messages name a run."""
    return f"'{node.task.name}'" if index == WHOLE else f"'{node.task.name}[{index}]'"


def known(task: Constant) -> State:
    return Success("A constant.", result=task.value)


def lasts(task: Task, state: State) -> bool:
    """Does a state from another process still hold? Resources and secrets of that process are gone."""
    return task.role in LASTING_ROLES or not state.is_finished()


def ends(state: State) -> bool:
    """Is a given state final, so that the task does not run again?"""
    return state.is_finished() and not isinstance(state, (Cached, Mapped))
