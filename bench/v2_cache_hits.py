"""V2: a map whose values are all in the cache, and the same map when all have to be made and put there."""

from __future__ import annotations

from datetime import timedelta

from flows import map_flow, plus_one, run_time
from measure import Row, compare, floor, micro, save

from prefect import context, task
from prefect.engine.cache import MemoryCache
from prefect.engine.cache_validators import all_inputs

N = 10_000

cached = task(plus_one, cache_for=timedelta(hours=1), cache_validator=all_inputs)


def main() -> list[Row]:
    flow = map_flow(N, cached)
    warm = MemoryCache()

    def with_cache(cache: MemoryCache) -> float:
        with context(caches=cache):
            return run_time(flow, N)

    hits = compare(lambda: with_cache(warm), lambda: floor(plus_one))
    misses = compare(lambda: with_cache(MemoryCache()), lambda: floor(plus_one))
    return [
        Row("V2", f"a map of {N:,} children, all found in the cache by their inputs", micro(hits.work) + " a child",
            f"floor {micro(hits.yardstick)}", f"{hits.ratio:.1f} × floor", "≤ 50 × floor", hits.ratio <= 50),
        Row("V2n", "the same with an empty cache: looked for, made, and put there", micro(misses.work) + " a child",
            f"floor {micro(misses.yardstick)}", f"{misses.ratio:.1f} × floor", "≤ 60 × floor", misses.ratio <= 60),
    ]  # fmt: skip


if __name__ == "__main__":
    save(main())
