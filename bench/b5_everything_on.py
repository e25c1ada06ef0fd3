"""B5: the map of B1 with retries, a state handler and a trigger on every child."""

from __future__ import annotations

from datetime import timedelta

from flows import map_flow, plus_one, run_time
from measure import Row, compare, micro, save

from prefect import task
from prefect.triggers import any_successful

N = 10_000


def handler(task, old_state, new_state):
    return new_state


guarded = task(
    plus_one, max_retries=3, retry_delay=timedelta(seconds=1), state_handlers=[handler], trigger=any_successful
)


def main() -> list[Row]:
    plain, full = map_flow(N), map_flow(N, guarded)
    result = compare(lambda: run_time(full, N), lambda: run_time(plain, N))
    return [
        Row("B5", "B1 with retries, a state handler and a trigger", micro(result.work) + " a child",
            f"B1 {micro(result.yardstick)}", f"{result.ratio:.1f} × B1", "≤ 3 × B1", result.ratio <= 3),
    ]  # fmt: skip


if __name__ == "__main__":
    save(main())
