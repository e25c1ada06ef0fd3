"""One rule turns any value into a task.

| value | becomes |
|---|---|
| a task | itself |
| an annotation (`mapped(x)` …) | the task for `x` |
| a list, tuple, set or dict | a `List`, `Tuple`, `Set` or `Dict` task, fed by the tasks inside it |
| anything else | a `Constant` |

Subclasses of the four collections (a named tuple, a `defaultdict`) stay whole unless there are tasks inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from prefect.core.task import Task
from prefect.exceptions import FlowContextMissing
from prefect.tasks.core.collections import Dict, List, Set, Tuple
from prefect.tasks.core.constants import Constant
from prefect.utilities.context import lookup
from prefect.utilities.edges import EdgeAnnotation

if TYPE_CHECKING:
    from prefect.core.graph import Graph

T = TypeVar("T", bound=Task)

PLAIN = frozenset({int, str, float, bool, bytes, type(None)})
EXACT = frozenset({list, tuple, set, dict})
COLLECTIONS: dict[type, type[List | Tuple | Set]] = {list: List, tuple: Tuple, set: Set}


def opened(value: Any) -> tuple[Any, dict[str, bool]]:
    """A value without its annotations, and the annotations."""
    if isinstance(value, EdgeAnnotation):
        return value.value, value.annotations
    return value, {}


def as_task(x: Any, flow: Graph | None = None) -> Task:
    """Turn a value into a task; collections with tasks inside need a flow, given or being built."""
    x, _ = opened(x)
    if isinstance(x, Task):
        return x
    flow = lookup("flow") if flow is None else flow
    if is_scalar(x) or (flow is None and not holds_tasks(x)):
        return generated(Constant(x))
    if flow is None:
        raise FlowContextMissing(
            f"{x!r} holds tasks, and no flow is being built to join them in. "
            "Use it inside `with Flow(...)`, or pass `flow=`."
        )
    return collected(x, flow)


def collected(x: Any, flow: Graph) -> Task:
    """The task that puts a collection together from what is in it."""
    if isinstance(x, dict):
        keys = sequence(List, [*x.keys()], flow)
        return generated(Dict()).bind(keys=keys, values=[*x.values()], flow=flow)
    kind = next(COLLECTIONS[base] for base in COLLECTIONS if isinstance(x, base))
    if all(map(is_scalar, x)):
        return sequence(kind, list(x), flow)
    return generated(kind()).bind(**{f"arg_{n}": each for n, each in enumerate(x, 1)}, flow=flow)


def sequence(kind: type[List | Tuple | Set], elements: list[Any], flow: Graph) -> Task:
    """A collection task that holds its elements as one constant."""
    task = flow.add_task(generated(kind()))
    flow.set_constant(task, "elements", elements)
    return task


def is_scalar(x: Any) -> bool:
    """Is a value passed on as it is, without looking inside?"""
    kind = type(x)
    if kind in PLAIN:
        return True
    return kind not in EXACT and not holds_tasks(x)


def holds_tasks(x: Any) -> bool:
    if isinstance(x, (Task, EdgeAnnotation)):
        return True
    inside = x.values() if isinstance(x, dict) else x if isinstance(x, (list, tuple, set)) else ()
    return any(holds_tasks(each) for each in inside)


def generated(task: T) -> T:
    task.auto_generated = True
    return task
