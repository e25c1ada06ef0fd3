"""Results: where the value of a task is kept."""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.engine.result.base import NoResult as NoResult
    from prefect.engine.result.base import NoResultType as NoResultType
    from prefect.engine.result.base import Result as Result

HOME = "prefect.engine.result.base"

__getattr__, __dir__, __all__ = front_door(
    __name__, {"NoResult": HOME, "NoResultType": HOME, "Result": HOME}, modules=["base"]
)
