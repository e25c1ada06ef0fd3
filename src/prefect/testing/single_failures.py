"""every_single_failure: what becomes of a flow if one task fails, for each task in turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefect.core.graph import Graph
from prefect.testing import report
from prefect.testing.rehearsal import is_of_package
from prefect.testing.script import Key
from prefect.testing.simulation import CHILDREN, Simulation, TaskRun, simulate


class SingleFailures(Mapping[str, Simulation]):
    """A simulation for each task that fails alone, by its name; of a mapped task also one in which one child does.

    Print it to read it.

    Args:
        usual: the simulation in which nothing fails.
        failures: the simulations in which one task does.
    """

    def __init__(self, usual: Simulation, failures: Mapping[str, Simulation]) -> None:
        self.usual = usual
        self._failures = dict(failures)

    def __getitem__(self, name: str) -> Simulation:
        return self._failures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._failures)

    def __len__(self) -> int:
        return len(self._failures)

    def __str__(self) -> str:
        return report.single_failures_text(self)

    __repr__ = __str__

    def fatal(self) -> list[str]:
        """The tasks and children whose failure makes the flow fail."""
        return [name for name, simulation in self.items() if simulation.state.is_failed()]

    def changed(self, name: str) -> list[TaskRun]:
        """The task runs that end otherwise than usual if this one fails, without itself."""
        usual = {(run.slug, run.index): type(run.state) for run in self.usual.all_runs()}
        failed = self.usual.task_run(name)
        return [
            run
            for run in self[name].all_runs()
            if usual.get((run.slug, run.index)) is not type(run.state) and not is_part(run, failed)
        ]

    def to_dict(self) -> dict[str, Any]:
        """All simulations as a document of plain values."""
        return {
            "flow": self.usual.flow.name,
            "usual": self.usual.to_dict(),
            "failures": [
                {
                    "fails": name,
                    "state": type(simulation.state).__name__,
                    "changed": [run.to_dict() for run in self.changed(name)],
                }
                for name, simulation in self.items()
            ],
        }


def is_part(run: TaskRun, failed: TaskRun) -> bool:
    """Is a run what failed, or a part of it?"""
    return run.slug == failed.slug and (failed.children != () or run.index == failed.index)


def every_single_failure(
    flow: Graph,
    returns: Mapping[Key, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    children: int = CHILDREN,
) -> SingleFailures:
    """Simulate one run for each task, in which it alone fails, at every attempt.

    Parameters and what only puts values together are left out. A mapped task fails once as a whole, and once in its
    first child alone.

    Args:
        flow: the flow.
        returns: what tasks return; see `simulate`.
        parameters: values of the flow's parameters.
        children: how many elements an unknown value has.
    """

    def run(*fail: Key) -> Simulation:
        return simulate(flow, fail, returns=returns, parameters=parameters, children=children)

    usual = run()
    found: dict[str, Simulation] = {}
    for each in usual.task_runs:
        if is_of_package(each.task):
            continue
        found[str(each)] = run(each.slug)
        if each.children:
            found[str(each.children[0])] = run(f"{each.slug}[0]")
    return SingleFailures(usual, found)
