"""Runner: what the runners of tasks and flows share. A step gives a new state; a change of state goes to the handlers.

In a state handler
- a state returned takes the place of the new state; None keeps it,
- `PAUSE` and `ENDRUN` end the run in their state,
- any other signal puts its state in place, and the handlers after it are not called,
- any other exception ends the run as `Failed`, without retries.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from functools import cached_property
from logging import Logger
from typing import Any, Concatenate, ParamSpec, TypeVar

from prefect.core import settings
from prefect.engine.signals import ENDRUN, PAUSE, PrefectStateSignal
from prefect.engine.state import Failed, State
from prefect.exceptions import HandlerError
from prefect.executors.stopping import heed
from prefect.utilities.context import lookup
from prefect.utilities.logging import get_logger
from prefect.utilities.texts import repr_of

P = ParamSpec("P")
AnyRunner = TypeVar("AnyRunner", bound="Runner")
Step = Callable[Concatenate[AnyRunner, State, P], State]


class Runner:
    """Takes something through its states.

    Args:
        state_handlers: functions `(runner, old_state, new_state) -> state or None`, called after the target's own.

    Attributes:
        quiet: there is no state handler to call.
        watched: `saw` wants to know of every change.
    """

    quiet = False
    watched = False

    state_handlers: Sequence[Callable[..., Any]] = ()

    def __init__(self, state_handlers: Sequence[Callable[..., Any]] | None = None) -> None:
        self.state_handlers = settings.state_handlers(state_handlers, repr(self))

    @cached_property
    def logger(self) -> Logger:
        """Where the runner itself writes."""
        return get_logger(type(self).__name__)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def call_runner_target_handlers(self, old_state: State, new_state: State) -> State:
        """Call the state handlers of what is being run."""
        return new_state

    def handle_state_change(self, old_state: State, new_state: State) -> State:
        """Tell the handlers that the state changes, and return the state it really changes to."""
        if not self.quiet:
            new_state = self._handled(old_state, new_state)
        if self.watched:
            self.saw(new_state)
        return new_state

    def saw(self, state: State) -> None:
        """Take note of a change of state, behind all handlers."""

    def _handled(self, old_state: State, new_state: State) -> State:
        heed()  # the handlers hear only of what counts
        try:
            new_state = self.call_runner_target_handlers(old_state, new_state)
            return call_each(self.state_handlers, self, old_state, new_state)
        except (PAUSE, ENDRUN):
            raise
        except PrefectStateSignal as signal:
            return signal.state
        except (Exception, SystemExit) as error:
            reraise_if_asked(error)
            self.logger.exception("A state handler failed on the way from %r to %r", old_state, new_state)
            raise ENDRUN(Failed(f"A state handler failed: {repr_of(error)}", result=error)) from error


def call_each(handlers: Sequence[Callable[..., Any]], target: Any, old_state: State, new_state: State) -> State:
    """Pass a new state through handlers, each of which may replace it."""
    for handler in handlers:
        returned = handler(target, old_state, new_state)
        if returned is None:
            continue
        if not isinstance(returned, State):
            name = getattr(handler, "__name__", repr(handler))
            raise HandlerError(f"The handler {name!r} of {target!r} returned {returned!r}: return a state or None.")
        new_state = returned
    return new_state


def reraise_if_asked(error: BaseException) -> None:
    """Raise an error again inside `raise_on_exception()`, instead of making it a state."""
    if lookup("raise_on_exception"):
        raise error


def step(method: Step[AnyRunner, P]) -> Step[AnyRunner, P]:
    """Make a method a step of the pipeline: what it returns or raises becomes a state; changes go to the handlers."""

    @functools.wraps(method)
    def stepped(self: AnyRunner, state: State, *args: P.args, **kwargs: P.kwargs) -> State:
        end = False
        try:
            new = method(self, state, *args, **kwargs)
        except ENDRUN as signal:
            new, end = signal.state, True
        except PrefectStateSignal as signal:
            new = signal.state
        except (Exception, SystemExit) as error:
            reraise_if_asked(error)
            self.logger.exception("%s failed", method.__name__)
            new = Failed(f"Unexpected error: {repr_of(error)}", result=error)
        if new is not state:
            new = self.handle_state_change(state, new)
        if end:
            raise ENDRUN(new)
        return new

    return stepped  # type: ignore[return-value]  # the wrapper keeps the signature
