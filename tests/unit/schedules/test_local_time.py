"""Clocks around the changes of local time, in zones of many kinds.

Cron clocks are compared with a walk through every minute, which does what a person in front of a wall clock would do;
intervals and recurrence rules with dateutil.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule, tz
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect.schedules.clocks import Clock, CronClock, IntervalClock, RRuleClock
from prefect.schedules.local import calendar, first_shown, in_zone, later, split, zone_of

NAMES = (
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",  # half an hour
    "America/Sao_Paulo",  # at midnight, until 2019
    "Asia/Kolkata",  # never, and half an hour off
    "Africa/Casablanca",  # around Ramadan
    "Pacific/Apia",  # left out 30 December 2011
    "UTC",
)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
FIRST, LAST = datetime(2008, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """What clocks show, as a datetime without a zone."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


@cache
def changes(name: str) -> tuple[datetime, ...]:
    """The moments at which the clocks of a zone are changed; if they never are, some moment."""
    zone = ZoneInfo(name)
    days = [FIRST + n * DAY for n in range((LAST - FIRST).days)]
    found = [change(day, day + DAY, zone) for day in days if offset(day, zone) != offset(day + DAY, zone)]
    return tuple(found) or (datetime(2012, 3, 25, tzinfo=UTC),)


def change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    while after - before > MINUTE:
        middle = before + (after - before) // MINUTE // 2 * MINUTE
        before, after = (middle, after) if offset(middle, zone) == offset(before, zone) else (before, middle)
    return after


def offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


@st.composite
def near_a_change(draw: st.DrawFn, hours: int = 48) -> tuple[ZoneInfo, datetime]:
    """A zone, and a whole minute at most so many hours before or after its clocks are changed."""
    name = draw(st.sampled_from(NAMES))
    moment = draw(st.sampled_from(changes(name))) + draw(st.integers(-hours * 60, hours * 60)) * MINUTE
    return ZoneInfo(name), moment


def minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    """Every minute after a moment, up to another."""
    moment = start.replace(second=0, microsecond=0) + MINUTE
    while moment <= end:
        yield moment
        moment += MINUTE


def times(clock: Clock, after: datetime, until: datetime) -> list[datetime]:
    """The times of a clock after a moment and up to another, in UTC."""
    found = []
    for event in clock.events(after):
        if event.start_time.astimezone(UTC) > until:
            break
        found.append(event.start_time.astimezone(UTC))
    return found


# --- cron lines -------------------------------------------------------------------------------------------------------

Fields = tuple[frozenset[int] | None, ...]


@st.composite
def cron_fields(draw: st.DrawFn) -> Fields:
    """Minutes, hours, days and months and days of the week; None is all."""
    minute = st.none() | st.frozensets(st.integers(0, 59), min_size=1, max_size=4)
    hour = st.none() | st.frozensets(st.integers(0, 23) | st.integers(0, 3), min_size=1, max_size=3)
    day = st.none() | st.frozensets(st.integers(1, 28), min_size=5, max_size=15)
    month = st.none() | st.frozensets(st.integers(1, 12), min_size=6, max_size=10)
    weekday = st.none() | st.frozensets(st.integers(0, 6), min_size=2, max_size=5)
    return draw(st.tuples(minute, hour, day, month, weekday))


def line(fields: Fields) -> str:
    return " ".join("*" if each is None else ",".join(map(str, sorted(each))) for each in fields)


def fits(shown: datetime, fields: Fields, day_or: bool) -> bool:
    """Whether a wall clock shows a time of the line."""
    minute, hour, day, month, weekday = fields
    if not all(each is None or value in each for value, each in ((shown.minute, minute), (shown.hour, hour))):
        return False
    if month is not None and shown.month not in month:
        return False
    in_day, in_week = day is None or shown.day in day, weekday is None or shown.isoweekday() % 7 in weekday
    if day is None or weekday is None or not day_or:
        return in_day and in_week
    return in_day or in_week


