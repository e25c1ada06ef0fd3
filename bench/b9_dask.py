"""B9: a map on a Dask cluster, beside `client.submit` for each item; and children that take a while."""

from __future__ import annotations

import logging
import time
from statistics import median

from distributed import Client, LocalCluster
from flows import plus_one, run
from measure import Row, compare, micro, save, seconds

from prefect import Flow, task
from prefect.executors import DaskExecutor

N, SUBMITTED, SLOW, PAUSE = 10_000, 2_000, 600, 0.05


def nap(x: int) -> int:
    time.sleep(PAUSE)
    return x


def submitted(client: Client) -> None:
    client.gather([client.submit(plus_one, i, pure=False) for i in range(SUBMITTED)])


def main() -> list[Row]:
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        executor = DaskExecutor(address=cluster.scheduler_address)
        with Flow("quick", executor=executor) as quick:
            task(plus_one).map(range(N))
        with Flow("slow", executor=executor) as slow:
            task(nap).map(range(SLOW))
        result = compare(
            lambda: seconds(lambda: run(quick)) / N, lambda: seconds(lambda: submitted(client)) / SUBMITTED, repeats=5
        )
        rate = SLOW * PAUSE / 2 / median(seconds(lambda: run(slow)) for _ in range(3))
    return [
        Row("B9", f"Dask, 2 workers: a map of {N:,} trivial children", micro(result.work) + " a child",
            f"client.submit {micro(result.yardstick)}", f"1/{1 / result.ratio:.0f}", "≤ 1/4 of client.submit",
            result.ratio <= 0.25),
        Row("B9s", f"Dask, 2 workers: {SLOW} children that sleep 50 ms", f"{2 / PAUSE * rate:.1f} a second",
            f"ideal {2 / PAUSE:.0f} a second", f"{rate:.1%} of the ideal rate", "≥ 95 %", rate >= 0.95),
    ]  # fmt: skip


if __name__ == "__main__":
    save(main())
