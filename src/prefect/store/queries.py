"""SQL with names, read from the files beside this module.

```sql
-- name: claim
update run set owner = :owner where uuid = :run returning id
```

Values are named with a colon, as SQLite does; `for_psycopg` makes PostgreSQL's way of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

SQL = Path(__file__).parent / "sql"
HEADING = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
COMMENT = re.compile(r"^--.*\n", re.MULTILINE)
PARAMETER = re.compile(r"(?<!:):(\w+)")


def queries(*names: str) -> dict[str, str]:
    """All queries of some files, by their names; the last file wins."""
    found: dict[str, str] = {}
    for name in names:
        _, *parts = HEADING.split((SQL / name).read_text(encoding="utf-8"))
        found.update(zip(parts[::2], map(statement, parts[1::2]), strict=True))
    return found


def statement(text: str) -> str:
    return COMMENT.sub("", text).strip().removesuffix(";")


@cache
def for_psycopg(sql: str) -> bytes:
    """A query whose values are named as psycopg wants it."""
    return PARAMETER.sub(r"%(\1)s", sql).encode()


def migrations(words: Mapping[str, str]) -> list[list[str]]:
    """The statements that lead from each version of the schema to the next one: the first list makes version 1.

    Args:
        words: what the databases call differently, such as `$bytes`.
    """
    files = sorted((SQL / "migrations").glob("*.sql"))
    return [statements(Template(file.read_text(encoding="utf-8")).substitute(words)) for file in files]


def statements(text: str) -> list[str]:
    return [part.strip() for part in COMMENT.sub("", text).split(";\n") if part.strip()]


class Select:
    """A query to which conditions are added; those whose value is None do not matter.

    `Select("select * from event").where("task = :task", task=2).where("at > :at", at=None).ending("order by seq")`
    """

    def __init__(self, sql: str, **values: Any) -> None:
        self.sql = sql
        self.conditions: list[str] = []
        self.values: dict[str, Any] = values

    def where(self, condition: str, **values: Any) -> Select:
        """Only rows for which a condition holds."""
        if None not in values.values():
            self.conditions.append(condition)
            self.values.update(values)
        return self

    def among(self, column: str, choices: Sequence[str] | None) -> Select:
        """Only rows that have one of these texts in a column."""
        if choices is None:
            return self
        names = {f"{column}{number}": choice for number, choice in enumerate(choices)}
        listed = ", ".join(f":{name}" for name in names)
        return self.where(f"{column} in ({listed})" if names else "1 = 0", **names)

    def ending(self, order: str, limit: int | None = None) -> tuple[str, dict[str, Any]]:
        """The query in an order, up to a limit, and its values."""
        conditions = f" where {' and '.join(self.conditions)}" if self.conditions else ""
        if limit is None:
            return f"{self.sql}{conditions} {order}", self.values
        return f"{self.sql}{conditions} {order} limit :limit", {**self.values, "limit": limit}
