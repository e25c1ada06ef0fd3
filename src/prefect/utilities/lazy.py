"""Front doors: packages that offer names and import them only when somebody asks (PEP 562)."""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False  # type checkers take it as true; importing the one of `typing` would cost more than all else here
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any


def front_door(
    package: str, names: Mapping[str, str], modules: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make the `__getattr__`, `__dir__` and `__all__` of a package that only forwards.

    Args:
        package: the package's `__name__`.
        names: each public name and the module that is its home.
        modules: submodules that can be reached as attributes without an import of their own.
    """

    def load(name: str) -> Any:
        if name in names:
            value = getattr(import_module(names[name]), name)
        elif name in modules:
            value = import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, value)
        return value

    offered = sorted({*names, *modules})
    return load, lambda: offered, sorted(names)
