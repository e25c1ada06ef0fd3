"""The Reporter port: who is told what happens in a run. A run history fills it; by default nobody listens.

The process that drives the run tells it, and only that one: it owns the truth. What happened to a task run on the way,
in whatever process, comes back to it as the *trail* of the state that the run came to.

```
worker   Running ─▶ Failed ─▶ Retrying      each change is a step of the trail
                                 │
driver   ended(task, index, state, …) ──▶ Reporter
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from time import time
from typing import Any, NamedTuple, Protocol

from prefect.core.graph import Graph
from prefect.engine.log_lines import LogLine
from prefect.engine.state import State
from prefect.utilities.context import innermost, lookup

TRAIL = "_trail"
"""The key of the context under which a run keeps its trail."""

Seconds = float
"""A time, in seconds since 1970."""


class Step(NamedTuple):
    """One change of state of a task run.

    Attributes:
        at: when.
        state: the type of the new state.
        message: that of the new state.
        attempt: how often the code of the task had been started, this time included.
    """

    at: Seconds
    state: str
    message: str | None
    attempt: int


class Reporter(Protocol):
    """Is told of a run by the process that drives it; it must not fail, and must not make the run wait.

    Tasks are named by their slugs. The index of a task that is not mapped is -1.

    Attributes:
        one_by_one: children have to be given out one by one, as each is waited for.
    """

    one_by_one: bool

    def flow_changed(self, state: State) -> None:
        """The flow run came to a state."""

    def opened(self, task: str, state: State, width: int | None) -> None:
        """A mapped task turned out to have so many children; None while an iterator may give more."""

    def began(self, task: str, indices: Sequence[int]) -> None:
        """Work on these runs begins now."""

    def ended(self, task: str, index: int, state: State, began: Seconds, ended: Seconds) -> None:
        """A run came to a state, which may be one that waits."""

    def children_ended(
        self,
        task: str,
        indices: Sequence[int],
        states: Sequence[State | None],
        began: Sequence[Seconds],
        ended: Sequence[Seconds],
    ) -> None:
        """As `ended`, for many children at once; a state is None if the child did not run."""

    def logged(self, lines: Sequence[LogLine]) -> None:
        """Runs in other processes logged these lines."""

    def map_ended(self, task: str, state: State) -> None:
        """All children of a mapped task are over, and the handlers of the map were called."""


class SilentReporter:
    """Nobody listens."""

    one_by_one = False

    def flow_changed(self, state: State) -> None:
        return None

    def opened(self, task: str, state: State, width: int | None) -> None:
        return None

    def began(self, task: str, indices: Sequence[int]) -> None:
        return None

    def ended(self, task: str, index: int, state: State, began: Seconds, ended: Seconds) -> None:
        return None

    def children_ended(
        self,
        task: str,
        indices: Sequence[int],
        states: Sequence[State | None],
        began: Sequence[Seconds],
        ended: Sequence[Seconds],
    ) -> None:
        return None

    def logged(self, lines: Sequence[LogLine]) -> None:
        return None

    def map_ended(self, task: str, state: State) -> None:
        return None


SILENT = SilentReporter()


class History(Protocol):
    """Where flow runs are written down."""

    def recording(
        self, flow: Graph, facts: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> AbstractContextManager[Reporter]:
        """Write down a run of a flow, with this context and these parameters, while the block lasts."""


class NoHistory:
    """Nothing is written down."""

    @contextmanager
    def recording(self, flow: Graph, facts: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[Reporter]:
        yield SILENT


NO_HISTORY = NoHistory()


# --- trails -----------------------------------------------------------------------------------------------------------


def leave_trace(state: State) -> None:
    """Add a state to the trail of the run that is under way."""
    step = Step(time(), type(state).__name__, state.message, lookup("task_run_count", 1))
    innermost().setdefault(TRAIL, []).append(step)


def trail_of(state: State) -> Sequence[Step]:
    """How a run came to its state, as far as anything is known that the state itself does not tell."""
    return getattr(state, TRAIL, ())
