"""Retry or done, and after which delay?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from prefect.engine.retrying import delay_before, should_retry
from prefect.engine.signals import FAIL
from prefect.engine.state import Cancelled, Failed, Skipped, Success, TimedOut, TriggerFailed, ValidationFailed
from prefect.exceptions import TaskTimeoutSignal
from prefect.utilities.tasks import exponential_backoff

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("kind", [Failed, TimedOut, ValidationFailed])
def test_failures_are_retried(kind):
    assert should_retry(kind(), run_count=1, max_retries=1)


@pytest.mark.parametrize("kind", [Success, Skipped, Cancelled, TriggerFailed])
def test_everything_else_is_not(kind):
    assert not should_retry(kind(), run_count=1, max_retries=5)


def test_there_are_as_many_retries_as_the_task_has():
    assert [should_retry(Failed(), run_count, 2) for run_count in (1, 2, 3)] == [True, True, False]
    assert not should_retry(Failed(), 1, 0)


def test_only_the_errors_asked_for_are_retried():
    def retried(result):
        return should_retry(Failed(result=result), 1, 1, retry_on={OSError, KeyError})

    assert retried(ConnectionError())
    assert retried(KeyError())
    assert not retried(ValueError())
    assert not retried(FAIL())
    assert not should_retry(TimedOut(result=TaskTimeoutSignal()), 1, 1, retry_on={OSError})


@pytest.mark.parametrize(
    ("delay", "expected"),
    [
        (None, [0, 0, 0]),
        (SECOND, [1, 1, 1]),
        ((SECOND, 2 * SECOND), [1, 2, 2]),
        (lambda run_count: timedelta(seconds=run_count), [1, 2, 3]),
        (lambda run_count: run_count / 2, [0.5, 1, 1.5]),
    ],
)
def test_the_delay_may_change_from_retry_to_retry(delay, expected):
    assert [delay_before(delay, run_count).total_seconds() for run_count in (1, 2, 3)] == expected


def test_a_delay_function_must_return_a_delay():
    with pytest.raises(TypeError, match="soon"):
        delay_before(lambda run_count: "soon", 1)


def test_a_backoff_doubles_up_to_its_limit():
    delay = exponential_backoff(base=1, factor=2, max_delay=5, jitter=0)

    assert [delay_before(delay, run_count).total_seconds() for run_count in (1, 2, 3, 4, 5000)] == [1, 2, 4, 5, 5]


def test_a_backoff_with_jitter_spreads_below_its_delay():
    delay = exponential_backoff(base=SECOND, jitter=0.5)
    drawn = {delay_before(delay, 2).total_seconds() for _ in range(50)}

    assert len(drawn) > 1
    assert all(1 <= each <= 2 for each in drawn)
