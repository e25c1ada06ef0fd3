"""B11: a map of trivial tasks with its history written down, against the same without one."""

from __future__ import annotations

from flows import map_flow, run, run_time
from histories import bytes_in, recorded
from measure import Row, compare, micro, save, seconds

N = 10_000
MANY = 1_000_000


def with_history(n: int) -> float:
    flow = map_flow(n)
    with recorded():
        run(flow)  # the first run also makes the file and reads the code of the tasks
        return run_time(flow, n)


def main() -> list[Row]:
    flow = map_flow(N)
    result = compare(lambda: with_history(N), lambda: run_time(flow, N))
    more = result.work - result.yardstick
    many = map_flow(MANY)
    with recorded() as home:
        took = seconds(lambda: run(many))
        size = bytes_in(home) / MANY
    plain = seconds(lambda: run(many))
    return [
        Row("B11", f"map of {N:,} children, every transition written to SQLite", micro(result.work) + " a child",
            f"no history {micro(result.yardstick)}", f"{more * 1e6:+.1f} µs a child", "≤ 10 µs a child more",
            more <= 10e-6),
        Row("B11b", f"map of {MANY:,} children, written down", f"{took:.1f} s", f"no history {plain:.1f} s",
            f"{took:.1f} s", "≤ 30 s", took <= 30),
        Row("B11c", "the same, on disk", f"{size:.0f} bytes a child", "-", f"{size:.0f} bytes a child",
            "≤ 130 bytes a child", size <= 130),
    ]  # fmt: skip


if __name__ == "__main__":
    save(main())
