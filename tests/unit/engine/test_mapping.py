"""Mapping in pure functions: how wide a map is, and what each child gets."""

from __future__ import annotations

import pandas
import pytest

from prefect import Task
from prefect.core.edge import Edge
from prefect.engine import mapping
from prefect.engine.signals import SKIP
from prefect.engine.state import Failed, Mapped, Skipped, Success
from prefect.exceptions import UnmappableError


def arriving(*states, mapped=True):
    down = Task("down")
    return {Edge(Task(f"up {n}"), down, mapped=mapped): state for n, state in enumerate(states)}


def children_get(upstream, index):
    return [source[index].result for _, source in mapping.sources_of(upstream)]


class Shelf:
    """Looks like a sequence, but is none."""

    def __len__(self):
        return 2

    def __getitem__(self, key):
        raise KeyError(key)


@pytest.mark.parametrize(
    ("value", "count"),
    [([1, 2], 2), ((), 0), (range(3), 3), ("abc", 3), (b"ab", 2), (pandas.Series([5, 6], index=[7, 8]), 2)],
)
def test_a_sequence_has_as_many_children_as_elements(value, count):
    upstream = arriving(Success(result=value))

    assert mapping.width(upstream) == count
    assert [children_get(upstream, n) for n in range(count)] == [[each] for each in value]


@pytest.mark.parametrize(
    ("value", "kind", "remedy"),
    [
        ({"a": 1}, "dict", "items"),
        ({1, 2}, "set", "sorted"),
        (frozenset(), "frozenset", "sorted"),
        ((x for x in [1]), "generator", "list"),
        (5, "int", "unmapped"),
        (None, "NoneType", "unmapped"),
    ],
)
def test_what_has_no_elements_in_order_is_refused_with_its_type_and_a_remedy(value, kind, remedy):
    with pytest.raises(UnmappableError, match=f"(?s)up 0.*{kind}.*{remedy}"):
        mapping.width(arriving(Success(result=value)))


def test_the_shortest_input_decides():
    assert mapping.width(arriving(Success(result=[1, 2, 3]), Mapped(n_map_states=2), Success(result="abcd"))) == 2


def test_an_unmapped_input_does_not():
    upstream = {**arriving(Success(result=[1, 2])), **arriving(Success(result=[]), mapped=False)}

    assert mapping.width(upstream) == 2
    assert children_get(upstream, 1) == [2, []]


def test_a_failed_input_does_not_but_every_child_gets_its_state():
    failed = Failed()
    upstream = arriving(failed, Success(result=[1, 2]))

    assert mapping.width(upstream) == 2
    assert [source[1] for _, source in mapping.sources_of(upstream)][0] is failed


@pytest.mark.parametrize("states", [[Failed()], [Failed(), Failed()]])
def test_if_no_mapped_input_succeeded_there_is_nothing_to_count(states):
    with pytest.raises(UnmappableError):
        mapping.width(arriving(*states))


@pytest.mark.parametrize("value", [None, SKIP()])
def test_a_skipped_input_has_no_elements(value):
    with pytest.raises(UnmappableError, match=type(value).__name__):
        mapping.width(arriving(Skipped(result=value)))


def test_child_n_feeds_child_n():
    children = [Success(result="a"), Failed(result="b")]
    [(_, source)] = mapping.sources_of(arriving(Mapped(map_states=children)))

    assert [source[0], source[1]] == children


def test_an_element_that_cannot_be_read_fails_its_child_only():
    [(_, source)] = mapping.sources_of(arriving(Success(result=Shelf())))

    assert isinstance(source[1], Failed)
    assert isinstance(source[1].result, KeyError)


# flatten


@pytest.mark.parametrize(
    ("value", "flat"),
    [
        ([[1], [], [2, 3]], [1, 2, 3]),
        ([(1, 2), "ab"], [1, 2, "a", "b"]),
        ([[1], 2], [[1], 2]),
        ([], []),
        (5, 5),
        (None, None),
    ],
)
def test_flatten_takes_one_level_out_of_a_value_that_has_it(value, flat):
    assert mapping.flattened(Success(result=value)).result == flat


@pytest.mark.parametrize("state", [Failed(result=[[1]]), Skipped(result=[[1]])])
def test_flatten_leaves_what_failed_or_was_skipped_as_it_is(state):
    assert mapping.flattened(state) is state


def test_flatten_spreads_the_children_of_a_map():
    failed, skipped = Failed(result=[1, 2]), Skipped()
    state = mapping.flattened(
        Mapped(map_states=[Success(result=[1, 2]), failed, Success(result=[]), skipped, Success(result=3)])
    )

    assert [child.result for child in state.map_states] == [1, 2, [1, 2], None, 3]
    assert (state.map_states[2], state.map_states[3]) == (failed, skipped)
    assert state.n_map_states == 5


def test_flatten_keeps_a_child_with_a_dict_whole():
    assert mapping.flattened(Mapped(map_states=[Success(result={"a": 1})])).result == [{"a": 1}]


def test_flatten_counts_the_rows_of_a_table_by_position():
    rows = pandas.Series([5, 6], index=["x", "y"])

    assert mapping.flattened(Mapped(map_states=[Success(result=rows)])).result == [5, 6]


def test_an_iterator_that_breaks_while_it_is_flattened_fails():
    def breaking():
        yield [1]
        raise ValueError("broken")

    state = mapping.flattened(Success(result=breaking()))

    assert state.is_failed()
    assert isinstance(state.result, ValueError)


# children of an earlier pass


def test_children_of_an_earlier_pass_are_cut_or_filled_up():
    done = Success()

    assert mapping.children_given(None, 2) == [None, None]
    assert mapping.children_given(Mapped(map_states=[done, done]), 1) == [done]
    assert mapping.children_given(Mapped(map_states=[done]), 3) == [done, None, None]
    assert mapping.children_given(Success(), 1) == [None]


def test_a_map_without_children_is_no_success_to_the_triggers_of_those_it_is_unmapped_for():
    """[] ─▶ empty.map ─▶ (unmapped) after.map ◀─ [1]"""
    empty = Edge(Task("empty"), Task("after"))

    [(_, source)] = mapping.sources_of({empty: Mapped(map_states=[])})

    assert isinstance(source[0], Mapped)
