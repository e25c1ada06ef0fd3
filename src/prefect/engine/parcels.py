"""What goes to hands in other processes and what comes back, as bytes.

```
driver                                              worker
Template ── dumps, once for all children ──▶ share ──▶ loaded once by each worker ──┐
Chunk ───── dumps ──▶ submit ──────────────────────▶ run_lanes(template, chunk) ────┤
                                                                                    ▼
states of the lane ◀── unpack ◀──────────────────── pack(states), one parcel for each index
```

Everything is pickled here rather than by the executor: what cannot travel then fails its own task, with the path to the
culprit, and not the whole flow.
"""

from __future__ import annotations

import traceback
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from time import perf_counter, time
from typing import TYPE_CHECKING, Any, NamedTuple

from prefect.core.task import Task
from prefect.engine.jobs import run_task
from prefect.engine.log_lines import LogLine, gathering
from prefect.engine.mapping import Source, Whole
from prefect.engine.reporting import trail_of
from prefect.engine.result.released import let_go
from prefect.engine.signals import FAIL
from prefect.engine.state import Failed, State, Success, can_travel
from prefect.engine.task_runner import TaskRunner
from prefect.exceptions import PrefectException
from prefect.executors.stopping import says_its_limits
from prefect.utilities.context import pop, top
from prefect.utilities.pickling import why_unpicklable
from prefect.utilities.serialization import dumps, loads, try_dumps
from prefect.utilities.texts import repr_of, text_of

if TYPE_CHECKING:
    from prefect.core.edge import Edge


class Stage(NamedTuple):
    """One mapped task of a lane.

    Attributes:
        runner: the runner of the task.
        facts: what to add to the context of its runs.
        edges: the edges into it.
        wholes: for each edge, the source of those that give the same to every child; None for the others.
        inner: for each edge, the number of the stage of this lane that it comes from; None for the others.
        width: how many children it has.
        kept: do others than the stages of this lane read its values?
    """

    runner: TaskRunner
    facts: Mapping[str, Any] | None
    edges: Sequence[Edge]
    wholes: Sequence[Whole | None]
    inner: Sequence[int | None]
    width: int
    kept: bool


class Template(NamedTuple):
    """What is the same for all children of a lane, sent to each worker once."""

    stages: Sequence[Stage]
    flow_facts: dict[str, Any]


class Chunk(NamedTuple):
    """What some children of a lane get.

    Attributes:
        indices: which children.
        sources: for each stage and each of its edges, where the children find their upstream states, if not elsewhere.
        given: for each index the state in which the child of the first stage begins.
    """

    indices: Sequence[int]
    sources: Sequence[Sequence[Source | None]]
    given: Sequence[State | None]


class Parcel(NamedTuple):
    """What the children with one index came to.

    Attributes:
        states: of the first stage, and of those that could run behind it; None where a child did not run.
        seconds: since the work on the chunk began.
        times: when the first stage began, and when each stage ended, in seconds since 1970; empty if nobody asked.
        lines: what was logged, if somebody asked.
    """

    states: Sequence[State | None]
    seconds: float
    times: Sequence[float] = ()
    lines: Sequence[LogLine] = ()


# --- on the worker ----------------------------------------------------------------------------------------------------


@says_its_limits
def run_single(job: bytes) -> bytes:
    """Run a task that is not mapped; what it came to, packed."""
    began, begun = time(), perf_counter()
    try:
        runner, flow_facts, facts, upstream, given = loads(job)
        heedful(runner)
    except Exception as error:  # a module that is missing there, for example
        return dumps(Parcel([unreadable(error)], 0.0))
    flow_facts, lines = gathering(flow_facts, runner.watched)
    state = run_task(runner, flow_facts, facts, upstream, given)
    return pack_lane(Parcel([state], perf_counter() - begun, (began, time()), lines))


@says_its_limits
def run_lanes(key: str, count: int, template: bytes, chunk: bytes) -> Iterator[bytes]:
    """Run `count` children of a lane, index after index; what each came to, packed, as soon as it is over."""
    begun = perf_counter()
    try:
        stages, flow_facts = TEMPLATES.get(key, template)
        indices, sources, given = loads(chunk)
    except Exception as error:
        yield from [dumps(Parcel([unreadable(error)], 0.0))] * count
        return
    watched = stages[0].runner.watched
    for index, state in zip(indices, given, strict=True):
        job_facts, lines = gathering(flow_facts, watched)
        token = top.set((job_facts, None, True))  # what this process knew before is of other runs
        try:
            states, times = run_lane(stages, index, sources, state)
        finally:
            pop(token)
        yield pack_lane(Parcel(states, perf_counter() - begun, times if watched else (), lines))


def run_lane(
    stages: Sequence[Stage], index: int, sources: Sequence[Sequence[Source | None]], given: State | None
) -> tuple[list[State | None], list[float]]:
    """Run the children with one index, stage after stage, as far as those before them are over; and take the times."""
    states: list[State | None] = []
    times = [time()]
    for number, stage in enumerate(stages):
        if index >= stage.width or not all(ready(states, inner) for inner in stage.inner):
            states.append(None)
            times.append(times[-1])
            continue
        upstream = {
            edge: upstream_state(index, states, whole, inner, source)
            for edge, whole, inner, source in zip(stage.edges, stage.wholes, stage.inner, sources[number], strict=True)
        }
        facts = {**(stage.facts or {}), "map_index": index}
        states.append(stage.runner.run(given if number == 0 else None, upstream, facts))
        times.append(time())
    return [released(stages, number, index, states) for number in range(len(stages))], times


