"""B8: threads that wait: how near to the ideal rate?"""

from __future__ import annotations

import time
from statistics import median

from flows import run
from measure import Row, save, seconds

from prefect import Flow, task
from prefect.executors import LocalDaskExecutor

N, THREADS, PAUSE = 2_000, 16, 0.005
IDEAL = N * PAUSE / THREADS


@task
def nap(x: int) -> int:
    time.sleep(PAUSE)
    return x


def flows() -> dict[str, Flow]:
    with Flow("map") as mapped:
        nap.map(range(N))
    with Flow("wide") as wide:
        for i in range(N):
            nap(i)
    for flow in (mapped, wide):
        flow.executor = LocalDaskExecutor("threads", num_workers=THREADS)
    return {"children": mapped, "tasks": wide}


def main() -> list[Row]:
    rows = []
    for number, (kind, flow) in enumerate(flows().items()):
        run(flow)
        rate = IDEAL / median(seconds(lambda flow=flow: run(flow)) for _ in range(5))
        rows.append(
            Row(f"B8{'m' if number == 0 else 'w'}", f"threads: {N:,} {kind} that sleep 5 ms, {THREADS} threads",
                f"{N / IDEAL * rate:,.0f} a second", f"ideal {N / IDEAL:,.0f} a second",
                f"{rate:.0%} of the ideal rate", "≥ 90 %", rate >= 0.9)
        )  # fmt: skip
    return rows


if __name__ == "__main__":
    save(main())
