"""What a run of a flow would do, told without running any task: for each task what stays, what runs, and why.

```
task     kept     runs  why
extract  1
clean    9 of 10  1     1 failed
load              1     refused by its trigger
```

Told from the history (`going_on`), or from what is at hand before a run begins (`beginning`): parameters and constants,
targets, and caches of tasks whose inputs are known by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from prefect.cli import output
from prefect.core.flow import Flow
from prefect.core.parameter import Parameter
from prefect.core.task import Task
from prefect.engine import caching, mapping
from prefect.engine.cache import Cache
from prefect.engine.flow_runner import FlowRunner
from prefect.engine.lineage import lineages
from prefect.engine.plan import Node, RunPlan, plan_of
from prefect.engine.result.base import keys
from prefect.engine.run_pass import known
from prefect.engine.state import State, Success
from prefect.exceptions import PrefectException, UnmappableError
from prefect.store.flow_versions import Changes
from prefect.store.reading import NOT_BEGUN
from prefect.store.recorder import RUNNING
from prefect.store.resuming import Progress, Resumption
from prefect.tasks.core.collections import Dict, List, Set, Tuple
from prefect.tasks.core.constants import Constant
from prefect.triggers import all_successful
from prefect.utilities.context import isolated, lookup

WORDS = {
    NOT_BEGUN: "not begun",
    RUNNING: "at work when it stopped",
    "TriggerFailed": "refused by its trigger",
    "TimedOut": "timed out",
    "Retrying": "waiting for a retry",
    "Mapped": "not over",
}
"""How runs that are to run stand; other states are called by their names."""

COLLECTIONS = (List, Tuple, Set, Dict)
"""Tasks that put values together, and do nothing else."""

CHANGING = frozenset({"flow_run_id", "flow_run_name", "scheduled_start_time", "date", "map_index", "task_run_id"})
"""What a location can hold that is another one in each run, or in each child."""


class Forecast(NamedTuple):
    """What would become of one task.

    Attributes:
        task: its slug.
        name: its name.
        kept: how many runs stay as they are.
        width: how many runs there are; None if nobody knows yet.
        runs: how many would run; None if nobody knows yet.
        why: why they run, or what stands in for them.
    """

    task: str
    name: str
    kept: int
    width: int | None
    runs: int | None
    why: str


def page(found: Sequence[Forecast], changes: Changes) -> Iterator[output.Part]:
    """What would become of each task, and before that what is different in the code."""
    if changes:
        yield "The code has changed since the run began:"
        yield from (f"  {line}" for line in changes.lines())
        yield ""
    rows = [(each.name, words_for_kept(each), words_for_runs(each), each.why) for each in found]
    yield output.table(("task", "kept", "runs", "why"), rows)


def words_for_kept(each: Forecast) -> str:
    """How many runs stay: `9 of 10`."""
    if not each.kept:
        return ""
    return f"{each.kept:,}" if each.kept == each.width else f"{each.kept:,} of {count(each.width)}"


def words_for_runs(each: Forecast) -> str:
    return "" if each.runs == 0 else count(each.runs)


def count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


# --- going on ---------------------------------------------------------------------------------------------------------


def going_on(flow: Flow, found: Resumption) -> list[Forecast]:
    """What going on with a run would do."""
    tasks = {slug: task for task, slug in flow.slugs.items()}
    every = [of_progress(tasks[each.slug], each, found) for each in found.progress]
    return [each for each in every if not (tasks[each.task].auto_generated and not each.runs)]


def of_progress(task: Task, progress: Progress, found: Resumption) -> Forecast:
    runs = sum(progress.to_run.values())
    open_end = progress.width is None
    return Forecast(
        task=progress.slug,
        name=task.name,
        kept=progress.kept,
        width=progress.width,
        runs=None if open_end else runs,
        why="it always runs anew" if not progress.lasting else ", ".join(reasons(progress, found)),
    )


def reasons(progress: Progress, found: Resumption) -> Iterator[str]:
    """Why runs of a task run: how they stand; or, if they were over, why they run again all the same."""
    again = {rerun.reason: rerun.count for rerun in found.reruns if rerun.slug == progress.slug}
    standing = {name: count for name, count in progress.to_run.items() if name not in ("Success", "Cached", "Skipped")}
    single = progress.width == 1
    for name, count in standing.items():
        word = WORDS.get(name, name.lower())
        yield word if single or progress.width is None else f"{count:,} {word}"
    for reason, count in again.items():
        yield f"again, as {reason}" if single else f"{count:,} again, as {reason}"


# --- beginning --------------------------------------------------------------------------------------------------------


def beginning(flow: Flow, parameters: Mapping[str, Any], cache: Cache) -> list[Forecast]:
    """What a new run would do, as far as that can be told now."""
    facts = FlowRunner(flow).initialize_run(None, {}, {"caches": cache}, {}, dict(parameters)).context
    with isolated(facts):
        outlook = Outlook(flow)
        return [outlook.of(node) for node in outlook.plan.nodes if not node.task.auto_generated]


class Outlook:
    """Looks at tasks that have not begun, in the context of their run.

    Attributes:
        known: the states of tasks whose values are there before anything runs, by number.
        widths: how many children mapped tasks have, by number, where that is known.
    """

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.plan: RunPlan = plan_of(flow)
        self.known: dict[int, State] = {}
        self.widths: dict[int, int] = {}
        self.lineages = lineages(self.plan, flow.constants)
        for node in self.plan.nodes:
            state = self._before_the_run(node)
            if state is not None:
                self.known[node.number] = state

    def _before_the_run(self, node: Node) -> State | None:
        """The state of a task whose value is there before anything runs."""
        task, given = node.task, lookup("parameters")
        if isinstance(task, Constant):
            return known(task)
        if isinstance(task, Parameter):
            return Success.made(given[task.name]) if task.name in given else None
        folds = isinstance(task, COLLECTIONS) and not node.mapped and self._has_inputs(node)
        return Success.made(task.run(**self._inputs(node))) if folds else None

    def _has_inputs(self, node: Node) -> bool:
        """Are the inputs of a task known?"""
        return all(source in self.known for edge, source in self._edges(node) if edge.key)

    def _inputs(self, node: Node) -> dict[str, Any]:
        found = dict(self.flow.constants.get(node.task, {}))
        return found | {edge.key: self.known[source].result for edge, source in self._edges(node) if edge.key}

    def _edges(self, node: Node) -> Iterable[tuple[Any, int]]:
        return zip(node.edges, node.sources, strict=True)

    def of(self, node: Node) -> Forecast:
        """What would become of one task."""
        width = self._width(node) if node.mapped else 1
        reuse = self._reuse(node)
        notes = [note for note in (reuse.why, *self._notes(node, width)) if note]
        runs = 0 if reuse.certain else width
        return Forecast(self.flow.slugs[node.task], node.task.name, 0, width, runs, "; ".join(notes))

    def _notes(self, node: Node, width: int | None) -> Iterator[str]:
        if width is None:
            unknown = [self._name(source) for source in self._unknown_sources(node)]
            yield f"it has as many children as {' and '.join(unknown)} gives elements"
        if node.task.trigger is not all_successful and not isinstance(node.task, Parameter):
            yield f"only if {name_of(node.task.trigger)} lets it"
        if node.task.role != "work":
            yield "a secret" if node.task.role == "secret" else "of a resource"

    def _name(self, number: int) -> str:
        return self.plan.nodes[number].task.name

    # --- how many children ---------------------------------------------------------------------------------------

    def _width(self, node: Node) -> int | None:
        """How many children a mapped task has; None if that is not known yet."""
        if self._unknown_sources(node):
            return None
        found = [self.widths[source] for source in node.lanes]
        states = {
            edge: mapping.flattened(self.known[source]) if edge.flattened else self.known[source]
            for edge, source in zip(node.edges, node.sources, strict=True)
            if edge.mapped and source in self.known
        }
        try:
            found += [mapping.width(states)] if states else []
        except UnmappableError:
            return 0
        self.widths[node.number] = min(found)
        return self.widths[node.number]

    def _unknown_sources(self, node: Node) -> list[int]:
        """What a mapped task is mapped over that is not known yet."""
        mapped = [source for edge, source in zip(node.edges, node.sources, strict=True) if edge.mapped]
        return [source for source in mapped if source not in self.known and not self._is_known_lane(node, source)]

    def _is_known_lane(self, node: Node, source: int) -> bool:
        return source in node.lanes and source in self.widths

    # --- what stands in ------------------------------------------------------------------------------------------

    def _reuse(self, node: Node) -> Reuse:
        """What would stand in for the run of a task."""
        if isinstance(node.task, Parameter):
            return GIVEN if node.number in self.known else NOTHING
        if node.task.target is not None:
            return self._target(node)
        return self._cached(node) if node.task.cache_for is not None else NOTHING

    def _target(self, node: Node) -> Reuse:
        task, target = node.task, node.task.target
        result = task.result or self.flow.result
        unknown = "whether its target is there is decided when its inputs are known"
        if result is None or not isinstance(target, str):
            return Reuse(False, unknown)
        values = caching.template_values({})
        if node.mapped or not set(keys(target)) <= values.keys() - CHANGING:
            return Reuse(False, unknown)
        location = result.at(target).locate(values)
        try:
            if result.exists(location):
                return Reuse(True, f"a value is at its target {location!r}")
        except PrefectException as error:
            return Reuse(False, f"its target cannot be looked for now: {error}")
        return Reuse(False, f"nothing is at its target {location!r}")

    def _cached(self, node: Node) -> Reuse:
        task, cache = node.task, lookup("caches")
        if node.mapped or not self._has_inputs(node):
            return Reuse(False, "whether a cached value fits is decided when its inputs are known")
        inputs = self._inputs(node)
        order = caching.order_of(task, inputs, caching.making_of(task, lambda: self.lineages[node.number]))
        found = caching.find_cached(task, order, cache.shelf(order.key), inputs)
        if found.state is not None:
            return Reuse(True, f"a cached value fits: {found.why}")
        return Reuse(False, found.why)


class Reuse(NamedTuple):
    """Whether something would stand in for a run.

    Attributes:
        certain: it does.
        why: what it is, or why it does not.
    """

    certain: bool
    why: str


GIVEN, NOTHING = Reuse(True, "given"), Reuse(False, "")


def name_of(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
