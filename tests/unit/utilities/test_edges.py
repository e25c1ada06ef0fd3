"""Annotations: how an argument travels."""

from __future__ import annotations

import pytest

from prefect import flatten, mapped, unmapped
from prefect.utilities.edges import EdgeAnnotation


@pytest.mark.parametrize(
    ("annotated", "annotations"),
    [
        (EdgeAnnotation(1), {}),
        (mapped(1), {"mapped": True}),
        (unmapped(1), {"mapped": False}),
        (flatten(1), {"flattened": True}),
        (unmapped(flatten(1)), {"mapped": False, "flattened": True}),
        (flatten(unmapped(1)), {"mapped": False, "flattened": True}),
        (mapped(unmapped(1)), {"mapped": False}),
        (unmapped(mapped(1)), {"mapped": True}),
    ],
    ids=repr,
)
def test_annotations_nest_and_the_inner_one_wins(annotated, annotations):
    assert annotated.annotations == annotations
    assert annotated.value == 1


def test_an_annotation_leaves_the_one_inside_as_it_is():
    inner = flatten([1])
    unmapped(inner)

    assert inner.annotations == {"flattened": True}
    assert repr(inner) == "flatten([1])"
