"""What a simulation looks like: rows for a table, and the text of `print(simulation)`.

```
clean    Mapped         3 children: 2 Success, 1 Failed
  [1]    Failed         made to fail
load     TriggerFailed  all_successful: clean[1] is Failed
```
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from prefect.core.task import Task
from prefect.engine.state import Retrying, State, Success
from prefect.tasks.core.constants import Constant
from prefect.testing.rehearsal import is_of_package

if TYPE_CHECKING:
    from prefect.testing.simulation import Simulation, TaskRun
    from prefect.testing.single_failures import SingleFailures

MOST_CHILDREN = 5
"""So many children of a map that are no plain success have a row of their own."""

GAP = "  "


class Row(NamedTuple):
    """One line about a run.

    Attributes:
        name: of the task, or which child.
        state: the state it ends in.
        retries: how often it is tried again, and how long that takes.
        why: why it ends so.
    """

    name: str
    state: type[State] | None
    retries: str
    why: str

    @property
    def cells(self) -> tuple[str, str, str, str]:
        return self.name, self.state.__name__ if self.state else "", self.retries, self.why


# --- one simulation ---------------------------------------------------------------------------------------------------


def simulation_text(simulation: Simulation) -> str:
    rows = table([row.cells for row in rows_of(simulation)])
    remarks = list(remarks_of(simulation))
    return "\n".join([*headline(simulation), "", *rows, *(["", *remarks] if remarks else [])])


def headline(simulation: Simulation) -> list[str]:
    """How the flow ends, and why."""
    name = type(simulation.state).__name__
    after = f" after {span(simulation.duration)} of waiting" if simulation.duration else ""
    return [f"{simulation.flow.name}: {name}{after}", simulation.state.message or ""]


def rows_of(simulation: Simulation) -> Iterator[Row]:
    """A row for each task but plain values, and for the first children that end unusually."""
    for run in simulation.task_runs:
        if is_plain(run.task, run.state):
            continue
        yield row_of(str(run), run)
        yield from rows_of_children(run.children)


def is_plain(task: Task, state: State) -> bool:
    """Is it just a value, or a list of values, that somebody wrote down in the flow?"""
    return isinstance(task, Constant) or (task.auto_generated and type(state) is Success)


def rows_of_children(children: Sequence[TaskRun]) -> Iterator[Row]:
    unusual = [each for each in children if type(each.state) is not Success or each.attempts > 1]
    for each in unusual[:MOST_CHILDREN]:
        yield row_of(f"  [{each.index}]", each)
    if len(unusual) > MOST_CHILDREN:
        yield Row("  …", None, "", f"and {len(unusual) - MOST_CHILDREN} more")


def row_of(name: str, run: TaskRun) -> Row:
    why = counted([each.state for each in run.children]) if run.state.is_mapped() else run.why
    return Row(name, type(run.state), retries_of(run), why)


def counted(children: Sequence[State]) -> str:
    """How many children ended how: `3 children: 2 Success, 1 Failed`."""
    counts = Counter(type(each).__name__ for each in children).most_common()
    several = f"{len(children):,} {'child' if len(children) == 1 else 'children'}"
    return f"{several}: {', '.join(f'{count:,} {name}' for name, count in counts)}" if counts else several


def retries_of(run: TaskRun) -> str:
    count = sum(change.state == Retrying.__name__ for change in run.path)
    if not count:
        return ""
    waited = run.path[-1].after
    return f"{count} {'retry' if count == 1 else 'retries'}{f', {span(waited)}' if waited else ''}"


def remarks_of(simulation: Simulation) -> Iterator[str]:
    """What was taken for granted, and what else to know."""
    if simulation.assumed:
        yield f"Assumed: {', '.join(f'{name} is {value!r}' for name, value in simulation.assumed.items())}."
    yield from simulation.notes


# --- every single failure ---------------------------------------------------------------------------------------------


def single_failures_text(failures: SingleFailures) -> str:
    rows = table([("if this fails", "the flow is", "and these are, too"), *(each.cells for each in effects(failures))])
    remarks = list(remarks_of(failures.usual))
    return "\n".join([summary(failures), "", *rows, *(["", *remarks] if remarks else [])])


def summary(failures: SingleFailures) -> str:
    fatal = sum(each.state.is_failed() for each in failures.values())
    usual = type(failures.usual.state).__name__
    return f"{failures.usual.flow.name}: {usual} if nothing fails; {fatal} of {len(failures)} single failures fail it."


class Effect(NamedTuple):
    """What comes of one failure.

    Attributes:
        name: what fails.
        state: the state of the flow.
        also: which other runs end otherwise than usual.
    """

    name: str
    state: type[State]
    also: str

    @property
    def cells(self) -> tuple[str, str, str]:
        return self.name, self.state.__name__, self.also


def effects(failures: SingleFailures) -> Iterator[Effect]:
    for name, simulation in failures.items():
        yield Effect(name, type(simulation.state), effect_on_others(failures, name))


def effect_on_others(failures: SingleFailures, name: str) -> str:
    """The runs besides the failed one that end otherwise, by their state."""
    if not failures[name].task_run(name).could_fail:
        return "it does not run"
    found: dict[str, list[str]] = {}
    for run in failures.changed(name):
        if is_of_package(run.task):
            continue
        found.setdefault(type(run.state).__name__, []).append(str(run))
    return "; ".join(f"{state}: {', '.join(shortened(names))}" for state, names in found.items())


def shortened(names: list[str]) -> list[str]:
    more = len(names) - MOST_CHILDREN
    return names if more <= 0 else [*names[:MOST_CHILDREN], f"{more} more"]


# --- text -------------------------------------------------------------------------------------------------------------


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines in which the cells stand below each other; a column without content is left out."""
    columns = [column for column in zip(*rows, strict=True) if any(column)]
    padded = [[cell.ljust(max(map(len, column))) for cell in column] for column in columns]
    return [GAP.join(line).rstrip() for line in zip(*padded, strict=True)]


def span(length: timedelta) -> str:
    """A length of time in its two largest units: `1 h 30 min`."""
    seconds = length.total_seconds()
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else "", f"{rest} s" if rest else ""]
    return " ".join([each for each in parts if each][:2])
