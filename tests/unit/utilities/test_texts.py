"""What values say of themselves, and what is said of those that cannot."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from prefect.utilities.texts import repr_of, text_of


class Detached:
    """An object that lost what it would tell of."""

    def __repr__(self) -> str:
        raise RuntimeError("the session is closed\nsince noon")


class Desperate(Exception):
    """An error that cannot even say what is wrong with it."""

    def __str__(self) -> str:
        raise Desperate

    __repr__ = __str__


class Mute:
    def __repr__(self) -> Any:
        return None


@given(st.one_of(st.integers(), st.text(), st.lists(st.floats()), st.builds(ValueError, st.text())))
def test_most_values_say_what_they_always_do(value: Any) -> None:
    assert (repr_of(value), text_of(value)) == (repr(value), str(value))


def test_of_one_that_fails_its_type_and_the_reason_are_said() -> None:
    assert repr_of(Detached()) == "Detached(<its repr failed: RuntimeError: the session is closed>)"
    assert text_of(Detached()) == "Detached(<its str failed: RuntimeError: the session is closed>)"


def test_an_error_that_holds_such_a_value_is_told_too() -> None:
    assert repr_of(ValueError(Detached())) == "ValueError(<its repr failed: RuntimeError: the session is closed>)"


def test_an_error_that_fails_with_itself_is_told_too() -> None:
    assert repr_of(Desperate()).startswith("Desperate(<its repr failed: ")


def test_a_repr_that_is_no_text_is_told_too() -> None:
    assert repr_of(Mute()).startswith("Mute(<its repr failed: TypeError")
