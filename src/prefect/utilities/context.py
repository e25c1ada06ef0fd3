"""What code may know about the run it is part of: `prefect.context`.

The context is a stack of layers, never merged. Each `with prefect.context(...)`, each flow run and each task run pushes
one mapping; a lookup walks from the innermost layer to the configuration below them all:

```
task run   {"task_name": …, "map_index": …, "logger": …}      ← innermost
flow run   {"parameters": …, "flow_run_id": …, "today": …}
yours      {"anything": …}
ground     {"config": …, "logger": …} and the [context] table of the configuration
```

The stack lives in a `ContextVar`, so threads and coroutines each have their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any

from prefect.configuration import config
from prefect.utilities.logging import RunLogger, get_logger

Layer = tuple[dict[str, Any], Any, bool]
"""The values, the layer below or None, and whether a run pushed it rather than the user.

A plain tuple, because every task run makes one.
"""

top: ContextVar[Layer | None] = ContextVar("prefect_context", default=None)
MISSING: Any = object()


def lookup(key: str, default: Any = None) -> Any:
    """The innermost value of a key."""
    layer = top.get()
    while layer is not None:
        values, layer, _ = layer
        if key in values:
            return values[key]
    return ground(key, default)


DERIVED: dict[str, Callable[[], Any]] = {}
"""Keys that are worked out from others whenever somebody asks; a function that returns `MISSING` has no value here."""


def ground(key: str, default: Any = None) -> Any:
    if key == "config":
        return config
    if key in DERIVED:
        value = DERIVED[key]()
        return default if value is MISSING else value
    found = config.get("context", {}).get(key, MISSING)
    if found is not MISSING:
        return found
    return get_logger() if key == "logger" else default


def push(values: dict[str, Any], engine: bool = True) -> Token[Layer | None]:
    """Put one layer on the stack; give the token to `pop`."""
    return top.set((values, top.get(), engine))


pop = top.reset


def innermost() -> dict[str, Any]:
    """The values of the innermost layer."""
    layer = top.get()
    return {} if layer is None else layer[0]


def ambient() -> dict[str, Any]:
    """What the user put into the context, without what runs added: the background of a new flow run."""
    values: dict[str, Any] = {}
    layer = top.get()
    while layer is not None:
        own, layer, engine = layer
        if not engine:
            values = {**own, **values}
    return values


@contextmanager
def isolated(values: dict[str, Any]) -> Iterator[None]:
    """A stack of this layer over the user's own: what a flow run starts from, whatever run surrounds it."""
    token = top.set((values, (ambient(), None, False), True))
    try:
        yield
    finally:
        top.reset(token)


class Context(MutableMapping[str, Any]):
    """The context as users see it: a dictionary with attribute access.

    Calling it, `with prefect.context(key=value):`, adds a layer for the length of the block. A value set directly lives
    in the innermost layer, and goes with it.
    """

    @contextmanager
    def __call__(self, values: Mapping[str, Any] | None = None, **more: Any) -> Iterator[Context]:
        added = {**(values or {}), **more}
        if isinstance(added.get("config"), Mapping):
            added["config"] = config.merged(added["config"])
        token = push(added, engine=False)
        try:
            yield self
        finally:
            pop(token)

    def __getitem__(self, key: str) -> Any:
        value = lookup(key, MISSING)
        if value is MISSING:
            raise KeyError(key)
        return value

    def __getattr__(self, key: str) -> Any:
        value = MISSING if key.startswith("__") else lookup(key, MISSING)
        if value is MISSING:
            raise AttributeError(
                f"prefect.context has no {key!r} here; `prefect.context.get({key!r})` gives None instead"
            )
        return value

    def get(self, key: str, default: Any = None) -> Any:
        return lookup(key, default)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and lookup(key, MISSING) is not MISSING

    def __setitem__(self, key: str, value: Any) -> None:
        layer = top.get()
        if layer is None:
            layer = ({}, None, False)
            top.set(layer)
        layer[0][key] = value

    __setattr__ = __setitem__

    def __delitem__(self, key: str) -> None:
        if key not in innermost():
            raise KeyError(key)
        del innermost()[key]

    def __delattr__(self, key: str) -> None:
        try:
            del self[key]
        except KeyError:
            raise AttributeError(key) from None

    def __iter__(self) -> Iterator[str]:
        seen: dict[str, None] = {}
        layer = top.get()
        while layer is not None:
            values, layer, _ = layer
            seen.update(dict.fromkeys(values))
        seen.update(dict.fromkeys(config.get("context", {})))
        seen.update({"config": None, "logger": None})
        seen.update({key: None for key, make in DERIVED.items() if make() is not MISSING})
        return iter(seen)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<Context: {sorted(self)}>"

    def __reduce__(self) -> str:
        """It travels by its name: on a worker it is the context of the run there."""
        return "context"

    def to_dict(self) -> dict[str, Any]:
        """All keys and values, innermost first, as a plain dictionary."""
        return {key: self[key] for key in self}

    copy = to_dict


context = Context()


def run_facts(record_fields: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a log record that say which run wrote it."""
    return {field: lookup(field) for field in record_fields}


RunLogger.facts = staticmethod(run_facts)
