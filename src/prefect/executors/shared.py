"""Values that many calls need: each worker process is sent them once, and then keeps them.

```
pool                                     worker
Shared(7) ── KEEP 7, once ─────────────▶ KEPT[7]
call(fn, Shared(7), …) ── pickled ─────▶ call(fn, recall(7), …)
```
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from prefect.exceptions import PrefectException

KEPT: dict[int, bytes] = {}
"""In a worker process: the values that it was sent."""

numbers = count(1)


class Shared:
    """Stands for a value among the arguments of a call; it arrives there as the value itself."""

    __slots__ = ("number", "value")

    def __init__(self, value: bytes) -> None:
        self.number = next(numbers)
        self.value = value

    def __reduce__(self) -> tuple[Callable[[int], bytes], tuple[int]]:
        return recall, (self.number,)


def recall(number: int) -> bytes:
    """The value of a number."""
    try:
        return KEPT[number]
    except KeyError:
        raise PrefectException("A shared value did not come along: make it an argument, not a part of one.") from None
