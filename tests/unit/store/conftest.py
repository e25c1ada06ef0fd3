"""What tests of the history share: a store in memory, into which flow runs are written down."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import time
from typing import Any
from uuid import uuid4

import pytest

from prefect import Flow
from prefect.engine.state import State
from prefect.store.base import Store
from prefect.store.opening import open_store
from prefect.store.reading import RunReading
from prefect.store.records import FLOW, Batch, Event, TaskRun
from prefect.store.resuming import find_run
from prefect.utilities.configuration import set_temporary_config


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """The configured store: empty, in memory, and every flow run is written down in it."""
    with set_temporary_config({"store.enabled": True, "store.url": f"memory://{uuid4()}"}):
        yield open_store()


@pytest.fixture
def recorded(store: Store) -> Callable[..., RunReading]:
    """Run a flow, and read what the history tells of it: `recorded(flow, x=1)`."""

    def recorded(flow: Flow, **parameters: Any) -> RunReading:
        state: State = flow.run(parameters)
        assert isinstance(state, State)
        return RunReading(store, find_run(store, "last"))

    return recorded


DEAD = f"{platform.node()}/99999999/0"
"""A process of this machine that does not exist."""


@pytest.fixture
def killed(store: Store) -> Callable[[RunReading, int], RunReading]:
    """What the history would tell of a run if its process had been killed after its event or stretch of this number."""

    def killed(reading: RunReading, seq: int) -> RunReading:
        batch = prefix(reading, seq)
        assert store.commit([batch]) == []
        return RunReading(store, store.run(batch.run))

    return killed


@pytest.fixture
def killed_at(killed: Callable[[RunReading, int], RunReading]) -> Callable[[RunReading, float], RunReading]:
    """The same after a part of its numbers, 0 to 1. How many numbers a run has, depends on luck."""
    return lambda reading, part: killed(reading, 1 + round(part * (reading.run.last_seq - 1)))


def prefix(reading: RunReading, seq: int) -> Batch:
    """The beginning of a run as another run, whose owner is dead."""
    run = replace(
        reading.run,
        id=str(uuid4()),
        state="Running",
        message="The flow is running.",
        ended=None,
        owner=DEAD,
        lease_until=int(time() * 1e6) + 60_000_000,
        last_seq=0,
    )
    events = [event for event in reading.store.events(reading.run.id) if event.seq <= seq]
    opened = {event.task for event in events if event.state == "Mapped"}
    tasks = reading.tasks.values()
    return Batch(
        run=run.id,
        epoch=run.epoch,
        after=0,
        last_seq=seq,
        lease_until=run.lease_until,
        begin=run,
        tasks={task.number: task if task.number in opened else task._replace(width=None) for task in tasks},
        events=events,
        task_runs={(row.task, row.index): row for row in rows(reading, events, seq)},
        stretches=[each for each in reading.store.stretches(reading.run.id) if each.seq <= seq],
    )


def rows(reading: RunReading, events: list[Event], seq: int) -> Iterator[TaskRun]:
    """The task runs as they were at a number: those that came to their end later were at work, or open, or nowhere."""
    last = {(event.task, event.index): event for event in events if event.task != FLOW}
    ended = {(row.task, row.index): row for row in reading.store.task_runs(reading.run.id) if row.seq <= seq}
    for place, event in last.items():
        yield ended.get(place) or TaskRun(
            event.seq, *place, event.state, event.attempt, event.at, None, event.message, None, None
        )
