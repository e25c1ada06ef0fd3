"""Random flows, and what must come of them.

A flow is drawn as a list of `Node`s. `interpret` says in plain Python what must come of it, task by task; `built` makes
the real flow. The work of a task is the same function in both, so only the rules around it are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from hypothesis import strategies as st

from prefect import Flow, Task, context, flatten, triggers, unmapped
from prefect.engine.signals import SKIP, TRIGGERFAIL
from prefect.engine.state import Mapped, State
from prefect.exceptions import UnmappableError

KEYS = "abc"


# --- what is drawn ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arrow:
    """An input of a node: an earlier node, or a constant; without a key it is only waited for."""

    key: str | None
    source: int | None
    constant: Any = None
    mapped: bool = False
    flattened: bool = False


@dataclass(frozen=True)
class Node:
    number: int
    arrows: tuple[Arrow, ...]
    makes: str
    mood: str
    trigger: str
    skips: bool
    flaky: bool


moods = st.sampled_from(["fine"] * 5 + ["moody", "sometimes skips", "fails", "skips"])
makes = st.sampled_from(["number", "list", "list", "nested"])
trigger_names = st.sampled_from(
    ["all_successful"] * 5
    + ["all_finished", "all_failed", "any_successful", "any_failed", "not_all_skipped", "one_failed", "half_succeeded"]
)
constants = st.integers(0, 5) | st.lists(st.integers(0, 5), max_size=3)


@st.composite
def arrows(draw: Any, number: int, key: str | None, mapping: bool) -> Arrow:
    flattened = draw(st.integers(0, 4)) == 0
    mapped = mapping and draw(st.integers(0, 3)) > 0
    if number and (key is None or draw(st.integers(0, 3)) > 0):
        return Arrow(key, draw(st.integers(0, number - 1)), None, mapped, flattened)
    constant = draw(st.lists(st.integers(0, 5), max_size=3) if mapped or flattened or key is None else constants)
    return Arrow(key, None, constant, mapped, flattened)


@st.composite
def nodes(draw: Any, number: int) -> Node:
    mapping = draw(st.booleans())
    inputs = [draw(arrows(number, key, mapping)) for key in KEYS[: draw(st.integers(0, 3))]]
    if number and draw(st.integers(0, 4)) == 0:
        inputs.append(draw(arrows(number, None, mapping)))
    return Node(
        number=number,
        arrows=tuple(inputs),
        makes=draw(makes),
        mood=draw(moods),
        trigger=draw(trigger_names),
        skips=draw(st.integers(0, 3)) > 0,
        flaky=draw(st.integers(0, 4)) == 0,
    )


@st.composite
def drawings(draw: Any) -> list[Node]:
    return [draw(nodes(number)) for number in range(draw(st.integers(1, 9)))]


# --- the work of a node -----------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """A value in a form that can be compared: errors and signals by their kind."""
    if isinstance(value, BaseException):
        return type(value).__name__
    return [plain(each) for each in value] if isinstance(value, list) else value


def work(node: Node, inputs: Mapping[str, Any]) -> Any:
    """A value that depends on every input; or an error, or a skip."""
    number = crc32(repr((node.number, sorted((key, plain(value)) for key, value in inputs.items()))).encode())
    lot = number % 3 == 0
    if node.mood == "fails" or (node.mood == "moody" and lot):
        raise ValueError(number)
    if node.mood == "skips" or (node.mood == "sometimes skips" and lot):
        raise SKIP("not today")
    if node.makes == "number":
        return number % 7
    if node.makes == "list":
        return [(number + i) % 7 for i in range(number % 4)]
    return [[(number + i) % 7] * (i % 3) for i in range(number % 5)]


# --- the rules in plain Python ----------------------------------------------------------------------------------------


@dataclass(eq=False)
class Outcome:
    """What a run comes to; `children` is a list only for a map that was opened."""

    kind: str
    value: Any = None
    children: list[Outcome] | None = None

    @property
    def good(self) -> bool:
        return self.kind in ("Success", "Skipped", "Mapped")


TRIGGERS: dict[str, Callable[[int, int, int], bool]] = {  # (all, those that succeeded, those that failed)
    "all_successful": lambda n, good, bad: good == n,
    "all_finished": lambda n, good, bad: True,
    "all_failed": lambda n, good, bad: bad == n,
    "any_successful": lambda n, good, bad: not n or good > 0,
    "any_failed": lambda n, good, bad: not n or bad > 0,
    "not_all_skipped": lambda n, good, bad: good == n,
    "one_failed": lambda n, good, bad: not n or bad == 1,
    "half_succeeded": lambda n, good, bad: not n or good >= n / 2,
}


def interpret(drawing: Sequence[Node]) -> list[Outcome]:
    known: list[Outcome] = []
    for node in drawing:
        before = [(arrow, seen(arrow, known)) for arrow in node.arrows if not is_folded(arrow)]
        folded = {arrow.key: arrow.constant for arrow in node.arrows if is_folded(arrow) and arrow.key}
        mapping = any(arrow.mapped for arrow, _ in before)
        known.append((mapped_outcome if mapping else single_outcome)(node, before, folded))
    return known


def is_folded(arrow: Arrow) -> bool:
    return arrow.source is None and not isinstance(arrow.constant, list)


def seen(arrow: Arrow, known: Sequence[Outcome]) -> Outcome:
    upstream = Outcome("Success", arrow.constant) if arrow.source is None else known[arrow.source]
    if not arrow.flattened or not upstream.good or upstream.kind == "Skipped":
        return upstream
    if upstream.children is not None:
        children = [each for child in upstream.children for each in spread(child)]
        return Outcome("Mapped", [child.value for child in children], children)
    try:
        return Outcome("Success", [inner for outer in upstream.value for inner in outer])
    except TypeError:
        return Outcome("Success", upstream.value)


def spread(child: Outcome) -> list[Outcome]:
    if child.kind == "Success" and isinstance(child.value, list):
        return [Outcome("Success", each) for each in child.value]
    return [child]


Before = list[tuple[Arrow, Outcome]]


def single_outcome(node: Node, before: Before, folded: Mapping[Any, Any]) -> Outcome:
    counted = count(before)
    skipped = [each for each in counted if each.kind == "Skipped"]
    if skipped and (node.skips or (node.trigger == "not_all_skipped" and len(skipped) == len(counted))):
        return Outcome("Skipped")
    good, bad = (sum(each.good is wanted for each in counted) for wanted in (True, False))
    if not TRIGGERS[node.trigger](len(counted), good, bad):
        return Outcome("TriggerFailed", TRIGGERFAIL())
    try:
        inputs = {**folded, **{arrow.key: each.value for arrow, each in before if arrow.key}}
        return Outcome("Success", work(node, inputs))
    except ValueError as error:
        return Outcome("Failed", error)
    except SKIP as signal:
        return Outcome("Skipped", signal)


def count(before: Before) -> list[Outcome]:
    """What skips and triggers look at: children in place of their map, and each once."""
    found: dict[int, Outcome] = {}
    for arrow, each in before:
        for one in [each] if each.children is None or arrow.mapped else each.children:
            found[id(one)] = one
    return list(found.values())


def mapped_outcome(node: Node, before: Before, folded: Mapping[Any, Any]) -> Outcome:
    if node.skips and any(each.kind == "Skipped" for each in count(before)):
        return Outcome("Skipped")
    if all(each.kind == "Skipped" for arrow, each in before if arrow.mapped):
        return Outcome("Skipped")
    wide = [each for arrow, each in before if arrow.mapped and each.good]
    if not wide or not all(isinstance(each.value, list) for each in wide):
        return Outcome("Failed", UnmappableError())
    children = [
        single_outcome(node, [(arrow, part(arrow, each, n)) for arrow, each in before], folded)
        for n in range(min(len(each.value) for each in wide))
    ]
    return Outcome("Mapped", [child.value for child in children], children)


def part(arrow: Arrow, upstream: Outcome, n: int) -> Outcome:
    if not arrow.mapped or not upstream.good:
        return upstream
    return Outcome("Success", upstream.value[n]) if upstream.children is None else upstream.children[n]


# --- the real flow ----------------------------------------------------------------------------------------------------


class Work(Task):
    def __init__(self, node: Node, **kwargs: Any) -> None:
        self.node = node
        super().__init__(**kwargs)

    def run(self, a: Any = None, b: Any = None, c: Any = None) -> Any:
        if self.node.flaky and context.task_run_count == 1:
            raise RuntimeError("a mishap that a retry mends")
        given = {"a": a, "b": b, "c": c}
        return work(self.node, {arrow.key: given[arrow.key] for arrow in self.node.arrows if arrow.key})


REAL_TRIGGERS = {
    **{name: getattr(triggers, name) for name in TRIGGERS if hasattr(triggers, name)},
    "one_failed": triggers.some_failed(at_least=1, at_most=1),
    "half_succeeded": triggers.some_successful(at_least=0.5),
}


def built(drawing: Sequence[Node]) -> tuple[Flow, list[Task]]:
    made: list[Task] = []
    with Flow("random") as flow:
        for node in drawing:
            retries = {"max_retries": 1, "retry_delay": 0, "retry_on": RuntimeError} if node.flaky else {}
            new = Work(
                node,
                name=f"work {node.number}",
                trigger=REAL_TRIGGERS[node.trigger],
                skip_on_upstream_skip=node.skips,
                **retries,
            )
            arguments = {arrow.key: argument(arrow, made) for arrow in node.arrows if arrow.key}
            waits = [argument(arrow, made) for arrow in node.arrows if not arrow.key]
            mapping = any(arrow.mapped for arrow in node.arrows)
            made.append(new.bind(**arguments, upstream_tasks=waits, mapped=mapping))
    return flow, made


def argument(arrow: Arrow, made: Sequence[Task]) -> Any:
    value = arrow.constant if arrow.source is None else made[arrow.source]
    value = flatten(value) if arrow.flattened else value
    return value if arrow.mapped else unmapped(value)


def shown(state: State) -> Any:
    if isinstance(state, Mapped):
        return ["Mapped", *map(shown, state.map_states)]
    return type(state).__name__, plain(state.result)


def expected(outcome: Outcome) -> Any:
    if outcome.children is not None:
        return ["Mapped", *map(expected, outcome.children)]
    return outcome.kind, plain(outcome.value)
