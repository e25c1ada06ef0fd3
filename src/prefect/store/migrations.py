"""From an older schema to the newest one, a version at a time.

The files in `sql/migrations` are the whole story of the schema: the first makes version 1 out of nothing, each of the
others leads one version further. Those that were released never change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from prefect.exceptions import StoreUnreadable

Row = tuple[Any, ...]
Execute = Callable[..., list[Row]]
"""Executes SQL with values, `execute(sql, {"name": value})`, and returns its rows."""

FOREIGN = (
    "This database has tables, but not those of a history of flow runs, so it belongs to another program. Choose "
    "another place with the setting `store.url`."
)
NEWER = (
    "This history is of version {found}, which a newer prefect-core wrote; this one knows those up to {newest}. "
    "Upgrade prefect-core, or choose another place with the setting `store.url`."
)


def migrate(
    transaction: Callable[[], AbstractContextManager[Execute]], queries: Mapping[str, str], steps: list[list[str]]
) -> None:
    """Take the steps that are missing.

    Args:
        transaction: begins one that nobody else is in at the same time.
        queries: by name.
        steps: the statements that lead to each version from the one before.
    """
    while step(transaction, queries, steps):
        pass


def step(
    transaction: Callable[[], AbstractContextManager[Execute]], queries: Mapping[str, str], steps: list[list[str]]
) -> bool:
    """Take one step, in a transaction of its own; False if none is missing."""
    with transaction() as execute:
        reached = version(execute, queries, len(steps))
        if reached == len(steps):
            return False
        for statement in steps[reached]:
            execute(statement)
        execute(queries["set_schema_version"], {"version": str(reached + 1)})
    return True


def version(execute: Execute, queries: Mapping[str, str], newest: int) -> int:
    """The version of the schema that is there; 0 for none."""
    tables = {name for (name,) in execute(queries["tables"])}
    if not tables:
        return 0
    if not {"meta", "flow_version"} <= tables:
        raise StoreUnreadable(FOREIGN)
    found = int(execute(queries["schema_version"])[0][0])
    if found > newest:
        raise StoreUnreadable(NEWER.format(found=found, newest=newest))
    return found
