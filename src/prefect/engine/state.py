"""The states that a task run or a flow run can be in, as a tree of classes.

```
State
├── Pending ── Scheduled ──┬── Paused
│                          ├── Resume
│                          └── Retrying
├── Running ── Cancelling
├── Finished ──┬── Looped
│              ├── Success ──┬── Cached
│              │             ├── Mapped
│              │             └── Skipped
│              ├── Cancelled
│              └── Failed ───┬── Crashed
│                            ├── TimedOut
│                            ├── TriggerFailed
│                            └── ValidationFailed
└── (meta) ── ClientFailed, Submitted, Queued      states about another state
```

A state holds a message for people and a result: the value of a successful run, the exception of a failed one.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

from prefect.engine.result.base import NoResult, Result
from prefect.engine.state_documents import FACTS, FORMAT, INPUTS, MOMENT, NUMBER, RESULT, TEXT, Field
from prefect.utilities.context import lookup
from prefect.utilities.datetimes import as_utc, utcnow
from prefect.utilities.documents import Document, Fields
from prefect.utilities.texts import repr_of
from prefect.utilities.version import __version__

__all__ = [
    "Cached",
    "Cancelled",
    "Cancelling",
    "ClientFailed",
    "Crashed",
    "Failed",
    "Finished",
    "Looped",
    "Mapped",
    "Paused",
    "Pending",
    "Queued",
    "Resume",
    "Retrying",
    "Running",
    "Scheduled",
    "Skipped",
    "State",
    "Submitted",
    "Success",
    "TimedOut",
    "TriggerFailed",
    "ValidationFailed",
]


class State:
    """What is known about a run at one moment.

    Args:
        message: a sentence for people.
        result: the value, or a `Result` that also says where the value is stored.
        context: further facts; inside a task run the task's tags are added.
        cached_inputs: accepted for old code and kept as it is.
    """

    __slots__ = ("__dict__", "_facts", "_held", "_trail", "message")
    _trail: Any  # how the run came here, see `prefect.engine.reporting`; most states do without

    color: ClassVar[str] = "#696969"
    FIELDS: ClassVar[Mapping[str, Field]] = {}
    """The fields of its own that a document of the state has."""

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Any] | None = None,
    ) -> None:
        self.message = message
        self._held = result
        self._facts: Any = context or lookup("task_tags")
        if cached_inputs is not None:
            self.cached_inputs = cached_inputs

    @classmethod
    def made(cls, value: Any = None, message: str | None = None, tags: Any = None) -> Self:
        """A state as the engine makes it, by the million: nothing is looked up."""
        state = cls.__new__(cls)
        state.message = message
        state._held = value
        state._facts = tags
        return state

    # --- value -------------------------------------------------------------------------------------------------------

    @property
    def result(self) -> Any:
        """The value of the run; of a failed run, the exception."""
        held = self._held
        return held.value if isinstance(held, Result) else held

    @result.setter
    def result(self, value: Any) -> None:
        self._held = value

    @property
    def _result(self) -> Result:
        """The `Result` object behind the value."""
        if self._held is None:
            return NoResult
        if not isinstance(self._held, Result):
            self._held = Result(self._held)
        return self._held

    @_result.setter
    def _result(self, value: Any) -> None:
        self._held = value

    @property
    def context(self) -> dict[str, Any]:
        """Facts about the run that reached this state, such as the task's `tags`."""
        if not isinstance(self._facts, dict):
            self._facts = {} if self._facts is None else {"tags": list(self._facts)}
        return self._facts

    @context.setter
    def context(self, facts: dict[str, Any]) -> None:
        self._facts = facts

    def load_result(self, result: Result | None = None) -> State:
        """Read the value from where it is stored, if this state only knows the location.

        Args:
            result: the kind of result to read with; by default the state's own.
        """
        own = self._result
        if own.value is None and own.location is not None:
            self._held = (result or own).read_again(own)
        return self

    def load_cached_results(self, results: dict[str, Result] | None = None) -> State:
        """Accepted for old code: inputs are no longer kept on states."""
        return self

    # --- documents ---------------------------------------------------------------------------------------------------

    def serialize(self) -> Document:
        """The state as a document of plain values: where its value is stored, but not the value."""
        return {**self._document(), "format": FORMAT, "__version__": __version__}

    @staticmethod
    def deserialize(document: Mapping[str, Any]) -> State:
        """The state that a document of `serialize` describes; `load_result` reads its value.

        Raises:
            DocumentError: the document is broken, of a newer format, or of a state that does not exist here.
        """
        fields = Fields(document)
        fields.check_format(FORMAT)
        return state_from(fields)

    def _document(self) -> Document:
        own = {name: field.write(getattr(self, name)) for name, field in self.FIELDS.items()}
        past = {"cached_inputs": INPUTS.write(self.cached_inputs)} if hasattr(self, "cached_inputs") else {}
        return {
            "type": document_type(type(self)),
            "message": None if self.message is None else str(self.message),
            "context": FACTS.write(self.context),
            "result": RESULT.write(self._held),
            **own,
            **past,
        }

    # --- what kind of state ------------------------------------------------------------------------------------------

    def is_pending(self) -> bool:
        return isinstance(self, Pending)

    def is_scheduled(self) -> bool:
        return isinstance(self, (Scheduled, Queued))

    def is_queued(self) -> bool:
        return isinstance(self, Queued)

    def is_submitted(self) -> bool:
        return isinstance(self, Submitted)

    def is_retrying(self) -> bool:
        return isinstance(self, Retrying)

    def is_running(self) -> bool:
        return isinstance(self, Running)

    def is_finished(self) -> bool:
        return isinstance(self, Finished)

    def is_looped(self) -> bool:
        return isinstance(self, Looped)

    def is_successful(self) -> bool:
        return isinstance(self, Success)

    def is_cached(self) -> bool:
        return isinstance(self, Cached)

    def is_mapped(self) -> bool:
        return isinstance(self, Mapped)

    def is_skipped(self) -> bool:
        return isinstance(self, Skipped)

    def is_failed(self) -> bool:
        return isinstance(self, Failed)

    def is_meta_state(self) -> bool:
        return isinstance(self, _MetaState)

    @classmethod
    def children(cls, include_self: bool = False, names_only: bool = False) -> list[Any]:
        """All public states below this one in the tree."""
        below = {cls, *descendants(cls)} if include_self else set(descendants(cls))
        return listing(below, names_only)

    @classmethod
    def parents(cls, include_self: bool = False, names_only: bool = False) -> list[Any]:
        """All public states above this one in the tree."""
        above = {parent for parent in cls.__mro__ if issubclass(parent, State)}
        return listing(above if include_self else above - {cls}, names_only)

    # --- comparing, printing, travelling -----------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        assert isinstance(other, State)
        return self._result == other._result and self._fields() == other._fields()

    __hash__ = object.__hash__

    def _fields(self) -> dict[str, Any]:
        names = (name for cls in type(self).__mro__ for name in getattr(cls, "__slots__", ()))
        own = {name: getattr(self, name) for name in names if name not in State.__slots__}
        return {**own, **self.__dict__}

    def __repr__(self) -> str:
        name = type(self).__name__
        return f'<{name}: "{self.message}">' if self.message else f"<{name}>"

    def __getstate__(self) -> Any:
        plain: Any
        slots: dict[str, Any]
        plain, slots = object.__getstate__(self)  # type: ignore[misc]
        held = self._held
        value = held.value if type(held) is Result else held
        if isinstance(value, BaseException) and not can_travel(value):
            slots["_held"] = (
                f"The exception {repr_of(value)} cannot be pickled, so only this description of it was sent on. "
                "Give it an `__init__` that accepts its own `args`, or keep locks and connections out of it."
            )
        return plain, slots


