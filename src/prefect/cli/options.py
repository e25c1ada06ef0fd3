"""Arguments and options that several commands have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from prefect.cli import moments
from prefect.cli.past import SHORT, history_at
from prefect.cli.scripts import look_here
from prefect.exceptions import ConfigurationError
from prefect.executors import DaskExecutor, Executor, LocalDaskExecutor, LocalExecutor
from prefect.store.resuming import LAST
from prefect.utilities.importing import named_class

NEWEST = 50
"""Of so many runs the ids are completed."""

F = TypeVar("F", bound=Callable[..., Any])

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

EXECUTORS: dict[str, Callable[[], Executor]] = {
    "local": LocalExecutor,
    "threads": lambda: LocalDaskExecutor("threads"),
    "processes": lambda: LocalDaskExecutor("processes"),
    "dask": DaskExecutor,
}


# --- what is behind an option -----------------------------------------------------------------------------------------


def assignments(ctx: click.Context, param: click.Parameter, given: Sequence[str]) -> dict[str, Any]:
    """`key=value`, many times; a value is read as JSON, or else as text."""
    parted = [each.partition("=") for each in given]
    for text, (key, sign, _) in zip(given, parted, strict=True):
        if not sign or not key:
            raise click.BadParameter(f"{text!r} is no assignment: write it as name=value.")
    return {key: decoded(value) for key, _, value in parted}


def decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def file_of_parameters(ctx: click.Context, param: click.Parameter, path: str | None) -> dict[str, Any]:
    """The parameters in a JSON file."""
    if path is None:
        return {}
    try:
        found = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise click.BadParameter(f"{path!r} is no JSON file: {error}.") from error
    if not isinstance(found, Mapping):
        raise click.BadParameter(f'{path!r} has to hold one JSON object: {{"name": value, …}}.')
    return dict(found)


def executor_called(ctx: click.Context, param: click.Parameter, name: str | None) -> Executor | None:
    """The executor with a short name, or of a class with a dotted one."""
    if name is None:
        return None
    look_here()
    try:
        return EXECUTORS[name]() if name in EXECUTORS else named_class(name, Executor)()
    except ConfigurationError as error:
        names = ", ".join(EXECUTORS)
        raise click.BadParameter(
            f"There is no executor {name!r}. Choose {names}, or a class such as mine.MyExecutor."
        ) from error


def runs_like(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest runs whose ids begin so."""
    with suppress(Exception), history_at(ctx.params.get("url")) as store:
        found = [run for run in store.runs(limit=NEWEST) if run.id.startswith(incomplete)]
        last = [CompletionItem(LAST, help="the newest run")] if LAST.startswith(incomplete) else []
        return [*last, *(CompletionItem(run.id[:SHORT], help=f"{run.flow}: {run.state}") for run in found)]
    return []


def executors_like(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in EXECUTORS if name.startswith(incomplete)]


def time_point(ctx: click.Context, param: click.Parameter, given: str | None) -> int | None:
    """A time, or how long ago it was."""
    try:
        return None if given is None else moments.point(given, moments.now())
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def several(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Many decorators as one, the first on top."""

    def decorate(function: F) -> F:
        for each in reversed(decorators):
            function = each(function)
        return function

    return decorate


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")

which_flow = several(
    click.argument("target", metavar="FLOW", type=click.Path()),
    click.option("--flow", "name", metavar="NAME", help="Which flow, if there are several."),
)

parameters = several(
    click.option(
        "--param",
        "-p",
        "params",
        metavar="NAME=VALUE",
        multiple=True,
        callback=assignments,
        help="A parameter; the value is JSON, or else text.",
    ),
    click.option(
        "--params-file",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False),
        callback=file_of_parameters,
        help="A JSON file with parameters.",
    ),
)

executor = click.option(
    "--executor",
    metavar="NAME",
    callback=executor_called,
    shell_complete=executors_like,
    help=f"Where tasks run: {', '.join(EXECUTORS)}, or the dotted name of a class.",
)

log_level = click.option(
    "--log-level", type=click.Choice(LEVELS, case_sensitive=False), help="How much to log, on stderr."
)

store = click.option("--store", "url", metavar="URL", help="Where the history is; by default as the settings say.")

which_run = click.argument("which", metavar="RUN", shell_complete=runs_like)

own_file = click.argument("target", metavar="[FILE]", required=False, type=click.Path())

yes = click.option("--yes", "-y", "agreed", is_flag=True, help="Do not ask.")
