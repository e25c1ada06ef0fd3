"""B10: three maps, one behind the other, that pass arrays of 1 MB, beside the same graph in plain Dask."""

from __future__ import annotations

import logging
import os
import resource

import numpy
from distributed import Client, LocalCluster
from flows import run
from measure import Row, compare, save, seconds

from prefect import Flow, task
from prefect.executors import DaskExecutor

N = int(os.environ.get("BENCH_LANES", "5000"))


def make(seed: int) -> numpy.ndarray:
    return numpy.full(131_072, float(seed))


def change(array: numpy.ndarray) -> numpy.ndarray:
    return array + 1.0


def measure(array: numpy.ndarray) -> float:
    return float(array[0])


def plain(client: Client) -> None:
    arrays = client.map(change, client.map(make, range(N), pure=False), pure=False)
    assert client.gather(client.map(measure, arrays, pure=False))[-1] == N


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> list[Row]:
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        with Flow("lanes", executor=DaskExecutor(address=cluster.scheduler_address)) as flow:
            task(measure).map(task(change).map(task(make).map(range(N))))
        before = peak()
        run(flow)
        grown = (peak() - before) / 1e6
        result = compare(lambda: seconds(lambda: run(flow)), lambda: seconds(lambda: plain(client)), repeats=2)
    return [
        Row("B10", f"Dask, 2 workers: 3 maps of {N:,} lanes passing 1 MB arrays", f"{result.work:.1f} s",
            f"plain Dask {result.yardstick:.1f} s", f"{result.ratio:.2f} × plain Dask", "≤ 1 ×", result.ratio <= 1),
        Row("B10m", "the same: what the driver grows by", f"{grown:.0f} MB", f"all arrays {2 * N * 1.05:,.0f} MB",
            "", "no array it was not asked for (≤ 100 MB)", grown <= 100),
    ]  # fmt: skip


if __name__ == "__main__":
    save(main())
