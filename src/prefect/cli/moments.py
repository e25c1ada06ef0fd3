"""Times and lengths of time, as people at a terminal write and read them. A time is in microseconds since 1970.

| written | means |
|---|---|
| `45s`, `30min`, `2h`, `7d`, `2w` | so long ago |
| `2026-11-01`, `2026-11-01 14:30` | the beginning of that day, or that minute, by the clock here |
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d|w)")
DAY = 86_400
STEPS = ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (60.0, 1.0, "s"))
"""Up to how many seconds a unit is used, how many of it are a second, and its name."""


def now() -> int:
    return int(time.time() * 1e6)


def point(text: str, now: int) -> int:
    """The time that somebody wrote.

    Raises:
        ValueError: it is no time.
    """
    matched = AGO.fullmatch(text.strip())
    if matched is not None:
        return int(now - float(matched[1]) * SECONDS[matched[2]] * 1e6)
    try:
        return int(datetime.fromisoformat(text.strip()).timestamp() * 1e6)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time: write 2h, 7d, 2026-11-01 or '2026-11-01 14:30'.") from error


def shown(at: int | None, now: int) -> str:
    """A time by the clock here: `14:02:11, 3 min ago`; one of long ago by its date."""
    if at is None:
        return ""
    if abs(now - at) > DAY * 1e6:
        return date(at)
    return f"{datetime.fromtimestamp(at / 1e6):%H:%M:%S}, {ago((now - at) / 1e6)}"


def date(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1e6):%Y-%m-%d %H:%M}"


def ago(seconds: float) -> str:
    if seconds < 1:
        return "just now"
    for unit, length in (("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    raise AssertionError(seconds)


def clock(at: int) -> str:
    """A time of day, to the millisecond."""
    return f"{datetime.fromtimestamp(at / 1e6):%H:%M:%S.%f}"[:-3]


def span(seconds: float | None) -> str:
    """A length of time, in its two largest units at most: `35 µs`, `1.2 s`, `1 h 30 min`."""
    if seconds is None:
        return ""
    for below, factor, unit in STEPS:
        if seconds < below:
            return f"{two_digits(seconds * factor)} {unit}"
    parts = zip(in_units(timedelta(seconds=round(seconds))), ("d", "h", "min", "s"), strict=True)
    return " ".join([f"{count} {unit}" for count, unit in parts if count][:2])


def two_digits(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.1f}".removesuffix(".0")


def in_units(length: timedelta) -> tuple[int, int, int, int]:
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return length.days, hours, minutes, seconds


def iso(at: int | None) -> str | None:
    """A time for programs, in UTC."""
    return None if at is None else datetime.fromtimestamp(at / 1e6, UTC).isoformat()