def ready(states: Sequence[State | None], inner: int | None) -> bool:
    """Is the child of a stage before over, if the edge comes from one?"""
    if inner is None:
        return True
    state = states[inner]
    return state is not None and state.is_finished()


def upstream_state(
    index: int, states: Sequence[State | None], whole: Whole | None, inner: int | None, source: Source | None
) -> State:
    if inner is not None:
        state = states[inner]
        assert state is not None
        return state
    place = whole if whole is not None else source
    assert place is not None
    return place[index]


def released(stages: Sequence[Stage], number: int, index: int, states: Sequence[State | None]) -> State | None:
    """A state as it is sent back: without a large value that all its readers have read."""
    state = states[number]
    if type(state) is not Success or stages[number].kept or not read_by_all(stages, number, index, states):
        return state
    held = let_go(state._held)
    if held is state._held:
        return state
    light = Success.made(held, state.message, state._facts)
    light._trail = trail_of(state)
    return light


def read_by_all(stages: Sequence[Stage], number: int, index: int, states: Sequence[State | None]) -> bool:
    return all(
        index >= stage.width or (after is not None and after.is_finished())
        for stage, after in zip(stages, states, strict=True)
        if number in stage.inner
    )


class Templates:
    """The templates that this process has loaded; the last few are kept, as runs use one after the other."""

    def __init__(self, size: int = 32) -> None:
        self.size = size
        self._lock = Lock()
        self._loaded: OrderedDict[str, Template] = OrderedDict()

    def get(self, key: str, data: bytes) -> Template:
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = template = loads(data)
                for stage in template.stages:
                    heedful(stage.runner)
            self._loaded.move_to_end(key)
            while len(self._loaded) > self.size:
                self._loaded.popitem(last=False)
            return self._loaded[key]


TEMPLATES = Templates()


# --- values that cannot travel, where the task can do something about them --------------------------------------------


def heedful(runner: TaskRunner) -> None:
    """Let a value that cannot travel fail its run at once, so that handlers hear of it and retries are used.

    Other tasks need not care: their values are packed together, and one that cannot travel becomes a failure then.
    """
    if runner.task.max_retries or not runner.quiet:
        runner.succeed = success_that_travels


def success_that_travels(value: Any, message: str, tags: Any) -> State:
    state = Success.made(value, message, tags)
    try:
        try_dumps(value)
    except Exception as error:
        failed = untravelled(state, error)
        raise FAIL(failed.message, result=failed.result) from error
    return state


# --- packing ----------------------------------------------------------------------------------------------------------


def pack(state: State) -> bytes:
    """A state as bytes that can be read back; one that cannot travel becomes a failure that says why."""
    if state.is_failed() and isinstance(state.result, BaseException):
        state.result = travelling(state.result)
    try:
        return dumps(state)
    except Exception as error:
        return dumps(untravelled(state, error))


def pack_lane(parcel: Parcel) -> bytes:
    if all(state is None or state.is_successful() for state in parcel.states):
        try:
            return dumps(parcel)
        except Exception:  # one of them, or more: looked for below
            pass
    states = [None if state is None else loads(pack(state)) for state in parcel.states]
    return dumps(parcel._replace(states=states))


def travelling(error: BaseException) -> BaseException:
    """An exception with a note of where it comes from, as its traceback stays behind; or a stand-in for it."""
    if error.__traceback__ is not None:
        error.add_note("On the worker:\n" + "".join(traceback.format_tb(error.__traceback__)).rstrip())
    if can_travel(error):
        return error
    return PrefectException(f"{repr_of(error)}, which cannot be pickled. " + "\n".join(getattr(error, "__notes__", [])))


def unpacked(parcels: Sequence[bytes]) -> list[Parcel]:
    """Read what came back; what cannot be read is the failure of its run, not of the others."""
    try:
        return [loads(each) for each in parcels]
    except Exception:  # of one of them, or more: looked for below
        return [unpacked_alone(each) for each in parcels]


def unpacked_alone(parcel: bytes) -> Parcel:
    try:
        read: Parcel = loads(parcel)
    except Exception as error:
        message = f"What the task returned travelled, but cannot be read back: {repr_of(error)}."
        return Parcel([Failed(message, result=PrefectException(message))], 0.0)
    return read


def untravelled(state: State, error: Exception) -> State:
    """What takes the place of a state whose value cannot travel."""
    reason = why_unpicklable(state.result, "the value") or text_of(error)
    message = f"What the task returned cannot travel from its worker: {reason}."
    return Failed(message, result=PrefectException(message))


def unreadable(error: Exception) -> State:
    message = f"The worker could not read what the task needs: {repr_of(error)}. Install there what is installed here."
    return Failed(message, result=PrefectException(message))


def bare(task: Task, seen: dict[Task, Task]) -> Task:
    """A task as those behind it see it on a worker: by its name, slug and tags, without its code."""
    if task not in seen:
        seen[task] = Task(name=task.name, slug=task.slug, tags=task._tags)
    return seen[task]
