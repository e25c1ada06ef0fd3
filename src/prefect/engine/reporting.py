"""The Reporter port: who is told of every change of state. A run history fills it; by default nobody listens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from prefect.engine.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One change of state.

    Attributes:
        flow_run_id: the flow run.
        task: the slug of the task; None for the flow run itself.
        map_index: which child of a mapped task; -1 for none.
        run_count: which attempt.
        old: the state before.
        new: the state after.
        at: when.
    """

    flow_run_id: str | None
    task: str | None
    map_index: int
    run_count: int
    old: State
    new: State
    at: datetime


class Reporter(Protocol):
    """Takes reports; it must not fail, and must not make the run wait."""

    def report(self, report: Report) -> None: ...


class SilentReporter:
    """Nobody listens."""

    def report(self, report: Report) -> None:
        return None


SILENT = SilentReporter()
