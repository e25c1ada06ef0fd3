"""Filters and adjustments: which times pass, and where they are moved."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.exceptions import ScheduleError, ScheduleTypeError
from prefect.schedules import adjustments, filters

MONDAY = datetime(2030, 1, 7, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")

DATETIMES = st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("rule", "passes", "stays_out"),
    [
        (filters.on_datetime(MONDAY), [MONDAY, MONDAY.astimezone(BERLIN)], [MONDAY + timedelta(microseconds=1)]),
        (filters.on_datetime(datetime(2030, 1, 7, 9, 30)), [MONDAY], [MONDAY + DAY]),
        (filters.between_datetimes(MONDAY, MONDAY + DAY), [MONDAY, MONDAY + DAY], [MONDAY - DAY, MONDAY + 2 * DAY]),
        (filters.on_date(1, 7), [MONDAY, MONDAY.replace(year=2031, hour=1)], [MONDAY + DAY]),
        (filters.on_date(2, 29), [datetime(2032, 2, 29)], [datetime(2030, 2, 28)]),
        (filters.at_time(time(9, 30)), [MONDAY, MONDAY + DAY], [MONDAY.replace(second=1), MONDAY.astimezone(BERLIN)]),
        (filters.is_day_of_week(0), [MONDAY], [MONDAY - DAY, MONDAY + DAY]),
        (filters.is_day_of_week(6), [MONDAY - DAY], [MONDAY]),
        (filters.is_weekday, [MONDAY, MONDAY + 4 * DAY], [MONDAY + 5 * DAY, MONDAY + 6 * DAY]),
        (filters.is_weekend, [MONDAY + 5 * DAY, MONDAY + 6 * DAY], [MONDAY, MONDAY + 4 * DAY]),
        (filters.is_month_start, [datetime(2030, 2, 1, 23)], [datetime(2030, 1, 31)]),
        (filters.is_month_end, [datetime(2030, 2, 28), datetime(2032, 2, 29)], [datetime(2032, 2, 28)]),
        (
            filters.between_times(time(9), time(10)),
            [MONDAY, MONDAY.replace(hour=10, minute=0)],
            [MONDAY - DAY / 24],
        ),
        (filters.between_times(time(22), time(6)), [MONDAY.replace(hour=23), MONDAY.replace(hour=5)], [MONDAY]),
        (
            filters.between_dates(1, 7, 2, 1),
            [MONDAY, datetime(2030, 2, 1)],
            [MONDAY - DAY, datetime(2030, 2, 2)],
        ),
        (filters.between_dates(12, 20, 1, 10), [MONDAY, datetime(2030, 12, 31)], [datetime(2030, 6, 1)]),
        (filters.between_dates(3, 20, 3, 10), [datetime(2030, 3, 20), MONDAY], [datetime(2030, 3, 15)]),
    ],
    ids=lambda each: getattr(each, "__name__", repr(each))[:40],
)
def test_filters(rule: Callable[[datetime], bool], passes: list[datetime], stays_out: list[datetime]) -> None:
    assert [rule(each) for each in passes] == [True] * len(passes)
    assert [rule(each) for each in stays_out] == [False] * len(stays_out)


@given(DATETIMES, st.dates(date(2000, 1, 1), date(2000, 12, 31)), st.dates(date(2000, 1, 1), date(2000, 12, 31)))
def test_a_range_of_days_and_the_other_way_round_make_a_year(moment: datetime, start: date, end: date) -> None:
    there = filters.between_dates(start.month, start.day, end.month, end.day)
    back = filters.between_dates(end.month, end.day, start.month, start.day)
    bound = (moment.month, moment.day) in {(start.month, start.day), (end.month, end.day)}

    assert there(moment) or back(moment) or start == end
    assert (there(moment) and back(moment)) == bound


@given(DATETIMES, st.times(), st.times())
def test_a_range_of_times_and_the_other_way_round_make_a_day(moment: datetime, start: time, end: time) -> None:
    there, back = filters.between_times(start, end), filters.between_times(end, start)

    assert there(moment) or back(moment) or start == end
    assert (there(moment) and back(moment)) == (moment.time() in {start, end})


@given(DATETIMES)
def test_a_day_is_in_the_week_or_in_the_weekend(moment: datetime) -> None:
    assert filters.is_weekday(moment) != filters.is_weekend(moment)
    assert [filters.is_day_of_week(number)(moment) for number in range(7)].index(True) == moment.weekday()
    assert filters.is_month_end(moment) == filters.is_month_start(moment + DAY)


def test_the_last_day_of_time_is_the_end_of_its_month() -> None:
    assert filters.is_month_end(datetime(9999, 12, 31, tzinfo=UTC))


@pytest.mark.parametrize(
    "make",
    [
        lambda: filters.on_date(2, 30),
        lambda: filters.on_date(13, 1),
        lambda: filters.between_dates(1, 1, 4, 31),
        lambda: filters.is_day_of_week(7),
        lambda: filters.is_day_of_week(-1),
    ],
)
def test_days_that_do_not_exist_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ScheduleError, match="There is no day"):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: filters.on_datetime("now"),  # type: ignore[arg-type]
        lambda: filters.between_datetimes(MONDAY, 5),  # type: ignore[arg-type]
        lambda: filters.on_date("1", 1),  # type: ignore[arg-type]
        lambda: filters.at_time("9:00"),  # type: ignore[arg-type]
        lambda: filters.at_time(time(9, tzinfo=UTC)),
        lambda: filters.between_times(time(9), None),  # type: ignore[arg-type]
        lambda: filters.is_day_of_week("monday"),  # type: ignore[arg-type]
        lambda: adjustments.add(3600),  # type: ignore[arg-type]
    ],
)
def test_arguments_of_wrong_types_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ScheduleTypeError):
        make()


# --- adjustments ------------------------------------------------------------------------------------------------------


def test_days_are_added_by_the_calendar_and_the_rest_as_it_passes() -> None:
    before = datetime(2030, 3, 30, 9, tzinfo=BERLIN)

    assert adjustments.add(DAY)(before).isoformat() == "2030-03-31T09:00:00+02:00"
    assert adjustments.add(timedelta(hours=23))(before).isoformat() == "2030-03-31T09:00:00+02:00"
    assert adjustments.add(timedelta(minutes=-30))(before).isoformat() == "2030-03-30T08:30:00+01:00"
    assert adjustments.add(-DAY)(datetime(2030, 3, 31, 9, tzinfo=BERLIN)) == before


def test_weekends_are_moved_to_monday() -> None:
    assert [adjustments.next_weekday(MONDAY + number * DAY) for number in range(-3, 2)] == [
        MONDAY - 3 * DAY,
        MONDAY,
        MONDAY,
        MONDAY,
        MONDAY + DAY,
    ]


def test_monday_has_the_local_time_of_the_weekend() -> None:
    saturday = datetime(2030, 3, 30, 9, tzinfo=BERLIN)

    assert adjustments.next_weekday(saturday).isoformat() == "2030-04-01T09:00:00+02:00"


# --- rules as things --------------------------------------------------------------------------------------------------


def test_rules_show_how_they_were_made() -> None:
    assert repr(filters.is_day_of_week(3)) == "is_day_of_week(day_of_week=3)"


def test_rules_that_were_made_the_same_way_are_equal() -> None:
    assert filters.at_time(time(9)) == filters.at_time(time(9))
    assert filters.at_time(time(9)) != filters.at_time(time(10))
    assert filters.at_time(time(9)) != 9
    assert len({filters.on_date(1, 2), filters.on_date(1, 2)}) == 1


@pytest.mark.parametrize("rule", [filters.between_times(time(22), time(6)), adjustments.add(DAY), filters.is_weekend])
def test_rules_can_be_pickled(rule: Callable[[datetime], object]) -> None:
    copy = pickle.loads(pickle.dumps(rule))

    assert copy == rule
    assert copy(MONDAY) == rule(MONDAY)
