"""`open_store`: from a URL to a store.

| URL | store |
|---|---|
| `sqlite:///history.db`, `sqlite:////var/lib/history.db` | a file: three slashes, then its path |
| `postgresql://user:password@host/database` | a database of a PostgreSQL server |
| `memory://`, `memory://name` | nothing that outlives this process |

A process has one store for each URL; a process that was forked from it has its own.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from prefect.configuration import config
from prefect.exceptions import StoreSettingError, StoreUnavailable, StoreUnreadable
from prefect.store.base import Store
from prefect.store.damage import set_aside
from prefect.store.memory import MemoryStore
from prefect.store.postgres import PostgresStore
from prefect.store.sqlite import SqliteStore
from prefect.utilities.logging import get_logger

SQLITE, MEMORY = "sqlite:///", "memory://"
POSTGRES = ("postgresql://", "postgres://")
CHOICES = "Set `store.url` to sqlite:///path/of/a/file, postgresql://user:password@host/database or memory://name."


class Opened:
    """The stores of one process, by URL."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.stores: dict[tuple[str, str], Store] = {}


def open_store(url: str | None = None) -> Store:
    """The store at a URL, ready for use.

    A store that cannot be reached at the moment is given back all the same: its methods say so, and work as soon as it
    can. A damaged file is set aside, and a new one begun.

    Args:
        url: where it is; the setting `store.url` if not given, or the file `history.db` in the home directory.

    Raises:
        StoreSettingError: there is no such kind of store, or it cannot be there.
        StoreUnreadable: it was written by a newer version, or belongs to another program.
    """
    place = checked(url or str(config.store.url) or f"{SQLITE}{os.path.join(config.home_dir, 'history.db')}")
    key = (place, str(config.store.synchronous))
    with opened.turn:
        if key not in opened.stores:
            opened.stores[key] = made(*key)
        store = opened.stores[key]
        if isinstance(store, SqliteStore):
            make_usable(store)
    return store


def checked(url: str) -> str:
    """A URL of a kind that there is, with the path of a file made absolute."""
    if url.startswith(SQLITE):
        return f"{SQLITE}{path_of(url)}"
    if url.startswith((MEMORY, *POSTGRES)):
        return url
    scheme = url.partition("://")[0]  # the rest may hold a password
    kind = f"of the kind {scheme!r}" if scheme != url else "that is a mere path or name"
    raise StoreSettingError(f"There is no store {kind}. {CHOICES}")


def path_of(url: str) -> str:
    path = url.removeprefix(SQLITE)
    if not path or path == ":memory:":
        raise StoreSettingError(f"{url!r} names no file. {CHOICES}")
    return os.path.abspath(os.path.expanduser(path))


def made(url: str, synchronous: str) -> Store:
    if url.startswith(MEMORY):
        return MemoryStore(url.removeprefix(MEMORY))
    if url.startswith(POSTGRES):
        return PostgresStore(url)
    return SqliteStore(url.removeprefix(SQLITE), synchronous)


def make_usable(store: SqliteStore) -> None:
    """See that a file can be used, or is begun anew."""
    if store.looked_at and not store.damaged:
        return
    with suppress(StoreUnavailable):
        if store.damaged:  # deep inside, where opening does not look
            begin_anew(store)
        try:
            store.open()
        except StoreUnreadable:
            begin_anew(store)


def begin_anew(store: SqliteStore) -> None:
    store.close()
    aside = set_aside(store.path)
    if aside is not None:
        get_logger("store").warning(
            "The history of flow runs in %s is damaged. It was set aside as %s, and a new one begins: earlier runs can "
            "neither be shown nor resumed.",
            store.path,
            aside,
        )
    store.open()


def forget_process() -> None:
    """After a fork: what is open belongs to the other process."""
    global opened
    parents.append(opened)
    opened = Opened()


opened = Opened()
parents: list[Opened] = []
"""Kept, as closing the connections of another process would disturb it."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_process)
