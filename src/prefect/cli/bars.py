"""Small pictures of many runs, as wide as a line allows: how they ended, and how long they took.

```
████████████████████████████████████  9 Success, 1 Failed            each cell is a share of the children
▁▁▃▇█▆▃▁▁  ▁                          p50 30 µs, p95 51 µs, max 82 µs
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, log

HEIGHTS = " ▁▂▃▄▅▆▇█"
SHORTEST = 1e-6
"""Seconds: what is shorter cannot be told from it."""


def shares(counts: Mapping[str, int], width: int) -> dict[str, int]:
    """So many cells of a bar for each count; what is there at all has at least one."""
    total = sum(counts.values())
    cells = {name: max(1, round(count * width / total)) for name, count in counts.items() if count}
    if cells:
        largest = max(cells, key=lambda name: cells[name])
        cells[largest] = max(1, cells[largest] + width - sum(cells.values()))
    return cells


def histogram(durations: Sequence[float], width: int) -> str:
    """How many runs took how long, from the shortest to the longest; each column takes by the same factor longer."""
    logs = [log(max(each, SHORTEST)) for each in durations]
    low, high = min(logs), max(logs)
    if low == high:
        return HEIGHTS[-1]
    columns = [0] * width
    for each in logs:
        columns[min(width - 1, int((each - low) / (high - low) * width))] += 1
    return "".join(HEIGHTS[ceil(count * (len(HEIGHTS) - 1) / max(columns))] for count in columns)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that this share of all values does not exceed; they are in growing order."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]
