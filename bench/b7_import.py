"""B7: `import prefect` in a fresh process, minus the start of the bare interpreter."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from measure import Row, save, seconds

REPEATS = 15
HEAVY = {"dask", "distributed", "requests", "urllib3", "http", "sqlite3", "sqlalchemy", "pandas", "asyncio"}


def start(code: str) -> float:
    return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))


def extra(code: str) -> float:
    """Seconds that some code adds to the start of the interpreter."""
    return median(start(code) - start("pass") for _ in range(REPEATS))


def main() -> list[Row]:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, prefect; print(*sys.modules)"], check=True, capture_output=True, text=True
    ).stdout.split()
    heavy = HEAVY & set(loaded)
    bare = extra("import prefect")
    used = extra("from prefect import Flow, Parameter, case, task; Flow")
    return [
        Row("B7", "`import prefect`", f"{bare * 1e3:.0f} ms", "bare interpreter", f"+ {bare * 1e3:.0f} ms",
            "≤ 60 ms; no dask, HTTP, database", bare <= 0.06 and not heavy),
        Row("B7u", "`from prefect import Flow, Parameter, case, task`", f"{used * 1e3:.0f} ms", "bare interpreter",
            f"+ {used * 1e3:.0f} ms", "none", True),
    ]  # fmt: skip


if __name__ == "__main__":
    save(main())
