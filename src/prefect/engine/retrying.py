"""Retry or done? Pure rules for a run that failed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from prefect.engine.state import State, TriggerFailed


def should_retry(
    state: State, run_count: int, max_retries: int, retry_on: Iterable[type[Exception]] | None = None
) -> bool:
    """Is a run tried again after this state?

    Args:
        state: what the run came to.
        run_count: how many times it has run.
        max_retries: how many retries it has.
        retry_on: only these exceptions are retried; None means every failure.
    """
    if not state.is_failed() or isinstance(state, TriggerFailed) or run_count > max_retries:
        return False
    return retry_on is None or isinstance(state.result, tuple(retry_on))


def delay_before(retry_delay: Any, run_count: int) -> timedelta:
    """How long to wait before the next attempt: the last delay of a list serves for all that follow."""
    if retry_delay is None:
        return timedelta(0)
    if callable(retry_delay):
        retry_delay = retry_delay(run_count)
    if isinstance(retry_delay, tuple):
        retry_delay = retry_delay[min(run_count, len(retry_delay)) - 1]
    if isinstance(retry_delay, (int, float)):
        retry_delay = timedelta(seconds=retry_delay)
    if not isinstance(retry_delay, timedelta):
        raise TypeError(f"The retry_delay function returned {retry_delay!r}; it must return a timedelta or seconds.")
    return retry_delay
