"""Which runs of a stopped flow run stay as they are, and which run (again). Pure: how they stood goes in.

A run that succeeded is *kept*, but for two reasons:

```
stale    something it reads did not succeed, and will turn out differently now     goes down the graph
lost     something that has to run needs its value, which is not there any more    goes up the graph
```

Tasks that give something to this process, such as secrets and resources, always run again; that makes nothing stale.
A child of a map waits for and reads only the child of the same index in the map before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from prefect.engine.plan import Node, RunPlan
from prefect.engine.run_pass import LASTING_ROLES
from prefect.engine.state import State

ALONE = 0
"""The position of a task that is not mapped, among its runs."""


class Standing(NamedTuple):
    """How one task stood.

    Attributes:
        states: of its children; of a task that is not mapped, its state alone. None for what came to no state.
        mapped: are these children?
    """

    states: Sequence[State | None]
    mapped: bool


NOTHING = Standing((None,), False)

Lost = Callable[[int, int], str | None]
"""Why the value of a run, by the number of the task and the position, is not there any more; None if it is."""


@dataclass(slots=True)
class Frontier:
    """What is to be done.

    Attributes:
        kept: for each task, 1 for each run that stays as it is.
        stale: for each task, how many runs succeeded but read something that will turn out differently.
        lost: for each task, how many runs have to make a value again, by the reason why it is not there.
    """

    kept: list[bytearray]
    stale: list[int]
    lost: list[Counter[str]] = field(default_factory=list)

    def to_run(self, number: int) -> int:
        """How many runs of a task are to run, of those that are known."""
        return self.kept[number].count(0)


def frontier(plan: RunPlan, standings: Mapping[int, Standing], lost: Lost) -> Frontier:
    """Find out what stays and what runs.

    Args:
        plan: the flow, as it is now.
        standings: how its tasks stood, by number; a task that is not there has not begun.
        lost: tells of values that are not there any more; only asked about those that are needed.
    """
    stood = [standings.get(node.number, NOTHING) for node in plan.nodes]
    kept = [succeeded(standing) for standing in stood]
    stale = [unsuccessful(standing) for standing in stood]
    found = Frontier(kept, [0] * len(stood), [Counter() for _ in stood])
    for node in plan.nodes:
        spread_staleness(node, stood, stale)
        for position in positions(stale[node.number]):
            found.stale[node.number] += kept[node.number][position]
            kept[node.number][position] = 0
        if node.task.role not in LASTING_ROLES:
            kept[node.number] = bytearray(len(kept[node.number]))
    for node in reversed(plan.nodes):
        ask_for_values(node, stood, found, lost)
    return found


def succeeded(standing: Standing) -> bytearray:
    return bytearray(state is not None and state.is_successful() for state in standing.states)


def unsuccessful(standing: Standing) -> bytearray:
    """Runs that are over and did not succeed."""
    return bytearray(
        state is not None and state.is_finished() and not state.is_successful() for state in standing.states
    )


def positions(flags: bytearray) -> Iterable[int]:
    """Where the flags are set."""
    at = flags.find(1)
    while at >= 0:
        yield at
        at = flags.find(1, at + 1)


# --- down the graph ---------------------------------------------------------------------------------------------------


def spread_staleness(node: Node, stood: Sequence[Standing], stale: list[bytearray]) -> None:
    """What reads something that will turn out differently will do so, too."""
    mine = stale[node.number]
    for source in node.sources:
        if not any(stale[source]):
            continue
        if is_lane(node, source, stood):
            for position in positions(stale[source]):
                if position < len(mine):
                    mine[position] = 1
        else:
            mine[:] = b"\x01" * len(mine)


def is_lane(node: Node, source: int, stood: Sequence[Standing]) -> bool:
    return source in node.lanes and stood[node.number].mapped and stood[source].mapped


# --- up the graph -----------------------------------------------------------------------------------------------------


def ask_for_values(node: Node, stood: Sequence[Standing], found: Frontier, lost: Lost) -> None:
    """Let the values be made again that a task needs for the runs it has to do."""
    if 0 not in found.kept[node.number]:
        return
    for edge, source in zip(node.edges, node.sources, strict=True):
        if edge.key is None and not edge.mapped:
            continue
        for position in wanted(node, source, stood, found):
            if not found.kept[source][position]:
                continue
            reason = lost(source, position)
            if reason is not None:
                found.kept[source][position] = 0
                found.lost[source][reason] += 1


def wanted(node: Node, source: int, stood: Sequence[Standing], found: Frontier) -> Iterable[int]:
    """The runs of a source whose values are needed."""
    if not is_lane(node, source, stood):
        return range(len(found.kept[source]))
    mine = found.kept[node.number]
    return (position for position in range(min(len(mine), len(found.kept[source]))) if not mine[position])
