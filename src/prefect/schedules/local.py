"""Local time: from what the clocks of a zone show to a point in time, when they jump too.

Two days a year have local times that do not exist, or that come twice. For both there is one answer here:

| local time | `calendar` (intervals, recurrence rules) | `first_shown` (cron lines) |
|---|---|---|
| exists once | that moment | that moment |
| comes twice | the first of the two | the first of the two |
| does not exist | as late as if the clocks had not jumped yet: 2:30 → 3:30 | the moment of the jump: 2:30 → 3:00 |
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prefect.exceptions import ScheduleTypeError
from prefect.utilities.datetimes import as_utc

DAY = timedelta(days=1)


def checked_moment(value: Any, what: str) -> datetime:
    """A point in time as a plain datetime with a zone; without a zone it is UTC.

    Raises:
        ScheduleTypeError: it is something else.
    """
    if not isinstance(value, datetime):
        raise ScheduleTypeError(f"{what} is {value!r}, which is no point in time: give a datetime.")
    return in_zone(value, zone_of(value))


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """The same point in time in another zone, as a plain datetime whatever subclass it was."""
    utc = as_utc(moment)
    return datetime.combine(utc.date(), utc.time(), UTC).astimezone(zone)


def zone_of(moment: datetime) -> tzinfo:
    """The zone of a datetime as the standard library has it, if it knows it by name; without a zone it is UTC."""
    zone, offset = moment.tzinfo, moment.utcoffset()
    if zone is None or offset is None:
        return UTC
    if zone.utcoffset(None) is not None:
        return timezone(offset) if offset else UTC
    return zone if type(zone) is ZoneInfo else named_zone(zone_name(zone)) or zone


def zone_name(zone: tzinfo) -> str | None:
    """What a zone is called in the zone database; libraries of times keep it in attributes of their own."""
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    return name if isinstance(name, str) else None


def named_zone(name: str | None) -> ZoneInfo | None:
    """The zone of that name; None if there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def reading(moment: datetime, zone: tzinfo) -> datetime:
    """What the clocks of a zone show at a moment, as a datetime without a zone."""
    return in_zone(moment, zone).replace(tzinfo=None, fold=0)


def calendar(shown: datetime, zone: tzinfo) -> datetime:
    """The moment of a local time; one that does not exist counts with the offset before the jump (as in RFC 5545)."""
    if isinstance(zone, (ZoneInfo, timezone)):
        return in_zone(shown.replace(tzinfo=zone, fold=0), zone)
    before, after = (shown - offset_at(shown + days * DAY, zone) for days in (-1, 1))
    there = [each for each in (before, after) if reading(each.replace(tzinfo=UTC), zone) == shown]
    return in_zone(min(there, default=before).replace(tzinfo=UTC), zone)


def offset_at(shown: datetime, zone: tzinfo) -> timedelta:
    """How far a zone is from UTC; zones of other libraries disagree about local times that do not exist, not here."""
    return zone.utcoffset(shown) or timedelta(0)


def first_shown(shown: datetime, zone: tzinfo) -> datetime:
    """The first moment at which the clocks of a zone show a local time, or jump past it."""
    moment = calendar(shown, zone)
    if moment.replace(tzinfo=None) == shown:
        return moment
    return jump_past(shown, as_utc(shown.replace(tzinfo=zone, fold=1)), as_utc(moment), zone)


def jump_past(shown: datetime, before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The moment between two others at which the clocks jump past a local time."""
    while after - before > datetime.resolution:
        middle = before + (after - before) / 2
        before, after = (before, middle) if reading(middle, zone) > shown else (middle, after)
    return in_zone(after, zone)


def later(moment: datetime, days: int, rest: timedelta) -> datetime:
    """A moment moved by whole days of the local calendar, and then by a length of time that passes."""
    zone = zone_of(moment)
    day = calendar(reading(moment, zone) + days * DAY, zone) if days else moment
    return in_zone(as_utc(day) + rest, zone)


def split(interval: timedelta) -> tuple[int, timedelta]:
    """The whole days of a length of time, and the rest; both are negative if it is."""
    days = abs(interval).days
    rest = abs(interval) - days * DAY
    return (days, rest) if interval >= timedelta(0) else (-days, -rest)
