"""The history, as the commands about it use it: how it is opened, and what its runs are called."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prefect.cli import moments
from prefect.exceptions import StoreSettingError
from prefect.store.base import Store
from prefect.store.opening import SQLITE, open_store, path_of
from prefect.store.reading import Address, RunReading, condition
from prefect.store.records import WHOLE, FlowRun
from prefect.store.resuming import find_run
from prefect.store.values import shown
from prefect.utilities.configuration import set_temporary_config

SHORT = 8
"""So many characters of the id of a run are enough to find it again, nearly always."""


@contextmanager
def history_at(url: str | None) -> Iterator[Store]:
    """The store at a URL, or the one of the settings; for the length of the block, it is that of the settings.

    Raises:
        StoreSettingError: it names no store, or a file that is not there.
    """
    if url is not None and url.startswith(SQLITE) and not os.path.exists(path_of(url)):
        raise StoreSettingError(f"There is no history at {url!r}: check the path.")
    with set_temporary_config({} if url is None else {"store.url": url}):
        yield open_store()


@contextmanager
def run_at(url: str | None, which: str) -> Iterator[RunReading]:
    """One run: `last`, an id, or the beginning of one."""
    with history_at(url) as store:
        yield RunReading(store, find_run(store, which))


def again(reading: RunReading) -> RunReading:
    """The same run, as it is now."""
    return RunReading(reading.store, reading.store.run(reading.run.id))


def short(run: FlowRun) -> str:
    return run.id[:SHORT]


def names(reading: RunReading) -> dict[str, str]:
    """What the tasks are called, by slug: their names, but for those that share one."""
    count = Counter(task.name for task in reading.tasks.values())
    return {slug: task.name if count[task.name] == 1 else slug for slug, task in reading.tasks.items()}


def label(reading: RunReading, address: Address) -> str:
    """What a task run is called: `load`, `clean[7]`."""
    name = names(reading)[address.task.slug]
    return name if address.child == WHOLE else f"{name}[{address.child}]"


def quoted(label: str) -> str:
    """As one writes it in a shell, for which brackets mean something else."""
    return f'"{label}"' if "[" in label or " " in label else label


def seconds_of(run: FlowRun, now: int) -> float | None:
    """How long a run took, or takes by now."""
    if run.started is None:
        return None
    return max(0, (run.ended or now) - run.started) / 1e6


# --- documents --------------------------------------------------------------------------------------------------------


def document(run: FlowRun, now: int) -> dict[str, Any]:
    """A run as plain values."""
    return {
        "id": run.id,
        "flow": run.flow,
        "name": run.name,
        "state": run.state,
        "condition": condition(run, now),
        "message": run.message,
        "created": moments.iso(run.created),
        "started": moments.iso(run.started),
        "ended": moments.iso(run.ended),
        "seconds": seconds_of(run, now),
        "attempts": run.attempts,
        "tags": list(run.tags),
        "parameters": {name: shown(value) for name, value in run.parameters.items()},
        "source": run.source,
        "version": run.version,
        "parent": run.parent,
    }


def address_document(address: Address) -> Mapping[str, Any]:
    index = None if address.child == WHOLE else address.child
    return {"task": address.task.slug, "name": address.task.name, "index": index}
