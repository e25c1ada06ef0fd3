"""From URLs to stores."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from prefect.exceptions import StoreSettingError, StoreUnavailable
from prefect.store.memory import MemoryStore
from prefect.store.opening import open_store
from prefect.store.postgres import PostgresStore
from prefect.store.sqlite import SqliteStore
from prefect.utilities.configuration import set_temporary_config


def test_the_history_is_a_file_in_the_home_directory_unless_something_else_is_set(tmp_path: Path) -> None:
    with set_temporary_config({"home_dir": str(tmp_path / "home"), "store.url": ""}):
        store = open_store()

    assert store.url == f"sqlite:///{tmp_path}/home/history.db"
    assert (tmp_path / "home" / "history.db").exists()
    store.close()


def test_the_setting_names_the_store() -> None:
    with set_temporary_config({"store.url": "memory://from-the-setting"}):
        assert open_store() is open_store("memory://from-the-setting")


def test_a_process_has_one_store_for_each_url(tmp_path: Path) -> None:
    one, other = (f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "other"))

    assert open_store(one) is open_store(one)
    assert open_store(one) is not open_store(other)
    assert open_store("memory://a") is open_store("memory://a")
    assert open_store("memory://a") is not open_store("memory://b")
    assert isinstance(open_store("memory://"), MemoryStore)


def test_paths_are_relative_to_the_current_or_the_home_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))

    assert open_store("sqlite:///mine.db").url == f"sqlite:///{tmp_path}/mine.db"
    assert open_store("sqlite:///~/mine.db").url == f"sqlite:///{tmp_path}/me/mine.db"
    assert open_store(f"sqlite:///{os.fspath(tmp_path)}/mine.db") is open_store("sqlite:///mine.db")


@pytest.mark.parametrize(
    "url", ["mysql://me:s3cret@host/db", "sqlite:///", "sqlite:///:memory:", "sqlite://x", "/var/history.db", "history"]
)
def test_what_is_no_store_is_refused_with_what_there_is(url: str) -> None:
    with pytest.raises(StoreSettingError, match="Set `store.url` to sqlite:///") as caught:
        open_store(url)

    assert "s3cret" not in str(caught.value)


def test_synchronous_is_one_of_two_words(tmp_path: Path) -> None:
    with (
        set_temporary_config({"store.synchronous": "off"}),
        pytest.raises(StoreSettingError, match="'off': set it to 'normal' or 'full'"),
    ):
        open_store(f"sqlite:///{tmp_path}/history.db")


@pytest.mark.parametrize("synchronous", ["normal", "full"])
def test_a_commit_is_as_durable_as_the_setting_says(tmp_path: Path, synchronous: str) -> None:
    store = SqliteStore(str(tmp_path / "history.db"), synchronous)

    with store.transaction() as execute:
        assert execute("pragma synchronous") == [({"normal": 1, "full": 2}[synchronous],)]
        assert execute("pragma journal_mode") == [("wal",)]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:s3cret%2Fp%40ss@host:5433/db", "postgresql://me@host:5433/db"),
        ("postgres://me@host/db?password=s3cret%2Fp%40ss&sslmode=require", "postgresql://me@host/db"),
        ("postgresql:///db?host=/var/run&passfile=/x", "postgresql:///db?host=%2Fvar%2Frun"),
        (
            "postgresql://host/db?options=-csearch_path%3Dmine",
            "postgresql://host/db?options=-csearch_path%3Dmine",
        ),
    ],
)
def test_the_url_of_a_server_shows_no_password(url: str, shown: str) -> None:
    assert PostgresStore(url).url == shown


@pytest.mark.parametrize("password", ["s3cret%x", "s3cret/p@ss", "p@s3cret", "1/s3cret"])
def test_a_url_that_cannot_be_read_is_not_repeated(password: str) -> None:
    with pytest.raises(StoreSettingError, match="cannot be read") as caught:
        open_store(f"postgresql://me:{password}@host/db")

    assert "s3cret" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_without_psycopg_a_server_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(StoreSettingError, match=r"pip install 'prefect-core\[postgres\]'"):
        PostgresStore("postgresql://host/db")


def test_a_server_that_cannot_be_reached_makes_the_store_unavailable_only_when_it_is_used(tmp_path: Path) -> None:
    store = open_store(f"postgresql://me:s3cret@/db?host={tmp_path}")

    with pytest.raises(StoreUnavailable, match="see that the server runs") as caught:
        store.runs()

    assert "s3cret" not in f"{caught.value} {caught.value.__cause__}"
