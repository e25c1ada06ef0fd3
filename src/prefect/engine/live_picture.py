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
        parts: list[Any] = [self._headline(snapshot)]
        if under_way:
            parts.append(self._bars(under_way[:MOST_BARS], columns))
        more = len(under_way) - MOST_BARS
        if more > 0:
            parts.append(f"and {more:,} more map{'s' * (more > 1)}")
        return self._drawn(parts, columns)

    def farewell(self, snapshot: Snapshot, columns: int) -> str:
        """One line about a run that is over."""
        line = self._counts(snapshot)
        done, failed = sum(each.done for each in snapshot.maps), sum(each.failed for each in snapshot.maps)
        if snapshot.maps:
            line.append(f"; {done:,} mapped runs")
        if failed:
            line.append(f", {failed:,} failed", Failed.color)
        return self._drawn([line.append(f"; {clock(self._elapsed())}")], columns)[0]

    def _elapsed(self) -> float:
        return time.monotonic() - self.began

    def _drawn(self, parts: Sequence[Any], columns: int) -> list[str]:
        self.console.width = max(1, columns - 1)
        with self.console.capture() as captured:
            for each in parts:
                self.console.print(each, no_wrap=True, overflow="ellipsis")
        return captured.get().splitlines()

    # --- the first line ----------------------------------------------------------------------------------------------

    def _headline(self, snapshot: Snapshot) -> Table:
        line = grid(1, "right")
        line.add_row(self._counts(snapshot), clock(self._elapsed()))
        return line

    def _counts(self, snapshot: Snapshot) -> Text:
        from rich.text import Text

        found = snapshot.all_tasks
        counts = [Text(f"{found[kind]:,} {word}", kind.color) for kind, word in WORDS.items() if found[kind]]
        return Text.assemble((self.name, "bold"), "  ", Text(", ").join(counts))

    # --- the bars ----------------------------------------------------------------------------------------------------

    def _bars(self, maps: Sequence[MapProgress], columns: int) -> Table:
        """One line for each map; those of one column stand below each other."""
        ...


def grid(*columns: str) -> Table:
    from rich.table import Table
    ...
