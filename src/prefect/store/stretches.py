"""Children of a map that simply ran, packed: which ones, when each began and ended, and their values.

```
indices   nothing if none is missing from first to last; else the steps from each one to the next
times     when the children began, then when they ended, in seconds since 1970
values    opaque here, see `prefect.store.values`
```

Neighbouring numbers differ in their last bytes only. So the first bytes of all of them are put together, then the
second ones, and so on, and then they are compressed: a time takes 2 or 3 bytes instead of 8, exact to the last bit.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from operator import lt, sub
from typing import Any

from prefect.store.records import Stretch, micros

QUICKLY = 1
"""The level of compression: more takes twice the time for a hundredth of the size."""


def pack(
    seq: int, task: int, indices: Sequence[int], starts: Sequence[float], ends: Sequence[float], values: bytes
) -> Stretch:
    """Children as a stretch.

    Args:
        seq: its number in the run.
        task: the number of the task.
        indices: which children, in growing order.
        starts: when each began, in seconds since 1970.
        ends: when each ended.
        values: their values, packed.

    Raises:
        ValueError: the indices do not grow; a stretch would tell of other children.
    """
    first, last, count = indices[0], indices[-1], len(indices)
    if not grows(indices):
        raise ValueError(f"The indices of a stretch have to grow: {list(indices)}")
    gapless = last - first + 1 == count
    return Stretch(
        seq,
        task,
        first,
        last,
        count,
        micros(min(starts)),
        micros(max(ends)),
        b"" if gapless else squeezed(array("I", map(sub, indices[1:], indices))),
        squeezed(array("d", starts) + array("d", ends)),
        values,
    )


def grows(indices: Sequence[int]) -> bool:
    """Is each index larger than the one before it?"""
    return type(indices) is range or all(map(lt, indices, indices[1:]))


def indices_of(stretch: Stretch) -> range | array[int]:
    """Which children are in a stretch."""
    if not stretch.indices:
        return range(stretch.first, stretch.last + 1)
    return array("q", accumulate(unsqueezed("I", stretch.indices), initial=stretch.first))


def times_of(stretch: Stretch) -> tuple[array[float], array[float]]:
    """When each child began and ended, in seconds since 1970."""
    times = unsqueezed("d", stretch.times)
    return times[: stretch.count], times[stretch.count :]


def position(stretch: Stretch, index: int) -> int | None:
    """Where a child is in a stretch; None if it is not there."""
    if not stretch.first <= index <= stretch.last:
        return None
    if not stretch.indices:
        return index - stretch.first
    indices = indices_of(stretch)
    at = bisect_left(indices, index)
    return at if indices[at] == index else None


def squeezed(numbers: array[Any]) -> bytes:
    """Numbers as few bytes."""
    data = little_endian(numbers).tobytes()
    size = numbers.itemsize
    return zlib.compress(b"".join(data[byte::size] for byte in range(size)), QUICKLY)


def unsqueezed(typecode: str, packed: bytes) -> array[Any]:
    """The numbers that were squeezed."""
    numbers: array[Any] = array(typecode)
    planes, size = zlib.decompress(packed), numbers.itemsize
    count = len(planes) // size
    data = bytearray(len(planes))
    for byte in range(size):
        data[byte::size] = planes[byte * count : (byte + 1) * count]
    numbers.frombytes(bytes(data))
    return little_endian(numbers)


def little_endian(numbers: array[Any]) -> array[Any]:
    """Numbers in the order of bytes that a store keeps, or back from it."""
    if sys.byteorder == "little":
        return numbers
    turned = array(numbers.typecode, numbers)
    turned.byteswap()
    return turned
