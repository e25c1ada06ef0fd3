"""`prefect config`: the settings, and where each comes from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import click

from prefect.cli import options, output
from prefect.configuration import (
    DEFAULT_USER_CONFIG,
    PREFIX,
    SECRETS,
    USER_CONFIG_VARIABLE,
    Config,
    config,
    leaves,
    read_environment,
    read_file,
)
from prefect.exceptions import ConfigurationError

HIDDEN = "••••••••"
PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]+(?=@)")
SECRET_NAME = re.compile(r"(^|_)(password|passwd|secret|token|api_key)$")


class Setting(NamedTuple):
    """A setting as it is shown: without secrets."""

    key: str
    value: Any
    source: str


@click.command("config")
@click.argument("key", required=False)
@options.as_json
def command(key: str | None, as_json: bool) -> None:
    """Show all settings, those of a section, or one; secrets are hidden.

    \b
    prefect config
    prefect config engine
    prefect config logging.level
    """
    found = list(settings_below(key or ""))
    if as_json:
        output.print_json([each._asdict() for each in found])
    elif len(found) == 1 and found[0].key == key:
        click.echo(shown(found[0].value))
    else:
        rows = [(each.key, shown(each.value), output.text(each.source, "dim")) for each in found]
        output.print_table(("setting", "value", "from"), rows)


def settings_below(key: str) -> Iterator[Setting]:
    """The settings of a section, or the one with this key.

    Raises:
        ConfigurationError: there is none.
    """
    check(key)
    sources = sources_of_settings()
    for path, value in all_leaves(config):
        dotted = ".".join(path)
        if not key or f"{dotted}.".startswith(f"{key}."):
            yield Setting(dotted, hidden(path, value), sources.get(path, "default"))


def check(key: str) -> None:
    """Refuse a key that does not exist."""
    table: Any = config
    for part in key.split(".") if key else ():
        if not isinstance(table, Config):
            raise ConfigurationError(f"There is no setting {key!r}: what is before {part!r} is a setting itself.")
        try:
            table = getattr(table, part)
        except AttributeError as error:
            raise ConfigurationError(str(error)) from error


# --- where they come from ---------------------------------------------------------------------------------------------


def sources_of_settings() -> dict[tuple[str, ...], str]:
    """Where the settings that are no defaults come from."""
    file = os.path.expanduser(os.environ.get(USER_CONFIG_VARIABLE) or DEFAULT_USER_CONFIG)
    found: dict[tuple[str, ...], str] = {}
    if os.path.exists(file):
        found |= {path: file for path, _ in all_leaves(Config(read_file(file)))}
    found |= {path: variable(path) for path, _ in all_leaves(Config(read_environment(os.environ)))}
    return found


def all_leaves(table: Config) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All settings, each secret on its own."""
    for path, value in leaves(table):
        if path == (*SECRETS[:1], SECRETS[1]) and isinstance(value, Mapping):
            yield from (((*path, name), each) for name, each in value.items())
        else:
            yield path, value


def variable(path: tuple[str, ...]) -> str:
    """The environment variable that sets a setting."""
    wanted = "__".join(path).lower()
    names = (name for name in os.environ if name.startswith(PREFIX))
    return next((name for name in names if name.removeprefix(PREFIX).lower() == wanted), "the environment")


# --- how they are shown -----------------------------------------------------------------------------------------------


def hidden(path: tuple[str, ...], value: Any) -> Any:
    """A value without what nobody should read over somebody's shoulder."""
    if path[: len(SECRETS)] == SECRETS or SECRET_NAME.search(path[-1].lower()):
        return HIDDEN if value else value
    return PASSWORD.sub(rf"\1:{HIDDEN}", value) if isinstance(value, str) else value


def shown(value: Any) -> str:
    """A value as one writes it in the file of settings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "none"
    return '""' if value == "" else str(value)
