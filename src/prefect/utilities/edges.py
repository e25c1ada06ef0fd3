"""Annotations: how an argument of a task travels along its edge."""

from __future__ import annotations

from typing import Any, ClassVar


class EdgeAnnotation:
    """A wrapper around an argument; annotations nest, and the inner one wins where they disagree."""

    own: ClassVar[dict[str, bool]] = {}

    def __init__(self, value: Any) -> None:
        inner = value.annotations if isinstance(value, EdgeAnnotation) else {}
        self.annotations: dict[str, bool] = {**self.own, **inner}
        self.value: Any = value.value if isinstance(value, EdgeAnnotation) else value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


class mapped(EdgeAnnotation):
    """Map over this argument: one child of the task for each of its elements."""

    own = {"mapped": True}


class unmapped(EdgeAnnotation):
    """Give this argument whole to every child of a mapped task."""

    own = {"mapped": False}


class flatten(EdgeAnnotation):
    """Join the elements of this argument, themselves sequences, into one sequence first."""

    own = {"flattened": True}
