"""Tasks that flows are made of without being asked: constants, collections, operators, resources."""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.tasks.core.collections import Dict as Dict
    from prefect.tasks.core.collections import List as List
    from prefect.tasks.core.collections import Set as Set
    from prefect.tasks.core.collections import Tuple as Tuple
    from prefect.tasks.core.constants import Constant as Constant
    from prefect.tasks.core.function import FunctionTask as FunctionTask

__getattr__, __dir__, __all__ = front_door(
    __name__,
    {
        "Constant": "prefect.tasks.core.constants",
        "Dict": "prefect.tasks.core.collections",
        "FunctionTask": "prefect.tasks.core.function",
        "List": "prefect.tasks.core.collections",
        "Set": "prefect.tasks.core.collections",
        "Tuple": "prefect.tasks.core.collections",
    },
    modules=("collections", "constants", "function", "operators", "resource_manager"),
)
