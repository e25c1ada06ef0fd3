"""The store in a file, written by more processes than anybody has."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.test_sqlite_store import write_at_once


@pytest.mark.faults
def test_thirty_two_processes_write_at_once(tmp_path: Path) -> None:
    write_at_once(tmp_path / "history.db", processes=32, commits=300)
