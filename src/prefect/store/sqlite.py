"""A store in one file: SQLite, with rules that let many processes write to it at once.

```
threads of this process ──in turn──▶ writer ──lock file──▶ history.db    one process after the other
                        ──in turn──▶ reader ─────────────▶ history.db    at any time, never in the way
```

- A write begins with `begin immediate`, under an exclusive lock on a file beside the database: nobody finds it locked
  by another, and the processes come in turn.
- Commits go to a write-ahead log, the WAL. When it has grown, it is moved into the database under the same lock.
- No connection is open while the process forks.
- When the path leads to another file than before, as the old one was set aside or deleted, that one is opened.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from prefect.exceptions import StoreSettingError, StoreUnreadable
from prefect.store.forks import ForkSafe
from prefect.store.handles import Handle, closed_on_error
from prefect.store.lock_file import LockFile
from prefect.store.migrations import Execute, Row, migrate
from prefect.store.places import identity, network_file_system, private_file, size_of
from prefect.store.queries import migrations, queries
from prefect.store.sql_store import SqlStore
from prefect.store.sqlite_errors import explained

if TYPE_CHECKING:
    import sqlite3

SYNCHRONOUS = ("normal", "full")
PATIENCE = 30.0
"""Seconds to wait for other programs, which write to the file without our lock."""

WAL_BYTES = 4_000_000
"""The size from which on the WAL is moved into the database."""

WORDS = {"identity": "integer primary key", "bytes": "blob", "word": "text", "rowless": "without rowid"}


class SqliteStore(SqlStore):
    """Keeps flow runs in a file.

    Args:
        path: of the file; it is made at the first use.
        synchronous: `normal`: what is committed survives the death of a process; `full`: and a power cut.

    Attributes:
        looked_at: the file was opened once.
        damaged: something in it could not be read since.
    """

    def __init__(self, path: str, synchronous: str = "normal") -> None:
        self.path = os.path.abspath(os.path.expanduser(path))
        self.url = f"sqlite:///{self.path}"
        self.synchronous = checked(synchronous)
        self.queries = queries("common.sql", "sqlite.sql")
        self.looked_at = self.damaged = False
        self.connections = Connections(self.path, self.synchronous, self.queries)
        weakref.finalize(self, self.connections.close)  # also when the program ends

    @contextmanager
    def explained(self) -> Iterator[None]:
        try:
            with explained(self.path):
                yield
        except StoreUnreadable:
            self.damaged = True
            raise

    def open(self) -> None:
        """Look whether the file can be used; make it, or bring it to the newest version, if need be."""
        with self.explained(), self.connections.reading():
            self.looked_at, self.damaged = True, False

    @contextmanager
    def transaction(self) -> Iterator[Execute]:
        """A transaction, under the lock."""
        with self.explained(), self.connections.writing() as writer:
            yield executor(writer)

    def rows(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        """What a query finds."""
        with self.explained(), self.connections.reading() as reader:
            return executor(reader)(sql, values)

    def bulk(self, execute: Execute, query: str, key: int, rows: Sequence[Row]) -> None:
        """Write rows by one statement: a statement for each would wait for the interpreter's lock again and again."""
        width, places = len(rows[0]), power_of_two(len(rows))
        nulls = repeat(None, width * (places - len(rows)))
        execute(padded(self.queries[query], width, places), [key, *chain.from_iterable(rows), *nulls])

    def size(self) -> int:
        """The bytes that are in use in the file."""
        return int(self.rows(self.queries["size"], {})[0][0])

    def prune(self, before: int, keep_bytes: int | None, now: int) -> int:
        """Delete runs that are over, and give their room back to the system; see `Store.prune`."""
        deleted = super().prune(before, keep_bytes, now)
        if deleted:
            with self.explained():
                self.connections.vacuum()
        return deleted

    def close(self) -> None:
        """Give back files and connections; the next use opens them again."""
        with self.explained():
            self.connections.close()


def checked(synchronous: str) -> str:
    if synchronous in SYNCHRONOUS:
        return synchronous
    raise StoreSettingError(f"The setting `store.synchronous` is {synchronous!r}: set it to 'normal' or 'full'.")


def power_of_two(count: int) -> int:
    """A number that is large enough. With few different numbers of rows, SQLite has their statements ready."""
    return 1 << (count - 1).bit_length()


@cache
def padded(query: str, width: int, places: int) -> str:
    """A bulk statement for that many rows; those that consist of nulls do not count."""
    row = f"({', '.join('?' * width)})"
    return query.format(rows=", ".join([row] * places))


