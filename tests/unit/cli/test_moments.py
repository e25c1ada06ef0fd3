"""Times and lengths of time, as people write and read them."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.cli import moments

NOW = 1_800_000_000_000_000
SECOND = 1_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("30min", 1800), ("30m", 1800), ("2h", 7200), ("1.5d", 129_600), ("2w", 1_209_600)],
)
def test_a_time_can_be_so_long_ago(text: str, seconds: float) -> None:
    assert moments.point(text, NOW) == NOW - seconds * SECOND


@pytest.mark.parametrize("text", ["2026-11-01", "2026-11-01 14:30", "2026-11-01T14:30:15"])
def test_a_time_can_be_a_date_by_the_clock_here(text: str) -> None:
    assert moments.point(text, NOW) == int(datetime.fromisoformat(text).timestamp() * SECOND)


@pytest.mark.parametrize("text", ["", "soon", "2 hours", "-3h", "2026-13-01"])
def test_what_is_no_time_is_said_together_with_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="is no time: write 2h, 7d, 2026-11-01"):
        moments.point(text, NOW)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 µs"),
        (0.0000012, "1.2 µs"),
        (0.000035, "35 µs"),
        (0.0034, "3.4 ms"),
        (0.25, "250 ms"),
        (1, "1 s"),
        (1.25, "1.2 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (61.2, "1 min 1 s"),
        (5400, "1 h 30 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_length_of_time_has_two_units_at_most(seconds: float, words: str) -> None:
    assert moments.span(seconds) == words


@given(st.floats(0, 1e8))
def test_every_length_of_time_has_a_number_and_a_unit(seconds: float) -> None:
    assert moments.span(seconds)[0].isdigit()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.3, "just now"), (5, "5 s ago"), (200, "3 min ago"), (7300, "2 h ago"), (86_000, "23 h ago")],
)
def test_a_time_of_today_is_told_by_the_clock_and_how_long_ago_it_was(seconds: float, words: str) -> None:
    at = int(NOW - seconds * SECOND)

    assert moments.shown(at, NOW) == f"{datetime.fromtimestamp(at / SECOND):%H:%M:%S}, {words}"


def test_a_time_of_long_ago_is_told_by_its_date() -> None:
    at = NOW - 86_401 * SECOND

    assert moments.shown(at, NOW) == f"{datetime.fromtimestamp(at / SECOND):%Y-%m-%d %H:%M}"
    assert moments.shown(None, NOW) == ""