def descendants(cls: type[State]) -> Iterable[type[State]]:
    for child in cls.__subclasses__():
        yield child
        yield from descendants(child)


def listing(states: set[type[State]], names_only: bool) -> list[Any]:
    public = sorted((s for s in states if not s.__name__.startswith("_")), key=lambda s: s.__name__)
    return [state.__name__ for state in public] if names_only else public


def can_travel(error: BaseException) -> bool:
    """Does an exception survive the way to another process?"""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return travels_by_value(error)
    return True


def travels_by_value(error: BaseException) -> bool:
    import cloudpickle

    try:
        cloudpickle.loads(cloudpickle.dumps(error))
    except Exception:
        return False
    return True


# --- documents --------------------------------------------------------------------------------------------------------


def document_type(kind: type[State]) -> str:
    """The name of a class of states in documents; for your own classes it tells the module too."""
    return kind.__name__ if kind.__module__ == __name__ else f"{kind.__module__}.{kind.__qualname__}"


def state_from(fields: Fields) -> State:
    """The state that a part of a document describes."""
    kind = kind_from(fields)
    state = kind.made(
        RESULT.read(fields, "result"), fields.maybe("message", fields.text), FACTS.read(fields, "context")
    )
    for name, field in kind.FIELDS.items():
        setattr(state, name, field.read(fields, name))
    if "cached_inputs" in fields.values:
        state.cached_inputs = INPUTS.read(fields, "cached_inputs")
    return state


