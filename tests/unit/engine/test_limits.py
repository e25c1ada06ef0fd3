"""Limits as pure rules: the settings of tasks, the gate under a clock of its own, and the scheduler before it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect import Flow, Task, task
from prefect.core.graph import Graph
from prefect.engine.limits import Gate, Limit, gate_for
from prefect.engine.plan import RunPlan, compile_plan
from prefect.engine.scheduler import Draw, OpenMap, RunChildren, RunTask, Scheduler
from prefect.engine.state import Mapped, Success
from prefect.exceptions import ConfigurationError, TaskSettingError, TaskSettingTypeError, UnknownSetting


def limits_of(made: Task) -> tuple[int | None, float]:
    assert made._run_limits is not None
    return made._run_limits.max_active, made._run_limits.spacing


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "spacing"),
    [
        (10, 0.1),
        (0.5, 2),
        ("10/s", 0.1),
        ("100/minute", 0.6),
        ("30 / minutes", 2),
        ("5000/hour", 0.72),
        ("24/day", 3600),
        ("0.5/s", 2),
    ],
)
def test_a_rate_is_so_many_starts_a_second_or_says_its_unit(rate: Any, spacing: float) -> None:
    assert limits_of(Task(rate=rate)) == (None, pytest.approx(spacing))


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"max_active": 0}, TaskSettingError, "max_active must be at least 1, but is 0"),
        ({"max_active": -1}, TaskSettingError, "max_active must be at least 1"),
        ({"max_active": 1.5}, TaskSettingTypeError, r"max_active must be a whole number, not 1\.5"),
        ({"max_active": True}, TaskSettingTypeError, "max_active.*True"),
        ({"max_active": "5"}, TaskSettingTypeError, "max_active.*'5'"),
        ({"rate": 0}, TaskSettingError, "rate must be more than 0"),
        ({"rate": -2}, TaskSettingError, "rate must be more than 0"),
        ({"rate": float("inf")}, TaskSettingError, "rate must be more than 0 and finite"),
        ({"rate": float("nan")}, TaskSettingError, "rate must be more than 0 and finite"),
        ({"rate": "0/s"}, TaskSettingError, "rate must be more than 0"),
        ({"rate": "nan/s"}, TaskSettingError, "rate must be more than 0 and finite"),
        ({"rate": False}, TaskSettingTypeError, "rate.*False"),
        ({"rate": [1]}, TaskSettingTypeError, r"rate.*\[1\]"),
        ({"rate": "10/fortnight"}, TaskSettingError, "\"100/minute\".*not '10/fortnight'"),
        ({"rate": "10"}, TaskSettingError, "not '10'"),
        ({"rate": "many/s"}, TaskSettingError, "not 'many/s'"),
        ({"rate": ""}, TaskSettingError, "not ''"),
    ],
)
def test_limits_that_cannot_be_are_refused(settings: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Task(**settings)
    with pytest.raises(error, match=says):
        Task().copy(**settings)


def test_limits_leave_no_attributes_that_tasks_of_users_could_have() -> None:
    assert vars(Task(max_active=1, rate=1)).keys() - vars(Task()).keys() == {"_run_limits"}
    assert not hasattr(Task(max_active=1, rate=1), "rate")


class Download(Task):
    """Written by a user, for whom `rate` is something else."""

    max_active = "always"

    def __init__(self, rate: int, **kwargs: Any) -> None:
        self.rate = rate
        super().__init__(**kwargs)


def test_attributes_of_the_users_own_are_no_limits_and_stay_theirs() -> None:
    made = Download(rate=3)
    other = made.copy(rate=0, max_active="never")

    assert (made.rate, other.rate, other.max_active) == (3, 0, "never")
    assert made._run_limits is other._run_limits is None


def test_a_copy_changes_one_limit_and_keeps_the_other() -> None:
    made = Task(max_active=2, rate=10)

    assert limits_of(made.copy(max_active=5)) == (5, 0.1)
    assert limits_of(made.copy(rate="1/minute")) == (2, 60)
    assert limits_of(made.copy(rate=None)) == (2, 0.0)
    assert made.copy(rate=None, max_active=None)._run_limits is None
    assert limits_of(made) == (2, 0.1)


def test_a_map_takes_limits_through_task_args() -> None:
    with Flow("f"):
        mapped = task(lambda x: x).map([1], task_args={"max_active": 5, "rate": 10})

    assert limits_of(mapped) == (5, 0.1)


def test_what_is_neither_an_attribute_nor_a_limit_is_still_unknown() -> None:
    with pytest.raises(UnknownSetting, match="max_activ'"):
        Task().copy(max_activ=1)


# --- which limits there are -------------------------------------------------------------------------------------------


def test_a_run_without_limits_has_no_gate() -> None:
    assert gate_for([Task(), Task(tags=["a"])], {}) is None
    assert gate_for([Task(), Task(tags=["a"])], {"b": 1}) is None


def test_calls_of_one_task_share_its_limit_and_a_copy_with_a_limit_has_its_own() -> None:
    made = Task(max_active=1)
    gate = gate_for([made, made.copy(), made.copy(name="other"), made.copy(max_active=1), Task()], {})

    assert gate is not None
    assert gate.groups == {0: 0, 1: 0, 2: 0, 3: 1}


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda tasks: pickle.loads(pickle.dumps(tasks))])
def test_tasks_that_travelled_together_still_share_their_limit(travel: Callable[[list[Task]], list[Task]]) -> None:
    made = Task(max_active=1)
    gate = gate_for(travel([made, made.copy()]), {})

    assert gate is not None
    assert gate.groups == {0: 0, 1: 0}


def test_all_tasks_with_a_tag_share_its_limit() -> None:
    gate = gate_for([Task(tags=["db"]), Task(tags=["db", "x"]), Task(tags=["db"], max_active=1)], {"db": 2})

    assert gate is not None
    gate.entered(0)
    assert gate.shut(0) == set()
    gate.entered(2)
    assert gate.shut(0) == {gate.groups[0], gate.groups[2]}
    gate.left(0)
    assert gate.shut(0) == {gate.groups[2]}, "its own limit still holds it"


@pytest.mark.parametrize("most", [0, -1, 1.5, True, "2", None, {"table": 1}])
def test_the_limit_of_a_tag_is_a_whole_number_of_at_least_1(most: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"engine\.limits\.db.*at least 1"):
        gate_for([Task()], {"db": most})


# --- the gate ---------------------------------------------------------------------------------------------------------


def test_a_rate_opens_the_gate_by_itself_but_a_full_one_waits_for_an_end() -> None:
    gate = Gate({0: (Limit(most=1, spacing=2.0),)})

    gate.started(0, now=10.0)
    gate.entered(0)
    assert (gate.shut(11.0), gate.opens([0])) == ({0}, None)
    gate.left(0)
    assert (gate.shut(11.0), gate.opens([0])) == ({0}, 12.0)
    assert gate.shut(12.0) == set()


SPACINGS = st.sampled_from([0.0, 0.25, 1.0, 3.0])
LIMIT = st.tuples(st.none() | st.integers(1, 3), SPACINGS)


@st.composite
def workloads(draw: st.DrawFn) -> tuple[list[Limit], list[tuple[list[int], float]]]:
    """Limits; and runs, each with the limits it is held by and how long it takes."""
    limits = [Limit(*each) for each in draw(st.lists(LIMIT, min_size=1, max_size=3))]
    held_by = st.lists(st.integers(0, len(limits) - 1), max_size=3, unique=True)
    return limits, draw(st.lists(st.tuples(held_by, st.sampled_from([0.0, 0.5, 1.0, 4.0])), max_size=15))


def simulated(plan: RunPlan, gate: Gate, seconds: list[float]) -> list[tuple[int, float, float]]:
    """Run tasks under a clock that jumps to whatever comes next: their numbers, starts and ends."""
    scheduler, now, found = Scheduler(plan, {}), 0.0, []
    scheduler.limited = gate.groups
    under_way: list[tuple[float, int]] = []
    while True:
        instruction = scheduler.next(None, shut=gate.shut(now))
        if instruction is not None:
            number = instruction.node
            gate.started(number, now)
            gate.entered(number)
            heappush(under_way, (now + seconds[number], number))
            found.append((number, now, now + seconds[number]))
            continue
        opens = gate.opens(scheduler.held)
        if under_way and (opens is None or under_way[0][0] <= opens):
            now, number = heappop(under_way)
            gate.left(number)
            scheduler.ended(number, Success())
            continue
        if opens is None:
            return found
        assert opens > now, "nothing is shut any more, so nobody should have waited"
        now = opens


@given(workloads())
def test_limits_hold_at_every_moment_and_everything_runs_in_the_end(
    workload: tuple[list[Limit], list[tuple[list[int], float]]],
) -> None:
    limits, runs = workload
    gate = Gate({n: tuple(limits[each] for each in held_by) for n, (held_by, _) in enumerate(runs) if held_by})

    history = simulated(planned(len(runs)), gate, [seconds for _, seconds in runs])

    assert sorted(number for number, _, _ in history) == list(range(len(runs)))
    for which, limit in enumerate(limits):
        spans = [(start, end) for number, start, end in history if which in runs[number][0]]
        starts = [start for start, _ in spans]
        assert all(later - sooner >= limit.spacing for sooner, later in zip(starts, starts[1:], strict=False))
        active = [sum(s <= start < e for s, e in spans) for start in starts]
        assert limit.most is None or max(active, default=0) <= limit.most
        assert limit.active == 0


# --- the scheduler ----------------------------------------------------------------------------------------------------


def planned(count: int, *edges: tuple[int, int]) -> RunPlan:
    """A plan of tasks 0, 1, 2 …; all edges are mapped."""
    made = [task(lambda **inputs: None, name=str(number)) for number in range(count)]
    graph = Graph("plan", tasks=made)
    for n, (up, down) in enumerate(edges):
        graph.add_edge(made[up], made[down], key=f"input_{n}", mapped=True)
    return compile_plan(graph)


def scheduler_for(plan: RunPlan, *limited: int, **options: Any) -> Scheduler:
    """A scheduler in which these tasks form group 7."""
    scheduler = Scheduler(plan, {}, **options)
    scheduler.limited = dict.fromkeys(limited, 7)
    return scheduler


def test_tasks_that_may_not_start_are_passed_over_and_come_later_in_running_order() -> None:
    scheduler = scheduler_for(planned(4), 0, 1, 3)

    assert scheduler.next(None, shut={7}) == RunTask(2)
    assert scheduler.next(None, shut={7}) is None
    assert [scheduler.next(None) for _ in range(4)] == [RunTask(0), RunTask(1), RunTask(3), None]


def test_a_map_that_may_not_start_is_opened_all_the_same() -> None:
    """0 ─▶ 1.map, and 2"""
    scheduler = scheduler_for(planned(3, (0, 1)), 1)
    scheduler.next(None)
    scheduler.ended(0, Success())

    assert scheduler.next(None, shut={7}) == OpenMap(1)
    scheduler.opened(1, Mapped(), [None, None])
    assert scheduler.next(None, shut={7}) == RunTask(2)
    assert scheduler.next(None, shut={7}) is None
    assert [scheduler.next(None) for _ in range(3)] == [RunChildren(1, range(1)), RunChildren(1, range(1, 2)), None]


@pytest.mark.parametrize("limited", [1, 2])
def test_a_limited_task_neither_leads_a_lane_nor_follows_in_one(limited: int) -> None:
    """0 ─▶ 1.map ═▶ 2.map"""
    scheduler = scheduler_for(planned(3, (0, 1), (1, 2)), limited, by_lane=True)
    scheduler.next(None)
    scheduler.ended(0, Success())
    scheduler.next(None)
    scheduler.opened(1, Mapped(), [None])

    first = scheduler.next(None)

    assert first == RunChildren(1, range(1), ())


def test_nothing_is_drawn_while_the_map_that_would_take_it_is_held() -> None:
    """0 ─▶ 1.map, which draws"""
    scheduler = scheduler_for(planned(2, (0, 1)), 1)
    scheduler.next(None)
    scheduler.ended(0, Success())
    scheduler.next(None)
    scheduler.opened(1, Mapped(), [], draws=True)

    assert scheduler.next(None, shut={7}) == Draw(1)
    scheduler.grew(1, 1, over=False)
    assert scheduler.next(None, shut={7}) is None
    assert [scheduler.next(None), scheduler.next(None)] == [RunChildren(1, range(1)), Draw(1)]
