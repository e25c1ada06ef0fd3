"""Filters: functions that tell whether a time of a clock counts.

A filter is given the time in the zone of its clock, so `at_time(time(9))` is nine o'clock there. Bounds are part of the
range they bound. Any function of a datetime that returns True or False is a filter.

| filter | lets pass |
|---|---|
| `on_datetime(dt)`, `between_datetimes(start, end)` | points in time |
| `on_date(month, day)`, `between_dates(...)` | days of every year |
| `at_time(t)`, `between_times(start, end)` | times of every day |
| `is_weekday`, `is_weekend`, `is_day_of_week(n)` | days of the week; **0 is Monday** |
| `is_month_start`, `is_month_end` | the first and the last day of a month |

The filters without arguments are passed on without calling them: `filters=[is_weekday]`.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, time
from typing import Any

from prefect.exceptions import ScheduleError, ScheduleTypeError
from prefect.schedules.local import checked_moment
from prefect.schedules.rules import Rule, catalogue
from prefect.utilities.datetimes import as_utc

LEAP_YEAR = 2000  # has every day that a year can have
SATURDAY = 5


def on_datetime(dt: datetime) -> Rule[bool]:
    """Only this point in time; without a zone it is UTC."""
    moment = checked_moment(dt, "`dt` of on_datetime")
    return Rule(on_datetime, lambda each: as_utc(each) == as_utc(moment), dt=moment)


def between_datetimes(start: datetime, end: datetime) -> Rule[bool]:
    """Only from one point in time to another, both included; without a zone they are UTC."""
    first = checked_moment(start, "`start` of between_datetimes")
    last = checked_moment(end, "`end` of between_datetimes")
    return Rule(between_datetimes, lambda each: as_utc(first) <= as_utc(each) <= as_utc(last), start=first, end=last)


def on_date(month: int, day: int) -> Rule[bool]:
    """Only on this day of every year."""
    wanted = checked_day(month, day)
    return Rule(on_date, lambda dt: (dt.month, dt.day) == wanted, month=month, day=day)


def between_dates(start_month: int, start_day: int, end_month: int, end_day: int) -> Rule[bool]:
    """Only from one day of every year to another, both included.

    A range whose end comes before its start goes past New Year, within one month too: from 20 March to 10 March is all
    of the year but nine days.
    """
    start, end = checked_day(start_month, start_day), checked_day(end_month, end_day)
    return Rule(
        between_dates,
        lambda dt: within((dt.month, dt.day), start, end),
        start_month=start_month,
        start_day=start_day,
        end_month=end_month,
        end_day=end_day,
    )


def at_time(t: time) -> Rule[bool]:
    """Only at this time of the day, in the zone of the clock."""
    wanted = checked_time(t)
    return Rule(at_time, lambda dt: dt.time() == wanted, t=t)


def between_times(start: time, end: time) -> Rule[bool]:
    """Only from one time of the day to another, both included; a range whose end comes first goes past midnight."""
    first, last = checked_time(start), checked_time(end)
    return Rule(between_times, lambda dt: within(dt.time(), first, last), start=start, end=end)


def is_day_of_week(day_of_week: int) -> Rule[bool]:
    """Only on this day of the week: 0 is Monday and 6 is Sunday, as in `datetime.weekday()`."""
    if isinstance(day_of_week, bool) or not isinstance(day_of_week, int):
        raise ScheduleTypeError(f"{day_of_week!r} is no day of the week: give a number from 0 (Monday) to 6 (Sunday).")
    if not 0 <= day_of_week <= 6:
        raise ScheduleError(f"There is no day {day_of_week} of the week: 0 is Monday and 6 is Sunday.")
    return Rule(is_day_of_week, lambda dt: dt.weekday() == day_of_week, day_of_week=day_of_week)


def is_weekday(dt: datetime) -> bool:
    """Only from Monday to Friday."""
    return dt.weekday() < SATURDAY


def is_weekend(dt: datetime) -> bool:
    """Only on Saturday and Sunday."""
    return dt.weekday() >= SATURDAY


def is_month_start(dt: datetime) -> bool:
    """Only on the first day of a month."""
    return dt.day == 1


def is_month_end(dt: datetime) -> bool:
    """Only on the last day of a month."""
    return dt.day == monthrange(dt.year, dt.month)[1]


def within(value: Any, start: Any, end: Any) -> bool:
    """Whether a value lies in a range, which goes round if its end comes before its start."""
    return bool(start <= value <= end if start <= end else value >= start or value <= end)


def checked_day(month: int, day: int) -> tuple[int, int]:
    try:
        date(LEAP_YEAR, month, day)
    except TypeError as error:
        raise ScheduleTypeError(f"Month {month!r}, day {day!r} is no day: give two numbers.") from error
    except ValueError as error:
        raise ScheduleError(f"There is no day {day} in month {month}: the month comes first, then the day.") from error
    return month, day


def checked_time(value: time) -> time:
    if not isinstance(value, time):
        raise ScheduleTypeError(f"{value!r} is no time of the day: give a `datetime.time`, such as time(9, 30).")
    if value.tzinfo is not None:
        raise ScheduleTypeError(f"{value!r} has a zone, but the zone is that of the clock: leave `tzinfo` out.")
    return value


FILTERS = catalogue(
    on_datetime,
    between_datetimes,
    on_date,
    between_dates,
    at_time,
    between_times,
    is_day_of_week,
    is_weekday,
    is_weekend,
    is_month_start,
    is_month_end,
)
