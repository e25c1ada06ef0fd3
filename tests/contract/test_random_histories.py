"""What the history says of a random flow is what happened; and wherever it breaks off, the run goes on from there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import prefect
from prefect import Flow, task
from prefect.engine.signals import RETRY
from prefect.engine.state import Mapped, State
from prefect.executors import Executor, LocalDaskExecutor, LocalExecutor
from prefect.store import history
from prefect.store.memory import MemoryStore
from prefect.store.reading import Address, RunReading
from prefect.store.records import Batch, FlowRun
from prefect.store.resuming import prepared
from prefect.store.values import recall
from prefect.utilities.configuration import set_temporary_config
from random_flows import Node, Work, built, drawings, expected, interpret, shown

some = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
few = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


class Brittle(MemoryStore):
    """A store that takes so many batches; then the process that writes is as good as dead."""

    def __init__(self, takes: int | None = None) -> None:
        super().__init__()
        self.takes = takes

    def commit(self, batches: Sequence[Batch]) -> list[str]:
        refused = []
        for batch in batches:
            if self.takes is None or self.takes > 0:
                refused += super().commit([batch])
                self.takes = None if self.takes is None else self.takes - 1
        return refused

    def claim(self, run: str, owner: str, lease_until: int, now: int, dead: str | None = None) -> FlowRun:
        return super().claim(run, owner, lease_until, now, dead=self.run(run).owner)


@contextmanager
def recorded(store: MemoryStore, durable: str = "each") -> Iterator[None]:
    url = f"memory://{uuid4()}"
    with (
        patch.object(history, "open_store", lambda: store),
        set_temporary_config({"store.enabled": True, "store.durable": durable, "store.url": url, "store.logs": False}),
    ):
        yield


def told(reading: RunReading, slug: str, state: State) -> None:
    """The history knows a task run as it is."""
    address = reading.find(slug)
    row = reading.task_run(address)
    assert row is not None
    assert row.state == type(state).__name__
    if isinstance(state, Mapped):
        for index, child in enumerate(state.map_states):
            row = reading.task_run(Address(address.task, index))
            assert row is not None
            assert (row.index, row.state) == (index, type(child).__name__)
            same_value(row.value, child)
    else:
        same_value(row.value, state)


def same_value(kept: Any, state: State) -> None:
    if state.is_skipped():
        assert repr(recall(kept)) == repr(state.result)  # the signal
    elif state.is_successful():
        assert recall(kept) == state.result


EXECUTORS = {
    "local": LocalExecutor,
    "sync": lambda: LocalDaskExecutor("sync"),
    "threads": lambda: LocalDaskExecutor("threads", num_workers=2),
}


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> Executor:
    made: Executor = EXECUTORS[request.param]()
    return made


@some
@given(drawing=drawings())
def test_the_history_says_what_happened(executor: Executor, drawing: list[Node]) -> None:
    flow, _ = built(drawing)
    store = Brittle()
    with recorded(store, "group"):
        states = flow.run(executor=executor).result
        [run] = store.runs()
        reading = RunReading(store, run)
        for task, state in states.items():
            told(reading, flow.slugs[task], state)


def test_children_whose_retries_come_due_in_another_order_keep_their_values(executor: Executor) -> None:
    """They come due while something else is at work, so that they and those behind them run together."""
    count, order = 44, [40, 42, 41, 43]

    @task
    def flaky(x: int) -> int:
        if x in order and prefect.context.task_run_count == 1:
            raise RETRY(start_time=datetime.now(UTC) + timedelta(seconds=0.1 + order.index(x) / 1000))
        return x

    with Flow("late") as flow:
        numbers = flaky.map(list(range(count)))
        tens = task(lambda x: x * 10, name="tens").map(numbers)
        task(lambda: time.sleep(0.3), name="busy")()
    store = Brittle()
    with recorded(store, "group"):
        state = flow.run(executor=executor)
        reading = RunReading(store, store.runs()[0])
        told(reading, "flaky-1", state.result[numbers])
        told(reading, "tens-1", state.result[tens])
    assert state.result[tens].result == [x * 10 for x in range(count)]


@some
@given(drawing=drawings())
def test_numbers_have_no_gaps(executor: Executor, drawing: list[Node]) -> None:
    flow, _ = built(drawing)
    store = Brittle()
    with recorded(store, "group"):
        flow.run(executor=executor)
        [run] = store.runs()
        numbers = [each.seq for each in (*store.events(run.id), *store.stretches(run.id))]
        assert sorted(numbers) == list(range(1, run.last_seq + 1))


@some
@given(drawing=drawings(), takes=st.integers(1, 60))
def test_wherever_the_history_breaks_off_the_run_goes_on_from_there(
    executor: Executor, drawing: list[Node], takes: int
) -> None:
    flow, made = built(drawing)
    store = Brittle(takes)
    with recorded(store):
        flow.run(executor=executor)
        store.takes = None
        [run] = store.runs()
        kept = {each.slug: each.kept for each in prepared(store, run, flow).progress}
        runs = Counting()
        with patch.object(Work, "run", runs.counted(Work.run)):
            result = flow.run(executor=executor, resume=run.id).result

        assert [shown(result[each]) for each in made] == [expected(each) for each in interpret(drawing)]
        for task in made:
            assert runs.of(task) <= len(children(result[task])) * 2 - kept[flow.slugs[task]]
        [again] = store.runs()
        assert (again.id, again.attempts) == (run.id, 2)


class Counting:
    """Counts how often the code of each task ran."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def counted(self, run: Any) -> Any:
        def counting(task: Any, **inputs: Any) -> Any:
            self.seen.append(task)
            return run(task, **inputs)

        return counting

    def of(self, task: Any) -> int:
        return sum(each is task for each in self.seen)


def children(state: State) -> list[State]:
    return state.map_states if isinstance(state, Mapped) else [state]


@few
@given(drawing=drawings())
def test_resuming_what_succeeded_as_a_whole_runs_nothing(drawing: list[Node]) -> None:
    flow, made = built(drawing)
    store = Brittle()
    with recorded(store, "group"):
        first = flow.run().result
        if not all(child.is_successful() for state in first.values() for child in children(state)):
            return
        runs = Counting()
        with patch.object(Work, "run", runs.counted(Work.run)):
            again = flow.run(resume="last").result

        assert runs.seen == []
        assert [shown(again[each]) for each in made] == [shown(first[each]) for each in made]
