"""How everything here is measured.

Machines are shared and noisy, so a figure is a ratio to a yardstick that runs in the same process, in turn with it:
yardstick, work, yardstick, work … The ratio is taken pair by pair, and the median of the pairs is what counts.
"""

from __future__ import annotations

import gc
import json
import os
import platform
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

os.environ["PREFECT__STORE__ENABLED"] = "false"  # what measures the history switches it on
RESULTS = Path(__file__).parent / "results"
REPEATS = 9


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        id: the number of the benchmark.
        what: what is measured.
        figure: the median, with its unit.
        against: the yardstick and its median.
        ratio: what the target speaks of, as text.
        target: how far it must go, as text.
        met: did it?
    """

    id: str
    what: str
    figure: str
    against: str
    ratio: str
    target: str
    met: bool


def seconds(work: Callable[[], Any]) -> float:
    """How long a call takes, with the garbage of others out of the way."""
    gc.collect()
    begun = perf_counter()
    work()
    return perf_counter() - begun


@dataclass(frozen=True)
class Comparison:
    """Medians in seconds, and the median of the ratios taken pair by pair."""

    work: float
    yardstick: float
    ratio: float


def compare(work: Callable[[], float], yardstick: Callable[[], float], repeats: int = REPEATS) -> Comparison:
    """Measure work and yardstick in turn; both return seconds for one item."""
    work(), yardstick()
    pairs = [(yardstick(), work()) for _ in range(repeats)]
    return Comparison(
        work=median(w for _, w in pairs),
        yardstick=median(y for y, _ in pairs),
        ratio=median(w / y for y, w in pairs),
    )


# --- yardsticks -------------------------------------------------------------------------------------------------------

VARIABLE: ContextVar[int] = ContextVar("floor")


class Small:
    """A small slotted object, as every engine makes some for a task."""

    __slots__ = ("a", "b", "c")

    def __init__(self, a: Any, b: Any, c: Any) -> None:
        self.a = a
        self.b = b
        self.c = c


def floor(fn: Callable[[int], int], n: int = 10_000) -> float:
    """Seconds an item for what can hardly be left out: context set and reset, the call, three objects, one append."""
    kept: list[Small] = []

    def loop() -> None:
        for i in range(n):
            token = VARIABLE.set(i)
            value = fn(i)
            Small(i, None, None)
            Small(i, None, None)
            kept.append(Small(i, value, None))
            VARIABLE.reset(token)

    return seconds(loop) / n


def micro(value: float) -> str:
    return f"{value * 1e6:,.1f} µs"


def save(rows: Iterable[Row]) -> None:
    """Print rows, and keep them as JSON for the table."""
    RESULTS.mkdir(exist_ok=True)
    for row in rows:
        print(f"{row.id:4} {row.what}: {row.figure}; {row.against}; {row.ratio} (target {row.target}) ", end="")
        print("met" if row.met else "MISSED")
        data = {**asdict(row), "python": platform.python_version(), "machine": platform.machine()}
        (RESULTS / f"{row.id}.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
