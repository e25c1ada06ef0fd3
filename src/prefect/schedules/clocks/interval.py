"""IntervalClock: again and again after the same length of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from prefect.exceptions import ScheduleError, ScheduleTypeError
from prefect.schedules.clocks.base import Clock
from prefect.schedules.local import later, split
from prefect.utilities.datetimes import as_utc

EPOCH = datetime(2019, 1, 1, tzinfo=UTC)


class IntervalClock(Clock):
    """Ticks at its start and then again and again after the same interval.

    Whole days of the interval go by the local calendar of `start_date`, the rest is time that passes. Tick number n is
    n times the whole days later by the calendar, and then n times the rest later. So in Berlin

    - `timedelta(days=1)` from nine o'clock is at nine o'clock each day, when the clocks changed too;
    - `timedelta(hours=24)` is the same, because it is one day;
    - `timedelta(hours=1)` passes between two ticks, whatever the clocks show.

    A day that has no such local time, because the clocks jump past it, has its tick as late as if they had not jumped
    yet: 2:30 is 3:30 on that day. If a local time comes twice on a day, the tick is at the first.

    Args:
        interval: the time from tick to tick, longer than zero.
        start_date: the first tick; by default midnight of 1 January 2019, UTC.
        end_date: no tick is later.
        parameter_defaults: values of parameters for the runs at these times.
        labels: where the runs at these times may take place.

    Raises:
        ScheduleTypeError: the interval is no timedelta.
        ScheduleError: the interval is not longer than zero.
    """

    FIELDS = ("interval", "start_date", "end_date")

    def __init__(
        self,
        interval: timedelta,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        if not isinstance(interval, timedelta):
            raise ScheduleTypeError(f"The interval is {interval!r}: give a timedelta, such as timedelta(hours=1).")
        if interval <= timedelta(0):
            raise ScheduleError(f"The interval is {interval}: give one that is longer than zero.")
        start = EPOCH if start_date is None else start_date
        super().__init__(start, end_date, parameter_defaults=parameter_defaults, labels=labels)
        self.interval = interval
        self.start: datetime = self.start_date or EPOCH

    def __repr__(self) -> str:
        return f"<IntervalClock: {self.interval} from {self.start.isoformat()}>"

    def moments(self, after: datetime) -> Iterator[datetime]:
        days, rest = split(self.interval)
        try:
            for number in count(self.number_before(after)):
                yield later(self.start, number * days, number * rest)
        except OverflowError:  # the end of time
            return

    def number_before(self, after: datetime) -> int:
        """The number of a tick close before a moment; a step back makes up for zones that repeated a whole day."""
        return max(0, (after - as_utc(self.start)) // self.interval - 1)
