"""The port to the run store: where flow runs are written down, and found again.

One process owns a run, and only it writes about that run: it holds a lease, and an epoch that grows with each owner.
Every batch begins with one conditional update of the run (`epoch` and `last_seq` have to be what the writer believes),
which refuses whoever lost the run, and a batch that is there already; it also prolongs the lease.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

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
)


class Store(Protocol):
    """Keeps flow runs. It may be used by many threads and processes at once.

    Every method raises `StoreUnavailable` if the store cannot be reached or used at the moment, with nothing written;
    asking again later may help.

    Attributes:
        url: where it is, without a password.
    """

    url: str

    # --- writing -----------------------------------------------------------------------------------------------------

    def commit(self, batches: Sequence[Batch]) -> list[str]:
        """Write batches, all in one transaction. When it returns, they last.

        A batch that was written before, as its acknowledgement got lost, is passed over.

        Returns:
            The ids of runs whose batches were refused, as another process owns them now, or as a batch before it is
            missing; the other batches are written.
        """

    def claim(self, run: str, owner: str, lease_until: int, now: int, dead: str | None = None) -> FlowRun:
        """Become the owner of a run: its epoch and its number of attempts grow by one.

        Args:
            run: its id.
            owner: the new owner.
            lease_until: up to when it holds the run.
            now: the time.
            dead: an owner that is known to be dead, whose lease does not count any more.

        Returns:
            The run, as it is now.

        Raises:
            RunMissing: there is no such run.
            RunHeld: another process holds it.
        """

    def put(self, run: str, task_run: TaskRun, event: Event, epoch: int) -> None:
        """Write one more state of a task run of a run that nobody works at, as its next number.

        If the last owner never let go, but its lease was over at the time of the event, the epoch grows by one, so that
        an owner which was only slow cannot go on. Look at the run again before the next `put` then.

        Args:
            run: its id.
            task_run: the new state; its `seq` is set by the store.
            event: what to note about it; its `seq` likewise, and its time is taken for now.
            epoch: that of the run when the caller looked at it.

        Raises:
            RunMissing: there is no such run.
            RunHeld: a process works at it, or has done so since.
        """

    def prune(self, before: int, keep_bytes: int | None, now: int) -> int:
        """Delete runs that are over, or whose process died, the oldest first; and versions that no run uses.

        Runs that wait for a person, and are nobody's, stay.

        Args:
            before: delete those that ended before this time, or whose lease did.
            keep_bytes: then delete more until the store is not larger than this; None for any size.
            now: the time: runs that somebody holds stay.

        Returns:
            How many runs were deleted.
        """

    def close(self) -> None:
        """Give back files and connections; the next use opens them again."""

    # --- reading -----------------------------------------------------------------------------------------------------

    def run(self, id: str) -> FlowRun:
        """The run with an id, or the only one whose id begins so.

        Raises:
            RunMissing: there is none, or there are several.
        """

    def runs(self, which: RunFilter = EVERY_RUN, limit: int = 50) -> list[FlowRun]:
        """Runs, the newest first."""

    def version(self, digest: str) -> FlowVersion:
        """A version of a flow.

        Raises:
            RunMissing: there is none.
        """

    def tasks(self, run: str) -> list[RunTask]:
        """The tasks of a run, in the order of their numbers."""

    def task_runs(
        self,
        run: str,
        task: int | None = None,
        index: int | None = None,
        states: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[TaskRun]:
        """Task runs that are not in stretches, in the order of task and index; what is None does not matter."""

    def stretches(self, run: str, task: int | None = None, index: int | None = None) -> Iterator[Stretch]:
        """Stretches in the order of their numbers; with an index, those that may hold it."""

    def events(
        self, run: str, task: int | None = None, index: int | None = None, after: int = 0, limit: int | None = None
    ) -> list[Event]:
        """Events in the order of their numbers, from the one behind `after` on; with an index, those about it."""

    def counts(self, run: str) -> Counts:
        """How many task runs are in which state: stretches and task runs simply added up, so that a child counts twice
        if it ran again after it had succeeded; children that have no state yet do not count."""

    def logs(self, run: str) -> Iterator[LogChunk]:
        """The chunks of the log, in the order in which they were written."""

    def size(self) -> int:
        """The bytes that the store takes."""
