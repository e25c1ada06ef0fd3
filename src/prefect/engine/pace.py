"""How many children of a map to run in one go: enough to be cheap, few enough to look up between them."""

from __future__ import annotations

LARGEST = 4096


def next_size(size: int, seconds: float, target: float = 0.02) -> int:
    """The size of the next chunk, when a chunk of `size` took so many seconds: it at most doubles.

    Args:
        size: how many children there were in the last one.
        seconds: how long it took.
        target: how long the next one should take.
    """
    fitting = int(size * target / max(seconds, 1e-9))
    return max(1, min(fitting, size * 2, LARGEST))


def fair_size(size: int, left: int, slots: int) -> int:
    """No more than each of the hands can get twice, so that none has much left when the others are done."""
    return max(1, min(size, left // (2 * slots)))
