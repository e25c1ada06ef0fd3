"""A workflow engine: tasks are joined into flows before anything runs.

```python
from prefect import Flow, task

@task
def say_hello(name):
    print(f"Hello, {name}!")

with Flow("greeting") as flow:
    say_hello("world")

flow.run()
```
"""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.configuration import config as config
    from prefect.core.edge import Edge as Edge
    from prefect.core.flow import Flow as Flow
    from prefect.core.parameter import DateTimeParameter as DateTimeParameter
    from prefect.core.parameter import Parameter as Parameter
    from prefect.core.task import Task as Task
    from prefect.tasks.control_flow.case import case as case
    from prefect.tasks.core.resource_manager import resource_manager as resource_manager
    from prefect.utilities.context import context as context
    from prefect.utilities.edges import flatten as flatten
    from prefect.utilities.edges import mapped as mapped
    from prefect.utilities.edges import unmapped as unmapped
    from prefect.utilities.tasks import apply_map as apply_map
    from prefect.utilities.tasks import as_task as as_task
    from prefect.utilities.tasks import pause_task as pause_task
    from prefect.utilities.tasks import tags as tags
    from prefect.utilities.tasks import task as task
    from prefect.utilities.version import __version__ as __version__

__getattr__, __dir__, __all__ = front_door(
    __name__,
    {
        "DateTimeParameter": "prefect.core.parameter",
        "Edge": "prefect.core.edge",
        "Flow": "prefect.core.flow",
        "Parameter": "prefect.core.parameter",
        "Task": "prefect.core.task",
        "__version__": "prefect.utilities.version",
        "apply_map": "prefect.utilities.tasks",
        "as_task": "prefect.utilities.tasks",
        "case": "prefect.tasks.control_flow.case",
        "config": "prefect.configuration",
        "context": "prefect.utilities.context",
        "flatten": "prefect.utilities.edges",
        "mapped": "prefect.utilities.edges",
        "pause_task": "prefect.utilities.tasks",
        "resource_manager": "prefect.tasks.core.resource_manager",
        "tags": "prefect.utilities.tasks",
        "task": "prefect.utilities.tasks",
        "unmapped": "prefect.utilities.edges",
    },
    modules=(
        "client",
        "configuration",
        "core",
        "engine",
        "exceptions",
        "executors",
        "schedules",
        "serialization",
        "tasks",
        "testing",
        "triggers",
        "utilities",
    ),
)
