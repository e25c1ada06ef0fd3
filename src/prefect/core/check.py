"""Check: what a flow will stumble over when its tasks run in other processes, found before it runs.

| kind | what is found |
|---|---|
| `cannot travel` | a lock, connection or generator in a task, its function or its arguments |
| `large data` | more than 1 MB that travels with a task rather than along an edge |
| `changes itself` | a `run` that sets attributes of its task: the next run may be in another process |
| `changes globals` | a `run` that sets variables of its module |
| `timeout` | a timeout that the executor cannot keep by stopping the work |
| `generator` | a `run` that yields: what does not reach it, and who cannot read it |
| `shared location` | a mapped task whose children all store their values in one place |

Functions are read as bytecode, so lambdas and code without a source are read as well.
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from inspect import isgeneratorfunction
from types import CodeType, FunctionType, MethodType
from typing import Any, Literal, NamedTuple, TypeAlias

from prefect.core.graph import Graph
from prefect.core.task import Task
from prefect.engine.result.base import Result, keys
from prefect.executors.base import Executor
from prefect.tasks.core.collections import puts_together
from prefect.utilities.anatomy import Step, written
from prefect.utilities.pickling import Trail, heavy_parts, obstacles, source_of

LARGE = 1_000_000
CHILD_KEYS = frozenset({"map_index", "task_full_name", "task_run_id", "task_run_name"})
"""What a template can ask for to tell children apart, besides what they are mapped over."""

Kind: TypeAlias = Literal[
    "cannot travel", "large data", "changes itself", "changes globals", "timeout", "generator", "shared location"
]


class Finding(NamedTuple):
    """Something that a task will stumble over.

    Attributes:
        task: the slug of the task.
        name: the name of the task.
        kind: what sort of thing it is.
        message: what is wrong, and what to do.
        where: file and line of the code, where it can be told.
    """

    task: str
    name: str
    kind: Kind
    message: str
    where: str | None = None

    def __str__(self) -> str:
        return f"{self.task} ({self.kind}): {self.message}{f' [{self.where}]' if self.where else ''}"


class Findings(list[Finding]):
    """Findings, one a line when printed."""

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "Nothing was found."

    __repr__ = __str__


Found: TypeAlias = Iterator[tuple[Kind, str, str | None]]


def check(graph: Graph, executor: Executor) -> Findings:
    """What the tasks of a graph will stumble over on an executor, in the order in which they were added."""
    return Findings(
        Finding(slug, task.name, *found)
        for task, slug in graph.slugs.items()
        for found in look_at(task, graph, executor)
    )


def look_at(task: Task, graph: Graph, executor: Executor) -> Found:
    yield from what_travels(task, graph)
    if task.auto_generated:
        return
    yield from statefulness(task)
    if isgeneratorfunction(task.run):
        yield from generators(task, graph, executor)
    else:
        yield from timeouts(task, executor)
    yield from locations(task, graph)


# --- what travels -----------------------------------------------------------------------------------------------------


def what_travels(task: Task, graph: Graph) -> Found:
    """What goes along with a task: its attributes, its code and the constants that feed it, alone or in collections."""
    if puts_together(task):
        return
    yield from luggage(Trail(task), task.name, "pass it as an input, or load it in the task")
    for key, value in (*graph.constants.get(task, {}).items(), *collections_for(task, graph)):
        start = Trail(value, (Step("argument", key),), (task,))
        yield from luggage(start, task.name, "load it in a task, and pass on what that returns")


def collections_for(task: Task, graph: Graph) -> Iterator[tuple[str, Any]]:
    """The arguments of a task that are collections of constants; None stands for what is not known before a run."""
    for edge in graph.incoming(task):
        if edge.key is not None and puts_together(edge.upstream_task):
            yield edge.key, put_together(edge.upstream_task, graph)


def put_together(task: Task, graph: Graph) -> Any:
    inputs: dict[str, Any] = {edge.key: None for edge in graph.incoming(task) if edge.key is not None}
    try:
        return task.run(**inputs | graph.constants.get(task, {}) | dict(collections_for(task, graph)))
    except Exception:  # of a set of what is not hashable, for example: it fails in a run as well
        return None


def luggage(start: Trail, name: str, remedy: str) -> Found:
    for obstacle in obstacles(start, name):
        yield "cannot travel", f"{obstacle.brief}; {obstacle.remedy}", obstacle.where
    for trail, size in heavy_parts(start, LARGE):
        what = f"{written(name, trail.path)} holds {size / 1e6:.1f} MB, which travel with the task; {remedy}"
        yield "large data", what, source_of(trail)


# --- statefulness -----------------------------------------------------------------------------------------------------


class Write(NamedTuple):
    """A place where code sets or deletes an attribute of an object or a variable of its module."""

    what: str
    file: str
    line: int | None


def statefulness(task: Task) -> Found:
    function, owner = user_function(task.run)
    if function is None:
        return
    advice = "each run may happen in another process, with its own copy: return the value instead"
    for each in once(attribute_writes(function.__code__, owner) if owner else ()):
        yield "changes itself", f"`run` changes {each.what}; {advice}", f"{each.file}:{each.line}"
    for each in once(global_writes(function.__code__)):
        yield "changes globals", f"`run` changes {each.what}; {advice}", f"{each.file}:{each.line}"


def user_function(run: Callable[..., Any]) -> tuple[FunctionType | None, str | None]:
    """The function behind a `run`, without decorators, and what it calls the object that it is a method of."""
    bound = False
    layers: list[Any] = []
    while not any(each is run for each in layers):
        layers.append(run)
        if isinstance(run, partial):
            run = run.func
        elif isinstance(run, MethodType):
            run, bound = run.__func__, True
        elif isinstance(run, FunctionType):
            run = getattr(run, "__wrapped__", run)
        elif not isinstance(run, type) and isinstance(getattr(type(run), "__call__", None), FunctionType):  # noqa: B004
            run = MethodType(type(run).__call__, run)
    if not isinstance(run, FunctionType):
        return None, None
    names = run.__code__.co_varnames
    return run, names[0] if bound and run.__code__.co_argcount else None


def once(writes: Iterable[Write]) -> list[Write]:
    """The first write to each thing."""
    first: dict[str, Write] = {}
    for each in writes:
        first.setdefault(each.what, each)
    return list(first.values())


def global_writes(code: CodeType) -> Iterator[Write]:
    for each in instructions(code):
        if each.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            yield Write(f"the global `{each.argval}`", code.co_filename, line_of(each))
    for inner in inner_codes(code):
        yield from global_writes(inner)


def attribute_writes(code: CodeType, owner: str) -> Iterator[Write]:
    """`owner.x = …`, `owner.x += …`, `del owner.x`, `setattr(owner, …)` and `delattr(owner, …)`."""
    steps = instructions(code)
    if any(owner in stored(each) for each in steps):
        return  # from there on it may be the name of another object, such as a copy
    for number, each in enumerate(steps):
        if each.opname in ("STORE_ATTR", "DELETE_ATTR") and is_owner(steps, number, owner):
            yield Write(f"`{owner}.{each.argval}`", code.co_filename, line_of(each))
        if is_call(each, "setattr", "delattr") and is_loaded(steps, number + 1, owner):
            yield Write(f"`{owner}`, with `{each.argval}`", code.co_filename, line_of(each))
    for inner in inner_codes(code):
        if owner in inner.co_freevars:
            yield from attribute_writes(inner, owner)


def is_owner(steps: Sequence[dis.Instruction], number: int, owner: str) -> bool:
    """Is the object whose attribute is set here the one with this name?

    It is loaded just before, or, in `owner.x += …`, before the old value was read.

    ```
    owner.x = 1      LOAD_CONST 1      LOAD_FAST owner  STORE_ATTR x
    owner.x += 1     LOAD_FAST owner   COPY 1   LOAD_ATTR x  LOAD_CONST 1  BINARY_OP +=  SWAP 2  STORE_ATTR x
    ```
    """
    before = steps[number - 1]
    if before.opname != "SWAP":
        return variables(before)[-1:] == (owner,)
    name = steps[number].argval
    for first in range(number - 3, 0, -1):
        if steps[first].opname == "COPY" and steps[first + 1].opname == "LOAD_ATTR" and steps[first + 1].argval == name:
            return variables(steps[first - 1])[-1:] == (owner,)
    return False


def is_call(step: dis.Instruction, *names: str) -> bool:
    return step.opname == "LOAD_GLOBAL" and step.argval in names


def is_loaded(steps: Sequence[dis.Instruction], number: int, owner: str) -> bool:
    """Is this object the first thing that is loaded here?"""
    following = next((each for each in steps[number:] if each.opname != "PUSH_NULL"), None)
    return following is not None and following.opname.startswith("LOAD_") and variables(following)[:1] == (owner,)


def stored(step: dis.Instruction) -> tuple[str, ...]:
    """The variables that an instruction sets."""
    if not step.opname.startswith("STORE_"):
        return ()
    return variables(step)[:1] if "_LOAD_" in step.opname else variables(step)


def variables(step: dis.Instruction) -> tuple[str, ...]:
    """The local variables, or those of a closure, that an instruction names: newer Pythons join two into one."""
    if "_FAST" not in step.opname and "_DEREF" not in step.opname:
        return ()
    return step.argval if isinstance(step.argval, tuple) else (step.argval,)


def instructions(code: CodeType) -> list[dis.Instruction]:
    return [each for each in dis.get_instructions(code) if each.opname not in ("NOP", "CACHE", "EXTENDED_ARG")]


def inner_codes(code: CodeType) -> list[CodeType]:
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def line_of(step: dis.Instruction) -> int | None:
    return step.positions.lineno if step.positions else None


# --- settings that do not go with the executor or with mapping --------------------------------------------------------


def timeouts(task: Task, executor: Executor) -> Found:
    if not task.timeout or getattr(executor, "stops_work", False):
        return
    yield "timeout", f"the timeout of {task.timeout:g} s {what_a_timeout_does(task, executor)}", None


def what_a_timeout_does(task: Task, executor: Executor) -> str:
    name = type(executor).__name__
    if task._run_signature.coroutine:
        blocks = "is interrupted on the main thread only" if executor.inline else "goes on"
        return f"ends the coroutine at its next `await`; on {name}, what blocks before that {blocks}"
    remedy = "give the calls in it timeouts of their own, or run it on an executor that works in processes"
    if executor.inline:
        return (
            f"is kept by {name} on the main thread only, with an alarm that ends Python code "
            f"but not a call into C code that is stuck; {remedy}"
        )
    return f"may not end the work on {name}, which cannot stop what has begun; {remedy}"


def generators(task: Task, graph: Graph, executor: Executor) -> Found:
    """What does not hold for a task whose code works only when somebody draws from it."""
    advice = "return a list, or put the part that needs it into a task of its own"
    for setting in ("timeout", "max_retries"):
        if getattr(task, setting):
            message = f"`run` is a generator, which works when a map draws from it: no {setting} reaches it; {advice}"
            yield "generator", message, None
    readers = [edge.downstream_task.name for edge in graph.edges_from(task) if edge.key and not edge.mapped]
    if readers and executor.distant:
        message = f"`run` is a generator, which cannot be sent to {min(readers)!r} in another process; return a list"
        yield "generator", message, None


def locations(task: Task, graph: Graph) -> Found:
    """A template of a mapped task that is the same for all children."""
    mapped = [edge.key for edge in graph.incoming(task) if edge.mapped]
    setting, template = location_of(task, getattr(graph, "result", None))
    if mapped and isinstance(template, str) and not {*CHILD_KEYS, *mapped}.intersection(keys(template)):
        message = (
            f"the task is mapped, and all its children have the same {setting} {template!r}, "
            "where each would take or replace the value of another; put `{map_index}` into it"
        )
        yield "shared location", message, None


def location_of(task: Task, flow_result: Result | None) -> tuple[str, Any]:
    """The setting that says where the values of a task are stored, and what it says."""
    if task.target is not None:
        return "target", task.target
    result = task.result or flow_result
    stored = result is not None and task.checkpoint is not False
    return "location", result.location if stored and result is not None else None
