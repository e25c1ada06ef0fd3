"""RunPlan: a graph compiled for running. Tasks become numbers in running order, edges counts and lists of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from prefect.core.edge import Edge
from prefect.core.graph import Graph
from prefect.core.task import Task

NO_CONSTANTS: Mapping[str, Any] = {}


class Node(NamedTuple):
    """One task of a plan.

    A *lane* is an edge over which a mapped task maps over another: child n waits for child n alone.
    """

    number: int
    task: Task
    slug: str
    edges: Sequence[Edge]
    sources: Sequence[int]
    lanes: tuple[int, ...]
    constants: Mapping[str, Any]
    mapped: bool


@dataclass(frozen=True, slots=True)
class RunPlan:
    """All tasks in running order, and for each the ones that wait for it.

    `after_end[n]` wait until task n and all its children are over, `after_opening[n]` until its children are known.
    A task appears once for each edge, and starts when `waiting` edges have reported.
    """

    nodes: Sequence[Node]
    after_end: Sequence[Sequence[int]]
    after_opening: Mapping[int, Sequence[int]]
    waiting: Sequence[int]
    numbers: Mapping[Task, int]


def plan_of(graph: Graph) -> RunPlan:
    """The plan of a graph, compiled once for as long as the graph does not change.

    Raises:
        CycleError: its tasks wait for each other.
    """
    return graph.remembered("plan", lambda: compile_plan(graph))


def compile_plan(graph: Graph) -> RunPlan:
    """Compile a graph.

    Raises:
        CycleError: its tasks wait for each other.
    """
    order = graph.sorted_tasks()
    numbers = {task: number for number, task in enumerate(order)}
    nodes: list[Node] = []
    after_end: list[list[int]] = [[] for _ in order]
    after_opening: dict[int, list[int]] = {}
    waiting: list[int] = []
    for number, (task, edges) in enumerate(zip(order, map(graph.incoming, order), strict=True)):
        sources: list[int] = []
        lanes: dict[int, None] = {}
        mapped = False
        for edge in edges:
            source = numbers[edge.upstream_task]
            sources.append(source)
            mapped = mapped or edge.mapped
            if edge.mapped and is_lane(edge, nodes[source]):
                lanes[source] = None
                after_opening.setdefault(source, []).append(number)
            else:
                after_end[source].append(number)
        constants = graph.constants.get(task, NO_CONSTANTS)
        node = (number, task, graph.slugs[task], edges, sources, tuple(lanes), constants, mapped)
        nodes.append(tuple.__new__(Node, node))  # quicker than its constructor
        waiting.append(len(edges))
    return RunPlan(nodes, after_end, after_opening, waiting, numbers)


def is_lane(edge: Edge, source: Node) -> bool:
    return edge.mapped and source.mapped and not edge.flattened
