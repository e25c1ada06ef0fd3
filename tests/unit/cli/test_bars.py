"""Small pictures of many runs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from prefect.cli import bars

DURATIONS = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


@given(st.dictionaries(st.text(), st.integers(1, 10**6), min_size=1, max_size=10))
def test_a_bar_is_full_and_nobody_is_missing_in_it(counts: dict[str, int]) -> None:
    cells = bars.shares(counts, 40)

    assert sum(cells.values()) == 40
    assert cells.keys() == counts.keys()
    assert min(cells.values()) > 0


def test_a_bar_of_nothing_is_empty() -> None:
    assert bars.shares({}, 40) == {}
    assert bars.shares({"Success": 0}, 40) == {}


@given(DURATIONS)
def test_a_histogram_begins_with_the_shortest_and_ends_with_the_longest(durations: list[float]) -> None:
    drawn = bars.histogram(durations, 10)

    assert len(drawn) in (1, 10)
    assert " " not in (drawn[0], drawn[-1])
    assert "█" in drawn


def test_most_of_a_map_stands_out() -> None:
    assert bars.histogram([0.001] * 8 + [0.1] * 4 + [10], 3) == "█▄▁"


@given(DURATIONS, st.floats(0.01, 1))
def test_a_quantile_is_one_of_the_values_and_not_exceeded_by_its_share(durations: list[float], share: float) -> None:
    ordered = sorted(durations)

    found = bars.quantile(ordered, share)

    assert found in durations
    assert sum(each <= found for each in ordered) >= share * len(ordered) - 1e-6


def test_the_last_quantile_is_the_longest() -> None:
    assert bars.quantile([1, 2, 3, 4], 1) == 4
    assert bars.quantile([1, 2, 3, 4], 0.5) == 2
