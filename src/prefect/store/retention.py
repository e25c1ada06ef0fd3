"""How long the history is kept: old runs are deleted, and the files of their values with them.

```
runs that ended more than `days` ago ──▶ deleted
the oldest that are over, while the store takes more than `bytes` ──▶ deleted
<home>/values/<id of such a run> ──▶ deleted
```

Runs that somebody works at stay, and so do those that can still be gone on with, as they have no end.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

from prefect.exceptions import RunMissing
from prefect.store.base import Store

DAY = 86_400_000_000
"""In microseconds."""


def prune(store: Store, home: str, now: int, days: float, bytes: int) -> int:
    """Delete what is too old or too much.

    Args:
        store: where the runs are.
        home: the home directory, with the files of their values.
        now: the time, in microseconds since 1970.
        days: runs that ended longer ago are deleted; 0 for none.
        bytes: the size that the store may have; 0 for any.

    Returns:
        How many runs were deleted.
    """
    before = int(now - days * DAY) if days else 0
    return prune_before(store, home, now, before, bytes or None)


def prune_before(store: Store, home: str, now: int, before: int, keep_bytes: int | None) -> int:
    """As `prune`, with a time before which runs are too old, and None for a store of any size."""
    known = [run for run in runs_with_files(home) if is_there(store, run)]
    deleted = store.prune(before, keep_bytes, now)
    for run in known if deleted else ():
        if not is_there(store, run):
            shutil.rmtree(directory(home, run), ignore_errors=True)
    return deleted


def directory(home: str, run: str) -> str:
    """Where the files of a run are."""
    return os.path.join(home, "values", run)


def runs_with_files(home: str) -> list[str]:
    """The runs that have files: of this store, and of others that share the home directory."""
    with suppress(FileNotFoundError):
        return os.listdir(os.path.join(home, "values"))
    return []


def is_there(store: Store, run: str) -> bool:
    try:
        return store.run(run).id == run
    except RunMissing:
        return False
