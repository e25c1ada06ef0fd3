"""A store in a database that speaks SQL: all that SQLite and PostgreSQL have in common, which is nearly everything.

```
SqlStore            what is written and asked, by means of
├─ SqliteStore        transaction()   all or nothing
└─ PostgresStore      rows()          what a query finds
                      bulk()          many rows by one statement
```
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from prefect.store.finding import changed, held, no_run, no_version, the_one
from prefect.store.migrations import Execute, Row
from prefect.store.queries import Select
from prefect.store.records import (
    EVERY_RUN,
    Batch,
    Counts,
    Event,
    FlowRun,
    FlowVersion,
    LogChunk,
    RunFilter,
    RunTask,
    Stretch,
    TaskRun,
    Value,
)
from prefect.store.statements import Bulk, Parcel, parcel, task_run_row
from prefect.store.texts import plain, plain_event

PAGE = 16
"""How many rows with packed content are read at once."""

LAST_CHARACTER = "\U0010ffff"
"""It comes behind all others in the order of the databases."""

RUN_COLUMNS = tuple(FlowRun.__dataclass_fields__)
IN_RUN = "run = (select id from run where uuid = :run)"

RUN_CONDITIONS = {
    "flow": "flow = :flow",
    "since": "created >= :since",
    "before": "created < :before",
    "tag": "id in (select run from run_tag where tag = :tag)",
    "parent": "coalesce(parent, '') = :parent",
}

CONTENT = ("events", "task_runs", "stretches", "log_chunks", "tasks", "tags")
"""What belongs to a run, each deleted by a query of its own."""


class SqlStore(ABC):
    """Keeps flow runs in a database.

    Attributes:
        url: where it is, without a password.
        queries: the SQL, by name.
    """

    url: str
    queries: Mapping[str, str]

    # --- what a database has to do --------------------------------------------------------------------------------

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Execute]:
        """A transaction: what is executed in it is written wholly or not at all."""

    @abstractmethod
    def rows(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        """What a query finds."""

    @abstractmethod
    def bulk(self, execute: Execute, query: str, key: int, rows: Sequence[Row]) -> None:
        """Write rows of the run with this key, by one statement."""

    @abstractmethod
    def size(self) -> int:
        """The bytes that the store takes."""

    # --- writing --------------------------------------------------------------------------------------------------

    def commit(self, batches: Sequence[Batch]) -> list[str]:
        """Write batches, all in one transaction; see `Store.commit`."""
        parcels = [parcel(batch) for batch in batches]
        with self.transaction() as execute:
            return list(dict.fromkeys(each.fence["run"] for each in parcels if not self.write(execute, each)))

    def write(self, execute: Execute, parcel: Parcel) -> bool:
        """Write a batch; False if its run is not where the batch goes on."""
        self.begin(execute, parcel)
        passed = execute(self.queries["fence"], parcel.fence)
        if not passed:
            return bool(execute(self.queries["written_already"], parcel.fence))
        ((key,),) = passed
        for each in parcel.content:
            if isinstance(each, Bulk):
                self.bulk(execute, each.query, key, each.rows)
                continue
            execute(self.queries[each.query], {**each.values, "key": key})
        return True

    def begin(self, execute: Execute, parcel: Parcel) -> None:
        """Add the run of a batch that begins one, unless it is there."""
        if parcel.begin is None:
            return
        values, tags = parcel.begin
        for (key,) in execute(self.queries["add_run"], values):
            for tag in tags:
                execute(self.queries["add_tag"], {"tag": tag, "key": key})

    def claim(self, run: str, owner: str, lease_until: int, now: int, dead: str | None = None) -> FlowRun:
        """Become the owner of a run; see `Store.claim`."""
        values = {"run": run, "owner": owner, "lease_until": lease_until, "now": now, "dead": dead}
        with self.transaction() as execute:
            claimed = execute(self.queries["claim"], values)
            current = self.current(execute, run)
        if not claimed:
            raise held(current)
        return current

    def put(self, run: str, task_run: TaskRun, event: Event, epoch: int) -> None:
        """Write one more state of a task run of a run that nobody works at; see `Store.put`."""
        values = {"run": run, "epoch": epoch, "now": event.at}
        with self.transaction() as execute:
            taken = execute(self.queries["take_for_a_moment"], values)
            if not taken:
                current = self.current(execute, run)
                raise changed(current, epoch) if current.epoch != epoch else held(current)
            ((key, seq),) = taken
            self.bulk(execute, "add_events", key, [plain_event(event._replace(seq=seq))])
            self.bulk(execute, "add_task_runs", key, [task_run_row(task_run._replace(seq=seq))])

    def current(self, execute: Execute, run: str) -> FlowRun:
        """A run, as seen inside a transaction."""
        found = execute(f"{self.queries['runs']} where uuid = :run", {"run": run})
        if not found:
            raise no_run(run)
        return flow_run(found[0])

    def prune(self, before: int, keep_bytes: int | None, now: int) -> int:
        """Delete runs that are over; see `Store.prune`."""
        old = [key for (key,) in self.rows(self.queries["over"], {"before": before, "now": now})]
        deleted = sum(self.delete(key, now) for key in old)
        if keep_bytes is not None:
            deleted += self.shrink(keep_bytes, now)
        with self.transaction() as execute:
            execute(self.queries["delete_versions"])
        return deleted

    def shrink(self, keep_bytes: int, now: int) -> int:
        """Delete the oldest runs until the store is small enough."""
        deleted = 0
        while self.size() > keep_bytes:
            oldest = self.rows(self.queries["oldest_over"], {"now": now})
            if not oldest:
                return deleted
            deleted += self.delete(oldest[0][0], now)
        return deleted

    def delete(self, key: int, now: int) -> bool:
        """Delete a run, with all that belongs to it, unless somebody claimed it."""
        with self.transaction() as execute:
            if not execute(self.queries["delete_run"], {"key": key, "now": now}):
                return False
            for content in CONTENT:
                execute(self.queries[f"delete_{content}"], {"key": key})
        return True

    # --- reading --------------------------------------------------------------------------------------------------

    def run(self, id: str) -> FlowRun:
        """The run with an id, or the only one whose id begins so."""
        start = plain(id)
        asked = self.select("runs").where("uuid >= :start and uuid < :end", start=start, end=start + LAST_CHARACTER)
        return the_one(id, [flow_run(row) for row in self.rows(*asked.ending("order by uuid", limit=2))])

    def runs(self, which: RunFilter = EVERY_RUN, limit: int = 50) -> list[FlowRun]:
        """Runs, the newest first."""
        asked = self.select("runs").among("state", which.states)
        for name, condition in RUN_CONDITIONS.items():
            asked.where(condition, **{name: getattr(which, name)})
        return [flow_run(row) for row in self.rows(*asked.ending("order by created desc, id desc", limit))]

    def version(self, digest: str) -> FlowVersion:
        """A version of a flow."""
        found = self.rows(self.queries["version"], {"digest": digest})
        if not found:
            raise no_version(digest)
        return FlowVersion(*found[0])

    def tasks(self, run: str) -> list[RunTask]:
        """The tasks of a run, in the order of their numbers."""
        return [RunTask(*row) for row in self.rows(self.queries["tasks"], {"run": run})]

    def task_runs(
        self,
        run: str,
        task: int | None = None,
        index: int | None = None,
        states: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[TaskRun]:
        """Task runs that are not in stretches, in the order of task and index."""
        asked = self.about(run, "task_runs", task).where("idx = :index", index=index).among("state", states)
        return [task_run(row) for row in self.rows(*asked.ending("order by task, idx", limit))]

    def stretches(self, run: str, task: int | None = None, index: int | None = None) -> Iterator[Stretch]:
        """Stretches in the order of their numbers, read a page at a time."""
        after = 0
        while page := self.stretches_behind(after, run, task, index):
            yield from page
            after = page[-1].seq

    def stretches_behind(self, after: int, run: str, task: int | None, index: int | None) -> list[Stretch]:
        asked = self.about(run, "stretches", task).where("seq > :after", after=after)
        asked.where("first <= :index and last >= :index", index=index)
        return [Stretch(*row) for row in self.rows(*asked.ending("order by seq", limit=PAGE))]

    def events(
        self, run: str, task: int | None = None, index: int | None = None, after: int = 0, limit: int | None = None
    ) -> list[Event]:
        """Events in the order of their numbers."""
        asked = self.about(run, "events", task).where("seq > :after", after=after)
        asked.where("idx <= :index and last >= :index", index=index)
        return [Event(*row) for row in self.rows(*asked.ending("order by seq", limit))]

    def counts(self, run: str) -> Counts:
        """How many task runs are in which state."""
        return {(task, state): count for task, state, count in self.rows(self.queries["counts"], {"run": run})}

    def logs(self, run: str) -> Iterator[LogChunk]:
        """The chunks of the log, read a page at a time."""
        after = 0
        while page := self.rows(self.queries["logs"], {"run": run, "after": after, "limit": PAGE}):
            yield from (LogChunk(*row) for _, *row in page)
            after = page[-1][0]

    def select(self, query: str) -> Select:
        return Select(self.queries[query])

    def about(self, run: str, query: str, task: int | None) -> Select:
        """A query about a run, or only one of its tasks."""
        return self.select(query).where(IN_RUN, run=run).where("task = :task", task=task)


# --- rows as records --------------------------------------------------------------------------------------------------


def flow_run(row: Row) -> FlowRun:
    values = dict(zip(RUN_COLUMNS, row, strict=True))
    documents = {name: values_of(values[name]) for name in ("parameters", "context")}
    return FlowRun(**values | documents | {"tags": tuple(json.loads(values["tags"]))})


def values_of(text: str) -> dict[str, Value]:
    return {name: Value(*value) for name, value in json.loads(text).items()}


def task_run(row: Row) -> TaskRun:
    *state, format, data = row
    return TaskRun._make((*state, None if format is None else Value(format, data)))
