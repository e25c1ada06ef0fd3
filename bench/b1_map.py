"""B1: a map of trivial tasks on the LocalExecutor."""

from __future__ import annotations

from flows import map_flow, plus_one, run_time
from measure import Row, compare, floor, micro, save, seconds

N = 10_000


def dask_sync() -> float:
    """The same graph with dask.delayed on its synchronous scheduler."""
    import dask

    children = [dask.delayed(plus_one)(i) for i in range(N)]
    return seconds(lambda: dask.delayed(sum)(children).compute(scheduler="sync")) / N


def main() -> list[Row]:
    flow = map_flow(N)
    result = compare(lambda: run_time(flow, N), lambda: floor(plus_one))
    dask = compare(lambda: run_time(flow, N), dask_sync, repeats=5)
    return [
        Row("B1", f"map of {N:,} trivial children", micro(result.work) + " a child", f"floor {micro(result.yardstick)}",
            f"{result.ratio:.1f} × floor", "≤ 8 × floor", result.ratio <= 8),
        Row("B1b", "the same, against dask.delayed, synchronous", micro(dask.work) + " a child",
            f"dask {micro(dask.yardstick)}", f"1/{1 / dask.ratio:.0f} of dask", "≤ 1/10 of dask", dask.ratio <= 0.1),
    ]  # fmt: skip


if __name__ == "__main__":
    save(main())
