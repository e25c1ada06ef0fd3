"""What flows are built from."""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.core.edge import Edge as Edge
    from prefect.core.flow import Flow as Flow
    from prefect.core.parameter import DateTimeParameter as DateTimeParameter
    from prefect.core.parameter import Parameter as Parameter
    from prefect.core.task import Task as Task

__getattr__, __dir__, __all__ = front_door(
    __name__,
    {
        "DateTimeParameter": "prefect.core.parameter",
        "Edge": "prefect.core.edge",
        "Flow": "prefect.core.flow",
        "Parameter": "prefect.core.parameter",
        "Task": "prefect.core.task",
    },
    modules=("edge", "flow", "graph", "parameter", "task"),
)
