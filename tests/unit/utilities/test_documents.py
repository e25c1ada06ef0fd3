"""Documents: plain values are told from others, and reading them names the path of what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect.exceptions import DocumentError
from prefect.utilities.documents import Fields, is_plain, plain_part

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda key: key != "secrets"), inner),
    max_leaves=6,
)
others = st.sampled_from([(1,), {1}, b"", object(), float("nan"), float("inf"), {1: 2}, {"secrets": 1}, [object()]])


@given(plain_values)
def test_plain_values_come_back_from_json(value: Any) -> None:
    assert is_plain(value)
    assert json.loads(json.dumps(value)) == value


@given(others)
def test_other_values_are_not_plain(value: Any) -> None:
    assert not is_plain(value)
    assert not is_plain([value])
    assert not is_plain({"key": value})


@settings(max_examples=30)
@given(st.dictionaries(st.text(), plain_values | others, max_size=4))
def test_the_plain_part_of_a_dictionary_is_plain(values: dict[str, Any]) -> None:
    part = plain_part(values)

    assert is_plain(part)
    assert {key: part[key] for key in part if not isinstance(part[key], dict)} == {
        key: value
        for key, value in values.items()
        if is_plain(value) and not isinstance(value, dict) and key != "secrets"
    }


def test_secrets_are_left_out_however_deep_they_are() -> None:
    values = {"secrets": {"KEY": "s3cret"}, "config": {"context": {"secrets": {"KEY": "s3cret"}, "x": 1}}}

    assert plain_part(values) == {"config": {"context": {"x": 1}}}


DOCUMENT = {
    "name": "etl",
    "empty": None,
    "count": 3,
    "share": 0.5,
    "on": True,
    "when": "2030-01-01T09:00:00+00:00",
    "tags": ["a", "b"],
    "edges": [{"to": "a"}, {"to": 7}],
    "part": {"size": 1},
}


def test_values_are_read_by_their_type() -> None:
    fields = Fields(DOCUMENT)

    assert fields.text("name") == "etl"
    assert (fields.whole("count"), fields.number("share"), fields.number("count")) == (3, 0.5, 3)
    assert fields.flag("on") is True
    assert fields.moment("when").isoformat() == DOCUMENT["when"]
    assert fields.texts("tags") == ["a", "b"]
    assert fields.maybe("empty", fields.text) is None
    assert fields.maybe("name", fields.text) == "etl"
    assert fields.inner("part").whole("size") == 1
    assert [each.path for each in fields.each("edges")] == ["edges[0]", "edges[1]"]


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda fields: fields.text("count"), "count: 3 is not text"),
        (lambda fields: fields.text("nothing"), "nothing: is missing"),
        (lambda fields: fields.flag("count"), "count: 3 is not true or false"),
        (lambda fields: fields.whole("on"), "on: True is not a whole number"),
        (lambda fields: fields.number("name"), "name: 'etl' is not a number"),
        (lambda fields: fields.whole("count", least=4), "count: 3 is less than 4"),
        (lambda fields: fields.moment("name"), "name: Invalid isoformat string: 'etl'"),
        (lambda fields: fields.texts("edges"), r"edges\[0\]: {'to': 'a'} is no text"),
        (lambda fields: fields.each("tags"), r"tags\[0\]: 'a' is no object with named values"),
        (lambda fields: fields.inner("name"), "name: 'etl' is no object"),
        (lambda fields: fields.listed("part"), "part: {'size': 1} is not a list"),
        (lambda fields: fields.each("edges")[1].text("to"), r"edges\[1\]\.to: 7 is not text"),
        (lambda fields: fields.inner("part").text("size"), r"part\.size: 1 is not text"),
        (lambda fields: Fields([]), r"the document: \[\] is no object with named values"),
    ],
)
def test_an_error_names_the_path(read: Any, message: str) -> None:
    with pytest.raises(DocumentError, match=f"^{message}"):
        read(Fields(DOCUMENT))


def test_what_cannot_be_made_of_a_value_is_an_error_with_its_path_and_cause() -> None:
    with pytest.raises(DocumentError, match=r"^part\.size: invalid literal") as caught:
        Fields(DOCUMENT).inner("part").made("size", int, "many")

    assert isinstance(caught.value.__cause__, ValueError)


def test_a_long_value_is_shown_by_its_beginning() -> None:
    with pytest.raises(DocumentError) as caught:
        Fields({"x": ["y" * 1000]}).text("x")

    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("number", [1, 2])
def test_formats_up_to_the_newest_are_read(number: int) -> None:
    Fields({"format": number}).check_format(2)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"format": 3}, "format: this document has the format 3, .* reads formats up to 2. Update prefect-core"),
        ({"format": 0}, "format: 0 is less than 1"),
        ({"format": "1"}, "format: '1' is not a whole number"),
        ({}, "format: is missing"),
    ],
)
def test_other_formats_are_refused(document: Any, message: str) -> None:
    with pytest.raises(DocumentError, match=f"^{message}"):
        Fields(document).check_format(2)
