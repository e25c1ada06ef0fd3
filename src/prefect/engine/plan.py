"""RunPlan: a graph compiled for running. Tasks become numbers in running order, edges counts and lists of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from prefect.core.edge import Edge
from prefect.core.graph import Graph
from prefect.core.task import Task

NO_SOURCES: list[int] = []  # shared, and never changed
NO_LANES: Sequence[int] = ()


class Node(NamedTuple):
    """One task of a plan.

    A *lane* is an edge over which a mapped task maps over another: child n waits for child n alone.
    """

    number: int
    task: Task
    slug: str
    edges: Sequence[Edge]
    sources: Sequence[int]
    lanes: Sequence[int]
    mapped: bool


@dataclass(frozen=True, slots=True)
class RunPlan:
    """All tasks in running order, and for each the ones that wait for it.

    `after_end[n]` wait until task n and all its children are over, `after_opening[n]` until its children are known.
    A task appears once for each edge, and starts when `waiting` edges have reported. `limited`: has any task limits?
    """

    nodes: Sequence[Node]
    after_end: Mapping[int, Sequence[int]]
    after_opening: Mapping[int, Sequence[int]]
    waiting: Sequence[int]
    numbers: Mapping[Task, int]
    limited: bool


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
    after_end: dict[int, list[int]] = {}
    after_opening: dict[int, list[int]] = {}
    waiting: list[int] = []
    limited = False
    for number, task in enumerate(order):
        edges = graph.incoming(task)
        sources: list[int] = [] if edges else NO_SOURCES
        mapped, lanes = False, NO_LANES
        for edge in edges:
            source = numbers[edge.upstream_task]
            sources.append(source)
            if edge.mapped:
                mapped = True
                if is_lane(edge, nodes[source]):
                    lanes = (*lanes, source)
                    after_opening.setdefault(source, []).append(number)
                    continue
            after_end.setdefault(source, []).append(number)
        node = (number, task, graph.slugs[task], edges, sources, lanes, mapped)
        nodes.append(tuple.__new__(Node, node))  # quicker than its constructor
        waiting.append(len(edges))
        limited = limited or task._run_limits is not None
    return RunPlan(nodes, after_end, after_opening, waiting, numbers, limited)


def is_lane(edge: Edge, source: Node) -> bool:
    return edge.mapped and source.mapped and not edge.flattened
