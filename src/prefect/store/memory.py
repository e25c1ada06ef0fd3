"""A store that lasts as long as the process: for tests, and for runs whose history nobody wants to keep.

It follows the same rules as the others, lease by lease and number by number, and is the model that they are tested
against.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from prefect.store import rules, sizes
from prefect.store.finding import changed, held, no_run, no_version, the_one
from prefect.store.records import (
    EVERY_RUN,
    UNOWNED,
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
)
from prefect.store.rules import Verdict
from prefect.store.statements import fits
from prefect.store.texts import plain, plain_event, plain_record, plain_run, plain_task_run


@dataclass(slots=True)
class History:
    """A run, and all that belongs to it."""

    run: FlowRun
    bytes: int = 0
    tasks: dict[int, RunTask] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    task_runs: dict[tuple[int, int], TaskRun] = field(default_factory=dict)
    stretches: list[Stretch] = field(default_factory=list)
    logs: list[LogChunk] = field(default_factory=list)


class MemoryStore:
    """Keeps flow runs in this process.

    Args:
        name: whoever opens `memory://name` in this process gets this one.
    """

    def __init__(self, name: str = "") -> None:
        self.url = f"memory://{name}"
        self.lock = threading.RLock()
        self.histories: dict[str, History] = {}
        self.versions: dict[str, FlowVersion] = {}

    # --- writing ------------------------------------------------------------------------------------------------------

    def commit(self, batches: Sequence[Batch]) -> list[str]:
        """Write batches; see `Store.commit`."""
        with self.lock:
            return list(dict.fromkeys(batch.run for batch in batches if not self.write(batch)))

    def write(self, batch: Batch) -> bool:
        """Write a batch; False if its run is not where the batch goes on."""
        history = self.begun(batch)
        if history is None:
            return False
        verdict = rules.verdict(batch, history.run.epoch, history.run.last_seq)
        if verdict is not Verdict.WRITE:
            return verdict is Verdict.PASS_OVER
        if batch.version is not None:
            self.versions.setdefault(batch.version.digest, plain_record(batch.version))
        history.run = moved_on(history.run, batch)
        history.bytes += sizes.weight(batch)
        extend(history, batch)
        return True

    def begun(self, batch: Batch) -> History | None:
        """The run that a batch is about, begun if it begins one; see `statements.beginning`."""
        if batch.begin is not None and fits(batch, batch.begin):
            self.histories.setdefault(batch.run, History(plain_run(batch.begin)))
        return self.histories.get(batch.run)

    def claim(self, run: str, owner: str, lease_until: int, now: int, dead: str | None = None) -> FlowRun:
        """Become the owner of a run; see `Store.claim`."""
        with self.lock:
            history = self.history(run)
            before = history.run
            if not rules.may_be_claimed(before, now, dead):
                raise held(before)
            history.run = replace(
                before, owner=owner, epoch=before.epoch + 1, attempts=before.attempts + 1, lease_until=lease_until
            )
            return history.run

    def put(self, run: str, task_run: TaskRun, event: Event, epoch: int) -> None:
        """Write one more state of a task run of a run that nobody works at; see `Store.put`."""
        with self.lock:
            history = self.history(run)
            if history.run.epoch != epoch:
                raise changed(history.run, epoch)
            if history.run.lease_until > event.at:
                raise held(history.run)
            history.run = taken_for_a_moment(history.run)
            seq = history.run.last_seq
            history.events.append(plain_event(event._replace(seq=seq)))
            history.task_runs[task_run.task, task_run.index] = plain_task_run(task_run._replace(seq=seq))

    def prune(self, before: int, keep_bytes: int | None, now: int) -> int:
        """Delete runs that are over; see `Store.prune`."""
        with self.lock:
            deleted = [self.histories.pop(run.id) for run in self.over(now) if (end(run) or 0) < before]
            for run in self.over(now):
                if keep_bytes is None or self.size() <= keep_bytes:
                    break
                deleted.append(self.histories.pop(run.id))
            used = {history.run.version for history in self.histories.values()}
            self.versions = {digest: each for digest, each in self.versions.items() if digest in used}
            return len(deleted)

    def over(self, now: int) -> list[FlowRun]:
        """Runs that have ended, or whose process died, and that nobody holds, the oldest first."""
        runs = [history.run for history in self.histories.values()]
        found = [run for run in runs if end(run) is not None and run.lease_until <= now]
        return sorted(found, key=lambda run: end(run) or 0)

    def close(self) -> None:
        """Nothing to do: what is kept here would be lost."""

    # --- reading ------------------------------------------------------------------------------------------------------

    def run(self, id: str) -> FlowRun:
        """The run with an id, or the only one whose id begins so."""
        start = plain(id)
        with self.lock:
            return the_one(id, [self.histories[each].run for each in sorted(self.histories) if each.startswith(start)])

    def runs(self, which: RunFilter = EVERY_RUN, limit: int = 50) -> list[FlowRun]:
        """Runs, the newest first."""
        with self.lock:
            found = [history.run for history in self.histories.values() if matches(history.run, which)]
        found.reverse()  # those of the same time, the last one first
        return sorted(found, key=creation, reverse=True)[:limit]

    def version(self, digest: str) -> FlowVersion:
        """A version of a flow."""
        with self.lock:
            if digest not in self.versions:
                raise no_version(digest)
            return self.versions[digest]

    def tasks(self, run: str) -> list[RunTask]:
        """The tasks of a run, in the order of their numbers."""
        with self.lock:
            return sorted(self.content(run).tasks.values())

    def task_runs(
        self,
        run: str,
        task: int | None = None,
        index: int | None = None,
        states: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[TaskRun]:
        """Task runs that are not in stretches, in the order of task and index."""
        with self.lock:
            every = sorted(self.content(run).task_runs.items())
        return [
            each
            for (of_task, of_index), each in every
            if task in (None, of_task) and index in (None, of_index) and (states is None or each.state in states)
        ][:limit]

    def stretches(self, run: str, task: int | None = None, index: int | None = None) -> Iterator[Stretch]:
        """Stretches in the order of their numbers."""
        with self.lock:
            every = list(self.content(run).stretches)
        for each in every:
            if task in (None, each.task) and (index is None or each.first <= index <= each.last):
                yield each

    def events(
        self, run: str, task: int | None = None, index: int | None = None, after: int = 0, limit: int | None = None
    ) -> list[Event]:
        """Events in the order of their numbers."""
        with self.lock:
            every = list(self.content(run).events)
        return [
            each
            for each in every
            if each.seq > after and task in (None, each.task) and (index is None or each.index <= index <= each.last)
        ][:limit]

    def counts(self, run: str) -> Counts:
        """How many task runs are in which state."""
        with self.lock:
            content = self.content(run)
            counts = Counter((each.task, each.state) for each in content.task_runs.values())
            for stretch in content.stretches:
                counts[stretch.task, "Success"] += stretch.count
        return dict(counts)

    def logs(self, run: str) -> Iterator[LogChunk]:
        """The chunks of the log, in the order in which they were written."""
        with self.lock:
            return iter(list(self.content(run).logs))

    def size(self) -> int:
        """About how many bytes there are."""
        with self.lock:
            return sum(history.bytes for history in self.histories.values())

    def history(self, run: str) -> History:
        """A run that has to be there."""
        if run not in self.histories:
            raise no_run(run)
        return self.histories[run]

    def content(self, run: str) -> History:
        """What belongs to a run: nothing, if there is no such run."""
        return self.histories.get(run, NOTHING)


NOTHING = History(FlowRun(id="", flow="", version="", name="", state="", created=0))


def moved_on(run: FlowRun, batch: Batch) -> FlowRun:
    """A run as a batch leaves it."""
    run = replace(run, last_seq=batch.last_seq, lease_until=batch.lease_until)
    if batch.version is not None:
        run = replace(run, version=plain(batch.version.digest))
    return run if batch.change is None else replace(run, **plain_record(batch.change)._asdict())


def extend(history: History, batch: Batch) -> None:
    """Add what a batch brings."""
    history.tasks.update({number: plain_record(task) for number, task in batch.tasks.items()})
    history.events += map(plain_event, batch.events)
    history.task_runs.update({key: plain_task_run(each) for key, each in batch.task_runs.items()})
    history.stretches += batch.stretches
    history.logs += [chunk for chunk in batch.logs if chunk not in history.logs]


def taken_for_a_moment(run: FlowRun) -> FlowRun:
    """A run in which an outsider writes. Whoever did not let go may only be slow: a higher epoch keeps it away."""
    epoch = run.epoch if run.lease_until == UNOWNED else run.epoch + 1
    return replace(run, last_seq=run.last_seq + 1, epoch=epoch, lease_until=UNOWNED)


def matches(run: FlowRun, which: RunFilter) -> bool:
    """Whether a run is among those that are asked for."""
    return (
        which.flow in (None, run.flow)
        and (which.states is None or run.state in which.states)
        and (which.since is None or run.created >= which.since)
        and (which.before is None or run.created < which.before)
        and (which.tag is None or which.tag in run.tags)
        and (which.parent is None or which.parent == (run.parent or ""))
    )


def creation(run: FlowRun) -> int:
    return run.created


def end(run: FlowRun) -> int | None:
    """When a run ended, or was last heard of if its process died; None if it waits for somebody to go on with it."""
    return run.ended if run.ended is not None else run.lease_until or None
