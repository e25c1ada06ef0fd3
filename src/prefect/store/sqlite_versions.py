"""Versions of SQLite in which a commit that meets a checkpoint can damage a database with a write-ahead log.

Our own processes never let the two meet, as both happen under one lock. Other programs that write to the file might.
"""

from __future__ import annotations

FIRST, FIXED = (3, 7, 0), (3, 51, 3)
"""Versions from the first one on are affected, up to the one before it was fixed."""

PATCHED = ((3, 44, 6), (3, 50, 7))
"""It was fixed in these older lines as well, from these patches on."""


def is_affected(version: str) -> bool:
    """Does a version have this fault?"""
    number = tuple(int(part) for part in version.split("."))
    patched = any(number[:2] == fixed[:2] and number >= fixed for fixed in PATCHED)
    return FIRST <= number < FIXED and not patched
