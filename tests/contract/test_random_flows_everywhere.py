"""A random flow comes to the same states, values and order of children on every executor."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from prefect.executors import DaskExecutor, Executor, LocalDaskExecutor
from random_flows import Node, built, drawings, expected, interpret, shown

few = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None, silence_logs=logging.CRITICAL) as made:
        yield made.scheduler_address


@pytest.fixture(params=["threads", "sync", "processes", "dask"])
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "dask":
        return DaskExecutor(address=request.getfixturevalue("cluster"))
    return LocalDaskExecutor(request.param, num_workers=2)


@pytest.mark.slow
@few
@given(drawing=drawings())
def test_a_random_flow_comes_to_what_the_rules_say(executor: Executor, drawing: list[Node]) -> None:
    flow, made = built(drawing)

    result = flow.run(executor=executor).result

    assert [shown(result[each]) for each in made] == [expected(each) for each in interpret(drawing)]