def walked(fields: Fields, day_or: bool, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """Look at the wall clock every minute; run once if it shows, or has jumped past, times that it never showed."""
    latest = max(local(moment, zone) for moment in minutes(after - 26 * HOUR, after))
    for moment in minutes(after, until):
        shown = local(moment, zone)
        if any(fits(each, fields, day_or) for each in minutes(latest, shown)):
            yield moment
        latest = max(latest, shown)


@settings(max_examples=60)
@given(near_a_change(hours=8), cron_fields(), st.booleans())
def test_a_cron_clock_ticks_when_somebody_in_front_of_a_wall_clock_would(
    place: tuple[ZoneInfo, datetime], fields: Fields, day_or: bool
) -> None:
    zone, after = place
    until = after + 10 * HOUR
    clock = CronClock(line(fields), start_date=(after - 9 * DAY).astimezone(zone), day_or=day_or)

    assert times(clock, after, until) == list(walked(fields, day_or, zone, after, until))


@settings(max_examples=40)
@given(near_a_change(hours=4), cron_fields(), st.timedeltas(-4 * HOUR, 4 * HOUR))
def test_the_first_tick_of_a_cron_clock_may_be_at_its_start(
    place: tuple[ZoneInfo, datetime], fields: Fields, before: timedelta
) -> None:
    zone, start = place
    whole = CronClock(line(fields), start_date=(start - 9 * DAY).astimezone(zone))
    clock = CronClock(line(fields), start_date=start.astimezone(zone))
    after = start + before
    expected = [each for each in times(whole, after, start + 6 * HOUR) if each >= start]

    assert times(clock, after, start + 6 * HOUR) == expected


def shown(clock: Clock, after: datetime, number: int) -> list[str]:
    return [event.start_time.isoformat(timespec="minutes") for event in islice(clock.events(after), number)]


def test_a_time_that_the_clocks_jump_past_ticks_at_the_jump() -> None:
    start = datetime(2024, 3, 30, 12, tzinfo=ZoneInfo("Europe/Berlin"))

    assert shown(CronClock("30 2 * * *", start), start, 2) == ["2024-03-31T03:00+02:00", "2024-04-01T02:30+02:00"]


def test_times_that_the_clocks_jump_past_tick_once() -> None:
    start = datetime(2024, 3, 31, 1, 40, tzinfo=ZoneInfo("Europe/Berlin"))

    assert shown(CronClock("*/15 * * * *", start), start, 3) == [
        "2024-03-31T01:45+01:00",
        "2024-03-31T03:00+02:00",
        "2024-03-31T03:15+02:00",
    ]


def test_a_time_that_comes_twice_ticks_at_its_first() -> None:
    start = datetime(2024, 11, 3, tzinfo=ZoneInfo("America/New_York"))

    assert shown(CronClock("0 * * * *", start), start, 3) == [
        "2024-11-03T01:00-04:00",
        "2024-11-03T02:00-05:00",
        "2024-11-03T03:00-05:00",
    ]


def test_the_seconds_of_an_hour_that_comes_again_are_over() -> None:
    start = datetime(2024, 11, 3, tzinfo=ZoneInfo("America/New_York"))
    again = datetime(2024, 11, 3, 1, 20, 7, 5, tzinfo=ZoneInfo("America/New_York"), fold=1)

    assert shown(CronClock("*/10 * * * *", start), again, 1) == ["2024-11-03T02:00-05:00"]


def test_a_day_that_a_country_leaves_out_is_made_up_for_at_midnight() -> None:
    start = datetime(2011, 12, 29, 12, tzinfo=ZoneInfo("Pacific/Apia"))

    assert shown(CronClock("0 9 * * *", start), start, 2) == ["2011-12-31T00:00+14:00", "2011-12-31T09:00+14:00"]


def test_a_midnight_that_does_not_exist_ticks_at_one() -> None:
    start = datetime(2018, 11, 3, 12, tzinfo=ZoneInfo("America/Sao_Paulo"))

    assert shown(CronClock("@daily", start), start, 1) == ["2018-11-04T01:00-02:00"]


# --- intervals --------------------------------------------------------------------------------------------------------

WHOLE_DAYS = st.integers(1, 40).map(lambda days: timedelta(days=days))
PARTS = st.timedeltas(timedelta(minutes=7), DAY - timedelta(microseconds=1))


def existing(naive: datetime, zone: ZoneInfo) -> datetime:
    """What dateutil makes of a local time, in UTC."""
    return tz.resolve_imaginary(naive.replace(tzinfo=zone)).astimezone(UTC)


@given(near_a_change(), WHOLE_DAYS, st.integers(0, 2))
def test_whole_days_are_those_of_dateutil(place: tuple[ZoneInfo, datetime], interval: timedelta, back: int) -> None:
    zone, moment = place
    start = (moment - back * interval).astimezone(zone)
    rule = rrule.rrule(rrule.DAILY, interval=interval.days, dtstart=start.replace(tzinfo=None), count=4)
    expected = sorted({existing(each, zone) for each in list(rule)[1:]})

    assert times(IntervalClock(interval, start), start, expected[-1]) == expected


@given(near_a_change(), PARTS)
def test_less_than_a_day_is_time_that_passes(place: tuple[ZoneInfo, datetime], interval: timedelta) -> None:
    zone, moment = place
    start = moment.astimezone(zone)

    assert times(IntervalClock(interval, start), moment, moment + 4 * interval) == [
        moment + number * interval for number in range(1, 5)
    ]


@given(near_a_change(), WHOLE_DAYS, PARTS)
def test_days_go_by_the_calendar_and_the_rest_passes(
    place: tuple[ZoneInfo, datetime], days: timedelta, rest: timedelta
) -> None:
    zone, moment = place
    naive = local(moment, zone)
    expected = [existing(naive + number * days, zone) + number * rest for number in range(1, 4)]

    assert times(IntervalClock(days + rest, moment.astimezone(zone)), moment, expected[-1]) == expected


@given(near_a_change(), st.integers(0, 60))
def test_each_day_has_the_local_time_of_the_first(place: tuple[ZoneInfo, datetime], number: int) -> None:
    zone, moment = place
    start = moment.astimezone(zone)
    after = moment + number * DAY
    (tick,) = (event.start_time for event in islice(IntervalClock(DAY, start).events(after), 1))

    wanted = local(moment, zone).replace(year=tick.year, month=tick.month, day=tick.day)
    assert tick.replace(tzinfo=None, fold=0) == wanted or not tz.datetime_exists(wanted, zone) or tick.hour < 1


# --- recurrence rules -------------------------------------------------------------------------------------------------

RULES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"freq": st.just(rrule.DAILY), "byhour": st.lists(st.integers(0, 4), min_size=1)}),
    st.fixed_dictionaries({"freq": st.just(rrule.HOURLY), "interval": st.integers(1, 30)}),
    st.fixed_dictionaries({"freq": st.just(rrule.MINUTELY), "interval": st.integers(5, 100)}),
    st.fixed_dictionaries({"freq": st.just(rrule.WEEKLY), "byweekday": st.lists(st.integers(0, 6), min_size=1)}),
)


