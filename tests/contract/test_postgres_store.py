"""What only a store on a PostgreSQL server has to do."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from tests.contract.postgres import database_of_its_own, schema_of_its_own
from tests.contract.test_stores import NOW, OTHER, RUN, batch, begun, chunk, event

from prefect.exceptions import StoreUnavailable, StoreUnreadable
from prefect.store import postgres as postgres_module
from prefect.store.opening import open_store
from prefect.store.postgres import PostgresStore
from prefect.store.queries import migrations


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    with schema_of_its_own(postgres) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(url)
    yield store
    store.close()


def cut_off(store: PostgresStore, url: str) -> None:
    """End all connections of a store at the server."""
    connections = [each.connection for each in (store.connections.get().writer, store.connections.get().reader)]
    with psycopg.connect(url, autocommit=True) as connection:
        for each in connections:
            if each is not None:
                connection.execute("select pg_terminate_backend(%s, 5000)", (each.info.backend_pid,))


def test_a_store_that_was_cut_off_says_so_once_and_connects_again(store: PostgresStore, url: str) -> None:
    begun(store)
    store.runs()
    cut_off(store, url)

    with pytest.raises(StoreUnavailable, match="cannot be used"):
        store.commit([batch(last_seq=1, events=[event(1)])])
    with pytest.raises(StoreUnavailable):
        store.events(RUN)

    assert store.events(RUN) == []
    assert store.commit([batch(last_seq=1, events=[event(1)])]) == []
    assert store.events(RUN) == [event(1)]


def test_a_batch_that_was_cut_off_in_the_middle_is_not_written(store: PostgresStore, url: str) -> None:
    begun(store)

    def write() -> None:
        with store.transaction() as execute:
            execute("update run set name = 'half'")
            cut_off(store, url)
            execute("update run set flow = 'done'")

    with pytest.raises(StoreUnavailable):
        write()

    assert (store.run(RUN).name, store.run(RUN).flow) == ("brave-fox", "etl")


def test_a_forked_process_connects_for_itself(store: PostgresStore) -> None:
    begun(store)
    store.runs()

    child = os.fork()
    if child == 0:
        code = 1
        try:
            begun(store, OTHER)
            code = 0 if len(store.runs()) == 2 else 1
        finally:
            os._exit(code)

    assert os.waitpid(child, 0)[1] == 0
    assert len(store.runs()) == 2
    assert store.commit([batch(last_seq=1, events=[event(1)])]) == []


def test_a_store_of_the_first_version_is_brought_up_to_date(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(postgres_module, "migrations", lambda words: migrations(words)[:1])
        old = PostgresStore(url)
        begun(old, ended=NOW)
        old.close()

    store = open_store(url)

    assert store.run(RUN).ended == NOW
    assert store.commit([batch(logs=[chunk()])]) == []
    assert list(store.logs(RUN)) == [chunk()]
    store.close()


def test_a_store_of_a_newer_version_is_left_alone(store: PostgresStore, url: str) -> None:
    begun(store)
    with store.transaction() as execute:
        execute("update meta set value = '99'")

    with pytest.raises(StoreUnreadable, match="version 99"):
        PostgresStore(url).runs()


def test_tables_of_another_program_are_left_alone(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table cookies (host text)")

    with pytest.raises(StoreUnreadable, match="belongs to another program"):
        PostgresStore(url).runs()


def test_tables_have_a_schema_of_their_own_unless_the_url_names_one(postgres: str) -> None:
    with database_of_its_own(postgres) as url, psycopg.connect(url, autocommit=True) as connection:
        store = PostgresStore(url)
        begun(store)
        store.close()

        found = connection.execute("select table_schema from information_schema.tables where table_name = 'run'")
        assert found.fetchall() == [("prefect",)]
