"""Children of a map, packed and unpacked."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.store import stretches
from prefect.store.records import Stretch

moments = st.floats(0, 1e11)
some_indices = st.sets(st.integers(0, 1_000_000), min_size=1, max_size=50).map(sorted).map(tuple)
ranges = st.builds(lambda first, count: range(first, first + count), st.integers(0, 10**6), st.integers(1, 50))


@st.composite
def packed(draw: st.DrawFn) -> tuple[Stretch, list[int], list[float], list[float]]:
    indices = draw(some_indices | ranges)
    starts, ends = (draw(st.lists(moments, min_size=len(indices), max_size=len(indices))) for _ in range(2))
    return stretches.pack(7, 2, indices, starts, ends, b"values"), list(indices), starts, ends


@given(packed())
def test_what_is_packed_is_unpacked_exactly(case: tuple[Stretch, list[int], list[float], list[float]]) -> None:
    stretch, indices, starts, ends = case

    assert list(stretches.indices_of(stretch)) == indices
    assert [list(each) for each in stretches.times_of(stretch)] == [starts, ends]
    assert (stretch.seq, stretch.task, stretch.values) == (7, 2, b"values")
    assert (stretch.first, stretch.last, stretch.count) == (indices[0], indices[-1], len(indices))
    assert (stretch.began, stretch.ended) == (int(min(starts) * 1e6), int(max(ends) * 1e6))


@given(packed(), st.integers(-2, 1_000_100))
def test_the_position_of_a_child_is_where_its_times_are(
    case: tuple[Stretch, list[int], list[float], list[float]], other: int
) -> None:
    stretch, indices, _, _ = case

    assert [stretches.position(stretch, index) for index in indices] == list(range(len(indices)))
    if other not in indices:
        assert stretches.position(stretch, other) is None


def test_children_without_gaps_take_no_room_for_their_indices() -> None:
    assert stretches.pack(1, 0, (5, 6, 7), [1.0] * 3, [2.0] * 3, b"").indices == b""


def test_a_thousand_children_take_a_few_bytes_each() -> None:
    now = time.time()
    starts = [now + number * 1e-4 for number in range(1000)]
    ends = [start + 1e-3 for start in starts]

    stretch = stretches.pack(1, 0, [*range(500), *range(501, 1001)], starts, ends, b"")

    assert len(stretch.times) + len(stretch.indices) < 10_000


@given(st.permutations(range(4)).filter(lambda order: order != sorted(order)))
def test_children_in_another_order_are_refused_as_they_would_get_the_values_of_others(order: list[int]) -> None:
    with pytest.raises(ValueError, match="have to grow"):
        stretches.pack(7, 2, order, [0.0] * 4, [0.0] * 4, b"")
