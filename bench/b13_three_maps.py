"""B13: 4,000 items through three mapped tasks with their history written down: a shape users found slow elsewhere."""

from __future__ import annotations

from flows import add_one, run, total
from histories import recorded
from measure import Row, compare, save, seconds

from prefect import Flow

ITEMS = 4_000
LONGEST = 0.6


def three_maps(n: int) -> Flow:
    """range(n) ─▶ add_one.map ─▶ add_one.map ─▶ add_one.map ─▶ total"""
    with Flow("three maps") as flow:
        total(add_one.map(add_one.map(add_one.map(range(n)))))
    return flow


def with_history() -> float:
    flow = three_maps(ITEMS)
    with recorded():
        return seconds(lambda: run(flow))


def main() -> list[Row]:
    flow = three_maps(ITEMS)
    result = compare(with_history, lambda: seconds(lambda: run(flow)))
    return [
        Row("B13", f"{ITEMS * 3:,} task runs, every transition written to SQLite", f"{result.work * 1e3:.0f} ms",
            f"no history {result.yardstick * 1e3:.0f} ms", f"{result.work:.2f} s", f"≤ {LONGEST} s",
            result.work <= LONGEST),
    ]  # fmt: skip


if __name__ == "__main__":
    save(main())
