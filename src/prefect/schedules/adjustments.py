"""Adjustments: functions that move a time after the filters let it pass.

Any function from a datetime to a datetime is an adjustment. It is given the time in the zone of its clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from prefect.exceptions import ScheduleTypeError
from prefect.schedules.local import later, split
from prefect.schedules.rules import Rule, catalogue

SATURDAY, WEEK = 5, 7


def add(interval: timedelta) -> Rule[datetime]:
    """Later by an interval, or earlier if it is negative.

    Whole days go by the local calendar, so that nine o'clock stays nine o'clock; the rest is time that passes.
    """
    if not isinstance(interval, timedelta):
        raise ScheduleTypeError(f"{interval!r} is no length of time: give a timedelta, such as timedelta(hours=1).")
    return Rule(add, lambda dt: later(dt, *split(interval)), interval=interval)


def next_weekday(dt: datetime) -> datetime:
    """The same local time on Monday, if it is on Saturday or Sunday."""
    return later(dt, WEEK - dt.weekday(), timedelta(0)) if dt.weekday() >= SATURDAY else dt


ADJUSTMENTS = catalogue(add, next_weekday)
