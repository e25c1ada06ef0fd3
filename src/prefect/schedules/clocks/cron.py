"""CronClock: at the times of a cron line.

The line is read by croniter, because it is maintained, it knows `day_or`, and it reads what lines of Prefect 1 may
contain. It is only asked what local clocks show: jumps of local time are dealt with here, by one exact rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.exceptions import ScheduleError, ScheduleTypeError
from prefect.schedules.clocks.base import Clock
from prefect.schedules.local import first_shown, reading, zone_of
from prefect.utilities.datetimes import as_utc

SECOND = timedelta(seconds=1)
LONGEST_GAP = 140  # years between two times of a line; the years that lines can name are fewer
BEGINNING = datetime(1969, 12, 31)  # before all years that a line can name

RANGES: Mapping[str, str] = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day of the month": "1 to 31, or l for the last",
    "month": "1 to 12, or jan to dec",
    "day of the week": "0 to 7, where 0 and 7 are Sunday, or sun to sat; 5#2 is the second Friday, l5 the last",
    "second": "0 to 59",
    "year": "1970 to 2099",
}
"""The fields of a line in their order, and what may stand in them."""


class CronClock(Clock):
    """Ticks at the times of a cron line, in the local time of `start_date`.

    A line has the fields minute, hour, day of the month, month and day of the week; a sixth is the second, a seventh
    the year. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` (or `@annually`, `@midnight`) are lines too.

    When clocks are changed, there is a tick **at the first moment at which they show a time of the line, or jump past
    it**. Several ticks at one moment are one. So where clocks go from 2:00 to 3:00 in spring and from 3:00 to 2:00 in
    autumn

    - `30 2 * * *` ticks at 3:00 in spring, which is the moment of the jump, and once in autumn;
    - `*/15 * * * *` ticks at 1:45 and 3:00 in spring, which follow each other at once; in autumn at 2:45 and then, 75
      minutes later, at 3:00: local times that come twice count once.

    Args:
        cron: the line.
        start_date: no tick is earlier, and its zone is the zone of the clock; by default UTC.
        end_date: no tick is later.
        parameter_defaults: values of parameters for the runs at these times.
        labels: where the runs at these times may take place.
        day_or: what holds if both the day of the month and the day of the week are given: True, the default, ticks on
            days that fit one of them, as cron does; False on days that fit both.

    Raises:
        ScheduleTypeError: the line is no text.
        ScheduleError: the line cannot be read, or there is no such day.
    """

    FIELDS = ("cron", "start_date", "end_date", "day_or")

    def __init__(
        self,
        cron: str,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: Iterable[str] | None = None,
        day_or: bool | None = None,
    ) -> None:
        super().__init__(start_date, end_date, parameter_defaults=parameter_defaults, labels=labels)
        self.day_or = True if day_or is None else bool(day_or)
        self.cron = checked_line(cron, self.day_or)
        self.zone = UTC if self.start_date is None else zone_of(self.start_date)

    def __repr__(self) -> str:
        return f"<CronClock: {self.cron!r} in {self.zone}>"

    def moments(self, after: datetime) -> Iterator[datetime]:
        since = after
        if self.start_date is not None and as_utc(self.start_date) > after:
            since = as_utc(self.start_date) - SECOND
        try:
            for shown in shown_times(self.cron, reading(since, self.zone).replace(microsecond=0), self.day_or):
                yield first_shown(shown, self.zone)
        except OverflowError:  # the end of time
            return


def shown_times(line: str, after: datetime, day_or: bool) -> Iterator[datetime]:
    """What clocks show at the times of a line, in order, after a local time."""
    from croniter import CroniterBadDateError, croniter  # type: ignore[import-untyped,unused-ignore]

    found = croniter(line, after, day_or=day_or, max_years_between_matches=LONGEST_GAP)
    while True:
        try:
            yield found.get_next(datetime)
        except (CroniterBadDateError, ValueError):  # no such time, or none before the year 10000
            return


# --- mistakes in lines ------------------------------------------------------------------------------------------------


def checked_line(line: str, day_or: bool) -> str:
    if not isinstance(line, str):
        raise ScheduleTypeError(f"The cron line is {line!r}: give text, such as '0 9 * * mon-fri'.")
    if problem := fault(line):
        raise ScheduleError(f"The cron line {line!r} cannot be read: {problem}")
    if next(shown_times(line, BEGINNING, day_or), None) is None:
        raise ScheduleError(f"The cron line {line!r} has no time: no day fits its day and month.")
    return line


def fault(line: str) -> str | None:
    """What is wrong with a line, at the field that is."""
    if line.strip().startswith("@"):
        return None if readable(line) else "there is no such abbreviation; use @hourly, @daily, @weekly, @monthly …"
    fields = line.split()
    if not 5 <= len(fields) <= 7:
        return f"it has {len(fields)} fields, but 5 are needed: {', '.join(list(RANGES)[:5])}."
    for number, (name, text) in enumerate(zip(RANGES, fields, strict=False)):
        if not readable(" ".join(text if place == number else "*" for place in range(len(fields)))):
            return f"its field number {number + 1}, the {name}, is {text!r}. It takes {RANGES[name]}, or * for all."
    return None if readable(line) else "its fields do not fit together; see man 5 crontab."


def readable(line: str) -> bool:
    """Whether a line can be read; one with random times cannot, as it would tell others whenever it is asked."""
    from croniter import croniter

    items = line.lower().replace(",", " ").split()
    return bool(croniter.is_valid(line)) and not any(item.startswith("r") for item in items)
