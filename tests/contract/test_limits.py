"""Limits where things really happen at once: in threads, in processes, after failures, deaths and Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from prefect import Flow, context, tags, task
from prefect.engine import FlowRunner
from prefect.engine.state import Cancelled, Failed
from prefect.executors import Executor, LocalDaskExecutor, LocalExecutor
from prefect.utilities.configuration import set_temporary_config

MEETING = 30.0  # seconds; longer than anybody waits, but no test hangs


class Room:
    """Counts who is in it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = self.most = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        try:
            yield
        finally:
            with self.lock:
                self.inside -= 1


def threads() -> Executor:
    return LocalDaskExecutor("threads", num_workers=4)


def processes() -> Executor:
    return LocalDaskExecutor("processes", num_workers=3)


def staying(room: Room, fails: Callable[[Any], bool] = lambda x: False) -> Callable[[Any], Any]:
    """A function that stays in a room for a moment."""

    def stay(x: Any) -> Any:
        with room.entered():
            time.sleep(0.002)
            if fails(x):
                raise ValueError("not this one")
        return x

    return stay


def succeed(flow: Flow, executor: Executor) -> dict[Any, Any]:
    state = flow.run(executor=executor)
    assert state.is_successful(), state
    found: dict[Any, Any] = state.result
    return found


# --- how many at once -------------------------------------------------------------------------------------------------


def test_no_more_children_than_allowed_run_at_once() -> None:
    room = Room()
    with Flow("f") as flow:
        mapped = task(staying(room), max_active=2).map(list(range(40)))

    assert succeed(flow, threads())[mapped].result == list(range(40))
    assert room.most <= 2


def test_a_map_behind_a_limited_one_runs_beside_it_and_to_its_end() -> None:
    """a.map, at most 1 ═▶ b.map"""
    room = Room()
    with Flow("f") as flow:
        last = task(lambda x: x + 1).map(task(staying(room), max_active=1).map(list(range(20))))

    assert succeed(flow, threads())[last].result == list(range(1, 21))
    assert room.most == 1


def test_calls_and_children_of_one_task_share_its_limit() -> None:
    room = Room()
    stay = task(staying(room), max_active=2)
    with Flow("f") as flow:
        for x in range(6):
            stay(x)
        stay.map(list(range(10)))

    succeed(flow, threads())

    assert room.most <= 2


def test_as_many_as_allowed_do_run_at_once() -> None:
    pair = threading.Barrier(2)
    meet = task(lambda x: pair.wait(MEETING) is not None, max_active=2)
    with Flow("f") as flow:
        for x in range(6):
            meet(x)

    succeed(flow, threads())


def test_other_tasks_go_on_while_a_limited_one_waits() -> None:
    """held waits for `free`, which comes behind another call of held in running order"""
    done = threading.Event()
    held = task(lambda x: done.wait(MEETING), max_active=1)
    with Flow("f") as flow:
        calls = [held(1), held(2), held(3)]
        task(lambda: done.set(), name="free")()

    result = succeed(flow, LocalDaskExecutor("threads", num_workers=2))

    assert all(result[call].result for call in calls)


def test_tasks_that_share_a_tag_share_its_limit() -> None:
    room = Room()
    with Flow("f") as flow:
        with tags("database"):
            task(staying(room), name="read").map(list(range(10)))
            task(staying(room), name="write").map(list(range(10)))
        task(staying(room), name="erase", tags=["database"])(1)

    with set_temporary_config({"engine.limits.database": 2}):
        succeed(flow, threads())

    assert room.most <= 2


def test_a_tag_limit_that_cannot_be_fails_the_run_and_says_which() -> None:
    with set_temporary_config({"engine.limits.database": 0}):
        state = Flow("f", tasks=[task(lambda: 1)]).run()

    assert isinstance(state, Failed)
    assert "engine.limits.database" in str(state.message)


def test_failures_and_retries_give_back_what_they_took() -> None:
    room, attempts = Room(), defaultdict(int)

    def fails_first(x: int) -> bool:
        attempts[x] += 1
        return attempts[x] == 1

    with Flow("f") as flow:
        mapped = task(staying(room, fails_first), max_active=2, max_retries=1, retry_delay=0.001).map(list(range(12)))

    assert succeed(flow, threads())[mapped].result == list(range(12))
    assert room.most <= 2
    assert set(attempts.values()) == {2}


def test_a_limit_holds_over_processes(tmp_path: Path) -> None:
    here = str(tmp_path)

    def stay(x: int) -> int:
        mine = os.path.join(here, str(x))
        open(mine, "w").close()
        time.sleep(0.005)
        inside = len(os.listdir(here))
        os.remove(mine)
        return inside

    with Flow("f") as flow:
        mapped = task(stay, max_active=2).map(list(range(20)))

    assert max(succeed(flow, processes())[mapped].result) <= 2


