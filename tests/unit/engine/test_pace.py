"""How many children of a map run in one go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from prefect.engine.pace import LARGEST, fair_size, next_size

TARGET_SECONDS = 0.02


def test_quick_children_run_in_larger_and_larger_chunks():
    assert next_size(1, TARGET_SECONDS / 1000) == 2
    assert next_size(2, 0) == 4


def test_slow_children_run_one_by_one():
    assert next_size(64, 10) == 1


def test_a_chunk_takes_about_the_time_it_should():
    assert next_size(100, TARGET_SECONDS * 2) == 50


@given(st.integers(1, LARGEST), st.floats(0, 1e6))
def test_the_size_stays_within_its_bounds(size, seconds):
    assert 1 <= next_size(size, seconds) <= min(2 * size, LARGEST)


@given(st.integers(1, LARGEST), st.floats(0, 1e3), st.floats(0, 1e3))
def test_slower_children_never_make_larger_chunks(size, one, other):
    quick, slow = sorted([one, other])

    assert next_size(size, slow) <= next_size(size, quick)


def test_who_pays_much_for_a_call_gives_out_more_in_one():
    assert next_size(100, 0.02, target=0.2) == 200
    assert next_size(1, 0.05, target=0.2) == 2


def test_near_the_end_all_hands_get_some():
    assert fair_size(100, left=10_000, slots=4) == 100
    assert fair_size(100, left=80, slots=4) == 10
    assert fair_size(100, left=3, slots=4) == 1
