"""B2: many tasks, one after the other or side by side; the cost of one must not grow with their number."""

from __future__ import annotations

from collections.abc import Callable

from flows import chain_flow, plus_one, run_time, wide_flow
from measure import Row, compare, floor, micro, save

from prefect import Flow

SMALL, LARGE = 3_000, 30_000


def rows(id: str, name: str, build: Callable[[int], Flow]) -> list[Row]:
    small, large = build(SMALL), build(LARGE)
    first = compare(lambda: run_time(build(SMALL), SMALL), lambda: floor(plus_one))
    result = compare(lambda: run_time(small, SMALL), lambda: floor(plus_one))
    growth = compare(lambda: run_time(large, LARGE), lambda: run_time(small, SMALL), repeats=7)
    return [
        Row(id, f"{name} of {SMALL:,} tasks, first run (the flow is compiled)", micro(first.work) + " a task",
            f"floor {micro(first.yardstick)}", f"{first.ratio:.1f} × floor", "≤ 12 × floor", first.ratio <= 12),
        Row(id + "a", f"{name} of {SMALL:,} tasks, run again", micro(result.work) + " a task",
            f"floor {micro(result.yardstick)}", f"{result.ratio:.1f} × floor", "≤ 12 × floor", result.ratio <= 12),
        Row(id + "g", f"{name} of {LARGE:,} tasks", micro(growth.work) + " a task",
            f"{SMALL:,} tasks {micro(growth.yardstick)}", f"{growth.ratio:.2f} ×", "≤ 1.3 ×", growth.ratio <= 1.3),
    ]  # fmt: skip


if __name__ == "__main__":
    save([*rows("B2c", "chain", chain_flow), *rows("B2w", "wide flow", wide_flow)])
