"""Find a class by the dotted name that a setting gives."""

from __future__ import annotations

from importlib import import_module
from typing import Any, TypeVar

from prefect.exceptions import ConfigurationError

T = TypeVar("T")


def named_class(path: str, base: type[T]) -> type[T]:
    """The class with a dotted name.

    Raises:
        ConfigurationError: there is no such class, or it is of another kind.
    """
    module, _, name = path.rpartition(".")
    try:
        found: Any = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"The configuration names the class {path!r}, which cannot be imported: {error}."
        ) from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigurationError(f"The configuration names {path!r}, which is not a subclass of {base.__name__}.")
    return found