def kind_from(fields: Fields) -> type[State]:
    """The class that a document names, among those that exist: nothing is imported for it."""
    name = fields.text("type")
    known = KINDS if name in KINDS else by_document_type()
    if name not in known:
        fields.wrong("type", f"there is no state {name!r}; there are {', '.join(sorted(known))}")
    return known[name]


def by_document_type() -> dict[str, type[State]]:
    kinds: list[type[State]] = [State, *descendants(State)]
    return {document_type(kind): kind for kind in kinds}


def maybe_document(state: State | None) -> Document | None:
    return None if state is None else state._document()


def maybe_state(fields: Fields, key: str) -> State | None:
    found = fields.maybe(key, fields.inner)
    return None if found is None else state_from(found)


def maybe_states(fields: Fields, key: str) -> list[State | None]:
    """The states of a list, in which null stands for a state that is not there."""
    parts = fields.listed(key)
    return [None if part is None else state_from(fields.part(key, index)) for index, part in enumerate(parts)]


STATE = Field(maybe_document, maybe_state)
STATES = Field(lambda states: [maybe_document(state) for state in states], maybe_states)


# --- waiting ----------------------------------------------------------------------------------------------------------


class Pending(State):
    """The run has not started."""

    __slots__ = ()
    color = "#7ebdff"


class Scheduled(Pending):
    """The run starts at a time.

    Args:
        start_time: when; by default now. A naive datetime is taken as UTC.
    """

    __slots__ = ("start_time",)
    color = "#ffab00"
    FIELDS = {"start_time": MOMENT}
    start_time: datetime | None

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        start_time: datetime | None = None,
        cached_inputs: dict[str, Any] | None = None,
        context: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        self.start_time = self.default_start() if start_time is None else as_utc(start_time)
        run_count = lookup("task_run_count")
        if run_count is not None:
            self.context.setdefault("task_run_count", run_count)

    @staticmethod
    def default_start() -> datetime | None:
        return utcnow()


class Paused(Scheduled):
    """The run waits for a person to resume it, or for `start_time` if one is given."""

    __slots__ = ()
    color = "#99a8e8"

    @staticmethod
    def default_start() -> datetime | None:
        return None


class Resume(Scheduled):
    """A paused run that was told to go on."""

    __slots__ = ()
    color = "#f58c0c"


class Retrying(Scheduled):
    """A failed run that starts again at `start_time`.

    Args:
        run_count: how many times the task has run so far.
    """

    __slots__ = ("run_count",)
    color = "#f66a0a"
    FIELDS = {**Scheduled.FIELDS, "run_count": NUMBER}

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        start_time: datetime | None = None,
        cached_inputs: dict[str, Any] | None = None,
        context: dict[str, Any] | None = None,
        run_count: int | None = None,
    ) -> None:
        super().__init__(message, result, start_time, cached_inputs, context)
        self.run_count: int = lookup("task_run_count", 1) if run_count is None else run_count


# --- states about another state ---------------------------------------------------------------------------------------


class _MetaState(State):
    """A state that wraps the state the run is really in."""

    __slots__ = ("state",)
    FIELDS = {"state": STATE}

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        state: State | None = None,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        self.state = unwrapped(state)


def unwrapped(state: State | None) -> State | None:
    """The innermost state that is not about another one."""
    while isinstance(state, _MetaState):
        state = state.state
    return state


class ClientFailed(_MetaState):
    """The state of the run could not be told to the backend."""

    __slots__ = ()
    color = "#eb0000"


class Submitted(_MetaState):
    """The run was handed to something that will start it."""

    __slots__ = ()
    color = "#ffdf5d"


class Queued(_MetaState):
    """The run waits for a free place."""

    __slots__ = ("start_time",)
    color = "#ffea7f"
    FIELDS = {**_MetaState.FIELDS, "start_time": MOMENT}

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        state: State | None = None,
        start_time: datetime | None = None,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, result, state, context, cached_inputs)
        self.start_time = utcnow() if start_time is None else as_utc(start_time)


# --- at work ----------------------------------------------------------------------------------------------------------


class Running(State):
    """The run is at work."""

    __slots__ = ()
    color = "#3d67ff"


class Cancelling(Running):
    """The run is being stopped."""

    __slots__ = ()
    color = "#E8E8E8"


# --- over -------------------------------------------------------------------------------------------------------------


class Finished(State):
    """The run is over."""

    __slots__ = ()
    color = "#003ccb"


