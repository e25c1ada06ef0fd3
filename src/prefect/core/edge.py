"""Edge: one task runs after another, and may hand it a value."""

from __future__ import annotations

from keyword import iskeyword
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from prefect.core.lift import as_task, opened
from prefect.core.task import Task
from prefect.exceptions import GraphError

if TYPE_CHECKING:
    from prefect.core.graph import Graph


class Ends(NamedTuple):
    """What an edge holds; a tuple, because the engine hashes edges at every run of a task."""

    upstream_task: Task
    downstream_task: Task
    key: str | None
    mapped: bool
    flattened: bool


class Edge(Ends):
    """A dependency between two tasks.

    Args:
        upstream_task: the task that runs first; any other value becomes a task.
        downstream_task: the task that runs after it.
        key: the argument of the downstream task that takes the upstream value; None passes no value.
        mapped: each child of the downstream task takes one element of the value.
        flattened: the value is a sequence of sequences, joined into one first.
        flow: the flow in which values become tasks.

    Raises:
        GraphError: the edge joins a task to itself, or the key cannot be an argument's name.
    """

    __slots__ = ()

    def __new__(
        cls,
        upstream_task: Any,
        downstream_task: Any,
        key: str | None = None,
        mapped: bool | None = None,
        flattened: bool | None = None,
        flow: Graph | None = None,
    ) -> Self:
        upstream, annotations = opened(upstream_task)
        downstream, more = opened(downstream_task)
        annotations = {**annotations, **more}
        if key is not None and not (isinstance(key, str) and key.isidentifier() and not iskeyword(key)):
            raise GraphError(f"{key!r} cannot be the key of an edge: it must name an argument of {downstream!r}.")
        return cls.join(
            as_task(upstream, flow),
            as_task(downstream, flow),
            key,
            annotations.get("mapped", bool(mapped)),
            annotations.get("flattened", bool(flattened)),
        )

    @classmethod
    def join(cls, upstream: Task, downstream: Task, key: str | None, mapped: bool, flattened: bool) -> Self:
        """An edge between two tasks under a key already known to be an argument."""
        if upstream is downstream:
            raise GraphError(f"{upstream!r} cannot run after itself.")
        return tuple.__new__(cls, (upstream, downstream, key, mapped, flattened))

    @property
    def tasks(self) -> set[Task]:
        return {self.upstream_task, self.downstream_task}

    def __reduce__(self) -> Any:
        return Edge.join, tuple(self)

    def __repr__(self) -> str:
        notes = [f"key={self.key}"] if self.key else []
        notes += [name for name in ("mapped", "flattened") if getattr(self, name)]
        detail = f" ({', '.join(notes)})" if notes else ""
        return f"<Edge: {self.upstream_task.name} to {self.downstream_task.name}{detail}>"
