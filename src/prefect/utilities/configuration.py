"""Settings for the length of a `with` block: what a test needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from prefect import configuration
from prefect.configuration import Config
from prefect.exceptions import ConfigurationError


@contextmanager
def set_temporary_config(settings: Mapping[str, Any]) -> Iterator[Config]:
    """Change settings, such as `{"logging.level": "DEBUG"}`, until the block ends."""
    undo: list[Callable[[], object]] = []
    try:
        for dotted, value in settings.items():
            undo.append(change(configuration.config, dotted, value))
        yield configuration.config
    finally:
        for step in reversed(undo):
            step()


def change(config: Config, dotted: str, value: Any) -> Callable[[], object]:
    """Set one key, and return what takes that back."""
    table, key, missing = deepest_table(config, dotted)
    # Through `dict`, so that the very same object returns: others may hold a table that was here before.
    undo = partial(dict.__setitem__, table, key, table[key]) if key in table else partial(table.pop, key, None)
    for part in reversed(missing):
        value = {part: value}
    table[key] = value
    return undo


def deepest_table(config: Config, dotted: str) -> tuple[Config, str, list[str]]:
    """The last table on the way to a key that exists, the next part of the key, and the parts after it."""
    table = config
    first, *rest = dotted.split(".")
    while rest and first in table:
        if not isinstance(table[first], Config):
            raise ConfigurationError(f"{dotted!r} cannot be set: {first!r} is a setting, not a section.")
        table = table[first]
        first, *rest = rest
    return table, first, rest