def executor(connection: sqlite3.Connection) -> Execute:
    def execute(sql: str, values: Any = ()) -> list[Row]:
        return connection.execute(sql, values).fetchall()

    return execute


# --- connections ------------------------------------------------------------------------------------------------------


class Connections(ForkSafe):
    """The connections of one process to a file: one that writes, and one that reads; opened when they are needed.

    Args:
        path: of the file.
        synchronous: see `SqliteStore`.
        queries: the SQL, by name.
    """

    def __init__(self, path: str, synchronous: str, queries: Mapping[str, str]) -> None:
        self.path = path
        self.synchronous = synchronous
        self.queries = queries
        self.lock = LockFile(f"{path}-lock")
        self.writer = Handle(self.open_writer, partial(identity, path))
        self.reader = Handle(self.open_reader, partial(identity, path))
        self.checkpoint_from = WAL_BYTES
        super().__init__((self.reader.turn, self.writer.turn))

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction on the connection that writes."""
        self.check()
        with self.writer.turn, self.locked(), self.writer.used() as connection:
            with transaction(connection):
                yield connection
            self.checkpoint(connection)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection that reads."""
        self.check()
        with self.reader.turn, self.reader.used() as connection:
            yield connection

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock file."""
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        with self.lock.held():
            yield

    def open_writer(self) -> sqlite3.Connection:
        """Open the file for writing, make it if need be, and bring it to the newest version; the lock is held."""
        refuse_network(self.path)
        private_file(self.path)
        connection = connect(f"file:{quote(self.path)}")
        with closed_on_error(connection):
            self.prepare(connection)
        return connection

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Set what a connection that writes needs."""

        @contextmanager
        def steps() -> Iterator[Execute]:
            with transaction(connection):
                yield executor(connection)

        connection.execute("pragma auto_vacuum = incremental")  # it matters for a new file only
        connection.execute("pragma journal_mode = wal").fetchall()
        connection.execute(f"pragma synchronous = {self.synchronous}")
        connection.execute("pragma wal_autocheckpoint = 0")
        migrate(steps, self.queries, migrations(WORDS))

    def open_reader(self) -> sqlite3.Connection:
        """Open the file for reading, when a writer has made sure that it is one of the newest version."""
        with self.writing():
            pass
        return connect(read_only(self.path))

    def checkpoint(self, connection: sqlite3.Connection) -> None:
        """Move the WAL into the database if it has grown; not if somebody reads from it: then later."""
        wal = f"{self.path}-wal"
        if size_of(wal) < self.checkpoint_from:
            return
        connection.execute("pragma busy_timeout = 0")
        forgiving(connection, "pragma wal_checkpoint(truncate)")
        connection.execute(f"pragma busy_timeout = {PATIENCE * 1000:.0f}")
        self.checkpoint_from = size_of(wal) + WAL_BYTES

    def vacuum(self) -> None:
        """Give room that is no longer used back to the system."""
        with self.writer.turn, self.locked(), self.writer.used() as connection:
            connection.executescript("pragma incremental_vacuum")  # `execute` would free one page
            self.checkpoint(connection)

    def close_all(self) -> None:
        """Close what is open. The last one to close a database tidies up its WAL, so that needs the lock, too."""
        self.reader.close()
        if self.writer.connection is not None:
            with self.locked():
                self.writer.close()
        self.lock.close()


def connect(address: str) -> sqlite3.Connection:
    """A connection that begins no transactions by itself, and may go from thread to thread."""
    import sqlite3

    return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, timeout=PATIENCE)


def read_only(path: str) -> str:
    """The address of a file that is not to be changed."""
    return f"file:{quote(path)}?mode=ro"


def refuse_network(path: str) -> None:
    kind = network_file_system(path)
    if kind is not None:
        raise StoreSettingError(
            f"{path!r} lies on a network file system ({kind}), where a SQLite database can be damaged. Set "
            "`store.url` to sqlite:///… with a file on a disk of this machine, or to a PostgreSQL server."
        )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that is certain to be able to write, from its beginning on."""
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:  # a full disk may have ended it
            forgiving(connection, "rollback")
        raise


def forgiving(connection: sqlite3.Connection, sql: str) -> None:
    """Execute what need not succeed."""
    import sqlite3

    with suppress(sqlite3.Error):
        connection.execute(sql).fetchall()
