"""A store in a database of a PostgreSQL server.

```
threads of this process ──in turn──▶ writer ─▶ server
                        ──in turn──▶ reader ─▶ server
```

The tables are in a schema named `prefect`, or in another one that the URL names: `?options=-csearch_path=mine`. When
the connection breaks, the method that notices raises `StoreUnavailable`, and the next one connects anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from prefect.exceptions import StoreSettingError, StoreUnavailable
from prefect.store.handles import Handle, PerProcess, closed_on_error
from prefect.store.migrations import Execute, Row, migrate
from prefect.store.queries import for_psycopg, migrations, queries
from prefect.store.sql_store import SqlStore

if TYPE_CHECKING:
    from psycopg import Connection

WORDS = {
    "identity": "bigint generated always as identity primary key",
    "bytes": "bytea",
    "word": 'text collate "C"',
    "rowless": "",
}

DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "tcp_user_timeout": "30000",
    "application_name": "prefect",
}
"""How long to wait for a server that does not answer, unless the URL says it."""

PATIENCE = 1.0
"""Seconds that closing waits for a thread that uses a connection."""

SCHEMA = "-c search_path=prefect"

UNREADABLE = (
    "The URL of the PostgreSQL store cannot be read: write postgresql://user:password@host:5432/database, and special "
    "characters in the password as %40 (@), %2F (/), %3A (:) or %25 (%)."
)


class PostgresStore(SqlStore):
    """Keeps flow runs in a database of a PostgreSQL server.

    Args:
        url: such as `postgresql://user:password@host:5432/database`, with options of libpq behind a `?`.
    """

    def __init__(self, url: str) -> None:
        settings = parsed(url)
        self.url = without_password(settings)
        self.queries = queries("common.sql", "postgres.sql")
        self.connections = PerProcess(partial(Connections, settings, self.queries))

    @contextmanager
    def transaction(self) -> Iterator[Execute]:
        """A transaction on the server."""
        with self.explained(), self.connections.get().writing() as connection:
            yield executor(connection)

    def rows(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        """What a query finds."""
        with self.explained(), self.connections.get().reading() as connection:
            return executor(connection)(sql, values)

    def bulk(self, execute: Execute, query: str, key: int, rows: Sequence[Row]) -> None:
        """Write rows by one statement, which takes all of them as one text."""
        execute(self.queries[query], {"key": key, "rows": json.dumps(rows)})

    def size(self) -> int:
        """About how many bytes the runs take: the server gives room back when it likes."""
        return int(self.rows(self.queries["size"], {})[0][0])

    def close(self) -> None:
        """Give back connections; the next use opens them again."""
        self.connections.get().close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raise what goes wrong with the server as an error of the store."""
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            cause = " ".join(str(error).split())
            raise StoreUnavailable(
                f"The history in {self.url} cannot be used ({cause}): see that the server runs, can be reached from "
                "here, and lets this user create and write tables."
            ) from error


# --- connections ------------------------------------------------------------------------------------------------------


class Connections:
    """The connections of one process to a database: one that writes, and one that reads; opened when they are needed.

    Args:
        settings: those of libpq.
        queries: the SQL, by name.
    """

    def __init__(self, settings: Mapping[str, Any], queries: Mapping[str, str]) -> None:
        self.settings = settings
        self.queries = queries
        self.writer = Handle(self.open_writer)
        self.reader = Handle(self.connected)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction on the connection that writes."""
        with self.writer.turn, self.writer.used() as connection, connection.transaction():
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """The connection that reads, when one that writes has made sure that the tables are the newest."""
        if self.writer.connection is None:
            with self.writing():
                pass
        with self.reader.turn, self.reader.used() as connection:
            yield connection

    def open_writer(self) -> Connection:
        """Connect, and bring the tables to the newest version if need be."""
        connection = self.connected()
        with closed_on_error(connection):
            migrate(partial(self.step, connection), self.queries, migrations(WORDS))
        return connection

    @contextmanager
    def step(self, connection: Connection) -> Iterator[Execute]:
        """A transaction in which nobody else changes the tables."""
        execute = executor(connection)
        with connection.transaction():
            execute(self.queries["lock_migrations"])
            if execute("select current_schema()") == [(None,)]:
                execute(self.queries["make_schema"])
            yield execute

    def connected(self) -> Connection:
        import psycopg

        return psycopg.connect(**self.settings, autocommit=True)

    def close(self) -> None:
        """Close what is open; not what waits for an answer of the server, which may never come."""
        for handle in (self.reader, self.writer):
            if handle.turn.acquire(timeout=PATIENCE):
                handle.close()
                handle.turn.release()


def executor(connection: Connection) -> Execute:
    def execute(sql: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        cursor = connection.execute(for_psycopg(sql), values)
        return cursor.fetchall() if cursor.description else []

    return execute


# --- URLs -------------------------------------------------------------------------------------------------------------


def parsed(url: str) -> dict[str, Any]:
    """The settings that a URL names, with ours where it says nothing."""
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError as error:
        raise StoreSettingError(
            "A PostgreSQL store needs psycopg, which is not installed: pip install 'prefect-core[postgres]'."
        ) from error
    try:
        found = conninfo_to_dict(url)
    except ProgrammingError:  # its words may hold the password, so nobody sees them
        raise StoreSettingError(UNREADABLE) from None
    if not seems_right(found):
        raise StoreSettingError(UNREADABLE)
    options = str(found.get("options", ""))
    return {**DEFAULTS, **found, "options": options if "search_path" in options else f"{options} {SCHEMA}".strip()}


def seems_right(settings: Mapping[str, Any]) -> bool:
    """Whether no piece of a password that was not escaped got into another setting, which people see."""
    port, *names = (str(settings.get(key, "")) for key in ("port", "host", "dbname"))
    return f"0{port}".replace(",", "").isdigit() and not any("@" in name for name in names)


def without_password(settings: Mapping[str, Any]) -> str:
    """The URL of a database, for people."""
    user, host, port = (str(settings.get(key, "")) for key in ("user", "host", "port"))
    where = "" if host.startswith("/") else host
    more = {"host": host} if host != where else {}
    if settings["options"] != SCHEMA:
        more["options"] = settings["options"]
    name = (
        f"{quote(user)}{'@' if user else ''}{where}{':' if port else ''}{port}/{quote(str(settings.get('dbname', '')))}"
    )
    return f"postgresql://{name}{'?' if more else ''}{urlencode(more, quote_via=quote)}"
