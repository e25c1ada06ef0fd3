"""Schedules: clocks in one order, filtered, adjusted; and their documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz
from dateutil.rrule import DAILY, FR, MO, MONTHLY, WEEKLY, rrule, rruleset
from hypothesis import given
from hypothesis import strategies as st

from prefect import Flow
from prefect.exceptions import ScheduleError, ScheduleTypeError
from prefect.schedules import CronSchedule, IntervalSchedule, RRuleSchedule, Schedule, adjustments, filters
from prefect.schedules.clocks import Clock, ClockEvent, CronClock, DatesClock, IntervalClock, RRuleClock

START = datetime(2030, 1, 7, 9, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAILY_CLOCK = IntervalClock(DAY, start_date=START)


def days(schedule: Schedule, number: int = 3) -> list[int]:
    """The days after the start, counted from it, that are the next ones."""
    return [(each - START).days for each in schedule.next(number, after=START - HOUR)]


# --- next -------------------------------------------------------------------------------------------------------------


def test_times_of_several_clocks_come_in_one_order() -> None:
    schedule = Schedule([IntervalClock(2 * DAY, START), DatesClock([START + 3 * DAY]), CronClock("0 9 * * sat")])

    assert days(schedule, 5) == [0, 2, 3, 4, 5]


def test_a_time_of_several_clocks_is_one_unless_the_runs_differ() -> None:
    """a ─ b ─ a at the same time: a and b"""
    a, b = IntervalClock(DAY, START), IntervalClock(DAY, START, parameter_defaults={"x": 1})

    assert days(Schedule([a, a])) == [0, 1, 2]
    assert days(Schedule([a, b, a]), 4) == [0, 0, 1, 1]


def test_equal_times_come_in_the_order_of_the_clocks() -> None:
    schedule = Schedule([IntervalClock(DAY, START, labels=[label]) for label in "cab"])

    events = schedule.next(3, after=START - HOUR, return_events=True)

    assert [event.labels for event in events] == [["c"], ["a"], ["b"]]


def test_one_point_in_time_in_two_zones_is_one_time() -> None:
    there = START.astimezone(ZoneInfo("Asia/Kolkata"))

    assert Schedule([DatesClock([START]), DatesClock([there])]).next(2, after=START - DAY) == [START]


def test_events_tell_parameters_and_labels() -> None:
    schedule = Schedule([DatesClock([START], parameter_defaults={"x": 1}, labels=["a"])])

    assert schedule.next(1, after=START - DAY, return_events=True) == [ClockEvent(START, {"x": 1}, ["a"])]


def test_times_come_after_now_if_nothing_else_is_said() -> None:
    (moment,) = IntervalSchedule(interval=HOUR).next(1)

    assert timedelta(0) < moment - datetime.now(UTC) <= HOUR


def test_a_moment_without_a_zone_is_in_utc() -> None:
    assert IntervalSchedule(START, HOUR).next(1, after=datetime(2030, 1, 7, 9)) == [START + HOUR]


def test_there_are_no_more_times_than_there_are() -> None:
    schedule = Schedule([DatesClock([START, START + HOUR])])

    assert schedule.next(5, after=START - DAY) == [START, START + HOUR]
    assert schedule.next(0, after=START - DAY) == []
    assert schedule.next(5, after=START + DAY) == []
    assert Schedule([]).next(3) == []


def test_more_than_ten_thousand_times_can_be_had() -> None:
    assert len(IntervalSchedule(START, HOUR).next(10_500, after=START)) == 10_500


@pytest.mark.parametrize(("n", "error"), [(-1, ScheduleError), (1.5, ScheduleTypeError), ("1", ScheduleTypeError)])
def test_the_number_of_times_is_a_whole_one(n: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="give a"):
        IntervalSchedule(START, HOUR).next(n)


def test_after_is_a_moment() -> None:
    with pytest.raises(ScheduleTypeError, match="`after` is 5"):
        IntervalSchedule(START, HOUR).next(1, after=5)  # type: ignore[call-overload]


# --- filters and adjustments ------------------------------------------------------------------------------------------


def test_a_time_has_to_pass_all_filters() -> None:
    assert days(Schedule([DAILY_CLOCK], filters=[filters.is_weekday, filters.is_day_of_week(1)])) == [1, 8, 15]


def test_a_time_has_to_pass_one_of_the_or_filters() -> None:
    either = [filters.is_day_of_week(1), filters.is_day_of_week(3)]

    assert days(Schedule([DAILY_CLOCK], or_filters=either)) == [1, 3, 8]
    assert days(Schedule([DAILY_CLOCK], or_filters=[])) == [0, 1, 2]


def test_a_time_must_not_pass_any_of_the_not_filters() -> None:
    schedule = Schedule([DAILY_CLOCK], not_filters=[filters.is_weekend, filters.is_day_of_week(0)])

    assert days(schedule, 5) == [1, 2, 3, 4, 8]


def test_filters_see_the_local_time_of_the_clock() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    schedule = Schedule(
        [CronClock("0 * * * *", datetime(2030, 1, 7, tzinfo=berlin))], filters=[filters.at_time(time(9))]
    )

    assert schedule.next(1, after=START - DAY) == [datetime(2030, 1, 7, 9, tzinfo=berlin)]


def test_a_search_that_finds_nothing_ends() -> None:
    asked = count()
    never = Schedule([IntervalClock(HOUR, START)], filters=[lambda moment: next(asked) < 0])

    assert never.next(1, after=START) == []
    assert next(asked) == 10_000


def test_a_search_that_finds_no_more_returns_what_it_found() -> None:
    schedule = Schedule([IntervalClock(HOUR, START)], filters=[lambda moment: moment < START + 3 * HOUR])

    assert schedule.next(5, after=START - HOUR) == [START, START + HOUR, START + 2 * HOUR]


def test_adjustments_follow_each_other_after_the_filters() -> None:
    schedule = Schedule(
        [DAILY_CLOCK],
        filters=[filters.is_day_of_week(4)],
        adjustments=[adjustments.add(DAY), adjustments.next_weekday, lambda moment: moment + HOUR],
    )

    assert schedule.next(1, after=START) == [START + 7 * DAY + HOUR]


def test_adjusted_times_are_neither_sorted_nor_made_unique() -> None:
    assert days(Schedule([DAILY_CLOCK], adjustments=[adjustments.next_weekday]), 9) == [0, 1, 2, 3, 4, 7, 7, 7, 8]


def test_adjusted_events_keep_their_parameters() -> None:
    clock = DatesClock([START], parameter_defaults={"x": 1}, labels=["a"])
    schedule = Schedule([clock], adjustments=[adjustments.add(HOUR)])

    assert schedule.next(1, after=START - DAY, return_events=True) == [ClockEvent(START + HOUR, {"x": 1}, ["a"])]


def test_no_time_is_adjusted_into_the_past() -> None:
    schedule = Schedule([IntervalClock(DAY, START)], adjustments=[adjustments.add(-HOUR)])

    assert schedule.next(1, after=START - HOUR) == [START + DAY - HOUR]
    assert Schedule([DAILY_CLOCK], adjustments=[lambda moment: START]).next(1, after=START) == []


def test_an_adjustment_returns_a_moment() -> None:
    schedule = Schedule([DAILY_CLOCK], adjustments=[lambda moment: "later"])  # type: ignore[list-item,return-value]

    with pytest.raises(ScheduleTypeError, match="returns is 'later'"):
        schedule.next(1)


# --- making one -------------------------------------------------------------------------------------------------------


def test_start_and_end_are_those_of_all_clocks() -> None:
    one, other = IntervalClock(DAY, START, START + DAY), IntervalClock(DAY, START - DAY, START + HOUR)

    assert (Schedule([one, other]).start_date, Schedule([one, other]).end_date) == (START - DAY, START + DAY)
    assert Schedule([one, CronClock("@daily")]).start_date is None
    assert Schedule([one, IntervalClock(DAY)]).end_date is None
    assert (Schedule([]).start_date, Schedule([]).end_date) == (None, None)


def test_clocks_may_come_from_any_iterable() -> None:
    assert days(Schedule(clock for clock in (DAILY_CLOCK,))) == [0, 1, 2]


@pytest.mark.parametrize(
    "settings",
    [
        {"clocks": DAILY_CLOCK},
        {"clocks": 5},
        {"clocks": "@daily"},
        {"clocks": ["@daily"]},
        {"clocks": [[DAILY_CLOCK]]},
        {"clocks": [IntervalSchedule(START, DAY)]},
        {"clocks": [], "filters": filters.is_weekday},
        {"clocks": [], "or_filters": [True]},
        {"clocks": [], "not_filters": "is_weekday"},
        {"clocks": [], "adjustments": [DAY]},
    ],
    ids=lambda settings: str(settings)[:60],
)
def test_a_schedule_is_made_of_clocks_and_functions(settings: dict[str, Any]) -> None:
    with pytest.raises(ScheduleTypeError, match=r"give a list|is no clock"):
        Schedule(**settings)


def test_an_interval_schedule_wants_its_interval_by_name() -> None:
    assert days(IntervalSchedule(START, DAY, START + DAY)) == [0, 1]
    assert IntervalSchedule(interval=DAY).start_date == datetime(2019, 1, 1, tzinfo=UTC)
    with pytest.raises(TypeError, match="interval="):
        IntervalSchedule(DAY)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="interval="):
        IntervalSchedule()


def test_a_cron_schedule_takes_what_its_clock_takes() -> None:
    schedule = CronSchedule("0 9 7 * tue", START, START + 40 * DAY, day_or=False)

    assert schedule.next(1, after=START - DAY) == []
    assert days(CronSchedule("0 9 7 * tue", START)) == [0, 1, 8]


def test_a_recurrence_schedule_takes_what_its_clock_takes() -> None:
    rule = rrule(DAILY, dtstart=datetime(2030, 1, 1, 9))

    assert days(RRuleSchedule(rule, START, START + DAY)) == [0, 1]


def test_a_schedule_shows_its_clocks() -> None:
    assert repr(CronSchedule("@daily")) == "<Schedule: <CronClock: '@daily' in UTC>>"


# --- documents --------------------------------------------------------------------------------------------------------

ZONES = st.sampled_from([UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")])
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2026, 1, 1), timezones=ZONES, allow_imaginary=False)
COMMON = {
    "parameter_defaults": st.none() | st.dictionaries(st.text(max_size=3), st.integers() | st.lists(st.booleans())),
    "labels": st.none() | st.lists(st.text(max_size=3)),
}
BOUNDS = {"start_date": st.none() | MOMENTS, "end_date": st.none() | MOMENTS}
RULES = st.builds(
    rrule,
    st.sampled_from([DAILY, WEEKLY, MONTHLY]),
    dtstart=MOMENTS,
    interval=st.integers(1, 5),
    count=st.integers(1, 9),
    wkst=st.sampled_from([MO, FR]),
    byweekday=st.sampled_from([None, MO, [MO, FR], FR(+1)]),
    byhour=st.none() | st.lists(st.integers(0, 23), min_size=1),
)


@st.composite
def rule_sets(draw: st.DrawFn) -> rruleset:
    whole = rruleset()
    whole.rrule(draw(RULES.filter(lambda rule: rule._dtstart.tzinfo is UTC)))
    whole.rdate(draw(MOMENTS).astimezone(UTC))
    whole.exdate(draw(MOMENTS).astimezone(UTC))
    return whole


CLOCKS: st.SearchStrategy[Clock] = st.one_of(
    st.builds(IntervalClock, st.timedeltas(HOUR, 90 * DAY), **BOUNDS, **COMMON),
    st.builds(CronClock, st.sampled_from(["@daily", "0 9 1 * mon"]), day_or=st.booleans(), **BOUNDS, **COMMON),
    st.builds(DatesClock, st.lists(MOMENTS, min_size=1), **COMMON),
    st.builds(RRuleClock, RULES | rule_sets(), **BOUNDS, **COMMON),
)
MONTHS, DAYS = st.integers(1, 12), st.integers(1, 28)
FILTERS = st.lists(
    st.one_of(
        st.sampled_from([filters.is_weekday, filters.is_weekend, filters.is_month_start, filters.is_month_end]),
        st.builds(filters.on_datetime, MOMENTS),
        st.builds(filters.between_datetimes, MOMENTS, MOMENTS),
        st.builds(filters.on_date, MONTHS, DAYS),
        st.builds(filters.between_dates, MONTHS, DAYS, MONTHS, DAYS),
        st.builds(filters.at_time, st.times()),
        st.builds(filters.between_times, st.times(), st.times()),
        st.builds(filters.is_day_of_week, st.integers(0, 6)),
    ),
    max_size=2,
)
ADJUSTMENTS = st.lists(
    st.just(adjustments.next_weekday) | st.builds(adjustments.add, st.timedeltas(-DAY, DAY)), max_size=2
)
SCHEDULES = st.builds(
    Schedule,
    st.lists(CLOCKS, max_size=3),
    filters=FILTERS,
    or_filters=FILTERS,
    not_filters=FILTERS,
    adjustments=ADJUSTMENTS,
)


@given(SCHEDULES)
def test_a_schedule_comes_back_from_its_document(schedule: Schedule) -> None:
    document = schedule.serialize()
    copy = Schedule.deserialize(json.loads(json.dumps(document)))

    assert copy.serialize() == document
    for rules in ("filters", "or_filters", "not_filters", "adjustments"):
        assert getattr(copy, rules) == getattr(schedule, rules)


@given(st.lists(CLOCKS, max_size=3), MOMENTS)
def test_a_schedule_from_a_document_has_the_same_times(clocks: list[Clock], after: datetime) -> None:
    schedule = Schedule(clocks)
    copy = Schedule.deserialize(schedule.serialize())
    events = schedule.next(5, after=after, return_events=True)

    assert copy.next(5, after=after, return_events=True) == events
    assert [f"{each.start_time}" for each in copy.next(5, after, True)] == [f"{each.start_time}" for each in events]


def test_a_document_tells_what_a_schedule_is() -> None:
    start = datetime(2030, 1, 7, tzinfo=ZoneInfo("Europe/Berlin"))
    clock = CronClock("0 9 * * *", start, parameter_defaults={"x": (1, 2)}, labels=["a"])
    schedule = Schedule([clock], filters=[filters.is_weekday], not_filters=[filters.at_time(time(9))])

    assert schedule.serialize() == {
        "type": "prefect.schedules.Schedule",
        "clocks": [
            {
                "type": "prefect.schedules.clocks.CronClock",
                "cron": "0 9 * * *",
                "start_date": {"datetime": "2030-01-07T00:00:00", "zone": "Europe/Berlin"},
                "end_date": None,
                "day_or": True,
                "parameter_defaults": {"x": [1, 2]},
                "labels": ["a"],
            }
        ],
        "filters": [{"name": "prefect.schedules.filters.is_weekday", "arguments": None}],
        "or_filters": [],
        "not_filters": [{"name": "prefect.schedules.filters.at_time", "arguments": {"t": {"time": "09:00:00"}}}],
        "adjustments": [],
    }


def test_a_second_of_two_equal_local_times_is_kept() -> None:
    start = datetime(2024, 11, 3, 1, 30, tzinfo=ZoneInfo("America/New_York"), fold=1)
    copy = Schedule.deserialize(IntervalSchedule(start, HOUR).serialize())

    assert str(copy.start_date) == "2024-11-03 01:30:00-05:00"


def test_a_fixed_offset_needs_no_name() -> None:
    start = datetime.fromisoformat("2030-01-01T00:00:00+05:30")
    copy = Schedule.deserialize(IntervalSchedule(start, HOUR).serialize())

    assert str(copy.start_date) == "2030-01-01 00:00:00+05:30"


def test_the_document_of_a_flow_has_that_of_its_schedule() -> None:
    schedule = CronSchedule("@daily")

    assert Flow("f", schedule=schedule).serialize()["schedule"] == schedule.serialize()


class Mine(Schedule):
    """A schedule of a user."""


class Never(Clock):
    """A clock of a user."""

    def events(self, after: datetime | None = None) -> Iterator[ClockEvent]:
        return iter(())


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (Schedule([], filters=[lambda moment: True]), "function of your own"),
        (Schedule([], filters=[adjustments.next_weekday]), "function of your own"),  # type: ignore[list-item]
        (Schedule([], adjustments=[lambda moment: moment]), "function of your own"),
        (Schedule([Never()]), "clock of your own"),
        (Mine([]), "class of your own"),
        (Schedule([CronClock("@daily", parameter_defaults={"x": START})]), "`parameter_defaults` of a clock"),
        (Schedule([CronClock("@daily", parameter_defaults={"x": float("nan")})]), "`parameter_defaults` of a clock"),
    ],
)
def test_what_is_your_own_works_here_only(schedule: Schedule, words: str) -> None:
    with pytest.raises(ScheduleError, match=words):
        schedule.serialize()


def test_a_zone_without_a_name_cannot_be_written_down() -> None:
    start = START.astimezone(tz.tzstr("EST5EDT"))

    with pytest.raises(ScheduleError, match="has no name"):
        IntervalSchedule(start, HOUR).serialize()


WHOLE = IntervalSchedule(START, HOUR).serialize()


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"type": "prefect.schedules.Schedule"},
        {**WHOLE, "type": "os.system"},
        {**WHOLE, "clocks": [{"type": "os.system"}]},
        {**WHOLE, "clocks": ["@daily"]},
        {**WHOLE, "clocks": [{**WHOLE["clocks"][0], "interval": {"hours": 1}}]},
        {**WHOLE, "clocks": [{"type": "prefect.schedules.clocks.IntervalClock"}]},
        {**WHOLE, "clocks": [{"type": "prefect.schedules.clocks.CronClock", "cron": "* * * *"}]},
        {**WHOLE, "clocks": [{"type": "prefect.schedules.clocks.RRuleClock", "rule": {"text": "x"}}]},
        {**WHOLE, "clocks": [{"type": "prefect.schedules.clocks.DatesClock", "dates": [{"datetime": "x"}]}]},
        {
            **WHOLE,
            "clocks": [
                {
                    "type": "prefect.schedules.clocks.DatesClock",
                    "dates": [{"datetime": "2030-01-01T00:00:00", "zone": "Nowhere/At_all"}],
                }
            ],
        },
        {**WHOLE, "filters": [{"name": "os.system", "arguments": {"command": "true"}}]},
        {**WHOLE, "filters": [{"name": "prefect.schedules.filters.on_date", "arguments": {"year": 1}}]},
        {**WHOLE, "filters": [{"name": "prefect.schedules.filters.on_date", "arguments": {"month": 13, "day": 1}}]},
    ],
    ids=lambda document: str(document)[-60:],
)
def test_what_is_no_document_is_refused(document: Any) -> None:
    with pytest.raises(ScheduleError):
        Schedule.deserialize(document)
