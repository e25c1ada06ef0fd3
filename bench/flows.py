"""The flows that are measured."""

from __future__ import annotations

import logging
from typing import Any

from measure import seconds

import prefect
from prefect import Flow, task
from prefect.utilities.logging import get_logger

get_logger().setLevel(logging.WARNING)


def plus_one(x: int) -> int:
    return x + 1


add_one = task(plus_one)


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


def map_flow(n: int, child: prefect.Task = add_one) -> Flow:
    """range(n) ─▶ child.map ─▶ total"""
    with Flow("map") as flow:
        total(child.map(range(n)))
    return flow


def chain_flow(n: int) -> Flow:
    """add_one ─▶ add_one ─▶ … n times"""
    with Flow("chain") as flow:
        value: Any = 0
        for _ in range(n):
            value = add_one(value)
    return flow


def wide_flow(n: int) -> Flow:
    """n times add_one, side by side"""
    with Flow("wide") as flow:
        for i in range(n):
            add_one(i)
    return flow


def run(flow: Flow) -> None:
    assert flow.run().is_successful()


def run_time(flow: Flow, n: int) -> float:
    """Seconds an item to run a flow."""
    return seconds(lambda: run(flow)) / n
