"""What a `run` may look like, and how calls meet it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Tuple  # noqa: UP035 (both spellings count)

import pytest

from prefect import Flow, Task, task
from prefect.core.signature import read_signature
from prefect.exceptions import ArgumentError, PositionalOnlyError, TaskSignatureError


@task
def add(x, y=2, *, z=0):
    return x + y + z


def built(call: Callable[[], Any]) -> None:
    with Flow("f"):
        call()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: add(), "'add' needs the argument 'x'.*its run takes \\(x, y=2, \\*, z=0\\)"),
        (lambda: add(1, w=2), "'add' does not take the argument 'w'.*task_args"),
        (lambda: add(1, 2, 3), "'add' was given 3 arguments without a name.*takes 2"),
        (lambda: add(1, x=1), "'add' was given the argument 'x' twice"),
        (lambda: add.map(), "'add' needs the argument 'x'"),
        (lambda: add.bind(w=1), "'add' does not take the argument 'w'"),
    ],
)
def test_a_call_that_does_not_fit_is_refused_while_building(call, says):
    with pytest.raises(ArgumentError, match=says) as caught:
        built(call)
    assert isinstance(caught.value, TypeError)


def test_arguments_by_position_and_by_name_come_to_the_same():
    signature = add._run_signature

    assert signature.bind("add", (1, 3), {}) == signature.bind("add", (1,), {"y": 3}) == {"x": 1, "y": 3}


def test_a_default_that_is_not_overridden_makes_no_argument():
    assert add._run_signature.bind("add", (1,), {}) == {"x": 1}


def test_keyword_only_arguments_can_be_required():
    only = task(lambda *, key: key, name="only")

    with pytest.raises(ArgumentError, match="'only' needs the argument 'key'"):
        built(only)


def test_extra_keywords_become_arguments_of_their_own(value):
    with Flow("f") as flow:
        told = task(lambda **facts: facts)(a=1, b=add(1))

    assert value(flow, told) == {"a": 1, "b": 3}


def test_positional_only_arguments_are_refused():
    with pytest.raises(PositionalOnlyError, match="'f' takes 'x' by position only.*Remove the `/`") as caught:

        @task
        def f(x, /):
            return x

    assert isinstance(caught.value, TypeError)


def test_a_run_without_self_is_refused():
    with pytest.raises(TaskSignatureError, match="'Selfless' lacks `self`"):

        class Selfless(Task):
            def run():
                return 1


@pytest.mark.parametrize("source", ["def run(*args): ...", "def run(self, *args): ...", "def run(*args, **kw): ..."])
def test_star_args_are_refused_wherever_they_stand(source):
    with pytest.raises(TaskSignatureError, match=r"'Mine' takes `\*args`"):
        exec(f"class Mine(Task):\n    {source}", {"Task": Task})


def test_a_static_run_has_no_self():
    class Static(Task):
        @staticmethod
        def run(x):
            return x

    assert [*Static().inputs()] == ["x"]


def test_a_decorated_function_is_judged_by_the_function_inside():
    def traced(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    good = task(traced(lambda x: x))
    assert [*good.inputs()] == ["x"]
    with pytest.raises(TaskSignatureError, match=r"\*items"):
        task(traced(traced(lambda *items: items)))


def test_a_task_shows_what_it_can_be_called_with():
    signature = inspect.signature(task(lambda x, y=1, **more: None))

    assert str(signature).startswith(
        "(x, y=1, *, mapped=False, task_args=None, upstream_tasks=None, flow=None, **more)"
    )
    assert signature.return_annotation is Task
    assert [*inspect.signature(add).parameters] == ["x", "y", "z", "mapped", "task_args", "upstream_tasks", "flow"]
    assert "max_retries" in inspect.signature(Task).parameters


def test_a_subclass_inherits_the_signature_unless_it_has_a_run_of_its_own():
    class Base(Task):
        def run(self, x):
            return x

    class Child(Base):
        pass

    class Other(Base):
        def run(self, y):
            return y

    assert ([*Child().inputs()], [*Other().inputs()]) == (["x"], ["y"])


@pytest.mark.parametrize(
    ("annotation", "count"),
    [
        (tuple[int, str], 2),
        (Tuple[int, str, int], 3),  # noqa: UP006
        (tuple[()], 0),
        (Tuple[()], 0),  # noqa: UP006
        ("tuple[int, str]", 2),
        ("Tuple[int]", 1),
        (tuple[int, ...], None),
        (tuple, None),
        (Tuple, None),  # noqa: UP006
        (list[int], None),
        ("tuple[Unknown, int]", None),
        (None, None),
        (int, None),
    ],
    ids=str,
)
def test_the_number_of_outputs_is_read_from_the_annotation(annotation, count):
    def run(x):
        return x

    run.__annotations__["return"] = annotation

    assert read_signature(run, "run").nout == count


def test_without_an_annotation_the_number_of_outputs_is_not_known():
    assert add._run_signature.nout is None
