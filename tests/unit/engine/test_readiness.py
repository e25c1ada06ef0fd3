"""May a task run now?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from prefect import Task
from prefect.core.edge import Edge
from prefect.engine import readiness
from prefect.engine.state import (
    Cached,
    Cancelled,
    Failed,
    Mapped,
    Paused,
    Pending,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    Success,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOON = NOW + timedelta(seconds=1)


def upstream(*states, mapped=False):
    return {Edge(Task(), Task(), mapped=mapped): state for state in states}


@pytest.mark.parametrize("kind", [Pending, Scheduled, Paused, Resume, Retrying, Mapped, Cached])
def test_a_run_may_start_from_these(kind):
    assert readiness.may_start(kind())


@pytest.mark.parametrize("kind", [Running, Success, Skipped, Failed, Cancelled])
def test_a_run_may_not_start_from_those(kind):
    assert not readiness.may_start(kind())


def test_the_start_is_reached_when_it_is_time():
    assert readiness.start_reached(Retrying(start_time=NOW), NOW)
    assert not readiness.start_reached(Retrying(start_time=SOON), NOW)
    assert not readiness.start_reached(Paused(), NOW)
    assert readiness.start_reached(Pending(), NOW)


def test_children_have_to_be_over_before_a_task_that_takes_them_all():
    waiting = Mapped(map_states=[Success(), Retrying()])

    assert not readiness.all_finished(upstream(waiting))
    assert readiness.all_finished(upstream(Mapped(map_states=[Success(), Failed()])))


def test_a_child_does_not_wait_for_the_children_beside_its_lane():
    assert readiness.all_finished(upstream(Mapped(map_states=[None, Retrying()]), mapped=True))


def test_a_skipped_child_is_a_skipped_upstream_task():
    assert readiness.any_skipped(upstream(Success(), Mapped(map_states=[Skipped(), Success()])))
    assert not readiness.any_skipped(upstream(Mapped(map_states=[Skipped()]), mapped=True))
    assert not readiness.any_skipped(upstream(Success(), Failed()))


@pytest.mark.parametrize("kind", [Cached, Mapped, Skipped, Failed, Pending])
def test_only_plain_successes_are_plain(kind):
    assert readiness.all_plain(upstream(Success(), Success()))
    assert not readiness.all_plain(upstream(Success(), kind()))