class Looped(Finished):
    """One turn of a looping task is over.

    Args:
        loop_count: the number of this turn, from 1.
    """

    __slots__ = ("loop_count",)
    color = "#003ccb"
    FIELDS = {"loop_count": NUMBER}

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        loop_count: int | None = None,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        self.loop_count: int = lookup("task_loop_count", 1) if loop_count is None else loop_count


class Success(Finished):
    """The run did what it should."""

    __slots__ = ()
    color = "#28a745"


class Cached(Success):
    """The value of an earlier run was taken, or the value of this one may be taken by later runs.

    Args:
        hashed_inputs: a digest of each input.
        cached_parameters: the parameters of the flow run that made the value.
        cached_result_expiration: until when the value may be used; None is for ever.
        made_from: what else the value depends on: `code` and `parameters` as digests, the `place` in the flow, and the
            `map_index`.
    """

    __slots__ = ("cached_parameters", "cached_result_expiration", "hashed_inputs", "made_from")
    color = "#34d058"
    FIELDS = {
        "cached_parameters": FACTS,
        "cached_result_expiration": MOMENT,
        "hashed_inputs": FACTS,
        "made_from": FACTS,
    }

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        cached_inputs: dict[str, Any] | None = None,
        cached_parameters: dict[str, Any] | None = None,
        cached_result_expiration: datetime | None = None,
        context: dict[str, Any] | None = None,
        hashed_inputs: dict[str, str | None] | None = None,
        made_from: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        self.cached_parameters = cached_parameters
        self.hashed_inputs = hashed_inputs
        self.made_from = made_from
        expiration = cached_result_expiration
        self.cached_result_expiration = None if expiration is None else as_utc(expiration)


class Mapped(Success):
    """A mapped task whose children have been spawned; `result` is the list of their results.

    Args:
        map_states: the states of the children, in the order of their indices.
        n_map_states: the number of children, if the states themselves are not known.
    """

    __slots__ = ("_width", "map_states")
    color = "#003ccb"
    FIELDS = {"map_states": STATES, "n_map_states": NUMBER}

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        map_states: list[Any] | None = None,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Any] | None = None,
        n_map_states: int | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        self.map_states: list[Any] = [] if map_states is None else map_states
        self._width = n_map_states

    @property
    def n_map_states(self) -> int:
        return len(self.map_states) if self._width is None else self._width

    @n_map_states.setter
    def n_map_states(self, count: int) -> None:
        self._width = None if count == len(self.map_states) else count

    @property
    def result(self) -> Any:
        """The results of the children; None stands for a child that has not run."""
        if self._held is not None:
            return super().result
        return [None if state is None else state.result for state in self.map_states]

    @result.setter
    def result(self, value: Any) -> None:
        self._held = value

    @property
    def _result(self) -> Result:
        return super()._result if self._held is not None else Result(self.result)

    @_result.setter
    def _result(self, value: Any) -> None:
        self._held = value

    def _fields(self) -> dict[str, Any]:
        return {**super()._fields(), "_width": self.n_map_states}

    def load_result(self, result: Result | None = None) -> State:
        for state in self.map_states:
            if state is not None:
                state.load_result(result)
        return self


class Skipped(Success):
    """The run was left out on purpose."""

    __slots__ = ()
    color = "#62757f"


class Cancelled(Finished):
    """The run was stopped before its end; it neither succeeded nor failed."""

    __slots__ = ()
    color = "#bdbdbd"


class Failed(Finished):
    """The run went wrong."""

    __slots__ = ()
    color = "#eb0000"


class Crashed(Failed):
    """The run did not come to an end: what it ran on died, again and again. The task's own code did not raise."""

    __slots__ = ()
    color = "#b00050"


class TimedOut(Failed):
    """The run took longer than its timeout.

    Args:
        stack: where it was at that moment, if it is known.
    """

    __slots__ = ("stack",)
    color = "#ff4e33"
    FIELDS = {"stack": TEXT}

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        context: dict[str, Any] | None = None,
        cached_inputs: dict[str, Any] | None = None,
        stack: str | None = None,
    ) -> None:
        super().__init__(message, result, context, cached_inputs)
        self.stack = stack


class TriggerFailed(Failed):
    """The run did not start because its trigger refused the states of its upstream tasks."""

    __slots__ = ()
    color = "#ff5131"


class ValidationFailed(Failed):
    """The run made a value that did not pass a check."""

    __slots__ = ()
    color = "#ff5131"


KINDS = by_document_type()
"""The classes above by their names; those of your own are looked for when a document names them."""
