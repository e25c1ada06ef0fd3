"""A history in a file of its own, for as long as a measurement lasts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.utilities.configuration import set_temporary_config


@contextmanager
def recorded() -> Iterator[Path]:
    """Write down every run, with every transition, into a fresh SQLite file; yields the home directory."""
    with (
        tempfile.TemporaryDirectory() as home,
        set_temporary_config({"store.enabled": True, "store.url": "", "home_dir": home}),
    ):
        yield Path(home)


def bytes_in(home: Path) -> int:
    """What the history takes on disk."""
    return sum(file.stat().st_size for file in home.iterdir() if file.name.startswith("history.db"))
