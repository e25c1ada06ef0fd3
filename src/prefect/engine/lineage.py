"""Where a task stands in its flow, in a form that lasts: what it is fed with, and what that is fed with in turn.

```
load("a") ─▶ clean ─▶ …        the two `clean` have different lineages, whichever was added first,
load("b") ─▶ clean ─▶ …        and keep them when other tasks are added around them
```

A slug would not do: it counts the tasks of a name in the order in which they were added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from prefect.core.task import Task
from prefect.engine.plan import Node, RunPlan
from prefect.tasks.core.constants import Constant
from prefect.utilities.hashing import digest


def lineages(plan: RunPlan, constants: Mapping[Task, Mapping[str, Any]]) -> Sequence[str]:
    """The lineage of each task of a plan, by its number; of several alike, each gets a number behind it."""
    found: list[str] = []
    alike: Counter[str] = Counter()
    for node in plan.nodes:
        lineage = lineage_of(node, constants.get(node.task, {}), found)
        alike[lineage] += 1
        found.append(lineage if alike[lineage] == 1 else f"{lineage}.{alike[lineage]}")
    return found


def lineage_of(node: Node, constants: Mapping[str, Any], found: Sequence[str]) -> str:
    """A digest of the task's name and of what feeds it; a value without a digest is told from others by the slug."""
    fed = sorted(
        (edge.key or "", edge.mapped, edge.flattened, found[source])
        for edge, source in zip(node.edges, node.sources, strict=True)
    )
    held = {"": node.task.value} if isinstance(node.task, Constant) else constants
    values = {key: digest(value) or node.slug for key, value in held.items()}
    code = digest((node.task.name, fed, values))
    assert code is not None  # it is all texts
    return code
