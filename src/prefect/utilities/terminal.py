"""Lines that stay at the foot of a terminal while everything else scrolls above them.

```
[2026-01-31 09:30:00,968] - INFO - prefect.load | Task 'load[212]': starting   ┐ the part that scrolls: whatever anybody
[2026-01-31 09:30:00,973] - INFO - prefect.load | Task 'load[213]': starting   ┘ writes, the cursor stays here
daily   3 waiting, 2 running, 12 succeeded                            0:12     ┐ the foot: only `Foot` writes here
load    ━━━━━━━━━━━━━━━━━━━╸━━━━━━━━━━━━━━━━━━━━━   213/500   41/s   0:07     ┘
```

The terminal itself keeps them there: it is told to scroll its upper part only. So nothing has to be caught or
redirected, and the lines of worker processes, libraries and `input()` come out whole, too. A frame is one write, so
that no other write gets into its middle.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

SAVE, RESTORE = "\x1b7", "\x1b8"  # the place of the cursor, and its colours
PLAIN = "\x1b[m"
LINE_DOWN = "\x1bD"  # scrolls at the bottom, and stays in its column
CLEAR_LINE, CLEAR_BELOW = "\x1b[2K", "\x1b[J"
SCROLL_ALL = f"{SAVE}\x1b[r{RESTORE}"


class Foot:
    """The foot of a terminal.

    Args:
        descriptor: the number of the file that is the terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.size = self.measured()
        self.height = 0

    def measured(self) -> os.terminal_size:
        """The columns and lines of the terminal as it is now; a guess for what is none."""
        try:
            return os.get_terminal_size(self.descriptor)
        except OSError:
            return shutil.get_terminal_size()

    def show(self, lines: Sequence[str]) -> None:
        """Show these lines in place of those before; at most half of the terminal is taken."""
        size = self.measured()
        shown = lines[: size.lines // 2]
        cleared = self._cleared() if size != self.size or not shown else ""
        self.size = size
        self._write(cleared + (self._painted(shown) if shown else ""))
        self.height = len(shown)

    def close(self, last: str = "") -> None:
        """Give the whole terminal back; the last line is printed as any other."""
        self._write(self._cleared() + (f"{last}\n" if last else ""))

    def _painted(self, lines: Sequence[str]) -> str:
        """One frame: blank lines take the place of those that are no longer needed."""
        height, bottom = len(lines), self.size.lines
        rows = [*[""] * (self.height - height), *lines]
        above = bottom - len(rows)
        text = "".join(f"\x1b[{above + n};1H{CLEAR_LINE}{line}" for n, line in enumerate(rows, 1))
        return f"{room_for(height)}{SAVE}{PLAIN}\x1b[1;{bottom - height}r{text}{RESTORE}"

    def _cleared(self) -> str:
        """Below the cursor is nothing but the foot, wherever it got to if the terminal changed its size."""
        if not self.height:
            return ""
        self.height = 0
        return SCROLL_ALL + CLEAR_BELOW

    def _write(self, text: str) -> None:
        data = text.encode(errors="replace")
        while data:
            data = data[os.write(self.descriptor, data) :]


def room_for(height: int) -> str:
    """Have the cursor above the foot: what reaches further down scrolls up.

    Each frame makes sure of it, because whoever is at the terminal may have stopped the program and used it meanwhile.
    """
    return f"{SCROLL_ALL}{LINE_DOWN * height}\x1b[{height}A"
