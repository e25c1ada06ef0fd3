"""Dictionaries and sequences change their shape, not their content."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.utilities.collections import (
    CompoundKey,
    DotDict,
    OrderedView,
    as_nested_dict,
    dict_to_flatdict,
    flatdict_to_dict,
    flatten_seq,
    merge_dicts,
)

nested = st.recursive(
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=3),
    lambda below: st.dictionaries(st.text(max_size=2), st.integers() | below, max_size=3),
    max_leaves=8,
)


def test_a_dot_dict_has_its_keys_as_attributes():
    d = DotDict({"a": 1}, b=2)
    d.c = 3
    del d.a
    assert (d.b, d["c"], dict(d)) == (2, 3, {"b": 2, "c": 3})


def test_a_dot_dict_tells_what_is_missing_and_what_is_there():
    with pytest.raises(AttributeError, match="'x'.*a, b"):
        _ = DotDict(a=1, b=2).x
    with pytest.raises(AttributeError, match="'x'"):
        del DotDict().x


def test_a_dot_dict_keeps_its_methods():
    d = DotDict(items=1)
    assert list(d.items()) == [("items", 1)]
    with pytest.raises(AttributeError, match="method"):
        d.items = 2


def test_a_dot_dict_can_be_copied_and_pickled():
    d = DotDict(a=DotDict(b=1))
    for other in (d.copy(), pickle.loads(pickle.dumps(d))):
        assert type(other) is DotDict
        assert other == d
        assert other.a.b == 1
    assert type(d.to_dict()["a"]) is dict


@given(a=nested, b=nested)
def test_merging_keeps_every_leaf_of_the_second_and_those_of_the_first_it_does_not_touch(a, b):
    merged = dict_to_flatdict(merge_dicts(a, b))
    ours, theirs = dict_to_flatdict(a), dict_to_flatdict(b)
    assert all(merged[path] == value for path, value in theirs.items() if value != {})
    assert all(path in ours or path in theirs for path in merged)


def test_merging_goes_through_all_levels_and_shares_none():
    a = {"x": {"y": {"p": 1, "q": 2}}, "left": {"z": 1}}
    b = {"x": {"y": {"q": 3}}, "left": 5, "right": {"r": 1}}
    merged = merge_dicts(a, b)
    assert merged == {"x": {"y": {"p": 1, "q": 3}}, "left": 5, "right": {"r": 1}}
    merged["right"]["r"] = merged["x"]["y"]["p"] = 9
    assert (a["x"]["y"]["p"], b["right"]["r"]) == (1, 1)


def test_a_dictionary_replaces_a_value_when_merged():
    assert merge_dicts({"a": 1}, {"a": {"b": 2}}) == {"a": {"b": 2}}


def test_dictionaries_inside_sequences_get_the_class_as_well():
    made = as_nested_dict({"a": [{"b": 1}, ({"c": 2},)]}, DotDict)
    assert made.a[0].b == 1
    assert made.a[1][0].c == 2


@given(d=nested)
def test_flattening_and_nesting_are_inverse(d):
    assert flatdict_to_dict(dict_to_flatdict(d)) == d


def test_compound_keys_lead_to_the_value():
    flat = dict_to_flatdict({"a": {"b": 1, "c": {"d": 2}}, "e": {}})
    assert flat == {CompoundKey(("a", "b")): 1, CompoundKey(("a", "c", "d")): 2, CompoundKey(("e",)): {}}
    assert [repr(key) for key in flat] == ["<CompoundKey: a.b>", "<CompoundKey: a.c.d>", "<CompoundKey: e>"]
    assert flatdict_to_dict(flat, DotDict).a.c.d == 2


def test_nested_iterables_become_one():
    assert list(flatten_seq([1, (2, [3, "four"]), {5}, {"k": 6}, range(7, 9), b"x", []])) == [
        *(1, 2, 3, "four", 5, "k", 7, 8, b"x")
    ]


@given(st.lists(st.recursive(st.integers(), lambda below: st.lists(below, max_size=3), max_leaves=20)))
def test_flattening_keeps_the_order_in_which_elements_are_written(seq: list[Any]):
    assert list(flatten_seq(seq)) == [int(digits) for digits in repr(seq).translate(BRACKETS).split()]


BRACKETS = str.maketrans("[],", "   ")


@pytest.mark.parametrize("value", ["text", b"text", 5, None])
def test_what_has_no_elements_cannot_be_flattened(value):
    with pytest.raises(TypeError, match="list"):
        list(flatten_seq(value))


# OrderedView

members = st.lists(st.integers(0, 9), max_size=6)


@given(a=members, b=members)
def test_a_view_behaves_like_the_set_of_its_keys(a, b):
    view, x, y = OrderedView(dict.fromkeys(a)), set(a), set(b)
    assert (view == x, x == view, view == y) == (True, True, x == y)
    assert (view & y, view | y, view - y, view ^ y) == (x & y, x | y, x - y, x ^ y)
    assert (y & view, y | view, y - view, y ^ view) == (y & x, y | x, y - x, y ^ x)
    assert (view <= y, view < y, view >= y, view > y) == (x <= y, x < y, x >= y, x > y)
    assert (view.union(b), view.intersection(b), view.difference(b)) == (x | y, x & y, x - y)
    assert view.symmetric_difference(b) == x ^ y
    assert (view.issubset(b), view.issuperset(b), view.isdisjoint(b)) == (x <= y, x >= y, x.isdisjoint(y))


def test_what_comes_out_of_a_view_is_a_plain_set():
    view = OrderedView({1: "a", 2: "b"})
    for made in (view & {1}, view | {3}, view - {1}, view ^ {1}, {3} | view, view.union([3]), view.copy()):
        assert type(made) is set


def test_a_view_follows_its_dictionary_in_order():
    keys = {"b": 0}
    view = OrderedView(keys)
    keys["a"] = 1
    assert (list(view), len(view), "a" in view) == (["b", "a"], 2, True)
    del keys["b"]
    assert list(view) == ["a"]


def test_a_view_prints_like_a_set():
    assert repr(OrderedView({"b": 0, "a": 0})) == "{'b', 'a'}"
    assert repr(OrderedView({})) == "set()"


def test_a_view_cannot_be_changed():
    assert not hasattr(OrderedView({}), "add")
    with pytest.raises(AttributeError):
        OrderedView({}).anything = 1
