"""What the store keeps of flow runs, as plain records.

```
FlowRun 1 ── n RunTask          the tasks of a run, by number; the number of a slug stays the same for the whole run
          ├─ n Event            what happened, numbered 1..n without gaps; the flow itself is task FLOW
          ├─ n TaskRun          the newest state of a task, or of a child whose life was not a plain one
          ├─ n Stretch          children of one map that simply ran and succeeded, together: a few bytes each
          └─ n LogChunk         lines of its log, compressed
```

An event and a stretch each take one number of the run's sequence. Where a child stands in a `TaskRun` and in a stretch,
and where it stands in two stretches, the one with the higher number tells how it is.

Times are whole microseconds since 1970 in UTC, but for those of a stretch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

FLOW = -1
"""The number that stands for the flow run itself among the tasks."""

WHOLE = -1
"""The index of a task that is not a child."""

UNOWNED = 0
"""The lease of a run that nobody holds."""


def micros(seconds: float) -> int:
    """A time or a length of time in whole microseconds."""
    return int(seconds * 1_000_000)


class Value(NamedTuple):
    """A value as it is kept.

    Attributes:
        format: `json` where that is exact, `pickle` (in base64) for other values that are small, `at` for the document
            of a result that says where the value is, `lost` for what was not kept, with the reason.
        data: a text, as the format says.
    """

    format: str
    data: str


class FlowVersion(NamedTuple):
    """A flow as it was when it ran; one of the same content is the same version.

    Attributes:
        digest: of the document.
        flow: the name of the flow.
        document: the graph, and digests of the code of its tasks, as JSON.
        created: when it was first seen.
    """

    digest: str
    flow: str
    document: str
    created: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRun:
    """One run of a flow.

    Attributes:
        id: a UUID.
        flow: the name of the flow.
        version: the digest of its newest version in this run.
        name: what people call the run.
        state: the type of its state, such as `Success`.
        message: that of the state.
        parameters: their values, by name.
        context: what was in the context of the run, by name.
        tags: texts to find it by.
        source: the file or module that the flow comes from, if known.
        parent: the run id of the flow run around it, if it ran inside a task of one.
        created: when it was recorded first.
        started: when it began to run.
        ended: when it was over; None while it is not.
        attempts: how many processes have worked at it, one after the other.
        last_seq: the number of its last event or stretch.
        epoch: one more with every owner; what an earlier owner writes is refused.
        owner: the process that works at it, see `prefect.store.ownership`.
        lease_until: up to when the owner holds it; `UNOWNED` if nobody does.
    """

    id: str
    flow: str
    version: str
    name: str
    state: str
    message: str | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)
    context: Mapping[str, Value] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    source: str | None = None
    parent: str | None = None
    created: int
    started: int | None = None
    ended: int | None = None
    attempts: int = 1
    last_seq: int = 0
    epoch: int = 1
    owner: str = ""
    lease_until: int = UNOWNED


class RunTask(NamedTuple):
    """One task in a run.

    Attributes:
        number: its number in this run.
        slug: its identifier in the flow.
        name: what people call it.
        width: how many children it has; None if it is not mapped, or not opened yet.
    """

    number: int
    slug: str
    name: str
    width: int | None = None


class Event(NamedTuple):
    """Something came to a state.

    Attributes:
        seq: its number in the run.
        task: the number of the task; `FLOW` for the flow run itself.
        index: the child; `WHOLE` for none.
        last: the last one of several neighbours that came to this state together; otherwise the same as `index`.
        attempt: how often the code had been started, this time included.
        state: the type of the state.
        at: when.
        message: that of the state: the cause, for people.
    """

    seq: int
    task: int
    index: int  # type: ignore[assignment]  # nobody misses the method of tuples
    last: int
    attempt: int
    state: str
    at: int
    message: str | None


class TaskRun(NamedTuple):
    """How a task, or a child of a mapped one, is now.

    Attributes:
        seq: the number of the event that brought it there.
        task: the number of the task.
        index: the child; `WHOLE` for none.
        state: the type of its state.
        attempt: how often its code was started.
        started: when the last attempt began.
        ended: when it came to this state, if the state is final.
        message: that of the state.
        document: the state as JSON, if there is more to it than type, message and value.
        value: its value, if it has one.
    """

    seq: int
    task: int
    index: int  # type: ignore[assignment]  # nobody misses the method of tuples
    state: str
    attempt: int
    started: int | None
    ended: int | None
    message: str | None
    document: str | None
    value: Value | None


class Stretch(NamedTuple):
    """Children of a mapped task that ran once and succeeded. `prefect.store.stretches` packs and unpacks them.

    Attributes:
        seq: its number in the run.
        task: the number of the task.
        first: the lowest index.
        last: the highest index.
        count: how many children.
        began: when the first of them began.
        ended: when the last of them ended.
        indices: which ones, packed; empty if none is missing between `first` and `last`.
        times: when each began and ended, packed.
        values: their values, packed.
    """

    seq: int
    task: int
    first: int
    last: int
    count: int  # type: ignore[assignment]
    began: int
    ended: int
    indices: bytes
    times: bytes
    values: bytes


class LogChunk(NamedTuple):
    """Up to 1,000 lines of a log, compressed; see `prefect.store.log_lines`.

    Attributes:
        began: the time of the first line.
        ended: the time of the last line.
        count: how many lines.
        data: the lines.
    """

    began: int
    ended: int
    count: int  # type: ignore[assignment]
    data: bytes


class FlowChange(NamedTuple):
    """What a batch changes about the run itself.

    Attributes:
        state: the type of its state.
        message: that of the state.
        started: when it began to run, if it has.
        ended: when it was over, if it is.
    """

    state: str
    message: str | None
    started: int | None
    ended: int | None


@dataclass(slots=True, kw_only=True)
class Batch:
    """What happened in one run since the last batch; it is written wholly or not at all.

    Attributes:
        run: the id of the run.
        epoch: that of the owner who writes.
        after: the last number of the run before this batch.
        last_seq: the last number in this batch; the same as `after` if there is none.
        lease_until: up to when the owner holds the run from now on; `UNOWNED` if it lets go.
        begin: the run and the version of its flow, in the first batch of a run; those that are there already stay.
        version: a version of the flow that this run uses from now on; with `begin`, or when it is resumed.
        change: of the run itself.
        tasks: new tasks, and those whose width is now known, by number.
        events: in the order of their numbers.
        task_runs: the newest for each task and index, by both.
        stretches: in the order of their numbers.
        logs: chunks of lines.
    """

    run: str
    epoch: int
    after: int
    last_seq: int
    lease_until: int
    begin: FlowRun | None = None
    version: FlowVersion | None = None
    change: FlowChange | None = None
    tasks: dict[int, RunTask] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    task_runs: dict[tuple[int, int], TaskRun] = field(default_factory=dict)
    stretches: list[Stretch] = field(default_factory=list)
    logs: list[LogChunk] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """About how much there is to write."""
        return len(self.events) + len(self.task_runs) + len(self.stretches) + len(self.logs)


class RunFilter(NamedTuple):
    """Which runs are asked for; what is None does not matter.

    Attributes:
        flow: the name of the flow.
        states: types of states.
        since: those created at this time or later.
        before: those created before this time.
        tag: one that they have.
        parent: the run around them; the empty text for runs that have none.
    """

    flow: str | None = None
    states: tuple[str, ...] | None = None
    since: int | None = None
    before: int | None = None
    tag: str | None = None
    parent: str | None = None


EVERY_RUN = RunFilter()

Counts = Mapping[tuple[int, str], int]
"""How many task runs are in which state: by the number of the task, and the type of the state."""

Document = Mapping[str, Any]
