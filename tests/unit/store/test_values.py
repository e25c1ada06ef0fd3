"""Values on their way into the history and back."""

from __future__ import annotations

import math
import threading
import tracemalloc

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.engine.result import Result
from prefect.engine.results import LocalResult, SecretResult
from prefect.exceptions import ResultMissing
from prefect.store.values import Keeper, Recalled, column_of, held_by, kept_in, lost, reason_lost, recall, shown
from prefect.store.writer import write_files
from prefect.tasks.secrets import PrefectSecret

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS | st.binary() | st.tuples(st.integers(), st.text()) | st.frozensets(st.integers(), max_size=1) | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=10,
)


@pytest.fixture
def keeper(tmp_path):
    return Keeper(inline=4096, most=100_000, directory=str(tmp_path / "values"))


class Point:
    def __init__(self, x):
        self.x = x


@given(VALUES)
def test_a_value_comes_back_as_it_was_in_value_and_in_type(value):
    back = recall(Keeper(inline=4096, most=100_000, directory=None).keep(value))

    assert back == value
    assert repr(back) == repr(value)


@given(st.lists(VALUES, max_size=6))
def test_the_values_of_many_children_come_back_in_order(values):
    packed = Keeper(inline=4096, most=100_000, directory=None).keep_column(values)

    back = [held.value if isinstance(held, Result) else held for held in column_of(packed)]

    assert repr(back) == repr(values)
    assert [repr(recall(kept_in(packed, position))) for position in range(len(values))] == [*map(repr, values)]


def test_what_json_says_exactly_is_kept_as_json_and_the_rest_is_pickled(keeper):
    assert keeper.keep({"a": [1, None, "x"]}).format == "json"
    assert keeper.keep((1, 2)).format == "pickle"
    assert keeper.keep({1: 2}).format == "pickle"
    assert keeper.keep(Point(3)).format == "pickle"


def test_numbers_that_json_has_no_word_for_come_back_too(keeper):
    assert math.isnan(recall(keeper.keep(math.nan)))
    assert recall(keeper.keep(-math.inf)) == -math.inf
    assert recall(keeper.keep(10**40)) == 10**40


def test_what_is_kept_is_the_value_as_it_was(keeper):
    value = [1, 2]
    kept = keeper.keep(value)

    value.append(3)

    assert recall(kept) == [1, 2]


def test_a_medium_value_goes_into_a_file_and_is_checked_when_it_comes_back(keeper, tmp_path):
    value = b"x" * 50_000
    kept = keeper.keep(value)
    write_files(keeper)

    assert kept.format == "file"
    assert recall(kept) == value
    [file] = (tmp_path / "values").iterdir()
    file.write_bytes(b"something else")
    with pytest.raises(ResultMissing, match="not there any more"):
        recall(kept)


def test_a_large_value_is_not_kept_and_says_so(keeper):
    kept = keeper.keep(b"x" * 200_000)

    assert kept.format == "lost"
    with pytest.raises(ResultMissing, match=r"100,000 bytes \(store.value_bytes\)"):
        recall(kept)


def test_a_large_array_is_not_even_copied(keeper):
    tracemalloc.start()

    kept = keeper.keep({"a": numpy.zeros(5_000_000), "b": 1})

    assert kept.format == "lost"
    assert tracemalloc.get_traced_memory()[1] < 45_000_000  # the array itself takes 40
    tracemalloc.stop()


def test_a_small_array_comes_back(keeper):
    assert recall(keeper.keep(numpy.arange(5))).tolist() == [0, 1, 2, 3, 4]


def test_a_value_that_cannot_be_pickled_is_not_kept_and_says_so(keeper):
    kept = keeper.keep(threading.Lock())

    assert "cannot be pickled" in reason_lost(kept)


def test_of_a_stored_value_only_the_place_is_kept(keeper, tmp_path):
    stored = LocalResult(dir=str(tmp_path), location="here.pickle").write({1, 2, 3})

    kept = keeper.keep(stored)

    assert kept.format == "at"
    assert recall(kept) == {1, 2, 3}
    (tmp_path / "here.pickle").unlink()
    assert "nothing is at" in reason_lost(kept)


def test_a_value_that_is_only_known_to_a_result_of_ones_own_is_read_with_the_result_of_the_task(keeper, tmp_path):
    class MyResult(LocalResult):
        pass

    mine = MyResult(dir=str(tmp_path), location="mine.pickle")
    kept = keeper.keep(mine.write("value"))

    assert recall(kept, mine) == "value"
    assert reason_lost(kept) is not None


def test_a_result_that_holds_its_value_in_memory_is_kept_like_the_value(keeper):
    assert recall(keeper.keep(Result([1, 2]))) == [1, 2]


def test_the_value_of_a_secret_is_never_kept(keeper):
    held = SecretResult(PrefectSecret("key"))
    held.value = "hunter-two"

    kept = keeper.keep(held)

    assert "secret" in reason_lost(kept)
    assert "hunter-two" not in kept.data


@pytest.mark.parametrize("value", ["the key is hunter2!", ["hunter2!"], {"a": "hunter2!"}, ("hunter2!", 1)])
def test_a_value_that_holds_a_known_secret_is_not_kept(keeper, value):
    keeper.learn_secret({"key": "hunter2!"})

    assert keeper.keep(value) == lost("it holds a secret")
    assert b"hunter2!" not in keeper.keep_column([value])


def test_secrets_in_texts_are_masked(keeper):
    keeper.learn_secret(["hunter2!"])

    assert keeper.masked("login with hunter2! failed") == "login with ******** failed"


def test_the_value_of_a_secret_task_is_a_known_secret_from_then_on(keeper):
    held = SecretResult(PrefectSecret("key"))
    held.value = {"password": "hunter-two"}

    keeper.keep(held)

    assert keeper.keep("hunter-two").format == "lost"


def test_a_recalled_value_is_read_once_and_travels(keeper):
    import pickle

    recalled = held_by(keeper.keep((1, 2)))

    assert isinstance(recalled, Recalled)
    assert recalled.value is recalled.value
    assert pickle.loads(pickle.dumps(recalled)).value == (1, 2)


def test_a_value_that_was_recalled_is_kept_as_it_is(keeper):
    kept = keeper.keep((1, 2))

    assert keeper.keep(held_by(kept)) == kept


@pytest.mark.parametrize("value", [1, "text", [1] * 1000, (1, 2), threading.Lock()])
def test_showing_a_value_never_takes_more_than_a_line(keeper, value):
    assert 0 < len(shown(keeper.keep(value), 80)) < 200
