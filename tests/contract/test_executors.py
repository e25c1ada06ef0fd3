"""What every executor has to keep to, and that a flow comes to the same on each of them."""

from __future__ import annotations

import inspect
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from prefect import Flow, Task, context, flatten, pause_task, task, unmapped
from prefect.engine import FlowRunner
from prefect.engine.signals import LOOP, SKIP
from prefect.engine.state import Cancelled, Failed, Mapped, Retrying, Skipped, State, Success, TriggerFailed
from prefect.executors import DaskExecutor, Executor, LocalDaskExecutor, LocalExecutor
from prefect.triggers import all_finished


class Threads(Executor):
    """A few threads: the smallest executor that really does things at once."""

    def __init__(self) -> None:
        super().__init__()
        self.pool: ThreadPoolExecutor | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "pool": None}

    @contextmanager
    def start(self) -> Iterator[None]:
        with ThreadPoolExecutor(4) as self.pool:
            yield
        self.pool = None

    def submit(
        self, fn: Callable[..., Any], *args: Any, extra_context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Future[Any]:
        assert self.pool is not None
        return self.pool.submit(fn, *args, **kwargs)

    def wait(self, futures: Any) -> Any:
        if isinstance(futures, Future):
            return futures.result()
        if isinstance(futures, dict):
            return {key: self.wait(value) for key, value in futures.items()}
        if isinstance(futures, list | tuple | set):
            return type(futures)(self.wait(each) for each in futures)
        return futures

    def next_done(self, futures: Mapping[int, Any], timeout: float | None = None) -> tuple[int, Any] | None:
        done, _ = wait(futures.values(), timeout, FIRST_COMPLETED)
        return next(((number, each.result()) for number, each in futures.items() if each in done), None)


class Patient(Threads):
    """Cannot tell which future is done first: the port waits for the oldest."""

    next_done = Executor.next_done


class Pair(Threads):
    """Two things at a time."""

    @property
    def slots(self) -> int:
        return 2


class Distant(Executor):
    """Behaves as if its hands were in another process, only that they are not: all that travels is bytes."""

    distant = True

    def submit(
        self, fn: Callable[..., Any], *args: Any, extra_context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        try:
            value = fn(*args, **kwargs)
            return None, list(value) if inspect.isgenerator(value) else value
        except Exception as error:
            return error, None

    def wait(self, futures: Any) -> Any:
        if isinstance(futures, dict):
            return {key: self.wait(value) for key, value in futures.items()}
        if isinstance(futures, tuple) and len(futures) == 2 and (futures[0] is None or futures[1] is None):
            if futures[0] is not None:
                raise futures[0]
            return futures[1]
        return type(futures)(map(self.wait, futures)) if isinstance(futures, list | tuple | set) else futures


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None, silence_logs=logging.CRITICAL) as made:
        yield made.scheduler_address


EXECUTORS = [LocalExecutor, Threads, Patient, Pair, Distant, "threads", "sync", "processes", "dask"]


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "dask":
        return DaskExecutor(address=request.getfixturevalue("cluster"))
    if isinstance(request.param, str):
        return LocalDaskExecutor(request.param, num_workers=2)
    made: Executor = request.param()
    return made


def double(x: int) -> int:
    return 2 * x


def fails() -> None:
    raise ValueError("broken")


# --- the port ---------------------------------------------------------------------------------------------------------


def test_a_call_is_done_and_its_value_comes_back(executor: Executor) -> None:
    with executor.start():
        future = executor.submit(double, 2, extra_context={"task_name": "double", "task_tags": set()})
        assert executor.wait(future) == 4


def test_futures_may_be_nested(executor: Executor) -> None:
    with executor.start():
        nested = {"a": [executor.submit(double, 1), 5], "b": (executor.submit(double, x=2),)}
        assert executor.wait(nested) == {"a": [2, 5], "b": (4,)}


def test_an_error_comes_out(executor: Executor) -> None:
    with executor.start(), pytest.raises(ValueError, match="broken"):
        executor.wait(executor.submit(fails))


def test_each_future_is_done_once(executor: Executor) -> None:
    with executor.start():
        futures = {number: executor.submit(double, number) for number in (1, 2, 3)}
        values = {}
        while futures:
            done = executor.next_done(futures)
            assert done is not None
            values[done[0]] = done[1]
            del futures[done[0]]
    assert values == {1: 2, 2: 4, 3: 6}


def test_it_can_be_used_again(executor: Executor) -> None:
    for _ in range(2):
        with executor.start():
            assert executor.wait(executor.submit(double, 2)) == 4


def test_it_travels_before_and_after_use(executor: Executor) -> None:
    cloudpickle.loads(cloudpickle.dumps(executor))
    with executor.start():
        executor.wait(executor.submit(double, 2))
    assert type(cloudpickle.loads(cloudpickle.dumps(executor))).__name__ == type(executor).__name__
    assert type(executor).__name__ in repr(executor)


def test_the_port_alone_can_do_nothing() -> None:
    with pytest.raises(NotImplementedError, match="submit"):
        Executor().submit(double, 1)
    with pytest.raises(NotImplementedError, match="wait"):
        Executor().wait([])


# --- flows ------------------------------------------------------------------------------------------------------------


@task
def numbers(n: int) -> list[int]:
    return list(range(n))


@task
def add(x: Any, y: Any = 10) -> Any:
    return x + y


@task
def invert(x: int) -> float:
    return 1 / x


@task
def total(xs: list[int]) -> int:
    return sum(xs)


@task
def collect(xs: list[Any]) -> list[str]:
    return [str(each) for each in xs]


@task
def odd_only(x: int) -> int:
    if x % 2 == 0:
        raise SKIP(f"{x} is even")
    return x


@task(max_retries=2, retry_delay=0.001)
def third_time_lucky(x: int) -> tuple[int, int]:
    if context.task_run_count < 3:
        raise ValueError
    return x, context.task_run_count


@task
def climb(x: int) -> int:
    height: int = context.get("task_loop_result", 0)
    if height < x:
        raise LOOP(result=height + 1)
    return height


@task
def rest(x: int) -> int:
    pause_task(duration=timedelta(milliseconds=1))
    return x


@task
async def later(x: int) -> tuple[int, str]:
    return x, context.task_full_name


def rich_flow() -> Flow:
    with Flow("rich") as flow:
        source = numbers(5)
        chained = add.map(add.map(source), unmapped(1))
        total(chained)
        inverted = invert.map(source)
        total(inverted)
        collect(inverted, task_args={"trigger": all_finished})
        collect(odd_only.map(source), task_args={"skip_on_upstream_skip": False})
        add.map(odd_only.map(source))
        add.map(flatten(numbers.map(source)))
        add.map(third_time_lucky.map(source), unmapped(()))
        total(climb.map(source))
        total(rest.map(source))
        collect(later.map(source))
        add.map(total(source))
        add.map(numbers(0))
        third_time_lucky(7)
        climb(3)
        rest(4)
        later(5)
    return flow


def shown(state: State) -> Any:
    if isinstance(state, Mapped):
        return [shown(child) for child in state.map_states]
    return type(state).__name__, str(state.result)


def test_a_flow_comes_to_the_same_states_values_and_order_of_children(executor: Executor) -> None:
    flow = rich_flow()

    here, there = flow.run(), flow.run(executor=executor)

    assert type(here) is type(there) is Failed
    assert {t.name: shown(there.result[t]) for t in flow.tasks} == {t.name: shown(here.result[t]) for t in flow.tasks}
    for each in flow.tasks:
        assert shown(there.result[each]) == shown(here.result[each])


def test_states_are_what_they_should_be(executor: Executor) -> None:
    with Flow("f") as flow:
        inverted = invert.map([1, 0, 2])
        added = add.map(inverted)
        odd = odd_only.map([1, 2])

    result = flow.run(executor=executor).result

    assert [type(child) for child in result[inverted].map_states] == [Success, Failed, Success]
    assert [type(child) for child in result[added].map_states] == [Success, TriggerFailed, Success]
    assert [type(child) for child in result[odd].map_states] == [Success, Skipped]


def test_tasks_know_the_context_of_the_run(executor: Executor) -> None:
    ask = task(lambda x: (context.colour, context.flow_name, context.task_full_name, context.parameters), name="ask")
    with Flow("f") as flow:
        single, children = ask(1), ask.map([1, 2])

    result = flow.run(executor=executor, context={"colour": "red"}).result

    assert result[single].result == ("red", "f", "ask", {})
    assert result[children].result == [("red", "f", "ask[0]", {}), ("red", "f", "ask[1]", {})]


def test_a_single_pass_leaves_retries_to_the_next(executor: Executor) -> None:
    with Flow("f") as flow:
        tried = third_time_lucky.map([1, 2])

    state = FlowRunner(flow).run(return_tasks=[tried], executor=executor)

    assert [type(child) for child in state.result[tried].map_states] == [Retrying, Retrying]


def test_state_handlers_see_every_change(executor: Executor, tmp_path: Path) -> None:
    seen = tmp_path / "seen"

    def note(obj: Task, old: State, new: State) -> None:
        with seen.open("a") as file:
            file.write(f"{context.task_full_name}: {type(old).__name__} to {type(new).__name__}\n")

    with Flow("f") as flow:
        add.copy(state_handlers=[note]).map([1])

    flow.run(executor=executor)

    assert seen.read_text().splitlines() == [
        "add: Pending to Mapped",
        "add[0]: Pending to Running",
        "add[0]: Running to Success",
    ]


def test_state_handlers_hear_last_what_is_recorded(executor: Executor, tmp_path: Path) -> None:
    """Also of a value that cannot travel, which is a failure where it would have to."""
    seen = tmp_path / "seen"

    def note(obj: Task, old: State, new: State) -> None:
        with seen.open("a") as file:
            file.write(f"{type(new).__name__}\n")

    lock = task(lambda: threading.Lock(), name="lock", state_handlers=[note], max_retries=1, retry_delay=0.001)
    with Flow("f") as flow:
        made = lock()

    state = flow.run(executor=executor).result[made]

    heard = ["Running", "Failed", "Retrying", "Running", "Failed"] if state.is_failed() else ["Running", "Success"]
    assert executor.distant == state.is_failed()
    assert seen.read_text().split() == heard


class Detached:
    """An object that cannot say what it is, as one whose database session is closed."""

    def __repr__(self) -> str:
        raise RuntimeError("the session is closed")


def raises_what_has_no_repr(x: int) -> None:
    raise ValueError(Detached())


def exits_with_what_has_no_repr(x: int) -> None:
    raise SystemExit(Detached())


def raises_what_cannot_travel_and_has_no_repr(x: int) -> None:
    raise ValueError(Detached(), threading.Lock())


def raises_as_a_closed_generator(x: int) -> None:
    raise GeneratorExit


@pytest.mark.parametrize(
    "raises",
    [
        raises_what_has_no_repr,
        exits_with_what_has_no_repr,
        raises_what_cannot_travel_and_has_no_repr,
        raises_as_a_closed_generator,
    ],
)
def test_whatever_a_task_raises_is_its_own_end_only(executor: Executor, raises: Callable[[int], None]) -> None:
    bad, good = task(raises, name="bad"), task(lambda x: x, name="good")
    with Flow("f") as flow:
        single, children = bad(1), bad.map([1, 2])
        neighbour, neighbours = good(1), good.map([1, 2])

    state = flow.run(executor=executor)

    assert type(state) is Failed
    assert type(state.result[single]) is Failed
    assert [type(child) for child in state.result[children].map_states] == [Failed, Failed]
    assert (state.result[neighbour].result, state.result[neighbours].result) == (1, [1, 2])


def test_ctrl_c_in_a_task_ends_the_run(executor: Executor) -> None:
    def interrupts(x: int) -> None:
        raise KeyboardInterrupt

    for mapped in (False, True):
        with Flow("f") as flow:
            stopped = task(interrupts)(1) if not mapped else task(interrupts).map([1])
            after = add(stopped)

        state = flow.run(executor=executor)

        assert type(state) is Cancelled
        assert type(state.result[after]) is Cancelled


# --- at once ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Threads, Pair])
def test_tasks_and_children_are_at_work_at_the_same_time(kind: type[Executor]) -> None:
    for mapped in (False, True):
        meeting = threading.Barrier(2, timeout=5)
        meet = task(lambda x, meeting=meeting: meeting.wait() >= 0, name="meet")
        with Flow("f") as flow:
            if mapped:
                meet.map([1, 2])
            else:
                meet(1)
                meet(2)

        assert flow.run(executor=kind()).is_successful()


def test_a_retry_does_not_wait_for_a_slow_sibling() -> None:
    """slow: waits until flaky is over"""
    over = threading.Event()

    @task(max_retries=1, retry_delay=0.005)
    def flaky() -> None:
        if context.task_run_count == 1:
            raise ValueError
        over.set()

    with Flow("f") as flow:
        slow = task(lambda: over.wait(5), name="slow")()
        flaky()

    assert flow.run(executor=Threads()).result[slow].result is True


def test_a_lane_does_not_wait_for_the_others() -> None:
    """[0, 1] ─▶ first.map ─▶ second.map, where first[0] waits until second[1] is over"""
    over = threading.Event()
    first = task(lambda x: x or over.wait(5), name="first")
    second = task(lambda x: over.set() if x == 1 else None, name="second")
    with Flow("f") as flow:
        firsts = first.map([0, 1])
        second.map(firsts)

    assert flow.run(executor=Threads()).result[firsts].result == [True, 1]


def test_no_more_is_under_way_than_there_are_slots() -> None:
    lock, at_work, most = threading.Lock(), 0, 0

    def busy(x: int) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.001)
        with lock:
            at_work -= 1

    with Flow("f") as flow:
        task(busy).map(list(range(8)))
        task(busy)(1)

    flow.run(executor=Pair())

    assert most == 2
