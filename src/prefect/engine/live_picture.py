"""What the live view looks like: a snapshot of a run as lines of text with colours.

```
daily  3 waiting, 2 running, 12 succeeded, 1 failed                            0:12
load       ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━    213/500  2 failed    41/s   0:07 left
transform  ━━━━━━━━━━━                         90/500              20/s   0:20 left
and 12 more maps
```

A map has a line from its first child to its last one; before and after, it is one of the tasks in the first line.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from prefect.engine.progress import MapProgress, Snapshot
from prefect.engine.state import Cancelled, Failed, Paused, Pending, Retrying, Running, Skipped, State, Success

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

MOST_BARS = 8
WIDE, MEDIUM = 70, 45  # columns; on a narrow terminal, the bar and the counts matter most
WORDS: dict[type[State], str] = {
    Pending: "waiting",
    Running: "running",
    Retrying: "retrying",
    Paused: "paused",
    Success: "succeeded",
    Skipped: "skipped",
    Cancelled: "cancelled",
    Failed: "failed",
}


class Picture:
    """Draws the snapshots of one run.

    Args:
        name: of the flow.
        stream: the terminal, which tells the colours that there are.
        began: when the run did, by the monotonic clock.
    """

    def __init__(self, name: str, stream: TextIO, began: float) -> None:
        from rich.console import Console

        self.console = Console(file=stream, force_terminal=True, highlight=False, markup=False, legacy_windows=False)
        self.name = name
        self.began = began
        self.speeds: dict[int, Speed] = {}

    def lines(self, snapshot: Snapshot, columns: int) -> list[str]:
        """The whole view, for a terminal with so many columns."""
        under_way = [each for each in snapshot.maps if each.begun and not each.over]
        more = len(under_way) - MOST_BARS
        note = [plain(f"and {more:,} more map{'s' * (more > 1)}")] if more > 0 else []
        return self._drawn([self._headline(snapshot, columns), *self._bars(under_way[:MOST_BARS], columns), *note])

    def farewell(self, snapshot: Snapshot) -> str:
        """One line about a run that is over."""
        line = self._counts(snapshot)
        done, failed = sum(each.done for each in snapshot.maps), sum(each.failed for each in snapshot.maps)
        if done:
            line.append(f"; {done:,} mapped runs")
        if failed:
            line.append(f", {failed:,} failed", Failed.color)
        return self._drawn([line.append(f"; {clock(self._elapsed())}")])[0]

    def _elapsed(self) -> float:
        return time.monotonic() - self.began

    def _drawn(self, parts: Sequence[Text]) -> list[str]:
        with self.console.capture() as captured:
            for each in parts:
                self.console.print(each, soft_wrap=True)
        return captured.get().splitlines()

    # --- the first line ----------------------------------------------------------------------------------------------

    def _headline(self, snapshot: Snapshot, columns: int) -> Text:
        counts, elapsed = self._counts(snapshot), clock(self._elapsed())
        counts.truncate(max(1, columns - len(elapsed) - len(GAP) - 1), overflow="ellipsis", pad=True)
        return counts.append(GAP + elapsed)

    def _counts(self, snapshot: Snapshot) -> Text:
        found = snapshot.all_tasks
        counts = [plain(f"{found[kind]:,} {word}", kind.color) for kind, word in WORDS.items() if found[kind]]
        return plain(self.name, "bold").append(GAP).append_text(plain(", ").join(counts))

    # --- the bars ----------------------------------------------------------------------------------------------------

    def _bars(self, maps: Sequence[MapProgress], columns: int) -> list[Text]:
        """One line for each map, with what there is room for; the columns stand below each other."""
        names = aligned([plain(each.name) for each in maps], columns // 3)
        facts = [aligned(column, columns, "right") for column in zip(*(self._facts(each, columns) for each in maps))]
        rows = [plain(GAP).join(row) for row in zip(*[column for column in facts if column[0]])]
        ...

    def _facts(self, each: MapProgress, columns: int) -> list[Text]:
        """What stands behind the bar."""
        speed = self.speeds.setdefault(each.number, Speed()).per_second(each.done, time.monotonic())
        facts = [plain(f"{each.done:,}/{each.total:,}"), notes(each)]
        if columns >= WIDE:
            facts.append(plain(rate(speed)))
        if columns >= MEDIUM:
            facts.append(plain(f"{clock((each.total - each.done) / speed)} left" if speed else ""))
        return facts


def notes(each: MapProgress) -> Text:
    """What is unusual about a map."""
    from rich.text import Text

    found = [(each.failed, "failed", Failed.color), (each.later, "retrying", Retrying.color)]
    return Text(", ").join(Text(f"{count:,} {word}", color) for count, word, color in found if count)


def rate(speed: float | None) -> str:
    """A speed for people: of something slow, by the minute."""
    if speed is None:
        return ""
    if speed >= 10:
        return f"{speed:,.0f}/s"
    return f"{speed:.1f}/s" if speed >= 1 else f"{speed * 60:.1f}/min"


def clock(seconds: float) -> str:
    """A span of time as a clock shows it."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Speed:
    """How fast a map goes, from its last steps: enough that chance evens out, few enough to forget the past."""

    STEPS = 50

    def __init__(self) -> None:
        self.steps: deque[tuple[float, int]] = deque(maxlen=self.STEPS)

    def per_second(self, done: int, now: float) -> float | None:
        """Children per second; None before the first step. It sinks while nothing comes."""
        if not self.steps or self.steps[-1][1] != done:
            self.steps.append((now, done))
        since, before = self.steps[0]
        return (done - before) / (now - since) if done > before and now > since else None
