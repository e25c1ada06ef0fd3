"""B3: building a flow: a task call inside `with Flow`."""

from __future__ import annotations

from flows import chain_flow
from measure import Row, compare, micro, save, seconds

SMALL, LARGE = 10_000, 40_000


def build_time(n: int) -> float:
    return seconds(lambda: chain_flow(n)) / n


def main() -> list[Row]:
    result = compare(lambda: build_time(LARGE), lambda: build_time(SMALL))
    return [
        Row("B3", f"a task call inside `with Flow`, {SMALL:,} of them", micro(result.yardstick) + " a call", "",
            micro(result.yardstick), "≤ 15 µs", result.yardstick <= 15e-6),
        Row("B3g", f"the same, {LARGE:,} of them", micro(result.work) + " a call",
            f"{SMALL:,} calls {micro(result.yardstick)}", f"{result.ratio:.2f} ×", "linear, ≤ 1.3 ×",
            result.ratio <= 1.3),
    ]  # fmt: skip


if __name__ == "__main__":
    save(main())
