"""Resources: what is set up before the tasks that use it, and cleaned up after them even if they fail.

```
                     ┌────────────── with … as ──────────────┐
Cluster ─▶ Cluster.setup ─▶ every first task … every last task ─▶ Cluster.cleanup
   (init)          └──────────────── the resource ──────────────────────▲
```
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, overload

from prefect.core.signature import read_signature
from prefect.core.task import Task
from prefect.engine.signals import SKIP
from prefect.exceptions import FlowContextMissing
from prefect.tasks.core.block import Block, first, last
from prefect.triggers import UpstreamStates, all_finished
from prefect.utilities.context import lookup

if TYPE_CHECKING:
    from prefect.core.graph import Graph


class ResourceInitTask(Task):
    """Make an instance of a resource class; its arguments are those of the class."""

    role = "init"
    run: Callable[..., Any]

    def __init__(self, resource_class: type, **kwargs: Any) -> None:
        self._run_signature = read_signature(resource_class, resource_class.__name__)  # type: ignore[misc]
        self.run = resource_class
        super().__init__(**kwargs)


class ResourceSetupTask(Task):
    """Set a resource up, and return what its users need."""

    role = "setup"

    def run(self, mgr: Any) -> Any:
        return mgr.setup()


class ResourceCleanupTask(Task):
    """Clean a resource up."""

    role = "cleanup"

    def run(self, mgr: Any, resource: Any = None) -> None:
        mgr.cleanup(resource)


def resource_cleanup_trigger(upstream_states: UpstreamStates) -> bool:
    """Everything before is over, however it ended; skip if there is nothing to clean up."""
    for edge, state in upstream_states.items():
        if edge.key is not None and state.is_finished() and (state.is_skipped() or not state.is_successful()):
            raise SKIP("The resource was not set up, so there is nothing to clean up.", result=None)
    return all_finished(upstream_states)


class ResourceContext(Block):
    """A resource in a flow; use it as a `with` block, whose `as` is the task that returns the resource.

    Args:
        init_task: makes the manager of the resource.
        setup_task: sets the resource up; None if that is not needed.
        cleanup_task: cleans the resource up.
        flow: the flow that they are part of.
    """

    key = "resource"

    def __init__(self, init_task: Task, setup_task: Task | None, cleanup_task: Task, flow: Graph) -> None:
        super().__init__(flow)
        self.init_task = init_task
        self.setup_task = setup_task
        self.cleanup_task = cleanup_task

    def __repr__(self) -> str:
        return f"<Resource: {self.init_task.name}>"

    def __enter__(self) -> Task | None:
        super().__enter__()
        return self.setup_task

    def join(self, tasks: dict[Task, None], flow: Graph) -> None:
        begin, end = first(tasks, flow), last(tasks, flow)
        for task in begin:
            if self.setup_task is not None and self.setup_task not in flow.upstream_tasks(task):
                task.set_upstream(self.setup_task, flow=flow)
        for task in end:
            if self.cleanup_task not in flow.downstream_tasks(task):
                task.set_downstream(self.cleanup_task, flow=flow)
        self._tell_outer(tasks, flow)

    def _tell_outer(self, tasks: dict[Task, None], flow: Graph) -> None:
        """The resource around this one is there for its tasks, too."""
        outer = lookup("resource")
        for task in tasks if outer is not None else ():
            outer.add_task(task, flow)


class ResourceManager:
    """Makes the tasks of a resource whenever it is called in a flow; `resource_manager` makes one of a class.

    Args:
        resource_class: has `cleanup(resource)`, and may have `setup()`, which returns the resource.
        name: what people call it; by default the name of the class.
        init_task_kwargs: settings of the task that makes an instance.
        setup_task_kwargs: settings of the task that calls `setup`.
        cleanup_task_kwargs: settings of the task that calls `cleanup`.
    """

    def __init__(
        self,
        resource_class: type,
        name: str | None = None,
        init_task_kwargs: Mapping[str, Any] | None = None,
        setup_task_kwargs: Mapping[str, Any] | None = None,
        cleanup_task_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.resource_class = resource_class
        self.name = name = name or resource_class.__name__
        self.init_task_kwargs = {"name": name, "checkpoint": False, **(init_task_kwargs or {})}
        self.setup_task_kwargs = {"name": f"{name}.setup", "checkpoint": False, **(setup_task_kwargs or {})}
        self.cleanup_task_kwargs = {
            "name": f"{name}.cleanup",
            "checkpoint": False,
            "trigger": resource_cleanup_trigger,
            "skip_on_upstream_skip": False,
            **(cleanup_task_kwargs or {}),
        }
        functools.update_wrapper(self, resource_class, updated=())

    def __repr__(self) -> str:
        return f"<ResourceManager: {self.name}>"

    def __call__(self, *args: Any, flow: Graph | None = None, **kwargs: Any) -> ResourceContext:
        """Add the tasks of the resource to a flow.

        Args:
            *args: arguments of the class: tasks, or plain values.
            flow: the flow to add to; by default the one being built.
            **kwargs: arguments of the class by name.

        Raises:
            FlowContextMissing: no flow is being built.
        """
        flow = lookup("flow") if flow is None else flow
        if flow is None:
            raise FlowContextMissing(
                f"The resource {self.name!r} was used while no flow is being built: "
                "use it inside `with Flow(...)`, or pass `flow=`."
            )
        init_task = ResourceInitTask(self.resource_class, **self.init_task_kwargs).bind(*args, flow=flow, **kwargs)
        setup_task = self._setup_task(init_task, flow)
        cleanup_task = ResourceCleanupTask(**self.cleanup_task_kwargs)
        cleanup_task.bind(mgr=init_task, resource=setup_task, flow=flow)
        return ResourceContext(init_task, setup_task, cleanup_task, flow)

    def _setup_task(self, init_task: Task, flow: Graph) -> Task | None:
        if not hasattr(self.resource_class, "setup"):
            return None
        return ResourceSetupTask(**self.setup_task_kwargs).bind(mgr=init_task, flow=flow)


@overload
def resource_manager(resource_class: type) -> ResourceManager: ...
@overload
def resource_manager(
    resource_class: None = None,
    *,
    name: str | None = None,
    init_task_kwargs: Mapping[str, Any] | None = None,
    setup_task_kwargs: Mapping[str, Any] | None = None,
    cleanup_task_kwargs: Mapping[str, Any] | None = None,
) -> Callable[[type], ResourceManager]: ...
def resource_manager(resource_class: type | None = None, **settings: Any) -> Any:
    """Turn a class into a resource of flows: `@resource_manager`, or `@resource_manager(name="db")` with settings.

    ```python
    @resource_manager
    class Cluster:
        def __init__(self, workers):
            self.workers = workers

        def setup(self):
            return start(self.workers)

        def cleanup(self, cluster):
            cluster.stop()

    with Flow("work") as flow:
        with Cluster(workers=4) as cluster:
            compute(cluster)
    ```

    `cleanup` is called when every task of the block is over, even if some failed, unless there was nothing set up.
    """
    if resource_class is None:
        return functools.partial(ResourceManager, **settings)
    return ResourceManager(resource_class, **settings)
