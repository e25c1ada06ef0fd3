"""SQL with names."""

from __future__ import annotations

from dataclasses import fields

from prefect.store.queries import Select, for_psycopg, migrations, queries
from prefect.store.records import FlowRun
from prefect.store.sqlite import WORDS


def test_a_query_has_no_comments_and_no_semicolon() -> None:
    every = queries("common.sql", "sqlite.sql")

    assert every["use_version"] == "update run set version = :digest where id = :key"
    assert not [name for name, sql in every.items() if "--" in sql or ";" in sql]


def test_both_databases_have_the_same_queries_of_their_own_but_for_how_to_set_up_a_server() -> None:
    assert set(queries("postgres.sql")) - set(queries("sqlite.sql")) == {"make_schema", "lock_migrations"}
    assert set(queries("sqlite.sql")) <= set(queries("postgres.sql"))


def test_runs_are_read_in_the_order_of_their_fields() -> None:
    columns = queries("common.sql")["runs"].removeprefix("select").removesuffix("from run").replace("uuid", "id")

    assert [column.strip() for column in columns.split(",")] == [field.name for field in fields(FlowRun)]


def test_values_are_named_for_psycopg_and_casts_are_left_alone() -> None:
    assert for_psycopg("select :a::bigint, b from c where d = :d_1") == (
        b"select %(a)s::bigint, b from c where d = %(d_1)s"
    )


def test_conditions_whose_value_is_none_do_not_matter() -> None:
    asked = Select("select * from t").where("a = :a", a=1).where("b = :b", b=None).among("c", None)

    assert asked.ending("order by a") == ("select * from t where a = :a order by a", {"a": 1})


def test_choices_become_a_list() -> None:
    asked = Select("select * from t").among("c", ["x", "y"])

    assert asked.ending("order by a", limit=3) == (
        "select * from t where c in (:c0, :c1) order by a limit :limit",
        {"c0": "x", "c1": "y", "limit": 3},
    )


def test_every_migration_is_a_list_of_statements() -> None:
    first, second = migrations(WORDS)

    assert first[0].startswith("create table meta")
    assert [statement.split("(")[0].strip() for statement in second] == [
        "create table log_chunk",
        "create index log_chunk_by_run on log_chunk",
    ]
