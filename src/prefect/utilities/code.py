"""What a function does, as a digest: the same in every process, another one as soon as its code changes.

The digest covers the function's source, its defaults, what it closes over, and the module-level helpers, constants and
classes of its own package that it names, and what those name in turn. Comments, blank lines, docstrings do not count.
Libraries do not count either: their version is not the code of the flow.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import blake2b
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from prefect.utilities.hashing import digest


class Code(NamedTuple):
    """What a function consists of.

    Attributes:
        parts: a digest of each part by its name: functions, defaults, and values they use.
        unstable: the names of values that no other process can recognize, so that the code has no digest.
    """

    parts: dict[str, str]
    unstable: list[str]

    @property
    def digest(self) -> str | None:
        """One digest of all parts, or None if something has no stable digest."""
        return None if self.unstable else digest(self.parts)


def code_of(function: Any, **values: Any) -> Code:
    """The parts of a function or class, together with values that belong to it, by name."""
    reader = CodeReader(package_of(function))
    reader.read(function)
    for name, value in values.items():
        reader.read_value(value, name)
    return Code(reader.parts, reader.unstable)


def code_digest(function: Callable[..., Any]) -> str | None:
    """The digest of a function, or None if something it depends on has no stable digest."""
    return code_of(function).digest


def package_of(function: Any) -> str:
    """The package, or the module that stands alone, whose code counts."""
    return str(getattr(inspect.unwrap(function), "__module__", None) or "").partition(".")[0]


class CodeReader:
    """Collects what functions consist of, each once.

    Attributes:
        parts: a digest of each part that was found, by its name.
        unstable: the names of values that have no stable digest.
    """

    def __init__(self, package: str) -> None:
        self.package = package
        self.parts: dict[str, str] = {}
        self.unstable: list[str] = []
        self._seen: set[int] = set()

    def read(self, value: Any, name: str = "") -> None:
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, (classmethod, staticmethod)) or hasattr(value, "__wrapped__"):
            value = inspect.unwrap(getattr(value, "__func__", value))
        value = getattr(value, "__func__", value)
        if isinstance(value, FunctionType):
            self._read_function(value)
        elif isinstance(value, type):
            self._read_class(value)
        elif not isinstance(value, ModuleType) and not is_foreign(value, self.package):
            self.read_value(value, name)

    def _read_function(self, function: FunctionType) -> None:
        if not self._is_own(function):
            self._add(f"{function.__module__}.{function.__qualname__}", "library")
            return
        self._add(function.__qualname__, source_of(function.__code__))
        for name, default in defaults_of(function):
            self.read_value(default, f"{function.__qualname__}({name}=)")
        for name, value in captured_by(function):
            self.read(value, name)
        for name in sorted(set(names_in(function.__code__))):
            if name in function.__globals__:
                self.read(function.__globals__[name], name)

    def _read_class(self, cls: type) -> None:
        if not self._is_own(cls):
            self._add(f"{cls.__module__}.{cls.__qualname__}", "library")
            return
        self._add(cls.__qualname__, "class")
        for base in cls.__bases__:
            self.read(base)
        for name, value in sorted(vars(cls).items()):
            if isinstance(value, (FunctionType, classmethod, staticmethod, property)):
                self.read(value.fget if isinstance(value, property) else value, name)

    def read_value(self, value: Any, name: str) -> None:
        found = digest(value)
        if found is None:
            self.unstable.append(name)
        else:
            self._add(name, found)

    def _add(self, name: str, content: str) -> None:
        """Take note of a part; parts of one name, as two functions called `helper`, count together."""
        self.parts[name] = blake2b(f"{self.parts.get(name, '')}{content}".encode(), digest_size=8).hexdigest()

    def _is_own(self, value: Any) -> bool:
        return str(value.__module__ or "").partition(".")[0] == self.package


def is_foreign(value: Any, package: str) -> bool:
    """Is this an object of a library, such as a logger or a compiled function, which counts by its name alone?"""
    return callable(value) and str(getattr(value, "__module__", None) or "").partition(".")[0] != package


@lru_cache(maxsize=4096)
def source_of(code: CodeType) -> str:
    """The source as a syntax tree without docstrings; of a function without readable source, its bytecode."""
    import ast  # here, because only tasks with a cache need it

    if code.co_name == "<lambda>":  # its lines may hold other lambdas
        return bytecode_of(code)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError):
        return bytecode_of(code)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            node.decorator_list = []
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:]
    return ast.dump(tree)


def bytecode_of(code: CodeType) -> str:
    constants = [bytecode_of(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def names_in(code: CodeType) -> Iterator[str]:
    """The global names that a function and the functions inside it use."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


def defaults_of(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is not parameter.empty:
            yield parameter.name, parameter.default


def captured_by(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not filled yet
            continue
