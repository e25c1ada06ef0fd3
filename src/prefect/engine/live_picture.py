"""What the live view looks like: a snapshot of a run as lines of text with colours.

```
daily  3 waiting, 2 running, 12 succeeded, 1 failed                            0:12
load       ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━   213/500  2 failed    41/s   0:07 left
transform  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━    90/500              20/s   0:20 left
and 12 more maps
```

A map has a line from its first child to its last one; before and after, it is one of the tasks in the first line.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from prefect.engine.progress import MapProgress, Snapshot
from prefect.engine.state import Cancelled, Failed, Paused, Pending, Retrying, Running, Skipped, State, Success

if TYPE_CHECKING:
    from rich.text import Text

MOST_BARS = 8
LONG_BAR, SHORTEST_BAR = 12, 5  # columns; where there is little room, the bar and the counts matter most
GAP = "  "
NOT_YET = "grey37"
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
        stream: the terminal, which tells the colours and signs that there are.
        began: when the run did, by the monotonic clock.
    """

    def __init__(self, name: str, stream: TextIO, began: float) -> None:
        from rich.console import Console

        self.console = Console(file=stream, force_terminal=True, highlight=False, legacy_windows=False)
        self.name = name
        self.began = began
        self.sign = "-" if self.console.options.ascii_only else "━"
        self.speeds: dict[int, Speed] = {}

    def lines(self, snapshot: Snapshot, columns: int) -> list[str]:
        """The whole view, for a terminal with so many columns; the last one stays free."""
        room = max(1, columns - 1)
        under_way = [each for each in snapshot.maps if each.begun and not each.over]
        lines = [self._headline(snapshot, room), *self._bars(under_way[:MOST_BARS], room)]
        more = len(under_way) - MOST_BARS
        if more > 0:
            lines.append(text(f"and {more:,} more map{'s' * (more > 1)}"))
        for line in lines:
            line.truncate(room)
        return self._drawn(lines)

    def farewell(self, snapshot: Snapshot) -> str:
        """One line about a run that is over."""
        line = joined(text(self.name, "bold"), self._counts(snapshot))
        done, failed = sum(each.done for each in snapshot.maps), sum(each.failed for each in snapshot.maps)
        if done:
            line.append(f"; {done:,} mapped runs")
        if failed:
            line.append(f", {failed:,} failed", Failed.color)
        return self._drawn([line.append(f"; {clock(self._elapsed())}")])[0]

    def _elapsed(self) -> float:
        return time.monotonic() - self.began

    def _drawn(self, lines: Sequence[Text]) -> list[str]:
        with self.console.capture() as captured:
            for line in lines:
                self.console.print(line, soft_wrap=True)
        return captured.get().splitlines()

    # --- the first line ----------------------------------------------------------------------------------------------

    def _headline(self, snapshot: Snapshot, room: int) -> Text:
        """The name and as many counts as there is room for; what is over matters more than what waits."""
        elapsed = GAP + clock(self._elapsed())
        left = max(1, room - len(elapsed))
        counts = self._counts(snapshot)
        spare = left - joined(text(""), counts).cell_len
        [name] = aligned([text(self.name, "bold")], max(1, room // 3, spare))
        while len(counts) > 1 and joined(name, counts).cell_len > left:
            counts.pop(0)
        line = joined(name, counts)
        line.truncate(left, overflow="ellipsis", pad=True)
        return line.append(elapsed)

    def _counts(self, snapshot: Snapshot) -> list[Text]:
        found = snapshot.all_tasks
        return [text(f"{found[kind]:,} {word}", kind.color) for kind, word in WORDS.items() if found[kind]]

    # --- the bars ----------------------------------------------------------------------------------------------------

    def _bars(self, maps: Sequence[MapProgress], room: int) -> list[Text]:
        """One line for each map, with what there is room for; the parts stand below each other."""
        if not maps:
            return []
        names = aligned([text(each.name) for each in maps], room // 3)
        for least, facts in self._facts(maps, room):
            columns = [names, *(each for each in facts if each[0].cell_len)]
            left = room - sum(len(GAP) + each[0].cell_len for each in columns)
            if left >= least:
                columns.insert(1, [bar(each, left, self.sign) for each in maps])
                break
        return [text(GAP).join(line) for line in zip(*columns, strict=True)]

    def _facts(self, maps: Sequence[MapProgress], room: int) -> Iterator[tuple[int, list[list[Text]]]]:
        """What stands behind the bars, less and less of it; and how long a bar it has to leave room for."""
        now = time.monotonic()
        speeds = [self.speeds.setdefault(each.number, Speed()).per_second(each.done, now) for each in maps]
        columns = (
            [text(f"{each.done:,}/{each.total:,}") for each in maps],
            [notes(each, "failed", "retrying") for each in maps],
            [notes(each, "failed") for each in maps],
            [text(rate(speed)) for speed in speeds],
            [text(time_left(each, speed)) for each, speed in zip(maps, speeds, strict=True)],
        )
        counts, both, failures, rates, times = (aligned(each, room, "right") for each in columns)
        yield LONG_BAR, [counts, both, rates, times]
        yield LONG_BAR, [counts, both, times]
        yield SHORTEST_BAR, [counts, both]
        yield SHORTEST_BAR, [counts, failures]
        yield SHORTEST_BAR, [counts]


def bar(each: MapProgress, width: int, sign: str) -> Text:
    done = width * each.done // each.total
    return text(sign * done, Success.color).append(sign * (width - done), NOT_YET)


def notes(each: MapProgress, *words: str) -> Text:
    """What is unusual about a map."""
    found = {"failed": (each.failed, Failed.color), "retrying": (each.later, Retrying.color)}
    return text(", ").join(text(f"{found[word][0]:,} {word}", found[word][1]) for word in words if found[word][0])


def time_left(each: MapProgress, speed: float | None) -> str:
    return f"{clock((each.total - each.done) / speed)} left" if speed else ""


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


# --- pieces of text ---------------------------------------------------------------------------------------------------


def text(content: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(content, style)


def joined(name: Text, counts: Sequence[Text]) -> Text:
    """The name of the flow and what is counted in it."""
    return name.copy().append(GAP).append_text(text(", ").join(counts))


def aligned(column: Sequence[Text], most: int, align: str = "left") -> list[Text]:
    """Pieces of text made equally wide: as wide as the widest, but not wider than `most`."""
    width = min(most, max((each.cell_len for each in column), default=0))
    for each in column:
        each.truncate(width, overflow="ellipsis")
        each.align(align, width)  # type: ignore[arg-type]
    return list(column)
