"""Executors: where the work of a run is done."""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.executors.base import Executor as Executor
    from prefect.executors.dask import DaskExecutor as DaskExecutor
    from prefect.executors.local import LocalExecutor as LocalExecutor
    from prefect.executors.local_dask import LocalDaskExecutor as LocalDaskExecutor

__getattr__, __dir__, __all__ = front_door(
    __name__,
    {
        "DaskExecutor": "prefect.executors.dask",
        "Executor": "prefect.executors.base",
        "LocalDaskExecutor": "prefect.executors.local_dask",
        "LocalExecutor": "prefect.executors.local",
    },
    modules=("base", "dask", "local", "local_dask"),
)