def test_hands_that_die_give_back_what_they_took(tmp_path: Path) -> None:
    """Were it not given back, the limit of 1 would hold all others for ever."""
    here = str(tmp_path)

    def dies_once(x: int) -> int:
        mark = os.path.join(here, str(x))
        if x % 2 and not os.path.exists(mark):
            open(mark, "w").close()
            os._exit(1)
        return x

    with Flow("f") as flow:
        mapped = task(dies_once, max_active=1).map([0, 1, 2, 3])

    assert succeed(flow, processes())[mapped].result == [0, 1, 2, 3]


def test_a_timeout_that_stops_the_work_gives_back_what_it_took() -> None:
    def slow(x: int) -> int:
        time.sleep(60 * x)
        return x

    with Flow("f") as flow:
        mapped = task(slow, max_active=1, timeout=1).map([1, 0, 0])

    states = flow.run(executor=processes()).result[mapped].map_states

    assert [type(each).__name__ for each in states] == ["TimedOut", "Success", "Success"]


def test_what_cannot_travel_takes_nothing() -> None:
    lock = threading.Lock()
    held = task(lambda x: lock.locked(), name="held", tags=["database"])
    with Flow("f") as flow:
        stuck = held.map([1, 2])
        after = task(lambda x: x, tags=["database"]).map([1, 2])

    with set_temporary_config({"engine.limits.database": 1}):
        result = flow.run(executor=processes()).result

    assert all(isinstance(each, Failed) for each in result[stuck].map_states)
    assert result[after].result == [1, 2]


# --- how often --------------------------------------------------------------------------------------------------------

RATE, SPACING = 50, 0.02


def too_early(began: float, starts: list[float]) -> list[float]:
    """The starts that came before they were allowed: the n-th needs n-1 times the spacing."""
    return [start for n, start in enumerate(sorted(starts)) if start < began + n * SPACING]


@pytest.mark.parametrize("make", [LocalExecutor, threads, processes])
def test_no_more_children_start_than_the_rate_allows(make: Callable[[], Executor]) -> None:
    with Flow("f") as flow:
        mapped = task(lambda x: time.monotonic(), rate=RATE).map(list(range(8)))

    began = time.monotonic()
    starts = succeed(flow, make())[mapped].result

    assert len(starts) == 8
    assert not too_early(began, starts)


def test_attempts_count_as_starts() -> None:
    starts: list[float] = []

    def fails_first(x: int) -> None:
        starts.append(time.monotonic())
        if context.task_run_count == 1:
            raise ValueError("not yet")

    with Flow("f") as flow:
        task(fails_first, rate="3000/minute", max_retries=1, retry_delay=0).map([1, 2, 3])

    began = time.monotonic()
    succeed(flow, LocalExecutor())

    assert len(starts) == 6
    assert not too_early(began, starts)


def test_a_single_pass_waits_for_a_rate_too() -> None:
    """It does not wait for retries, but a task that only has to wait its turn belongs to this pass."""
    with Flow("f") as flow:
        mapped = task(lambda x: x, rate=RATE).map([1, 2, 3])

    assert FlowRunner(flow).run(return_tasks=[mapped]).result[mapped].result == [1, 2, 3]


def test_other_tasks_run_while_a_rate_holds_one_even_in_one_thread() -> None:
    """The last of them ends the run, as nobody wants to wait for an hour."""
    order: list[str] = []

    def end_the_run() -> None:
        order.append("last")
        raise KeyboardInterrupt

    slow = task(lambda x: order.append(f"slow {x}"), rate="1/hour")
    with Flow("f") as flow:
        for x in (1, 2):
            slow(x)
        task(lambda: order.append("free"))()
        task(end_the_run)()

    flow.run(executor=LocalExecutor())

    assert order == ["slow 1", "free", "last"]


def test_a_stream_before_a_limited_map_is_not_drawn_ahead() -> None:
    """an iterator ─▶ limited.map: what is drawn waits for no more than the next child"""
    drawn: list[int] = []
    ahead: list[int] = []

    def numbers() -> Iterator[int]:
        for x in range(8):
            drawn.append(x)
            yield x

    with Flow("f") as flow:
        made = task(numbers)()
        mapped = task(lambda x: ahead.append(len(drawn) - x) or x, rate=200).map(made)

    assert succeed(flow, LocalExecutor())[mapped].result == list(range(8))
    assert max(ahead) <= 2


def test_ctrl_c_ends_the_waiting_for_a_rate() -> None:
    main = threading.main_thread().ident
    assert main is not None

    def interrupt_soon(x: int) -> None:
        threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT)).start()

    with Flow("f") as flow:
        mapped = task(interrupt_soon, rate="1/hour").map([1, 2])

    state = flow.run(executor=LocalExecutor())

    assert isinstance(state, Cancelled)
    assert isinstance(state.result[mapped].map_states[1], Cancelled)
