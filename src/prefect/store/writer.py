"""The writer: one thread for each store in a process, which commits what all its recorders have heard.

```
recorders ── take() ──▶ pending batches ── commit ──▶ Store ──▶ acknowledge / refuse
                              │  the store is away: try again later; too many, or the end: ──▶ spool file
```

It waits up to `GATHER` seconds for more, so that many changes share one transaction. While the store cannot be used,
the batches wait in memory, and go to the spool when they get too many or when the run is over: no run fails, and none
is slowed down, because of its history.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Event, Lock, Thread, current_thread
from time import monotonic, time
from weakref import WeakKeyDictionary

from prefect.exceptions import StoreError, StoreUnavailable
from prefect.store.base import Store
from prefect.store.recorder import Recorder
from prefect.store.records import Batch
from prefect.store.spool import Spool
from prefect.store.values import Keeper
from prefect.utilities.files import write_file
from prefect.utilities.logging import get_logger

GATHER = 0.02
"""For so many seconds changes are gathered before they are written together."""

PATIENCE = 5.0
"""For so many seconds the end of a run waits for a store that cannot be used."""

MOST_PENDING = 100_000
"""So many rows wait in memory; then they go to the spool."""

LOGGER = get_logger("History")


class Writer:
    """Writes for all flow runs of this process that use one store.

    Args:
        store: where to.
        spool: where to if the store cannot be used; None keeps everything in memory.
        fails: a run fails if the store cannot be used.

    Attributes:
        tidy: is called now and then, when there is nothing more urgent to do.
    """

    tidy: Callable[[], None] | None = None

    def __init__(self, store: Store, spool: Spool | None, fails: bool = False) -> None:
        self.store = store
        self.spool = spool
        self.fails = fails
        self._recorders: dict[str, Recorder] = {}
        self._leaving: list[Recorder] = []
        self._pending: list[Batch] = []
        self._lock = Lock()
        self._awake, self._urgent = Event(), Event()
        self._thread: Thread | None = None
        self._away_since: float | None = None
        self._next_try = 0.0
        self._beat_at = 0.0
        self._look_in_spool = True

    # --- for those who record ----------------------------------------------------------------------------------------

    def wake(self, urgent: bool = False) -> None:
        """There is something to write."""
        if urgent:
            self._urgent.set()
        self._awake.set()

    def add(self, recorder: Recorder) -> None:
        """Write what a recorder hears, from now on."""
        with self._lock:
            self._recorders[recorder.run.id] = recorder
            self._look_in_spool = True
            if self._thread is None:
                self._thread = Thread(target=self._work, name="prefect-history", daemon=True)
                self._thread.start()
        self.wake()

    def finish(self, recorder: Recorder) -> None:
        """Write the rest of what a recorder has heard, and listen to it no longer."""
        recorder.wait_for_release(PATIENCE)
        with self._lock:
            self._leaving.append(self._recorders.pop(recorder.run.id))
            last = not self._recorders
            thread = self._thread
            if last:
                self._thread = None
        self.wake(urgent=True)
        if last and thread is not None:
            thread.join(PATIENCE)  # another process may hold the lock of the store for as long as it likes
            if thread.is_alive():
                self._take_rest()
            self._spool_pending()

    def _take_rest(self) -> None:
        """Do what the thread cannot do, as it waits for an answer of the store that may never come."""
        with self._lock:
            recorders, self._leaving = self._leaving, []
        for recorder in recorders:
            with suppress(StoreUnavailable):
                write_files(recorder.keeper)
            batch = recorder.take()
            if batch is not None:
                self._pending.append(batch)

    # --- the thread --------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            self._awake.wait(self._until_beat())
            if not self._urgent.is_set() and self._thread is current_thread():
                self._urgent.wait(GATHER)
            self._awake.clear()
            self._urgent.clear()
            with self._lock:
                recorders, ends = [*self._recorders.values(), *self._leaving], self._thread is not current_thread()
                self._leaving.clear()
            try:
                self._round(recorders)
            except Exception:  # a mistake of ours must not make anybody wait
                LOGGER.exception("The history could not be written")
                for recorder in recorders:
                    recorder.give_up()
            if ends:
                return
            if not self._urgent.is_set():
                self._tidy()

    def _tidy(self) -> None:
        tidy, self.tidy = self.tidy, None
        if tidy is None or self._pending:
            return
        try:
            tidy()
        except Exception as error:  # there will be another day
            LOGGER.warning("Old runs could not be deleted: %s", error)

    def _until_beat(self) -> float:
        """For how many seconds nothing has to be done if nothing happens."""
        if self._pending:
            return max(0.0, self._next_try - monotonic())
        return max(0.05, self._beat_at - time())

    def _round(self, recorders: Iterable[Recorder]) -> None:
        """Take what the recorders have heard, and write it if the store can be used."""
        recorders = list(recorders)
        beat = time() >= self._beat_at
        if beat:
            self._beat_at = time() + min((each.lease for each in recorders), default=60) / 4
        for recorder in recorders:
            batch = recorder.take(beat)
            if batch is not None:
                self._pending.append(batch)
        if self._pending and (monotonic() >= self._next_try or self._away_since is None):
            self._try_to_write({each.run.id: each for each in recorders})
        if sum(batch.rows for batch in self._pending) > MOST_PENDING:
            self._spool_pending()

    def _try_to_write(self, recorders: dict[str, Recorder]) -> None:
        batches = list(self._pending)
        try:
            for recorder in recorders.values():
                write_files(recorder.keeper)
            self._drain()
            refused = self.store.commit(batches)
        except StoreError as error:
            self._is_away(error, recorders.values())
            return
        except Exception as error:  # whatever it is, the run goes on
            LOGGER.exception("The history could not be written")
            self._is_away(error, recorders.values())
            return
        if self._away_since is not None:
            LOGGER.warning("The history is written again; nothing was lost.")
            self._away_since = None
        for batch in batches:
            if batch.run in recorders and batch.run in refused:
                recorders[batch.run].refuse()
            elif batch.run in recorders:
                recorders[batch.run].acknowledge(batch)
        written = set(map(id, batches))
        self._pending = [batch for batch in self._pending if id(batch) not in written]

    def _drain(self) -> None:
        """Write what waits in the spool first; that is looked for once a run, and after something was put there."""
        if self.spool is not None and self._look_in_spool:
            self._look_in_spool = False
            try:
                self.spool.drain(self.store)
            except BaseException:
                self._look_in_spool = True
                raise

    def _is_away(self, error: Exception, recorders: Iterable[Recorder]) -> None:
        """The store cannot be used now: say so once, and try again in a while."""
        if self._away_since is None:
            self._away_since = monotonic()
            LOGGER.warning(
                "The history at %s cannot be written now: %s. The run goes on; what happens is kept and written later.",
                self.store.url,
                str(error).rstrip("."),
            )
        away = monotonic() - self._away_since
        self._next_try = monotonic() + min(5.0, max(0.25, away))
        for recorder in recorders:
            if self.fails:
                recorder.fail(StoreError(f"The history cannot be written, and store.on_error is 'fail': {error}"))
            elif away >= PATIENCE or recorder.over or not recorder.begun:
                recorder.give_up()

    def _spool_pending(self) -> None:
        """Put what waits into a file, from where it is written when the store is back."""
        if not self._pending or self.spool is None:
            return
        count = sum(batch.rows for batch in self._pending)
        try:
            path = self.spool.add(self._pending)
        except OSError as error:
            LOGGER.warning(
                "The history at %s could not be written, nor kept in %s (%s): %d changes are lost.",
                self.store.url,
                self.spool.directory,
                error,
                count,
            )
        else:
            LOGGER.warning(
                "The history at %s could not be written; %d changes are in %s and get there with the next run.",
                self.store.url,
                count,
                path,
            )
        self._look_in_spool = True
        self._pending = []


def write_files(keeper: Keeper) -> None:
    """Write the values that go beside the store; the records that tell of them come behind."""
    files = keeper.files
    while files:
        path, data = files[0]
        try:
            if not os.path.exists(path):
                write_file(path, data, private=True)
        except OSError as error:
            raise StoreUnavailable(f"The value file {path} cannot be written: {error}") from error
        files.pop(0)


WRITERS: WeakKeyDictionary[Store, Writer] = WeakKeyDictionary()
"""The writer of each store in this process."""


def writer_of(store: Store, spool: Spool | None, fails: bool) -> Writer:
    """The writer of a store in this process."""
    writer = WRITERS.get(store)
    if writer is None or writer.spool != spool or writer.fails != fails:
        writer = WRITERS[store] = Writer(store, spool, fails)
    return writer


def forget_writers() -> None:
    """After a fork: the threads stayed in the process that was forked."""
    WRITERS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_writers)
