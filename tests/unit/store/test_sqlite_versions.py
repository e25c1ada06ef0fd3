"""Versions of SQLite that can damage a database."""

from __future__ import annotations

import pytest

from prefect.store.sqlite_versions import is_affected


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.44.5", "3.45.0", "3.50.6", "3.51.0", "3.51.2"])
def test_these_have_the_fault(version):
    assert is_affected(version)


@pytest.mark.parametrize("version", ["3.6.23", "3.44.6", "3.44.7", "3.50.7", "3.50.12", "3.51.3", "3.52.0", "4.0.0"])
def test_these_do_not(version):
    assert not is_affected(version)
