"""How work gets into the hands of an executor, and what comes back: as it is, or as bytes.

| hands | arguments and values | maps |
|---|---|---|
| `Near`: this process | handed over as they are | one map after the other |
| `Far`: other processes | pickled here, see `prefect.engine.parcels` | by lane: each index through all of them |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import uuid4

from prefect.configuration import config
from prefect.core.task import NO_TAGS, Task
from prefect.engine import caching
from prefect.engine.baggage import Baggage, Piece, of_context, of_inputs, of_task, what_stays
from prefect.engine.jobs import ChildrenOutcome, run_children, run_task
from prefect.engine.log_lines import LogLine
from prefect.engine.mapping import Source, Whole, part_of
from prefect.engine.parcels import Chunk, Stage, Template, bare, run_lanes, run_single, unpacked
from prefect.engine.reporting import Seconds
from prefect.engine.state import Failed, State
from prefect.engine.task_runner import TaskRunner
from prefect.exceptions import PrefectException
from prefect.executors.base import Executor
from prefect.utilities.serialization import dumps
from prefect.utilities.texts import text_of

if TYPE_CHECKING:
    from prefect.core.edge import Edge

Facts = Mapping[str, Any] | None


class MappedTask(NamedTuple):
    """A mapped task whose children are to run.

    Attributes:
        runner: its runner.
        facts: what to add to the context of its runs.
        sources: for each edge, where the children find their upstream states.
        origins: for each edge, which task of the lane it comes from, by position; None for the others.
        width: how many children it has.
        kept: do tasks outside the lane read its values?
    """

    runner: TaskRunner
    facts: Facts
    sources: Sequence[tuple[Edge, Source]]
    origins: Sequence[int | None]
    width: int
    kept: bool


class Outcome(NamedTuple):
    """What came of some work.

    Attributes:
        lanes: for each index, the states of the tasks of the lane; for a task that is not mapped, its state alone.
        seconds: how long it took.
        interrupted: did Ctrl-C arrive meanwhile?
        lines: what was logged elsewhere, if somebody asked.
        times: for each task of the lane, when its children began and ended, by position; empty if nobody asked.
    """

    lanes: Sequence[Sequence[State | None]]
    seconds: float = 0.0
    interrupted: bool = False
    times: Sequence[tuple[Sequence[Seconds], Sequence[Seconds]]] = ()
    lines: Sequence[LogLine] = ()


class CannotTravel(Exception):
    """Something that a task needs cannot be sent to where it would run."""

    def __init__(self, state: State) -> None:
        super().__init__(state.message)
        self.state = state


class CannotTravelTogether(Exception):
    """Of some children at least one cannot be sent to where they would run."""


class Hands(Protocol):
    """Gives work to an executor."""

    def task(self, runner: TaskRunner, facts: Facts, upstream: Mapping[Edge, State], given: State | None) -> Any:
        """Begin the run of a task that is not mapped; the future of the executor."""

    def children(
        self, lane: Sequence[int], tasks: Sequence[MappedTask], indices: Sequence[int], given: Sequence[State | None]
    ) -> Any:
        """Begin the runs of some children; the future of the executor."""

    def outcome(self, value: Any) -> Outcome:
        """What came of it, from the value of the future."""


def hands_for(executor: Executor, flow_facts: dict[str, Any]) -> Hands:
    return Far(executor, flow_facts) if executor.distant else Near(executor, flow_facts)


def about(task: Task, index: int | None = None) -> dict[str, Any]:
    """What an executor is told of the work."""
    return {
        "task_name": task.name,
        "task_tags": task._tags or NO_TAGS,
        "task_index": index,
        "timeout": task.timeout or None,
    }


class Near:
    """Gives work to hands in this process."""

    def __init__(self, executor: Executor, flow_facts: dict[str, Any]) -> None:
        self.executor = executor
        self.flow_facts = flow_facts

    def task(self, runner: TaskRunner, facts: Facts, upstream: Mapping[Edge, State], given: State | None) -> Any:
        extra = about(runner.task)
        return self.executor.submit(run_task, runner, self.flow_facts, facts, upstream, given, extra_context=extra)

    def children(
        self, lane: Sequence[int], tasks: Sequence[MappedTask], indices: Sequence[int], given: Sequence[State | None]
    ) -> Any:
        [(runner, facts, sources, *_)] = tasks
        extra = about(runner.task, indices[0])
        return self.executor.submit(
            run_children, runner, self.flow_facts, facts, sources, indices, given, extra_context=extra
        )

    def outcome(self, value: Any) -> Outcome:
        if isinstance(value, State):
            return Outcome([[value]])
        assert isinstance(value, ChildrenOutcome)
        times = [([value.began, *value.ends[:-1]], value.ends)] if value.ends else []
        return Outcome([[state] for state in value.states], value.seconds, value.interrupted, times)


class Far:
    """Gives work to hands in other processes."""

    def __init__(self, executor: Executor, flow_facts: dict[str, Any]) -> None:
        self.executor = executor
        self.flow_facts = flow_facts
        self._bare: dict[Task, Task] = {}
        self._templates: dict[tuple[int, ...], tuple[str, Any]] = {}

    # --- a task that is not mapped -----------------------------------------------------------------------------------

    def task(self, runner: TaskRunner, facts: Facts, upstream: Mapping[Edge, State], given: State | None) -> Any:
        light = {self._light(edge): state for edge, state in upstream.items()}
        context = self._facts_for(runner.task)
        job = packed(
            runner.task, (runner, context, facts, light, given), lambda: of_run(runner, upstream, context, facts)
        )
        return self.executor.submit(run_single, job, extra_context=about(runner.task))

    # --- children ----------------------------------------------------------------------------------------------------

    def children(
        self, lane: Sequence[int], tasks: Sequence[MappedTask], indices: Sequence[int], given: Sequence[State | None]
    ) -> Any:
        first = tasks[0].runner.task
        key, template = self._template(tuple(lane), tasks)
        chunk = self._packed_chunk(tasks, Chunk(indices, [self._parts(each, indices) for each in tasks], given))
        return self.executor.submit(
            run_lanes, key, len(indices), template, chunk, extra_context=about(first, indices[0])
        )

    def _packed_chunk(self, tasks: Sequence[MappedTask], chunk: Chunk) -> bytes:
        try:
            return dumps(chunk)
        except Exception as error:
            if len(chunk.indices) > 1:
                raise CannotTravelTogether from error
        return packed(tasks[0].runner.task, chunk, lambda: of_child(tasks, chunk.indices[0]))

    def _template(self, lane: tuple[int, ...], tasks: Sequence[MappedTask]) -> tuple[str, Any]:
        if lane not in self._templates:
            stages = [self._stage(each) for each in tasks]
            first = tasks[0].runner.task
            context = self._facts_for(*(each.runner.task for each in tasks))
            data = packed(first, Template(stages, context), lambda: of_lane(tasks, context))
            self._templates[lane] = uuid4().hex, self.executor.share(data)
        return self._templates[lane]

    def _stage(self, each: MappedTask) -> Stage:
        return Stage(
            runner=each.runner,
            facts=each.facts,
            edges=[self._light(edge) for edge, _ in each.sources],
            wholes=[source if isinstance(source, Whole) else None for _, source in each.sources],
            inner=each.origins,
            width=each.width,
            kept=each.kept or not config.engine.release_values,
        )

    def _parts(self, each: MappedTask, indices: Sequence[int]) -> list[Source | None]:
        """What the children get, where it is not the same for all and does not come from the lane itself."""
        there = indices if indices[-1] < each.width else [index for index in indices if index < each.width]
        return [
            None if isinstance(source, Whole) or origin is not None else part_of(source, there)
            for (_, source), origin in zip(each.sources, each.origins, strict=True)
        ]

    # --- what both need ----------------------------------------------------------------------------------------------

    def _light(self, edge: Edge) -> Edge:
        """An edge without the code of the task before it."""
        upstream = bare(edge.upstream_task, self._bare)
        return type(edge).join(upstream, edge.downstream_task, edge.key, edge.mapped, edge.flattened)

    def _facts_for(self, *tasks: Task) -> dict[str, Any]:
        """The context of the flow run, with no more of the cache than these tasks can use."""
        facts = dict(self.flow_facts)
        cache = facts.pop("caches", None)
        keys = [caching.cache_key(task) for task in tasks if task.cache_for is not None]
        if cache is not None and keys:
            facts["caches"] = cache.only(keys)
        return facts

    def outcome(self, value: Any) -> Outcome:
        parcels = unpacked([value] if isinstance(value, bytes) else value)
        return Outcome(
            lanes=[each.states for each in parcels],
            seconds=parcels[-1].seconds if parcels else 0.0,
            times=columns([each.times for each in parcels]),
            lines=[line for each in parcels for line in each.lines],
        )


# --- what goes along --------------------------------------------------------------------------------------------------


def of_run(
    runner: TaskRunner, upstream: Mapping[Edge, State], context: Mapping[str, Any], facts: Facts
) -> Iterator[Piece]:
    """What a task that is not mapped takes along."""
    yield from of_task(runner)
    yield from of_inputs(runner.task, upstream.items())
    yield from of_context({**context, **(facts or {})})


def of_lane(tasks: Sequence[MappedTask], context: Mapping[str, Any]) -> Iterator[Piece]:
    """What all children of a lane take along."""
    for each in tasks:
        yield from of_task(each.runner)
        wholes = [(edge, source[0]) for edge, source in each.sources if isinstance(source, Whole)]
        yield from of_inputs(each.runner.task, wholes)
        yield from of_context({**context, **(each.facts or {})})


def of_child(tasks: Sequence[MappedTask], index: int) -> Iterator[Piece]:
    """What the children with one index take along."""
    for each in tasks:
        if index < each.width:
            sources = zip(each.sources, each.origins, strict=True)
            own = [(edge, source[index]) for (edge, source), origin in sources if origin is None]
            yield from of_inputs(each.runner.task, own, index)


# --- packing ----------------------------------------------------------------------------------------------------------


def columns(times: Sequence[Sequence[Seconds]]) -> list[tuple[Sequence[Seconds], Sequence[Seconds]]]:
    """When the children of each stage began and ended, from when each lane began and its stages ended."""
    edges = list(zip(*times, strict=True)) if all(times) else []
    return list(pairwise(edges))


def packed(task: Task, what: Any, baggage: Baggage) -> bytes:
    """The bytes of something that goes to a worker.

    Args:
        task: who goes there.
        what: is packed.
        baggage: names the pieces of it.

    Raises:
        CannotTravel: it cannot be pickled; the state of the task says where the culprit is.
    """
    try:
        return dumps(what)
    except Exception as error:
        message = f"{task!r} cannot be sent to a worker: {what_stays(baggage()) or text_of(error)}."
        raise CannotTravel(Failed(message, result=PrefectException(message))) from error
