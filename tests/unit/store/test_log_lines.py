"""Lines of a log, packed and unpacked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from prefect.store import log_lines
from prefect.store.log_lines import LogLine

texts = st.text(st.characters(codec=None), max_size=20)  # half characters, too
numbers = st.integers(0, 2**60)
lines = st.builds(LogLine, numbers, st.integers(0, 50), texts, st.none() | texts, st.integers(-1, 10**6), texts)


@given(st.lists(lines))
def test_what_is_packed_is_unpacked_exactly(every: list[LogLine]) -> None:
    assert [line for chunk in log_lines.pack(every) for line in log_lines.unpack(chunk)] == every


def test_a_chunk_has_up_to_a_thousand_lines() -> None:
    every = [LogLine(number, 20, "prefect", None, -1, "hello") for number in range(2_001)]

    chunks = log_lines.pack(every)

    assert [(chunk.began, chunk.ended, chunk.count) for chunk in chunks] == [
        (0, 999, 1000),
        (1000, 1999, 1000),
        (2000, 2000, 1),
    ]
