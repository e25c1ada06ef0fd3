"""Limits in a run: how many runs of a task, or of all tasks with a tag, go on at once, and how soon the next may start.

```
                    @task(max_active=5, rate=10)          [engine.limits]  database = 2
                              │                                        │
                        its own Limit                         the Limit of the tag
                              └──────────────────┬─────────────────────┘
 ready ──▶ shut(now)? ──no──▶ started(now) ─▶ entered ── at work ──▶ left
              └─ yes: the scheduler puts the task aside, until it is open again
```

Tasks that are held by the very same limits form a group: either all of them may start, or none. Pure: the clock comes
in as an argument, in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prefect.core.settings import Limits
from prefect.core.task import NO_TAGS, Task
from prefect.exceptions import ConfigurationError


class Limit:
    """One limit, and how far it is used.

    Attributes:
        most: how many may be at work at once; None for any number.
        spacing: seconds from one start to the next.
        active: how many are at work.
        opens: no start before this time.
    """

    __slots__ = ("active", "most", "opens", "spacing")

    def __init__(self, most: int | None = None, spacing: float = 0.0) -> None:
        self.most = most
        self.spacing = spacing
        self.active = 0
        self.opens = float("-inf")

    @property
    def full(self) -> bool:
        return self.most is not None and self.active >= self.most


Group = tuple[Limit, ...]


class Gate:
    """Knows which tasks of a run may start now.

    Args:
        limits: what each task is limited by, by its number; those that nothing limits are not there.

    Attributes:
        groups: the group of each limited task; tasks of one group have all limits in common.
    """

    def __init__(self, limits: Mapping[int, Group]) -> None:
        found: dict[Group, int] = {}
        self.groups = {number: found.setdefault(each, len(found)) for number, each in limits.items()}
        self._limits = tuple(found)

    def shut(self, now: float) -> set[int]:
        """The groups of which nothing may start now."""
        return {
            group
            for group, limits in enumerate(self._limits)
            if any(limit.full or now < limit.opens for limit in limits)
        }

    def opens(self, groups: Iterable[int]) -> float | None:
        """When the first of these groups opens by itself; None if each waits until something else has ended."""
        waiting = [self._limits[group] for group in groups]
        times = [max(limit.opens for limit in limits) for limits in waiting if not any(limit.full for limit in limits)]
        return min(times, default=None)

    def spaced(self, number: int) -> bool:
        """Does every single start of this task count?"""
        return any(limit.spacing for limit in self._of(number))

    def started(self, number: int, now: float) -> None:
        """A run of this task starts."""
        for limit in self._of(number):
            if limit.spacing:
                limit.opens = now + limit.spacing

    def entered(self, number: int) -> None:
        """Some hand is at work on this task from now on."""
        for limit in self._of(number):
            limit.active += 1

    def left(self, number: int) -> None:
        """A hand is done with this task, whatever came of it."""
        for limit in self._of(number):
            limit.active -= 1

    def _of(self, number: int) -> Group:
        return self._limits[self.groups[number]] if number in self.groups else ()


# --- which limits there are -------------------------------------------------------------------------------------------


def gate_for(tasks: Iterable[Task], tags: Mapping[str, Any]) -> Gate | None:
    """The gate of a run, or None if nothing is limited, as in nearly all runs.

    Args:
        tasks: those of the run, in the order of their numbers.
        tags: how many runs of tasks with a tag may go on at once.

    Raises:
        ConfigurationError: the limit of a tag is no number that it can be.
    """
    of_tags = {tag: Limit(checked(tag, most)) for tag, most in tags.items()}
    of_tasks: dict[Limits, Limit] = {}
    limits: dict[int, Group] = {}
    for number, task in enumerate(tasks):
        if task._run_limits is None and not (of_tags and task._tags):
            continue
        found = limits_of(task, of_tasks, of_tags)
        if found:
            limits[number] = found
    return Gate(limits) if limits else None


def limits_of(task: Task, of_tasks: dict[Limits, Limit], of_tags: Mapping[str, Limit]) -> Group:
    """What a task is limited by: calls of the same task share one limit."""
    found = [limit for tag, limit in of_tags.items() if tag in (task._tags or NO_TAGS)]
    own = task._run_limits
    if own is not None:
        found.append(of_tasks.setdefault(own, Limit(own.max_active, own.spacing)))
    return tuple(found)


def checked(tag: str, most: Any) -> int:
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ConfigurationError(
            f"The setting 'engine.limits.{tag}' is {most!r}. Set it to a whole number of at least 1, or remove it: "
            "it says how many runs of tasks with this tag go on at once."
        )
    return most
