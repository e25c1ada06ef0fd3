"""What the `run` of a task may look like, and how the arguments of a call meet it."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prefect.exceptions import ArgumentError, PositionalOnlyError, TaskSignatureError

RESERVED = {
    "upstream_tasks": "tasks to run after",
    "mapped": "whether a call maps",
    "task_args": "settings of the copy that a call makes",
    "flow": "the flow that a call adds to",
}
WRAP = "wrap it in a function of your own: `@task` over `def f(x): return original(x)`."


@dataclass(frozen=True, slots=True)
class RunSignature:
    """The arguments of a `run` method, without `self`.

    Attributes:
        signature: as Python gives it.
        positional: the names that can be given by position, in order.
        accepted: all names.
        required: the names without a default.
        takes_any: is there a `**kwargs`?
        nout: how many values `run` returns, where the annotation tells.
        coroutine: is it an `async def`?
        exact: a call with so many arguments by position and none by name gives them all; -1 if there is no such call.
    """

    signature: inspect.Signature
    positional: tuple[str, ...]
    accepted: frozenset[str]
    required: frozenset[str]
    takes_any: bool
    nout: int | None
    coroutine: bool
    exact: int

    def bind(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a call, all by name.

        Raises:
            ArgumentError: the call does not fit; `name` is the task to name in the message.
        """
        if args:
            if not kwargs and len(args) == self.exact:
                return dict(zip(self.positional, args))  # noqa: B905  (just compared; the common call)
            kwargs = self._named(name, args, kwargs)
        if not self.takes_any and not self.accepted.issuperset(kwargs):
            raise ArgumentError(self._unknown(name, kwargs))
        if not self.required.issubset(kwargs):
            missing = ", ".join(repr(key) for key in self.positional if key in self.required - kwargs.keys())
            missing = missing or ", ".join(sorted(repr(key) for key in self.required - kwargs.keys()))
            raise ArgumentError(f"Task {name!r} needs the argument {missing}: its run takes {self.signature}.")
        return kwargs if isinstance(kwargs, dict) else dict(kwargs)

    def _named(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        if len(args) > len(self.positional):
            raise ArgumentError(
                f"Task {name!r} was given {len(args)} arguments without a name, "
                f"but its run takes {len(self.positional)}: {self.signature}."
            )
        named = dict(zip(self.positional, args))  # noqa: B905  (fewer arguments than names are usual)
        if not kwargs:
            return named
        twice = named.keys() & kwargs.keys()
        if twice:
            raise ArgumentError(f"Task {name!r} was given the argument {min(twice)!r} twice: by position and by name.")
        return {**named, **kwargs}

    def _unknown(self, name: str, kwargs: Mapping[str, Any]) -> str:
        unknown = ", ".join(repr(key) for key in kwargs if key not in self.accepted)
        return (
            f"Task {name!r} does not take the argument {unknown}: its run takes {self.signature}. "
            "Settings of the task, such as its name, go into `task_args={...}`."
        )

    def takes(self, key: str) -> bool:
        return self.takes_any or key in self.accepted

    def takes_all(self, keys: Iterable[str]) -> bool:
        return self.takes_any or self.accepted.issuperset(keys)


def read_signature(run: Callable[..., Any], name: str, skip_self: bool = False) -> RunSignature:
    """Read and check the signature of a `run` method.

    Raises:
        TaskSignatureError: it breaks a rule; the message names the task, the argument and the remedy.
    """
    signature = inspected(run, name)
    parameters = list(signature.parameters.values())
    if skip_self:
        parameters = without_self(parameters, name)
    check(parameters, name)
    named = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
    positional = tuple(p.name for p in named if p.kind is p.POSITIONAL_OR_KEYWORD)
    return RunSignature(
        signature=signature.replace(parameters=parameters),
        positional=positional,
        accepted=frozenset(p.name for p in named),
        required=frozenset(p.name for p in named if p.default is p.empty),
        takes_any=len(named) < len(parameters),
        nout=outputs_of(run, signature.return_annotation),
        coroutine=inspect.iscoroutinefunction(run),
        exact=len(positional) if len(positional) == len(named) else -1,
    )


def inspected(run: Callable[..., Any], name: str) -> inspect.Signature:
    try:
        return inspect.signature(inspect.unwrap(run))
    except (TypeError, ValueError) as error:
        raise TaskSignatureError(f"The arguments of task {name!r} cannot be read from {run!r}; {WRAP}") from error


def without_self(parameters: list[inspect.Parameter], name: str) -> list[inspect.Parameter]:
    first = parameters[0] if parameters else None
    if first is not None and first.kind is first.VAR_POSITIONAL:
        return parameters  # `check` refuses it
    if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
        raise TaskSignatureError(f"The run of task {name!r} lacks `self`. Write `def run(self, ...)`.")
    return parameters[1:]


def check(parameters: list[inspect.Parameter], name: str) -> None:
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise TaskSignatureError(
                f"Task {name!r} takes `*{parameter.name}`, but tasks receive every argument by name. "
                "Take one argument that holds a list instead."
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise PositionalOnlyError(
                f"Task {name!r} takes {parameter.name!r} by position only, but tasks receive every argument by name. "
                f"Remove the `/` from its signature, or {WRAP}"
            )
        if parameter.name in RESERVED:
            raise TaskSignatureError(
                f"Task {name!r} takes {parameter.name!r}, a name kept for {RESERVED[parameter.name]}. "
                "Give the argument another name."
            )


def outputs_of(run: Callable[..., Any], annotation: Any) -> int | None:
    """How many values `run` returns, when its annotation is a tuple of known length."""
    if isinstance(annotation, str):
        if "uple" not in annotation:
            return None
        annotation = evaluated(run)
    if typing.get_origin(annotation) is not tuple:
        return None
    parts = typing.get_args(annotation)
    unknown = Ellipsis in parts or annotation is typing.Tuple  # noqa: UP006
    return None if unknown else len(parts)


def evaluated(run: Callable[..., Any]) -> Any:
    try:
        return typing.get_type_hints(run).get("return")
    except Exception:  # an annotation that names what does not exist at run time says nothing about outputs
        return None
