"""What tasks log gets into the history, wherever they run."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

import prefect
from prefect import Flow, task
from prefect.executors import DaskExecutor, LocalDaskExecutor, LocalExecutor
from prefect.store import log_lines
from prefect.store.opening import open_store
from prefect.utilities.configuration import set_temporary_config

EXECUTORS: dict[str, Any] = {
    "local": LocalExecutor,
    "threads": lambda: LocalDaskExecutor("threads", num_workers=2),
    "processes": lambda: LocalDaskExecutor("processes", num_workers=2),
    "dask in this process": lambda: DaskExecutor(cluster_kwargs={"n_workers": 1, "processes": False}),
    "dask": lambda: DaskExecutor(cluster_kwargs={"n_workers": 1, "threads_per_worker": 2}),
}


@pytest.mark.parametrize("kind", EXECUTORS)
def test_every_line_is_there_once_with_who_wrote_it(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    @task
    def single() -> int:
        prefect.context.logger.info("from the single one")
        return 1

    @task
    def child(x: int) -> int:
        prefect.context.logger.warning("from child %d", x)
        return x

    with Flow("f") as flow:
        child.map([single(), 10, 20])  # type: ignore[list-item]

    with set_temporary_config({"store.enabled": True, "store.url": f"memory://{uuid4()}"}):
        flow.run(executor=EXECUTORS[kind]())
        store = open_store()
        [run] = store.runs()
        lines = [line for chunk in store.logs(run.id) for line in log_lines.unpack(chunk)]

    said = [(line.task, line.index, line.message) for line in lines if line.message.startswith("from ")]
    assert sorted(said) == [
        ("child-1", 0, "from child 1"),
        ("child-1", 1, "from child 10"),
        ("child-1", 2, "from child 20"),
        ("single-1", -1, "from the single one"),
    ]
