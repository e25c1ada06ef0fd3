"""Points and lengths of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.utilities.datetimes import as_utc, retry_delay, to_timedelta, utcnow


def test_now_is_now_in_utc():
    before = datetime.now(UTC)
    now = utcnow()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC


def test_a_naive_datetime_is_utc():
    assert as_utc(datetime(2020, 1, 1, 12)) == datetime(2020, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("zone", [timezone(timedelta(hours=2)), ZoneInfo("Africa/Johannesburg")])
def test_an_aware_datetime_stays_the_same_point_in_time(zone):
    converted = as_utc(datetime(2020, 1, 1, 12, tzinfo=zone))
    assert (converted.hour, converted.utcoffset()) == (10, timedelta(0))


@pytest.mark.parametrize(
    ("value", "seconds"), [(10, 10), (0.5, 0.5), (0, 0), (timedelta(minutes=1), 60), (timedelta(0), 0)]
)
def test_a_length_of_time_is_a_timedelta_or_seconds(value, seconds):
    assert to_timedelta(value) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", [True, False, "10", None, [1]])
def test_other_types_are_no_length_of_time(value):
    with pytest.raises(TypeError, match="timedelta or a number"):
        to_timedelta(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**30])
def test_no_finite_number_is_no_length_of_time(value):
    with pytest.raises(ValueError, match="finite"):
        to_timedelta(value)


@pytest.mark.parametrize("delay", [retry_delay(90), retry_delay(timedelta(seconds=90)), retry_delay(minutes=1.5)])
def test_a_constant_delay_is_the_same_for_each_attempt(delay):
    assert {delay(n) for n in (1, 2, 50)} == {timedelta(seconds=90)}


def test_a_backoff_doubles_up_to_its_limit():
    delay = retry_delay(10, exponential_backoff=True, max_delay=60)
    assert [delay(n).total_seconds() for n in (1, 2, 3, 4, 5)] == [10, 20, 40, 60, 60]


@given(
    first=st.timedeltas(timedelta(0), timedelta(days=400)),
    longest=st.timedeltas(timedelta(0), timedelta(days=400)),
    attempt=st.integers(1, 10**9),
)
def test_a_backoff_never_shrinks_nor_exceeds_its_limit(first, longest, attempt):
    delay = retry_delay(first, exponential_backoff=True, max_delay=longest)
    assert delay(1) == min(first, longest)
    assert delay(attempt) <= delay(attempt + 1) <= longest


@pytest.mark.parametrize("arguments", [{}, {"interval": 5, "minutes": 1}, {"interval": -1}])
def test_a_delay_that_is_missing_double_or_negative_is_refused(arguments):
    with pytest.raises(ValueError, match=r"either|negative"):
        retry_delay(**arguments)
