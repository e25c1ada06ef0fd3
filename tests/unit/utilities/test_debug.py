"""Help to find mistakes: errors that come out, and values that do not travel."""

from __future__ import annotations

import sys
import threading

import pytest

from prefect import Flow, task
from prefect.exceptions import PrefectException
from prefect.utilities.context import lookup
from prefect.utilities.debug import is_serializable, raise_on_exception


@task
def divide(x):
    return 1 / x


def build(x):
    with Flow("f") as flow:
        divide(x)
    return flow


def test_errors_of_tasks_come_out_of_the_run():
    flow = build(0)

    with raise_on_exception(), pytest.raises(ZeroDivisionError):
        flow.run()
    assert lookup("raise_on_exception") is None
    assert flow.run().is_failed()


def test_a_run_without_errors_ends_as_usual():
    with raise_on_exception():
        assert build(1).run().is_successful()


def test_the_block_ends_although_an_error_goes_through_it():
    with pytest.raises(ZeroDivisionError), raise_on_exception():
        build(0).run()

    assert lookup("raise_on_exception") is None


@pytest.mark.slow
def test_values_and_functions_are_serializable():
    number = 3

    assert is_serializable([1, "two", lambda: number])


@pytest.mark.slow
def test_a_flow_is_serializable():
    assert is_serializable(build(1), raise_on_error=True)


def test_a_lock_is_not_serializable():
    assert is_serializable(threading.Lock()) is False
    with pytest.raises(PrefectException, match="cannot be pickled") as raised:
        is_serializable(threading.Lock(), raise_on_error=True)
    assert isinstance(raised.value.__cause__, TypeError)


@pytest.mark.slow
def test_what_needs_a_module_that_only_this_process_has_is_not_serializable(tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("class Thing:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_here

    assert is_serializable(only_here.Thing()) is False
    with pytest.raises(PrefectException, match="No module named 'only_here'"):
        is_serializable(only_here.Thing(), raise_on_error=True)
    monkeypatch.delitem(sys.modules, "only_here")