@given(near_a_change(), RULES, st.timedeltas(timedelta(0), 2 * DAY))
def test_a_recurrence_rule_has_the_times_of_dateutil_each_once(
    place: tuple[ZoneInfo, datetime], rule: dict[str, Any], later_on: timedelta
) -> None:
    zone, moment = place
    start = moment.astimezone(zone) if tz.datetime_exists(local(moment, zone), zone) else moment
    made = rrule.rrule(**rule, dtstart=start, count=200)
    expected = {existing(each.replace(tzinfo=None), zone) for each in made}
    after = moment + later_on
    got = [event.start_time.astimezone(UTC) for event in RRuleClock(made).events(after)]

    assert got == sorted(each for each in expected if each > after)


@settings(max_examples=60)
@given(near_a_change(), RULES, st.integers(0, 60 * DAY // MINUTE))
def test_a_rule_that_started_long_ago_has_the_times_of_dateutil(
    place: tuple[ZoneInfo, datetime], rule: dict[str, Any], ago: int
) -> None:
    zone, moment = place
    made = rrule.rrule(**rule, dtstart=local(moment, zone) - ago * MINUTE)
    clock = RRuleClock(made.replace(dtstart=made._dtstart.replace(tzinfo=zone)))
    near = made.between(local(moment, zone) - 3 * DAY, local(moment, zone) + 3 * DAY, inc=True)
    expected = sorted({existing(each, zone) for each in near})

    assert times(clock, moment, moment + DAY) == [each for each in expected if moment < each <= moment + DAY]


def test_a_rule_of_seconds_may_have_started_years_ago() -> None:
    rule = rrule.rrule(rrule.SECONDLY, interval=7, dtstart=datetime(2000, 1, 1))
    after = datetime(2030, 1, 1, tzinfo=UTC)

    (moment,) = (event.start_time for event in islice(RRuleClock(rule).events(after), 1))

    assert (moment - datetime(2000, 1, 1, tzinfo=UTC)) % timedelta(seconds=7) == timedelta(0)
    assert after < moment <= after + timedelta(seconds=7)


def test_a_rule_that_counts_its_times_is_followed_from_its_start() -> None:
    rule = rrule.rrule(rrule.DAILY, count=40, dtstart=datetime(2030, 1, 1))

    assert times(RRuleClock(rule), datetime(2030, 2, 8, tzinfo=UTC), LAST + 9999 * DAY) == [
        datetime(2030, 2, 9, tzinfo=UTC)
    ]


# --- all clocks -------------------------------------------------------------------------------------------------------


@st.composite
def clocks(draw: st.DrawFn) -> tuple[Clock, datetime]:
    """A clock, and a moment close to a change of its zone."""
    zone, moment = draw(near_a_change(hours=10))
    start = (moment - draw(st.timedeltas(timedelta(0), 3 * DAY))).astimezone(zone)
    cron = cron_fields().map(lambda fields: CronClock(line(fields), start))
    interval = (st.integers(1, 3).map(lambda days: days * DAY) | PARTS).map(lambda each: IntervalClock(each, start))
    rules = RULES.map(lambda rule: RRuleClock(rrule.rrule(**rule, dtstart=start)))
    return draw(cron | interval | rules), moment


@settings(max_examples=60)
@given(clocks(), st.timedeltas(timedelta(0), 9 * HOUR))
def test_a_clock_goes_on_from_any_moment_as_if_it_had_never_stopped(
    place: tuple[Clock, datetime], pause: timedelta
) -> None:
    clock, moment = place
    until = moment + 12 * HOUR
    all_times = times(clock, moment, until)

    assert times(clock, moment + pause, until) == [each for each in all_times if each > moment + pause]
    assert all(first < second for first, second in zip(all_times, all_times[1:], strict=False))


# --- the rules beneath ------------------------------------------------------------------------------------------------


@given(near_a_change())
def test_a_local_time_that_exists_is_the_first_moment_that_shows_it(place: tuple[ZoneInfo, datetime]) -> None:
    zone, moment = place
    naive = local(moment, zone)

    for found in (calendar(naive, zone), first_shown(naive, zone)):
        assert found.astimezone(UTC) <= moment
        assert found.replace(tzinfo=None, fold=0) == naive


@given(st.timedeltas())
def test_a_length_of_time_is_its_days_and_its_rest(interval: timedelta) -> None:
    days, rest = split(interval)

    assert days * DAY + rest == interval
    assert abs(rest) < DAY
    assert days == 0 or rest == timedelta(0) or (days > 0) == (rest > timedelta(0))


def test_a_zone_is_that_of_the_standard_library_whoever_made_it() -> None:
    class Foreign(ZoneInfo):
        """As other libraries have them."""

    moment = datetime(2024, 7, 1, tzinfo=UTC)

    assert zone_of(moment.astimezone(Foreign("Europe/Berlin"))) is ZoneInfo("Europe/Berlin")
    assert zone_of(moment.astimezone(ZoneInfo("UTC"))) is UTC
    assert zone_of(moment.astimezone(tz.UTC)) is UTC
    assert zone_of(moment.astimezone(tz.tzoffset("there", 3600))).utcoffset(None) == timedelta(hours=1)
    assert zone_of(moment.replace(tzinfo=None)) is UTC


def test_zones_of_dateutil_do_as_well() -> None:
    start = datetime(2024, 3, 9, 2, 30, tzinfo=tz.gettz("America/New_York"))

    assert shown(IntervalClock(DAY, start), start, 2) == ["2024-03-10T03:30-04:00", "2024-03-11T02:30-04:00"]
    assert shown(CronClock("30 2 * * *", start), start, 2) == ["2024-03-10T03:00-04:00", "2024-03-11T02:30-04:00"]


def test_other_kinds_of_datetimes_become_plain_ones() -> None:
    class Special(datetime):
        """As other libraries have them."""

    assert type(in_zone(Special(2024, 1, 1, tzinfo=UTC), ZoneInfo("Europe/Berlin"))) is datetime


def test_later_keeps_the_second_of_two_equal_local_times() -> None:
    second = datetime(2024, 11, 3, 1, 30, tzinfo=ZoneInfo("America/New_York"), fold=1)

    assert later(second, 0, timedelta(0)).isoformat() == "2024-11-03T01:30:00-05:00"


@pytest.mark.parametrize("name", NAMES)
def test_the_zones_of_these_tests_are_what_they_are_chosen_for(name: str) -> None:
    never = name in ("UTC", "Asia/Kolkata")

    assert (len(changes(name)) == 1) == never
