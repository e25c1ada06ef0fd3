"""Digests: the same for equal values in every process, none where that cannot be promised."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import threading
from collections import Counter, OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.utilities.hashing import digest

numbers = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.complex_numbers(allow_nan=False)
times = st.datetimes() | st.dates() | st.timedeltas() | st.datetimes(timezones=st.just(UTC))
scalars = st.none() | numbers | st.text() | st.binary() | times
hashable = st.recursive(scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4), max_leaves=5)
values = st.recursive(
    hashable,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(hashable, inner, max_size=4) | st.sets(hashable),
    max_leaves=8,
)


class Colour(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Point:
    x: int
    y: int = 0


@dataclass(frozen=True, slots=True)
class Spot:
    x: int


class Twin:
    def __init__(self, x: Any) -> None:
        self.x = x


class Labelled:
    """Stores where in memory it lies."""

    def __init__(self, label: Any) -> None:
        self.label = label(self)


Pair = namedtuple("Pair", "left right")


def rebuilt(value: Any) -> Any:
    """An equal value that shares nothing with the first, with dictionaries in the opposite order."""
    if type(value) is dict:
        return {rebuilt(key): rebuilt(inner) for key, inner in reversed(value.items())}
    if type(value) in (list, tuple, set, frozenset):
        return type(value)([rebuilt(inner) for inner in reversed(list(value))][::-1])
    return value


@given(values)
def test_equal_values_have_one_digest(value: Any) -> None:
    code = digest(value)
    assert code is not None
    assert re.fullmatch("[0-9a-f]{32}", code)
    assert digest(rebuilt(value)) == code


@given(values, values)
def test_unequal_values_have_different_digests(one: Any, other: Any) -> None:
    assert one == other or digest(one) != digest(other)


@given(st.lists(st.text()), st.lists(st.text()))
def test_no_text_imitates_the_border_between_two(one: list[str], other: list[str]) -> None:
    assert (digest(one) == digest(other)) == (one == other)


def test_values_of_different_types_have_different_digests() -> None:
    alike: list[Any] = [1, True, 1.0, 1 + 0j, "1", b"1", Decimal(1), Colour.RED, [1], (1,), {1}, frozenset([1]), {1: 1}]
    alike += [None, "", b"", 0, False, [], (), {}, set(), "None", Point(1), Twin(1), Pair(1, 1), (1, 1), numpy.int64(1)]
    assert len({digest(value) for value in alike} - {None}) == len(alike)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Colour.RED, Colour.BLUE),
        (Point(1), Point(2)),
        (Point(1), Point(1, 1)),
        (Spot(1), Spot(2)),
        (Twin({"a", "b"}), Twin({"a", "c"})),
        (PurePosixPath("a/b"), PurePosixPath("a/c")),
        (PurePosixPath("a"), "a"),
        (timedelta(1), timedelta(2)),
        (date(2024, 1, 1), datetime(2024, 1, 1)),
        (datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)),
        (datetime(2024, 1, 1, 12, tzinfo=UTC), datetime(2024, 1, 1, 13, tzinfo=timezone(timedelta(hours=1)))),
        (datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Rome")), datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Paris"))),
        (OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
        (re.compile("a"), re.compile("b")),
        (partial(int, base=2), partial(int, base=3)),
        (len, max),
        (os.path.join, os.path.split),
        (int, str),
        (ValueError("a"), ValueError("b")),
        (numpy.arange(4), numpy.arange(4).reshape(2, 2)),
        (numpy.arange(4), numpy.arange(4.0)),
        (numpy.array([1, 2]), numpy.array([2, 1])),
        (numpy.array(["a", 1], dtype=object), numpy.array(["a", 2], dtype=object)),
        (numpy.float64(1), numpy.float64(2)),
        (pandas.DataFrame({"a": [1]}), pandas.DataFrame({"b": [1]})),
        (pandas.DataFrame({"a": [1]}), pandas.DataFrame({"a": [2]})),
        (pandas.DataFrame({"a": [1]}), pandas.DataFrame({"a": [1]}, index=[7])),
        (pandas.Series(["a", None]), pandas.Series(["a", "b"])),
        (pandas.Series(["a"], dtype="category"), pandas.Series(["a"])),
        (pandas.Series(pandas.Categorical(["a"], ["a", "b"])), pandas.Series(pandas.Categorical(["a"], ["b", "a"]))),
        (pandas.Index([1, 2]), pandas.Index([2, 1])),
        (pandas.MultiIndex.from_tuples([(1, "a")]), pandas.MultiIndex.from_tuples([(1, "b")])),
    ],
    ids=repr,
)
def test_things_that_differ_have_different_digests(one: Any, other: Any) -> None:
    assert digest(one) is not None
    assert digest(other) is not None
    assert digest(one) != digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Point(1, 2), Point(1, 2)),
        (Spot(1), Spot(1)),
        (Twin({"a", "b"}), Twin({"b", "a"})),
        (Counter("aab"), Counter("baa")),
        (datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Rome")), datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Rome"))),
        (float("nan"), float("nan")),
        (numpy.arange(6).reshape(2, 3), numpy.asfortranarray(numpy.arange(6).reshape(2, 3))),
        (numpy.arange(6)[::2], numpy.array([0, 2, 4])),
        (numpy.array([{"a", "b"}], dtype=object), numpy.array([{"b", "a"}], dtype=object)),
        (pandas.RangeIndex(3), pandas.Index([0, 1, 2])),
        (pandas.DataFrame({"a": [1, 2], "b": ["x", None]}), pandas.DataFrame({"a": [1, 2], "b": ["x", None]})),
    ],
    ids=repr,
)
def test_things_that_are_equal_share_a_digest(one: Any, other: Any) -> None:
    assert digest(one) is not None
    assert digest(one) == digest(other)


def test_a_table_that_grew_column_by_column_has_the_digest_of_one_made_at_once() -> None:
    grown = pandas.DataFrame({"a": [1, 2]})
    grown["b"] = [3, 4]
    assert digest(grown) == digest(pandas.DataFrame({"a": [1, 2], "b": [3, 4]}))


def test_sharing_does_not_count() -> None:
    shared = [1, 2]
    assert digest([shared, shared]) == digest([[1, 2], [1, 2]])


def test_a_value_that_shares_its_parts_a_billion_times_is_quick() -> None:
    value: list[Any] = []
    for _ in range(60):
        value = [value, value]
    assert digest(value) is not None


def counting() -> Any:
    yield 1


class Circle:
    def __init__(self) -> None:
        self.me = self


@pytest.mark.parametrize(
    "value",
    [
        lambda: 1,
        counting(),
        iter([1]),
        object(),
        threading.Lock(),
        sys,
        Labelled(repr),
        Labelled(id),
        Circle(),
        partial(lambda: 1),
        type("Local", (), {})(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_without_a_stable_content_has_no_digest_wherever_it_is(value: Any) -> None:
    assert digest(value) is None
    assert digest([1, {"deep": (value,)}]) is None


def test_a_list_that_contains_itself_has_no_digest() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert digest(circle) is None


PRINT_DIGESTS = """
    import sys
    from collections import Counter
    from datetime import UTC, date, datetime, timedelta
    from enum import Enum
    from pathlib import PurePosixPath
    from dataclasses import dataclass
    from prefect.utilities.hashing import digest

    @dataclass
    class Point:
        names: set

    class Colour(Enum):
        RED = "red"

    class Thing:
        def __init__(self):
            self.words = frozenset("the order of these words depends on the seed".split())

    print("pandas" in sys.modules, "numpy" in sys.modules)
    words = set("the order of these words depends on the seed".split())
    for value in [words, {word: len(word) for word in words}, Point(words), Thing(), Colour.RED, Counter(words),
                  {"nested": [frozenset(words), (words,)]}, datetime(2024, 1, 1, tzinfo=UTC), date(2024, 1, 1),
                  timedelta(1), PurePosixPath("a/b"), 1.5, 2j, None, "é", b"x", 10**5000, len, int]:
        print(digest(value))
    import pandas, numpy
    print(digest(numpy.arange(3)), digest(pandas.DataFrame({"a": [1, 2], "b": ["x", None]})))
"""


def digests_of_a_fresh_interpreter(seed: str) -> str:
    command = [sys.executable, "-c", textwrap.dedent(PRINT_DIGESTS)]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_function_of_the_script_itself_has_no_digest_as_another_script_may_have_one_of_that_name() -> None:
    code = "from prefect.utilities.hashing import digest\ndef f(): pass\nprint(digest(f), digest([f]))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert answer == "None None\n"


def test_two_interpreters_with_different_hash_seeds_give_the_same_digests() -> None:
    first, second = digests_of_a_fresh_interpreter("1"), digests_of_a_fresh_interpreter("2")
    assert first == second
    assert first.startswith("False False\n")
    assert "None" not in first
