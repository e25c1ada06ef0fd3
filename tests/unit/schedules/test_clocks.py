"""Clocks one by one: what they take, what they tell, and what they say to mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import DAILY, HOURLY, MINUTELY, rrule, rruleset
from hypothesis import given
from hypothesis import strategies as st

from prefect.exceptions import PrefectException, ScheduleError, ScheduleTypeError
from prefect.schedules.clocks import Clock, ClockEvent, CronClock, DatesClock, IntervalClock, RRuleClock

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def times(clock: Clock, after: datetime, number: int = 3) -> list[datetime]:
    return [event.start_time for event in islice(clock.events(after), number)]


# --- events -----------------------------------------------------------------------------------------------------------


def test_events_are_ordered_by_time_among_each_other_and_with_datetimes() -> None:
    early, late = ClockEvent(START), ClockEvent(START + HOUR, {"x": 1})

    assert early < late
    assert early <= late
    assert late > START
    assert late >= START + HOUR
    assert early == START
    assert early != late
    assert sorted([late, early]) == [early, late]


def test_events_are_equal_if_all_of_it_is() -> None:
    assert ClockEvent(START, {"x": 1}, ["a"]) == ClockEvent(START.astimezone(ZoneInfo("Asia/Kolkata")), {"x": 1}, ["a"])
    assert ClockEvent(START, {"x": 1}) != ClockEvent(START, {"x": 2})
    assert ClockEvent(START, labels=["a"]) != ClockEvent(START)
    assert ClockEvent(START) != "event"
    assert len({ClockEvent(START), ClockEvent(START)}) == 1


def test_times_of_one_zone_are_compared_as_points_in_time() -> None:
    zone = ZoneInfo("America/New_York")
    first_half_past = datetime(2024, 11, 3, 1, 30, tzinfo=zone)
    second_quarter_past = datetime(2024, 11, 3, 1, 15, tzinfo=zone, fold=1)

    assert ClockEvent(first_half_past) < ClockEvent(second_quarter_past)


def test_an_event_without_a_zone_is_in_utc_and_has_no_parameters() -> None:
    event = ClockEvent(datetime(2030, 1, 1, 12))

    assert (event.start_time, event.parameter_defaults, event.labels) == (START, {}, None)
    assert repr(event) == "<ClockEvent: 2030-01-01T12:00:00+00:00>"


# --- what all clocks take ---------------------------------------------------------------------------------------------


def test_events_have_the_parameters_and_labels_of_their_clock() -> None:
    clock = IntervalClock(HOUR, parameter_defaults={"x": 1}, labels=["a"])

    (event,) = islice(clock.events(START), 1)

    assert (event.parameter_defaults, event.labels) == ({"x": 1}, ["a"])


def test_events_come_after_now_if_nothing_else_is_said() -> None:
    before = datetime.now(UTC)

    (event,) = islice(IntervalClock(timedelta(minutes=1)).events(), 1)

    assert before < event.start_time <= datetime.now(UTC) + timedelta(minutes=1)


@pytest.mark.parametrize(
    "settings",
    [
        {"start_date": "2030-01-01"},
        {"start_date": date(2030, 1, 1)},
        {"end_date": 5},
        {"parameter_defaults": ["x"]},
        {"labels": "a"},
        {"labels": 5},
        {"labels": [1]},
    ],
    ids=repr,
)
def test_settings_of_wrong_types_are_refused_at_once(settings: dict[str, Any]) -> None:
    with pytest.raises(ScheduleTypeError, match="give a"):
        CronClock("@daily", **settings)


def test_a_clock_of_your_own_defines_events() -> None:
    class Once(Clock):
        def events(self, after: datetime | None = None) -> Iterator[ClockEvent]:
            yield ClockEvent(START)

    assert times(Once(), START) == [START]
    with pytest.raises(NotImplementedError, match="events"):
        next(Clock().events(START))


# --- intervals --------------------------------------------------------------------------------------------------------


def test_an_interval_clock_ticks_at_its_start_and_then_again_and_again() -> None:
    clock = IntervalClock(HOUR, start_date=START)

    assert times(clock, START - DAY) == [START, START + HOUR, START + 2 * HOUR]
    assert times(clock, START) == [START + HOUR, START + 2 * HOUR, START + 3 * HOUR]
    assert times(clock, START + HOUR / 2, 1) == [START + HOUR]


def test_an_interval_clock_starts_with_2019_and_has_no_end() -> None:
    assert IntervalClock(DAY).start_date == datetime(2019, 1, 1, tzinfo=UTC)
    assert times(IntervalClock(DAY), START, 1) == [datetime(2030, 1, 2, tzinfo=UTC)]
    assert IntervalClock(DAY).end_date is None


def test_an_interval_clock_may_tick_at_its_end() -> None:
    clock = IntervalClock(HOUR, start_date=START, end_date=START + HOUR)

    assert times(clock, START) == [START + HOUR]
    assert times(clock, START + HOUR) == []


def test_a_start_without_a_zone_is_in_utc() -> None:
    assert IntervalClock(HOUR, start_date=datetime(2030, 1, 1, 12)).start_date == START


def test_an_interval_clock_runs_to_the_end_of_time() -> None:
    clock = IntervalClock(1000 * DAY, start_date=datetime(9999, 1, 1, tzinfo=UTC))

    assert times(clock, START) == [datetime(9999, 1, 1, tzinfo=UTC)]


def test_far_from_its_start_an_interval_clock_is_as_quick_as_near() -> None:
    clock = IntervalClock(timedelta(microseconds=1), start_date=datetime(1, 1, 2, tzinfo=UTC))

    assert times(clock, START, 1) == [START + timedelta(microseconds=1)]


@pytest.mark.parametrize("interval", [timedelta(0), -HOUR])
def test_an_interval_is_longer_than_zero(interval: timedelta) -> None:
    with pytest.raises(ScheduleError, match="longer than zero") as caught:
        IntervalClock(interval)
    assert isinstance(caught.value, ValueError)


def test_an_interval_is_a_timedelta() -> None:
    with pytest.raises(TypeError, match="timedelta"):
        IntervalClock(60)  # type: ignore[arg-type]


# --- cron lines -------------------------------------------------------------------------------------------------------


def test_a_cron_clock_ticks_in_the_zone_of_its_start() -> None:
    start = datetime(2030, 7, 1, tzinfo=ZoneInfo("Europe/Berlin"))

    assert times(CronClock("0 9 * * *", start), start, 1) == [datetime(2030, 7, 1, 7, tzinfo=UTC)]
    assert times(CronClock("0 9 * * *"), start, 1) == [datetime(2030, 7, 1, 9, tzinfo=UTC)]
    assert times(CronClock("0 9 * * *", start), start, 1)[0].tzinfo is ZoneInfo("Europe/Berlin")


def test_a_cron_clock_may_tick_at_its_start_but_not_before() -> None:
    at_noon, past_noon = CronClock("0 12 * * *", START), CronClock("0 12 * * *", START + timedelta(microseconds=1))

    assert times(at_noon, START - DAY, 1) == [START]
    assert times(past_noon, START - DAY, 1) == [START + DAY]
    assert times(at_noon, START, 1) == [START + DAY]


def test_a_cron_clock_may_tick_at_its_end() -> None:
    assert times(CronClock("0 12 * * *", end_date=START), START - DAY) == [START]


@pytest.mark.parametrize(
    ("day_or", "days"), [(None, [1, 3, 4]), (True, [1, 3, 4]), (False, [4])], ids=["default", "or", "and"]
)
def test_both_days_are_alternatives_unless_said_otherwise(day_or: bool | None, days: list[int]) -> None:
    clock = CronClock("0 0 1,4 * 4,5", end_date=datetime(2030, 1, 5, tzinfo=UTC), day_or=day_or)

    assert [each.day for each in times(clock, datetime(2029, 12, 31, 12), 9)] == days


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("@hourly", datetime(2030, 1, 1, 13)),
        ("@yearly", datetime(2031, 1, 1)),
        ("0 0 * * mon-fri", datetime(2030, 1, 2)),
        ("0 0 * feb 5#2", datetime(2030, 2, 8)),
        ("0 0 l * *", datetime(2030, 1, 31)),
        ("* * * * * */20", datetime(2030, 1, 1, 12, 0, 20)),
        ("0 0 29 2 *", datetime(2032, 2, 29)),
        ("0 0 * * 7", datetime(2030, 1, 6)),
    ],
)
def test_lines_are_read_as_cron_does(line: str, first: datetime) -> None:
    assert times(CronClock(line), START, 1) == [first.replace(tzinfo=UTC)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("61 * * * *", "field number 1, the minute, is '61'. It takes 0 to 59"),
        ("* 24 * * *", "field number 2, the hour, is '24'. It takes 0 to 23"),
        ("* * 0-99 * *", "field number 3, the day of the month, is '0-99'. It takes 1 to 31"),
        ("* * * x *", "field number 4, the month, is 'x'. It takes 1 to 12"),
        ("* * * * mon-fry", "field number 5, the day of the week, is 'mon-fry'. It takes 0 to 7"),
        ("* * * * * 60", "field number 6, the second, is '60'"),
        ("* * * * * 0 9999", "field number 7, the year, is '9999'"),
        ("r * * * *", "field number 1, the minute, is 'r'"),
        ("* * * *", "has 4 fields, but 5 are needed: minute, hour"),
        ("", "has 0 fields"),
        ("@often", "@daily"),
        ("0 0 30 2 *", "no day fits"),
    ],
)
def test_a_mistake_in_a_line_is_pointed_at(line: str, words: str) -> None:
    with pytest.raises(ScheduleError, match="The cron line") as caught:
        CronClock(line)
    assert words in str(caught.value)


def test_a_line_is_text() -> None:
    with pytest.raises(ScheduleTypeError, match="text"):
        CronClock(5)  # type: ignore[arg-type]


@given(st.text("0123456789*/-,?l#wrhmonjaf@ ", max_size=14) | st.text(max_size=10))
def test_any_text_is_either_a_line_or_refused(line: str) -> None:
    try:
        clock = CronClock(line)
    except ScheduleError:
        return
    assert all(each > datetime(2029, 1, 1, tzinfo=UTC) for each in times(clock, datetime(2029, 1, 1), 1))


def test_a_cron_clock_ends_where_its_years_do() -> None:
    assert len(times(CronClock("0 0 1 1 * 0 2031"), START)) == 1


def test_a_cron_clock_runs_to_the_end_of_time() -> None:
    assert len(times(CronClock("@yearly"), datetime(9997, 6, 1), 9)) == 2


# --- dates ------------------------------------------------------------------------------------------------------------


def test_a_dates_clock_ticks_in_order_at_the_dates_that_are_left() -> None:
    clock = DatesClock([START + HOUR, START, datetime(2030, 1, 1, 12), START - HOUR])

    assert times(clock, START - HOUR) == [START, START + HOUR]
    assert (clock.start_date, clock.end_date) == (START - HOUR, START + HOUR)


def test_each_date_keeps_its_zone() -> None:
    there = (START + HOUR).astimezone(ZoneInfo("Asia/Kolkata"))

    assert [str(each.tzinfo) for each in times(DatesClock([there, START]), START - HOUR)] == ["UTC", "Asia/Kolkata"]


def test_a_dates_clock_needs_dates() -> None:
    with pytest.raises(ScheduleError, match="empty"):
        DatesClock([])
    with pytest.raises(ScheduleTypeError, match="list of datetimes"):
        DatesClock(START)  # type: ignore[arg-type]
    with pytest.raises(ScheduleTypeError, match="One of the dates is 'tomorrow'"):
        DatesClock([START, "tomorrow"])  # type: ignore[list-item]


# --- recurrence rules -------------------------------------------------------------------------------------------------


def test_a_rule_without_a_zone_is_in_utc() -> None:
    clock = RRuleClock(rrule(DAILY, dtstart=datetime(2030, 1, 1, 12)))

    assert times(clock, START, 2) == [START + DAY, START + 2 * DAY]


def test_a_rule_keeps_to_the_local_time_of_its_start() -> None:
    clock = RRuleClock(rrule(DAILY, dtstart=datetime(2030, 3, 30, 9, tzinfo=ZoneInfo("Europe/Berlin"))))

    assert [each.isoformat() for each in times(clock, START, 2)] == [
        "2030-03-30T09:00:00+01:00",
        "2030-03-31T09:00:00+02:00",
    ]


def test_start_and_end_cut_a_rule() -> None:
    rule = rrule(HOURLY, dtstart=datetime(2030, 1, 1))

    assert times(RRuleClock(rule, START, START + HOUR), START - DAY, 9) == [START, START + HOUR]


def test_times_that_a_jump_moves_are_put_in_order() -> None:
    start = datetime(2024, 3, 10, 1, 40, tzinfo=ZoneInfo("America/New_York"))
    clock = RRuleClock(rrule(MINUTELY, interval=25, dtstart=start, count=6))
    moved = ["01:40", "03:05", "03:20", "03:30", "03:45", "03:55"]  # 2:05, 2:30 and 2:55 are an hour later

    assert [f"{each:%H:%M}" for each in times(clock, START - 9999 * DAY, 9)] == moved


def test_a_set_of_rules_is_a_rule() -> None:
    whole = rruleset()
    whole.rrule(rrule(DAILY, dtstart=datetime(2030, 1, 1, 12), count=3))
    whole.rdate(datetime(2030, 1, 1, 13))
    whole.exdate(datetime(2030, 1, 2, 12))

    assert times(RRuleClock(whole), START - DAY, 9) == [START, START + HOUR, START + 2 * DAY]


def test_a_rule_is_one_of_dateutil() -> None:
    with pytest.raises(ScheduleTypeError, match=r"dateutil\.rrule"):
        RRuleClock("FREQ=DAILY")


def test_all_errors_are_those_of_the_package() -> None:
    assert issubclass(ScheduleTypeError, TypeError)
    assert issubclass(ScheduleError, PrefectException)


@pytest.mark.parametrize(
    ("clock", "text"),
    [
        (IntervalClock(HOUR, START), "<IntervalClock: 1:00:00 from 2030-01-01T12:00:00+00:00>"),
        (CronClock("@daily"), "<CronClock: '@daily' in UTC>"),
        (DatesClock([START]), "<DatesClock: 1 from 2030-01-01T12:00:00+00:00>"),
        (RRuleClock(rrule(DAILY)), "<RRuleClock: rrule>"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_clocks_show_what_they_are(clock: Clock, text: str) -> None:
    assert repr(clock) == text
