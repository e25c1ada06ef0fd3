"""Points and lengths of time. A datetime without a zone is UTC."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.exceptions import TaskSettingError, TaskSettingTypeError

LARGEST_POWER = 1000  # of two, beyond which no delay is below any limit and a float overflows


def utcnow() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def as_utc(dt: datetime) -> datetime:
    """The same point in time, in UTC."""
    return dt.replace(tzinfo=UTC) if dt.utcoffset() is None else dt.astimezone(UTC)


def to_timedelta(value: timedelta | int | float) -> timedelta:
    """A length of time that is given as a timedelta or in seconds."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TaskSettingTypeError(f"{value!r} is no length of time: give a timedelta or a number of seconds.")
    try:
        return timedelta(seconds=value)
    except (OverflowError, ValueError) as error:
        raise TaskSettingError(f"{value!r} seconds are no length of time: give a finite, smaller number.") from error


def retry_delay(
    interval: timedelta | int | float | None = None,
    *,
    exponential_backoff: bool = False,
    max_delay: timedelta | int | float = timedelta(hours=2),
    **timedelta_kwargs: Any,
) -> Callable[[int], timedelta]:
    """A rule for how long a task waits before its next attempt, for `Task(retry_delay=…)`.

    Args:
        interval: the delay, in seconds if it is a number.
        exponential_backoff: double the delay after each further attempt.
        max_delay: no delay is longer.
        timedelta_kwargs: the delay in words, such as `minutes=5`, instead of `interval`.

    Returns:
        a function from the number of attempts made so far, at least 1, to the delay.
    """
    first, longest = first_delay(interval, timedelta_kwargs), to_timedelta(max_delay)

    def delay(run_count: int) -> timedelta:
        if not exponential_backoff:
            return min(first, longest)
        power = min(max(run_count - 1, 0), LARGEST_POWER)
        return timedelta(seconds=min(first.total_seconds() * 2.0**power, longest.total_seconds()))

    return delay


def first_delay(interval: timedelta | int | float | None, words: dict[str, Any]) -> timedelta:
    if (interval is None) == (not words):
        raise TaskSettingError("Give the delay either as `interval` or in words such as `minutes=5`.")
    delay = timedelta(**words) if interval is None else to_timedelta(interval)
    if delay < timedelta(0):
        raise TaskSettingError(f"The delay {delay} is negative: nobody can wait for that. Give a positive one.")
    return delay


LONGEST_SLEEP = 60.0  # seconds; clocks of machines jump, so long waits look at the time again


def wait_until(moment: datetime) -> None:
    """Sleep until a time, which may be over already."""
    while (seconds := (moment - utcnow()).total_seconds()) > 0:
        time.sleep(min(seconds, LONGEST_SLEEP))
