"""Results: where the value of a task is kept."""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.engine.result.base import NoResult as NoResult
    from prefect.engine.result.base import NoResultType as NoResultType
    from prefect.engine.result.base import Result as Result
    from prefect.engine.result.base import Stored as Stored
    from prefect.engine.result.stored import StoredResult as StoredResult

HOME = "prefect.engine.result.base"

__getattr__, __dir__, __all__ = front_door(
    __name__,
    {
        "NoResult": HOME,
        "NoResultType": HOME,
        "Result": HOME,
        "Stored": HOME,
        "StoredResult": "prefect.engine.result.stored",
    },
    modules=["base", "stored"],
)
