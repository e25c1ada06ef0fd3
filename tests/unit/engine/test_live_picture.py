"""What the live view looks like, for any snapshot and any width."""

from __future__ import annotations

import io
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect.engine.live_picture import MOST_BARS, SHORTEST_BAR, Picture, Speed, bar, clock, rate
from prefect.engine.progress import MapProgress, Snapshot
from prefect.engine.state import Failed, Pending, Running, Success

WIDE = 100


def drawn(snapshot: Snapshot, columns: int = WIDE, encoding: str = "utf-8", name: str = "daily") -> list[str]:
    """The lines of a picture without their colours."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    picture = Picture(name, stream, time.monotonic())
    for each in snapshot.maps:
        picture.speeds[each.number] = speed = Speed()
        speed.per_second(0, time.monotonic() - 10)
    return [bare(line) for line in picture.lines(snapshot, columns)]


def bare(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def some_map(name: str = "load", number: int = 0, total: int = 100, done: int = 50, **more: int) -> MapProgress:
    return MapProgress(number, name, total, done, **more)


def test_the_first_line_counts_tasks_by_state_with_maps_as_one_task_each() -> None:
    maps = (some_map(), some_map(done=100), some_map(done=100, failed=1), some_map(done=0)._replace(begun=False))
    [first, *_] = drawn(Snapshot({Pending: 1_000, Running: 1, Success: 3}, maps))

    assert first.startswith("daily  1,001 waiting, 2 running, 4 succeeded, 1 failed ")
    assert first.endswith("0:00")


def test_states_that_no_task_is_in_are_left_out() -> None:
    assert drawn(Snapshot({Success: 1}, ()))[0].split("  ")[1].strip() == "1 succeeded"


def test_a_map_has_a_bar_with_its_counts() -> None:
    _, line = drawn(Snapshot({}, (some_map(total=2_000, done=500, failed=2, later=3),)))
    name, bar, *_ = line.split()

    assert name == "load"
    assert set(bar) == {"━"}
    assert "500/2,000  2 failed, 3 retrying" in line


def test_the_bar_is_coloured_as_far_as_the_map_is() -> None:
    grey_from = [bar(some_map(done=done), 40, "-").spans[0].start for done in (0, 25, 50, 99)]

    assert grey_from == [0, 10, 20, 39]


def test_maps_that_are_over_or_have_not_begun_have_no_line() -> None:
    assert len(drawn(Snapshot({}, (some_map(done=100), some_map(done=0)._replace(begun=False))))) == 1


@pytest.mark.parametrize(("more", "words"), [(1, "and 1 more map"), (12, "and 12 more maps")])
def test_of_many_maps_the_first_ones_are_shown(more: int, words: str) -> None:
    lines = drawn(Snapshot({}, tuple(some_map(f"map {n}", n) for n in range(MOST_BARS + more))))

    assert [line[:5] for line in lines[1:-1]] == [f"map {n}" for n in range(MOST_BARS)]
    assert lines[-1] == words


def test_the_parts_of_several_maps_stand_below_each_other() -> None:
    _, one, other = drawn(Snapshot({}, (some_map("a", 0), some_map("a longer name", 1, total=5_000, failed=7))))

    assert one.index("━") == other.index("━")
    assert one.index("/") < len(one) <= len(other)
    assert one.rindex("━") == other.rindex("━")


LONG_NAMES = (
    some_map("load_the_customers_of_a_very_long_name", 0, total=500, failed=3, later=7),
    some_map("transform", 1, total=2_000, done=1_000, failed=12),
)


@given(st.integers(40, 120))
def test_bars_are_there_and_words_are_whole_on_narrow_terminals_too(columns: int) -> None:
    for line in drawn(Snapshot({}, LONG_NAMES), columns)[1:]:
        name, bar, behind = re.split("(━+)", line)

        assert len(name.strip()) <= columns // 3
        assert len(bar) >= SHORTEST_BAR
        assert set(re.findall("[a-z]+", behind)) <= {"failed", "retrying", "left", "s"}


def test_the_narrower_the_terminal_the_less_stands_behind_the_bar() -> None:
    behind = [re.split("━+", drawn(Snapshot({}, LONG_NAMES), columns)[1])[1] for columns in (110, 90, 66, 56, 40)]
    words = [re.findall("[a-z]+", line) for line in behind]

    assert words == [
        ["failed", "retrying", "s", "left"],
        ["failed", "retrying", "left"],
        ["failed", "retrying"],
        ["failed"],
        [],
    ]


@given(st.integers(30, 120))
def test_a_long_name_leaves_room_for_what_is_over_and_the_time(columns: int) -> None:
    counts = {Pending: 12, Running: 8, Success: 100, Failed: 3}
    first = drawn(Snapshot(counts, ()), columns, name="the daily report with a rather long name")[0]

    assert first.startswith("the dail")
    assert re.search(r"(  |, )3 failed +0:00$", first)


def test_names_in_square_brackets_are_no_markup() -> None:
    assert "[red]load" in drawn(Snapshot({}, (some_map("[red]load"),)))[1]


def test_a_terminal_without_such_signs_gets_plain_ones() -> None:
    assert drawn(Snapshot({}, (some_map(),)), encoding="ascii")[1].isascii()


def test_a_run_that_is_over_leaves_one_line() -> None:
    picture = Picture("daily", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), time.monotonic())
    maps = (some_map(done=100, failed=2), some_map(done=100))

    line = picture.farewell(Snapshot({Success: 3}, maps))

    assert bare(line) == "daily  4 succeeded, 1 failed; 200 mapped runs, 2 failed; 0:00"


names = st.text(min_size=1, max_size=60).filter(str.isprintable)
totals = st.integers(1, 10**7)
maps = st.builds(
    lambda name, number, total, share, failed: MapProgress(number, name, total, int(total * share), failed),
    names, st.integers(0, 99), totals, st.floats(0, 1), st.integers(0, 99),
)  # fmt: skip


@settings(max_examples=50)
@given(st.lists(maps, max_size=12).map(tuple), st.integers(1, 200), st.integers(0, 10**6))
def test_no_line_is_longer_than_the_terminal_is_wide(found, columns, waiting) -> None:
    from rich.cells import cell_len

    lines = drawn(Snapshot({Pending: waiting, Failed: 1}, found), columns)

    assert all(cell_len(line) <= max(1, columns - 1) for line in lines)
    assert 1 <= len(lines) <= MOST_BARS + 2


# --- speed and time ---------------------------------------------------------------------------------------------------


def test_there_is_no_speed_before_the_first_step() -> None:
    speed = Speed()

    assert speed.per_second(900, now=0) is None
    assert speed.per_second(900, now=5) is None


def test_what_was_done_before_the_first_look_does_not_count() -> None:
    speed = Speed()
    speed.per_second(900, now=0)

    assert speed.per_second(920, now=2) == 10


def test_the_speed_sinks_while_nothing_comes() -> None:
    speed = Speed()
    speed.per_second(0, now=0)

    assert [speed.per_second(10, now) for now in (1, 2, 10)] == [10, 5, 1]


def test_the_distant_past_is_forgotten() -> None:
    speed = Speed()
    for second in range(100):
        speed.per_second(second, second)
    for tenth in range(1, Speed.STEPS + 1):
        last = speed.per_second(99 + tenth, 99 + tenth / 10)

    assert last == pytest.approx(10)


@pytest.mark.parametrize(
    ("speed", "words"),
    [(None, ""), (1234.5, "1,234/s"), (10, "10/s"), (2.25, "2.2/s"), (0.5, "30.0/min"), (0.01, "0.6/min")],
)
def test_a_speed_is_told_in_a_fitting_unit(speed, words) -> None:
    assert rate(speed) == words


@pytest.mark.parametrize(("seconds", "words"), [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3661, "1:01:01")])
def test_a_span_of_time_looks_like_a_clock(seconds, words) -> None:
    assert clock(seconds) == words
