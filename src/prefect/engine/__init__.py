"""What runs flows: states, signals, runners."""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.engine.flow_runner import FlowRunner as FlowRunner
    from prefect.engine.task_runner import TaskRunner as TaskRunner

__getattr__, __dir__, __all__ = front_door(
    __name__,
    {"FlowRunner": "prefect.engine.flow_runner", "TaskRunner": "prefect.engine.task_runner"},
    modules=(
        "cache_validators",
        "flow_runner",
        "result",
        "results",
        "runner",
        "serializers",
        "signals",
        "state",
        "task_runner",
    ),
)
