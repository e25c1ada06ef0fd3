"""Executors: where the work of a run is done."""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.executors.base import Executor as Executor
    from prefect.executors.local import LocalExecutor as LocalExecutor

__getattr__, __dir__, __all__ = front_door(
    __name__,
    {"Executor": "prefect.executors.base", "LocalExecutor": "prefect.executors.local"},
    modules=("base", "local"),
)
