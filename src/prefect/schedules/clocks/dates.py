"""DatesClock: at the times of a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from prefect.exceptions import ScheduleError, ScheduleTypeError
from prefect.schedules.clocks.base import Clock
from prefect.schedules.local import checked_moment
from prefect.utilities.datetimes import as_utc


class DatesClock(Clock):
    """Ticks at the times of a list, in any order and of any zones; one without a zone is UTC.

    Args:
        dates: the times, at least one.
        parameter_defaults: values of parameters for the runs at these times.
        labels: where the runs at these times may take place.

    Raises:
        ScheduleTypeError: there is something else than datetimes.
        ScheduleError: the list is empty.
    """

    FIELDS = ("dates",)

    def __init__(
        self,
        dates: Iterable[datetime],
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        if isinstance(dates, str) or not isinstance(dates, Iterable):
            raise ScheduleTypeError(f"The dates are {dates!r}: give a list of datetimes.")
        self.dates = sorted((checked_moment(each, "One of the dates") for each in dates), key=as_utc)
        if not self.dates:
            raise ScheduleError("The list of dates is empty: give at least one datetime.")
        super().__init__(self.dates[0], self.dates[-1], parameter_defaults=parameter_defaults, labels=labels)

    def __repr__(self) -> str:
        return f"<DatesClock: {len(self.dates)} from {self.dates[0].isoformat()}>"

    def moments(self, after: datetime) -> Iterator[datetime]:
        return iter(self.dates)
