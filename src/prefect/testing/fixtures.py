"""Fixtures for tests of flows with pytest; one line in `conftest.py` makes them known:

```python
pytest_plugins = ["prefect.testing.fixtures"]


def test_the_rows_are_loaded(captured_states):
    flow.run()
    assert ("load", None, "Success") in captured_states
```
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload
from uuid import uuid4

import pytest

from prefect.configuration import config
from prefect.store.base import Store
from prefect.store.opening import open_store
from prefect.store.reading import RunReading, plain_events
from prefect.store.recorder import RUNNING
from prefect.store.records import FLOW, WHOLE, Event, FlowRun
from prefect.store.stretches import indices_of
from prefect.utilities.configuration import set_temporary_config

EVERY = 2**31
"""More runs than any test has."""


class Change(NamedTuple):
    """A task, or a child of a mapped one, came to a state; a plain tuple is equal to it.

    Attributes:
        task: the name of the task.
        index: the child; None for a task that is not mapped, and for a mapped one as a whole.
        state: the type of the state, such as `Success`.
    """

    task: str
    index: int | None  # type: ignore[assignment]  # nobody misses the method of tuples
    state: str


class CapturedStates(Sequence[Change]):
    """Every change of state of every flow run in a store, in order: a list that grows by itself.

    Args:
        store: where the runs are written down.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    @overload
    def __getitem__(self, index: int) -> Change: ...

    @overload
    def __getitem__(self, index: slice) -> list[Change]: ...

    def __getitem__(self, index: int | slice) -> Change | list[Change]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, CapturedStates) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr([tuple(each) for each in self._all()])

    def of(self, task: str, index: int | None = None) -> list[str]:
        """The states that one task, or one child, came to, in order."""
        return [each.state for each in self._all() if (each.task, each.index) == (task, index)]

    def _all(self) -> list[Change]:
        runs = reversed(self.store.runs(limit=EVERY))
        return [change for run in runs for change in changes_of(self.store, run)]


def changes_of(store: Store, run: FlowRun) -> Iterator[Change]:
    """What the tasks of a run came to, in order of time."""
    reading = RunReading(store, run)
    names = {task.number: task.name for task in reading.tasks.values()}
    latest: dict[tuple[int, int], str] = {}
    for event in sorted(single_events(reading), key=moment):
        place = (event.task, event.index)
        if latest.get(place) != event.state:  # that work was given out, and that it began, is one thing
            yield Change(names[event.task], None if event.index == WHOLE else event.index, event.state)
        latest[place] = event.state


def single_events(reading: RunReading) -> Iterator[Event]:
    """Everything that happened to single runs, be it told of them alone or of many together."""
    store, run = reading.store, reading.run.id
    for event in store.events(run):
        if event.task != FLOW:
            yield event  # of children that were given out together, the first one begins
    for stretch in store.stretches(run):
        for position in range(len(indices_of(stretch))):
            yield from plain_events(stretch, position)


def moment(event: Event) -> tuple[int, int, int, bool]:
    return event.at, event.seq, event.index, event.state != RUNNING


# --- fixtures ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def prefect_store() -> Iterator[Store]:
    """A history for one test: empty, in memory, and every flow run is written down in it."""
    settings = {
        "store.enabled": True,
        "store.url": f"memory://{uuid4()}",
        "store.inline_bytes": config.store.value_bytes,  # no value goes into a file, which nobody would delete
    }
    with set_temporary_config(settings):
        yield open_store()


@pytest.fixture
def captured_states(prefect_store: Store) -> CapturedStates:
    """Every change of state of every flow run in the test: `(name of the task, index or None, type of the state)`."""
    return CapturedStates(prefect_store)
