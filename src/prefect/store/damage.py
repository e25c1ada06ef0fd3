"""A database file that can no longer be read is set aside, for people to look at, and a new one is begun.

`history.db` becomes `history.db.damaged-2026-11-22T09-30-00`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

from prefect.exceptions import StoreUnreadable
from prefect.store.lock_file import LockFile
from prefect.store.sqlite import connect, read_only
from prefect.store.sqlite_errors import explained

COMPANIONS = ("", "-wal", "-shm")
"""What the names of the files of a database end with."""


def set_aside(path: str) -> str | None:
    """Rename a damaged database, with its companions; what is whole stays.

    Returns:
        Its new path; None if it is not damaged, as another process was quicker, or as it is of a newer version.
    """
    lock = LockFile(f"{path}-lock")
    try:
        with explained(path), lock.held():
            return renamed(path) if is_damaged(path) else None
    finally:
        lock.close()


def renamed(path: str) -> str:
    aside = f"{path}.damaged-{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}"
    for ending in COMPANIONS:
        if os.path.exists(path + ending):
            os.replace(path + ending, aside + ending)
    return aside


def is_damaged(path: str) -> bool:
    """Whether SQLite finds something wrong in all of a file."""
    try:
        with explained(path):
            return problems(path) != [("ok",)]
    except StoreUnreadable:
        return True


def problems(path: str) -> list[tuple[str]]:
    connection = connect(read_only(path))
    try:
        return connection.execute("pragma quick_check(1)").fetchall()
    finally:
        connection.close()
