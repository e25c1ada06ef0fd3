"""The rooms of the package lie in layers: a module imports only from its own layer or lower ones.

The table below is the one of `docs/explanation`; a new module has to be given its place in it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import prefect

ROOT = Path(prefect.__file__).parent

LAYERS: tuple[tuple[str, str], ...] = (
    (
        "ground",
        "exceptions utilities utilities.anatomy utilities.code utilities.collections utilities.datetimes "
        "utilities.documents utilities.edges utilities.files utilities.hashing utilities.importing "
        "utilities.lazy utilities.pickling utilities.serialization utilities.terminal utilities.texts "
        "utilities.version",
    ),
    (
        "settings",
        "configuration utilities.configuration utilities.context utilities.logging utilities.debug utilities.secrets",
    ),
    (
        "outcomes, time, hands",
        "engine.serializers engine.result.* engine.results.* engine.state engine.state_documents engine.signals "
        "engine.cache_validators schedules.* executors.*",
    ),
    ("graph", "triggers core.* tasks tasks.core.* tasks.control_flow.* utilities.tasks"),
    ("engine", "engine.*"),
    ("documents", "serialization.*"),
    ("memory", "store.* client.*"),
    ("roof and leaves", "core.flow storage.* run_configs.* backend.* tasks.* utilities.notifications.* testing.*"),
    ("service", "server.* agent.*"),
    ("doors", "cli.* __main__ prefect"),
)

FRONT_DOORS = (
    "prefect",
    "core",
    "engine",
    "tasks",
    "executors",
    "schedules",
    "schedules.clocks",
    "testing",
    "utilities",
)
"""Packages that forward names from all layers, by strings: their own imports have to lie on the ground."""

SLOW_OR_OPTIONAL = (
    "ast asyncio cloudpickle croniter dask dateutil difflib distributed "
    "graphviz pandas psutil psycopg rich sqlite3 tempfile tomllib"
)
"""What may be imported inside a function."""


class Import(NamedTuple):
    """An import in a module, and whether it stands inside a function."""

    importer: str
    imported: str
    line: int
    inside: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


# --- reading the code -------------------------------------------------------------------------------------------------


@cache
def modules() -> dict[str, Path]:
    """Every module by its name below `prefect`; the package itself is called prefect."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join(parts) or "prefect"] = path
    return found


@cache
def imports(module: str) -> tuple[Import, ...]:
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    return tuple(walked(module, tree, inside=False))


def walked(module: str, node: ast.AST, inside: bool) -> Iterator[Import]:
    """All imports below a node, but those for type checkers."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (Import(module, alias.name, child.lineno, inside) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, f"{module}:{child.lineno} imports relatively: write the whole path."
            yield from (Import(module, source, child.lineno, inside) for source in sources(child))
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from walked(module, child, inside or function)


def sources(node: ast.ImportFrom) -> list[str]:
    """The modules that an import takes from: `from package import module` takes from the module."""
    base = node.module or ""
    below = [f"{base}.{alias.name}" for alias in node.names]
    return list(dict.fromkeys(each if inner(each) in modules() else base for each in below))


def inner(imported: str) -> str:
    """The name of a module of ours below `prefect`."""
    return imported.removeprefix("prefect.")


def ours(module: str) -> list[tuple[Import, str]]:
    """The imports of our own modules."""
    return [(each, inner(each.imported)) for each in imports(module) if each.imported.split(".")[0] == "prefect"]


# --- the table --------------------------------------------------------------------------------------------------------


@cache
def layer_of(module: str) -> int | None:
    """The layer whose pattern fits best; None if none does."""
    best, found = "", None
    for number, (_, patterns) in enumerate(LAYERS):
        for pattern in patterns.split():
            if fits(module, pattern) and len(pattern) > len(best):
                best, found = pattern, number
    return found


def fits(module: str, pattern: str) -> bool:
    package = pattern.removesuffix(".*")
    return module == pattern or (pattern.endswith(".*") and (module == package or module.startswith(f"{package}.")))


def height(module: str) -> int:
    """Where a module may be imported from: a front door loads nothing before it is asked."""
    found = layer_of(module)
    assert found is not None
    return 0 if module in FRONT_DOORS else found


def cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle; empty if there is none."""
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        for each in sorted(graph[module]):
            if found := visit(each, (*path, module)):
                return found
        done.add(module)
        return []

    return next((found for module in sorted(graph) if (found := visit(module, ()))), [])


# --- tests ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", modules())
def test_every_module_has_its_place(module: str) -> None:
    assert layer_of(module) is not None, f"prefect.{module} is new: give it a layer in tests/test_layers.py."


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_from_its_own_layer_or_lower_ones(module: str) -> None:
    own = layer_of(module)
    if own is None:
        pytest.skip("It has no place yet; the test above says so.")
    upward = [f"{each}, of the layer {LAYERS[height(name)][0]!r}" for each, name in ours(module) if height(name) > own]

    assert not upward, f"The layer of {module} is {LAYERS[own][0]!r}, but:\n" + "\n".join(upward)


@pytest.mark.parametrize("door", FRONT_DOORS)
def test_a_front_door_imports_only_what_makes_it_lazy(door: str) -> None:
    assert {name for _, name in ours(door)} <= {"utilities.lazy"}


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: {name for _, name in ours(module) if name in modules()} for module in modules()}

    assert not cycle(graph), " → ".join(cycle(graph))


def test_imports_of_our_own_modules_name_modules_that_exist() -> None:
    lost = [str(each) for module in modules() for each, name in ours(module) if name not in modules()]

    assert not lost


@pytest.mark.parametrize("module", modules())
def test_imports_stand_at_the_top_unless_they_are_slow_or_optional(module: str) -> None:
    inside = [
        each for each in imports(module) if each.inside and each.imported.split(".")[0] not in SLOW_OR_OPTIONAL.split()
    ]

    assert not inside, "\n".join(map(str, inside))


def test_cycles_are_found() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_the_closest_pattern_decides() -> None:
    assert LAYERS[layer_of("engine.state") or 0][0] == "outcomes, time, hands"
    assert LAYERS[layer_of("engine.driver") or 0][0] == "engine"
    assert LAYERS[layer_of("core.graph") or 0][0] == "graph"
    assert LAYERS[layer_of("core.flow") or 0][0] == "roof and leaves"
    assert layer_of("novelty") is None
