"""What the errors of SQLite mean, and what to do about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.exceptions import StoreError, StoreUnavailable, StoreUnreadable

CORRUPT, NOT_A_DATABASE = 11, 26
"""Numbers of SQLite's results."""

FORBIDDEN = "give this user the right to read and write the file and its directory"

ADVICE = {
    3: FORBIDDEN,
    5: "another program has kept it locked for too long: close that program",
    6: "another program has kept it locked for too long: close that program",
    8: FORBIDDEN,
    10: "the disk reports an error: look at its health, and at the room that is left",
    13: "there is no room left: free some",
    14: FORBIDDEN,
}


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Raise what goes wrong with a file as an error of the store."""
    import sqlite3

    try:
        yield
    except StoreError:
        raise
    except (sqlite3.Error, OSError) as error:
        raise meaning(path, error) from error


def meaning(path: str, error: Exception) -> StoreError:
    """The error of the store that an error of SQLite or the system amounts to."""
    result = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest are details
    if result == NOT_A_DATABASE:
        return StoreUnreadable(
            f"{path!r} is no database: choose another file with the setting `store.url`, or move it."
        )
    if result == CORRUPT:
        return StoreUnreadable(f"The history in {path!r} is damaged ({error}): it has to be set aside.")
    advice = ADVICE.get(result, "look at the cause")
    return StoreUnavailable(f"The history in {path!r} cannot be used ({error}): {advice}.")
