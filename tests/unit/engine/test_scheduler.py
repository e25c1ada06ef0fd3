"""The scheduler alone: what is over goes in, what to do next comes out; no clock, no executor, no user code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefect import Task
from prefect.core.graph import Graph
from prefect.engine.plan import RunPlan, compile_plan
from prefect.engine.scheduler import Instruction, OpenMap, RunChildren, RunTask, Scheduler
from prefect.engine.state import Failed, Mapped, Paused, Pending, Retrying, Skipped, State, Success

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


class Taking(Task):
    """Takes any argument."""

    def run(self, **inputs: Any) -> None:
        """Do nothing."""


def planned(*edges: tuple[int, int, str], tasks: int = 3) -> RunPlan:
    """A plan of tasks 0, 1, 2 …, joined as the edges say."""
    made = [Taking(name=str(number)) for number in range(tasks)]
    graph = Graph("plan", tasks=made)
    for n, (up, down, kind) in enumerate(edges):
        graph.add_edge(made[up], made[down], key=f"input_{n}", mapped="mapped" in kind, flattened="flattened" in kind)
    return compile_plan(graph)


def ready(scheduler: Scheduler, now: datetime = NOW) -> list[Instruction]:
    """Everything that may begin at once."""
    found: list[Instruction] = []
    while (instruction := scheduler.next(now)) is not None:
        found.append(instruction)
        if isinstance(instruction, OpenMap):
            break
    return found


def test_tasks_come_in_running_order_and_only_after_those_before_them() -> None:
    """
    0 ─▶ 2
    1 ───┘
    """
    scheduler = Scheduler(planned((0, 2, ""), (1, 2, "")), {})

    assert ready(scheduler) == [RunTask(0), RunTask(1)]
    scheduler.ended(1, Success())
    assert ready(scheduler) == []
    scheduler.ended(0, Failed())
    assert ready(scheduler) == [RunTask(2)]


def test_two_edges_between_two_tasks_are_waited_for_together() -> None:
    """0 ═▶ 1"""
    scheduler = Scheduler(planned((0, 1, ""), (0, 1, "flattened"), tasks=2), {})

    assert ready(scheduler) == [RunTask(0)]
    scheduler.ended(0, Success())
    assert ready(scheduler) == [RunTask(1)]


def test_a_child_that_two_lanes_lead_to_is_given_out_once() -> None:
    """0 ─▶ 1.map ═▶ 2.map"""
    scheduler = Scheduler(planned((0, 1, "mapped"), (1, 2, "mapped"), (1, 2, "mapped")), {})
    scheduler.next(NOW)
    scheduler.ended(0, Success())
    scheduler.next(NOW)
    scheduler.opened(1, Mapped(), [None])
    assert ready(scheduler)[-1] == OpenMap(2)
    scheduler.opened(2, Mapped(), [None])
    assert ready(scheduler) == []

    scheduler.child_ended(1, 0, Success())

    assert ready(scheduler) == [RunChildren(2, (0,))]


def test_a_mapped_task_is_opened_and_then_gives_out_its_children() -> None:
    """0 ─▶ 1.map ─▶ 2"""
    scheduler = Scheduler(planned((0, 1, "mapped"), (1, 2, "")), {})
    scheduler.next(NOW)
    scheduler.ended(0, Success())

    assert scheduler.next(NOW) == OpenMap(1)
    parent = Mapped()
    scheduler.opened(1, parent, [None, None])
    assert ready(scheduler) == [RunChildren(1, range(0, 1)), RunChildren(1, range(1, 2))]
    first, second = Success(), Failed()
    scheduler.child_ended(1, 1, second)
    assert ready(scheduler) == []
    scheduler.child_ended(1, 0, first)
    assert ready(scheduler) == [RunTask(2)]
    assert parent.map_states == [first, second]


def test_children_are_given_out_in_chunks_of_the_size_asked_for() -> None:
    scheduler = Scheduler(planned((0, 1, "mapped"), tasks=2), {})
    scheduler.next(NOW)
    scheduler.ended(0, Success())
    scheduler.next(NOW)
    scheduler.opened(1, Mapped(), [None] * 5)

    assert [scheduler.next(NOW, {1: 2}) for _ in range(4)] == [
        RunChildren(1, range(0, 2)),
        RunChildren(1, range(2, 4)),
        RunChildren(1, range(4, 5)),
        None,
    ]


def test_an_empty_map_is_over_as_soon_as_it_is_opened() -> None:
    """0 ─▶ 1.map ─▶ 2"""
    scheduler = Scheduler(planned((0, 1, "mapped"), (1, 2, "")), {})
    scheduler.next(NOW)
    scheduler.ended(0, Success())
    scheduler.next(NOW)

    scheduler.opened(1, Mapped(), [])

    assert ready(scheduler) == [RunTask(2)]


def test_a_lane_goes_on_while_its_neighbours_are_at_work() -> None:
    """0 ─▶ 1.map ─▶ 2.map"""
    scheduler = Scheduler(planned((0, 1, "mapped"), (1, 2, "mapped")), {})
    scheduler.next(NOW)
    scheduler.ended(0, Success())
    scheduler.next(NOW)
    scheduler.opened(1, Mapped(), [None, None])
    assert ready(scheduler)[-1] == OpenMap(2)
    scheduler.opened(2, Mapped(), [None, None])

    assert ready(scheduler) == []
    scheduler.child_ended(1, 1, Success())
    assert ready(scheduler) == [RunChildren(2, (1,))]
    scheduler.child_ended(1, 0, Success())
    assert ready(scheduler) == [RunChildren(2, (0,))]


def test_a_map_that_could_not_be_opened_counts_as_over() -> None:
    """0 ─▶ 1.map ─▶ 2.map"""
    scheduler = Scheduler(planned((0, 1, "mapped"), (1, 2, "mapped")), {})
    scheduler.next(NOW)
    scheduler.ended(0, Success())
    assert scheduler.next(NOW) == OpenMap(1)

    scheduler.ended(1, Skipped())

    assert scheduler.next(NOW) == OpenMap(2)


def test_a_retry_comes_back_when_it_is_due_and_not_before() -> None:
    """0 ─▶ 1"""
    scheduler = Scheduler(planned((0, 1, ""), tasks=2), {})
    scheduler.next(NOW)
    scheduler.ended(0, Retrying(start_time=LATER))

    assert ready(scheduler) == []
    assert scheduler.due[0][0] == LATER
    assert scheduler.next(None) is None
    assert ready(scheduler, LATER) == [RunTask(0)]


def test_a_child_that_retries_comes_back_alone() -> None:
    scheduler = Scheduler(planned((0, 1, "mapped"), tasks=2), {})
    scheduler.next(NOW)
    scheduler.ended(0, Success())
    scheduler.next(NOW)
    scheduler.opened(1, Mapped(), [None, None])
    ready(scheduler)
    scheduler.child_ended(1, 1, Success())

    scheduler.child_ended(1, 0, Retrying(start_time=LATER))

    assert ready(scheduler) == []
    assert ready(scheduler, LATER) == [RunChildren(1, (0,))]


def test_a_pause_without_an_end_keeps_what_is_behind_it_waiting() -> None:
    """0 ─▶ 1"""
    scheduler = Scheduler(planned((0, 1, ""), tasks=2), {})
    scheduler.next(NOW)

    scheduler.ended(0, Paused())

    assert ready(scheduler, LATER) == []
    assert not scheduler.due


def test_tasks_that_are_over_are_not_given_out_but_let_others_begin() -> None:
    """0 ─▶ 1 ─▶ 2"""
    done = Success()
    scheduler = Scheduler(planned((0, 1, ""), (1, 2, "")), {0: Success(), 1: done}, over=[0, 1])

    assert ready(scheduler) == [RunTask(2)]
    assert scheduler.states[1] is done


def test_given_children_that_are_over_do_not_run_again() -> None:
    scheduler = Scheduler(planned((0, 1, "mapped"), (1, 2, "")), {})
    scheduler.next(NOW)
    scheduler.ended(0, Success())
    scheduler.next(NOW)

    scheduler.opened(1, Mapped(), [Success(), None, Pending()])

    assert ready(scheduler) == [RunChildren(1, (1,)), RunChildren(1, (2,))]


def test_a_given_child_that_waits_for_a_time_is_given_out_when_it_is_due() -> None:
    scheduler = Scheduler(planned((0, 1, "mapped"), tasks=2), {})
    scheduler.next(NOW)
    scheduler.ended(0, Success())
    scheduler.next(NOW)

    scheduler.opened(1, Mapped(), [Retrying(start_time=LATER), Paused()])

    assert ready(scheduler) == [RunChildren(1, (1,))]
    assert ready(scheduler, LATER) == [RunChildren(1, (0,))]


def test_if_all_given_children_are_over_the_map_is_too() -> None:
    scheduler = Scheduler(planned((0, 1, "mapped"), (1, 2, "")), {})
    scheduler.next(NOW)
    scheduler.ended(0, Success())
    scheduler.next(NOW)

    scheduler.opened(1, Mapped(), [Success(), Failed()])

    assert ready(scheduler) == [RunTask(2)]


# --- any plan, any order of events ------------------------------------------------------------------------------------

kinds = st.sampled_from(["", "", "mapped", "mapped", "mapped flattened", "flattened"])


def test_children_that_became_ready_in_any_order_come_in_the_order_of_their_indices() -> None:
    """0 ─▶ 1 mapped, whose children wait for times"""
    scheduler = Scheduler(planned((0, 1, "mapped"), tasks=2), {})
    ready(scheduler)
    scheduler.ended(0, Success())
    assert ready(scheduler) == [OpenMap(1)]
    due = {0: 3, 1: 1, 2: 2, 3: 0}
    times = [Retrying(start_time=NOW + timedelta(seconds=due[index])) for index in range(4)]

    scheduler.opened(1, Mapped(), list(times))

    assert scheduler.next(NOW - timedelta(hours=1)) is None
    assert scheduler.next(LATER, {1: 10}) == RunChildren(1, (0, 1, 2, 3))


outcomes = st.sampled_from(["done"] * 6 + ["failed", "retry now", "retry later", "paused"])


@st.composite
def plans(draw: Any) -> RunPlan:
    count = draw(st.integers(1, 8))
    pairs = [(up, down) for down in range(count) for up in range(down)]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=12)) if pairs else []
    return planned(*[(up, down, draw(kinds)) for up, down in chosen], tasks=count)


class Watch:
    """Plays the executor: takes what the scheduler gives out, ends it in any order, and checks every step."""

    def __init__(self, plan: RunPlan, draw: Any) -> None:
        self.plan = plan
        self.draw = draw
        self.scheduler = Scheduler(plan, {})
        self.now = NOW
        self.at_work: list[tuple[int, int | None]] = []
        self.over: set[tuple[int, int | None]] = set()
        self.widths: dict[int, int] = {}
        self.paused: set[int] = set()
        self.allowed: dict[tuple[int, int | None], int] = {}

    def run(self) -> None:
        while True:
            if self.at_work and self.draw(st.booleans()):
                self.end_one()
            elif (instruction := self.scheduler.next(self.now, {0: 1, 1: 2, 2: 3, 3: 4})) is not None:
                self.begin(instruction)
            elif self.at_work:
                self.end_one()
            elif self.scheduler.due:
                assert self.scheduler.due[0][0] > self.now
                self.now = self.scheduler.due[0][0]
            else:
                return

    def begin(self, instruction: Instruction) -> None:
        number = instruction.node
        self.check_upstream(number, instruction)
        if isinstance(instruction, RunTask):
            self.take(number, None)
            return
        if isinstance(instruction, RunChildren):
            assert len(instruction.indices) >= 1
            for index in instruction.indices:
                self.take(number, index)
            return
        self.take(number, None)
        self.at_work.remove((number, None))
        if not self.draw(st.integers(0, 5)):
            self.finish(number, Failed())
            return
        self.widths[number] = self.draw(st.integers(0, 5))
        self.scheduler.opened(number, Mapped(), [None] * self.widths[number])

    def take(self, number: int, index: int | None) -> None:
        """Each is given out once, and once more after every retry."""
        run = (number, index)
        assert run not in self.at_work
        assert run not in self.over
        assert self.allowed.setdefault(run, 1) > 0
        self.allowed[run] -= 1
        self.at_work.append(run)

    def check_upstream(self, number: int, instruction: Instruction) -> None:
        node = self.plan.nodes[number]
        assert node.mapped is not isinstance(instruction, RunTask)
        for source in set(node.sources):
            if source not in node.lanes or source in self.whole(number):
                assert self.task_over(source)
            elif source not in self.widths:
                assert (source, None) in self.over
            elif isinstance(instruction, RunChildren):
                for index in instruction.indices:
                    assert index >= self.widths[source] or (source, index) in self.over

    def whole(self, number: int) -> set[int]:
        """The upstream tasks that a task takes as a whole, over at least one of its edges."""
        node = self.plan.nodes[number]
        pairs = zip(node.edges, node.sources, strict=True)
        return {source for edge, source in pairs if not edge.mapped or edge.flattened}

    def task_over(self, number: int) -> bool:
        if number in self.widths:
            return all((number, index) in self.over for index in range(self.widths[number]))
        return (number, None) in self.over

    def end_one(self) -> None:
        number, index = run = self.draw(st.sampled_from(self.at_work))
        self.at_work.remove(run)
        outcome = self.draw(outcomes)
        state: State = {
            "done": Success,
            "failed": Failed,
            "retry now": lambda: Retrying(start_time=self.now),
            "retry later": lambda: Retrying(start_time=self.now + timedelta(seconds=self.draw(st.integers(1, 3)))),
            "paused": Paused,
        }[outcome]()
        self.allowed[run] += isinstance(state, Retrying)
        if outcome == "paused":
            self.paused.add(number)
        if index is None:
            self.finish(number, state)
            return
        if state.is_finished():
            self.over.add(run)
        self.scheduler.child_ended(number, index, state)

    def finish(self, number: int, state: State) -> None:
        if state.is_finished():
            self.over.add((number, None))
        self.scheduler.ended(number, state)

    def held_up(self) -> set[int]:
        """The tasks behind a pause."""
        behind = set(self.paused)
        for node in self.plan.nodes:
            if behind.intersection(node.sources):
                behind.add(node.number)
        return behind


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(plans(), st.data())
def test_everything_is_given_out_once_after_what_it_waits_for_and_nothing_is_forgotten(
    plan: RunPlan, data: st.DataObject
) -> None:
    watch = Watch(plan, data.draw)

    watch.run()

    for node in plan.nodes:
        assert watch.task_over(node.number) or node.number in watch.held_up()
