"""What a batch means in SQL: statements that are ready before the transaction begins, so that it is short.

```
Batch ──▶ Parcel: begin? fence [add_events, add_events, add_task_runs, change, …]
```

What comes in numbers (events, task runs, tasks) goes many rows a statement; the rest are few.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from prefect.store.records import Batch, FlowRun, FlowVersion, TaskRun
from prefect.store.sizes import weight
from prefect.store.texts import plain_event, plain_record, plain_run, plain_task_run

ROWS = 1024
"""How many rows go in one statement, at most."""

NO_VALUE = (None, None)

Row = tuple[Any, ...]
Params = Mapping[str, Any]


class Bulk(NamedTuple):
    """Many rows for one statement.

    Attributes:
        query: its name.
        rows: what to write, in the order of the columns that the query has.
    """

    query: str
    rows: list[Row]


class Single(NamedTuple):
    """A statement.

    Attributes:
        query: its name.
        values: by name; the key of the run comes to them as `key`.
    """

    query: str
    values: Params


class Parcel(NamedTuple):
    """A batch as statements.

    Attributes:
        begin: what `add_run` takes, and the tags, if the batch begins a run.
        fence: what `fence` takes.
        content: what is written if the fence lets it pass.
    """

    begin: tuple[Params, tuple[str, ...]] | None
    fence: Params
    content: list[Bulk | Single]


def parcel(batch: Batch) -> Parcel:
    """The statements of a batch."""
    content = list(statements(batch))
    fence = {
        "run": batch.run,
        "epoch": batch.epoch,
        "after": batch.after,
        "last_seq": batch.last_seq,
        "lease_until": batch.lease_until,
        "bytes": weight(batch),
    }
    return Parcel(beginning(batch), fence, content)


def beginning(batch: Batch) -> tuple[Params, tuple[str, ...]] | None:
    """The run that a batch begins; not one that the fence would refuse, for that must not be there then."""
    if batch.begin is None or not fits(batch, batch.begin):
        return None
    run = plain_run(batch.begin)
    return run_values(run), run.tags


def fits(batch: Batch, begin: FlowRun) -> bool:
    """Whether a batch goes on where the run that it begins stands."""
    return (begin.id, begin.epoch, begin.last_seq) == (batch.run, batch.epoch, batch.after)


def run_values(run: FlowRun) -> dict[str, Any]:
    """The columns of a run."""
    values = {name: getattr(run, name) for name in FlowRun.__slots__}
    return values | {
        "parameters": json.dumps(run.parameters),
        "context": json.dumps(run.context),
        "tags": json.dumps(run.tags),
    }


def statements(batch: Batch) -> Iterator[Bulk | Single]:
    if batch.version is not None:
        yield from version_statements(plain_record(batch.version))
    if batch.change is not None:
        yield Single("change", plain_record(batch.change)._asdict())
    yield from bulks("add_tasks", map(plain_record, batch.tasks.values()))
    yield from bulks("add_events", map(plain_event, batch.events))
    yield from bulks("add_task_runs", map(task_run_row, batch.task_runs.values()))
    yield from (Single("add_stretch", stretch._asdict()) for stretch in batch.stretches)
    yield from (Single("add_log_chunk", chunk._asdict()) for chunk in batch.logs)


def version_statements(version: FlowVersion) -> Iterator[Single]:
    yield Single("add_version", version._asdict())
    yield Single("use_version", {"digest": version.digest})


def bulks(query: str, rows: Iterable[Row]) -> Iterator[Bulk]:
    """Rows in pieces that one statement can take."""
    every = list(rows)
    return (Bulk(query, every[start : start + ROWS]) for start in range(0, len(every), ROWS))


def task_run_row(task_run: TaskRun) -> Row:
    """A task run in columns: its value takes two."""
    plain = plain_task_run(task_run)
    return (*plain[:-1], *(plain.value or NO_VALUE))
