"""The settings of this process, `prefect.config`: packaged defaults, then the user's file, then the environment.

```
config.toml in the package  ◀─overrides─  ~/.prefect/config.toml  ◀─overrides─  PREFECT__SECTION__KEY=value
```

A value may name others: `$HOME` or `${HOME}` is an environment variable, `${logging.level}` another setting, a leading
`~` the home directory. A value that consists of one name only takes the type of what it names.
"""

from __future__ import annotations

import os
import re
import tomllib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from prefect.exceptions import ConfigurationError

PREFIX = "PREFECT__"
USER_CONFIG_VARIABLE = "PREFECT__USER_CONFIG_PATH"
DEFAULT_USER_CONFIG = "~/.prefect/config.toml"
PACKAGED_CONFIG = os.path.join(os.path.dirname(__file__), "config.toml")

SECRETS = ("context", "secrets")
SWITCHES = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)
ROUNDS = 10
ALMOST = 0.8
"""How alike a key must be to a setting, from 0 to 1, to be taken for a slip of the pen."""

NAME = re.compile(r"\$(?:(\w+)|\{([^${}]*)\})")
POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


class Config(dict[str, Any]):
    """A table of settings whose keys are attributes too, at every level."""

    __slots__ = ("_path",)
    _path: str

    def __init__(self, values: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), path: str = "") -> None:
        super().__init__()
        object.__setattr__(self, "_path", path)
        self.update(values)

    def __setitem__(self, key: str, value: Any) -> None:
        if key in RESERVED:
            raise ConfigurationError(
                f"{self._dotted(key)!r} cannot be a setting: {key!r} is a method of it. Choose another name."
            )
        super().__setitem__(key, self._owned(key, value))

    def _dotted(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _owned(self, key: str, value: Any) -> Any:
        """The value as this table holds it: containers are copied, so that no two configurations share one."""
        if isinstance(value, Mapping):
            return Config(value, self._dotted(key))
        return list(value) if type(value) is list else value

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(self._missing(key), name=key, obj=self) from None

    def _missing(self, key: str) -> str:
        if key.startswith("__"):
            return key  # asked for by protocols such as copy, never by people
        from difflib import get_close_matches  # only needed for a mistake

        near = [repr(self._dotted(match)) for match in get_close_matches(key, self)]
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(self) or 'no keys'}."
        return f"There is no setting {self._dotted(key)!r}. {hint}"

    def __setattr__(self, key: str, value: Any) -> None:
        self[key] = value

    def __delattr__(self, key: str) -> None:
        if key not in self:
            raise AttributeError(self._missing(key), name=key, obj=self)
        del self[key]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def update(self, *args: Any, **more: Any) -> None:
        for key, value in dict(*args, **more).items():
            self[key] = value

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def __ior__(self, other: Any) -> Config:  # type: ignore[override,misc]
        self.update(other)
        return self

    def merged(self, other: Mapping[str, Any]) -> Config:
        """A copy in which `other` wins, key by key at every level."""
        result = Config(self, self._path)
        for key, value in other.items():
            mine = result.get(key)
            result[key] = mine.merged(value) if isinstance(mine, Config) and isinstance(value, Mapping) else value
        return result

    def copy(self) -> Config:
        """A copy that shares no table with this one."""
        return self.merged({})

    def __reduce__(self) -> Any:
        return Config, (dict(self), self._path)


RESERVED = frozenset(dir(Config))


def load_configuration(
    path: str | os.PathLike[str] | None = None,
    user_config_path: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Config:
    """Read all sources and put them together.

    Args:
        path: the file of defaults; the packaged one if not given.
        user_config_path: the user's file; if not given, the one that `PREFECT__USER_CONFIG_PATH` names, or
            `~/.prefect/config.toml`. A user's file that does not exist counts as empty.
        env: the environment variables; those of this process if not given.
    """
    env = os.environ if env is None else env
    user_file = os.path.expanduser(user_config_path or env.get(USER_CONFIG_VARIABLE) or DEFAULT_USER_CONFIG)
    defaults = Config(read_file(path or PACKAGED_CONFIG))
    loaded = override(defaults, read_file(user_file) if os.path.exists(user_file) else {}, str(user_file))
    loaded = override(loaded, read_environment(env), "the environment")
    resolve(loaded, loaded, env)
    settle_switches(defaults, loaded)
    normalize_task_defaults(loaded)
    return loaded


def read_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The tables of one TOML file."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise ConfigurationError(
            f"The configuration file {path} cannot be read ({error.strerror}). "
            f"Make it a readable file, or name another one with the environment variable {USER_CONFIG_VARIABLE}."
        ) from error
    return parse_toml(content, path)


def parse_toml(content: bytes, path: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        before = content[: error.start].split(b"\n")
        raise broken(path, len(before), len(before[-1]) + 1, "not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        line, column = position(str(error), content.decode())
        raise broken(path, line, column, POSITION.sub("", str(error))) from error


def position(message: str, text: str) -> tuple[int, int]:
    """Line and column of a mistake, which tomllib tells at the end of its message."""
    found = POSITION.search(message)
    if found and found[1]:
        return int(found[1]), int(found[2])
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def broken(path: str | os.PathLike[str], line: int, column: int, problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"The configuration file {path} is not valid TOML at line {line}, column {column}: {problem}. "
        'Correct that line; strings need quotes, as in `level = "DEBUG"`.'
    )


def override(base: Config, other: Mapping[str, Any], source: str) -> Config:
    """The settings of `base`, save those that `other` has."""
    for section in sections_lost(base, other):
        keys = ", ".join(f"{section}.{key}" for key in get_dotted(base, section)) or f"{section}.<key>"
        raise ConfigurationError(f"{source} gives {section!r} a single value, but it is a section. Set a key: {keys}.")
    for setting, meant in misspelt(base, other):
        warnings.warn(f"{source} sets {setting!r}, which nothing reads. Did you mean {meant!r}?", stacklevel=2)
    return base.merged(other)


def sections_lost(base: Config, other: Mapping[str, Any]) -> Iterator[str]:
    """The sections that the defaults declare and `other` would replace by something else."""
    for key, mine in base.items():
        if not isinstance(mine, Config) or key not in other or base._path == ".".join(SECRETS):
            continue
        if not isinstance(other[key], Mapping):
            yield base._dotted(key)
            continue
        yield from sections_lost(mine, other[key])


def misspelt(base: Config, other: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The keys of `other` that almost are a key of the defaults, and that key. What is like none is somebody's own."""
    for key, value in other.items():
        mine = base.get(key)
        if isinstance(mine, Config) and isinstance(value, Mapping):
            yield from misspelt(mine, value)
        elif key not in base and (meant := nearest(key, base)):
            yield base._dotted(key), base._dotted(meant)


def nearest(key: str, keys: Iterable[str]) -> str | None:
    from difflib import get_close_matches  # only needed for a mistake

    return next(iter(get_close_matches(key, keys, 1, ALMOST)), None)


def read_environment(env: Mapping[str, str]) -> dict[str, Any]:
    """The tables that variables such as `PREFECT__LOGGING__LEVEL` describe."""
    tables: dict[str, Any] = {}
    for variable in sorted(env):
        if variable.startswith(PREFIX) and variable != USER_CONFIG_VARIABLE:
            place(tables, variable, parse_value(env[variable]))
    return tables


def place(tables: dict[str, Any], variable: str, value: Any) -> None:
    *sections, key = key_path(variable)
    table = tables
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise ConfigurationError(
                f"The environment variable {variable} needs {section!r} to be a section, but another variable gives "
                "it a value. Unset one of the two."
            )
    table[key] = value


def key_path(variable: str) -> tuple[str, ...]:
    """`PREFECT__A__B` is a.b. The name of a secret keeps its case and its underscores."""
    parts = variable[len(PREFIX) :].split("__")
    lowered = tuple(part.lower() for part in parts)
    if lowered[:2] == SECRETS and len(parts) > 2:
        return (*SECRETS, "__".join(parts[2:]))
    if not all(parts):
        raise ConfigurationError(
            f"The environment variable {variable} names no setting: write {PREFIX}SECTION__KEY, or unset it."
        )
    return lowered


def parse_value(text: str) -> Any:
    """What the text of an environment variable means: true, false, a Python literal or just the text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    from ast import literal_eval  # only needed when a variable is set; it would double the time of this import

    try:
        return literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def resolve(table: Config, root: Config, env: Mapping[str, str]) -> None:
    """Replace the names in all values of a table, in place."""
    for key, value in table.items():
        table[key] = resolved(value, table._dotted(key), root, env)


def resolved(value: Any, key: str, root: Config, env: Mapping[str, str]) -> Any:
    if isinstance(value, Config):
        resolve(value, root, env)
        return value
    if isinstance(value, list):
        return [resolved(item, key, root, env) for item in value]
    return resolved_text(value, key, root, env) if isinstance(value, str) else value


def resolved_text(value: str, key: str, root: Config, env: Mapping[str, str]) -> Any:
    for _ in range(ROUNDS):
        replaced = replace_names(value, key, root, env)
        if replaced == value or not isinstance(replaced, str):
            return replaced
        value = replaced
    raise ConfigurationError(
        f"The setting {key!r} still names others after {ROUNDS} replacements: the names probably form a circle. "
        "Give one of them a plain value."
    )


def replace_names(value: str, key: str, root: Config, env: Mapping[str, str]) -> Any:
    """Replace each name once."""

    def text_of(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name in env:
            return env[name]
        return match[0] if match[1] else str(setting_named(match, key, root))

    whole = NAME.fullmatch(value)
    if not whole:
        return os.path.expanduser(NAME.sub(text_of, value))
    name = whole[1] or whole[2]
    if name in env:
        return parse_value(env[name])
    return value if whole[1] else setting_named(whole, key, root)


def setting_named(match: re.Match[str], key: str, root: Config) -> Any:
    value = get_dotted(root, match[2])
    if value is not None and not isinstance(value, Config):
        return value
    if key.startswith(".".join(SECRETS)):
        return match[0]  # a password may well contain "${": it is not for us to judge
    problem = "a section, not a setting" if value is not None else "neither a setting nor an environment variable"
    raise ConfigurationError(f"The setting {key!r} names {match[0]}, which is {problem}. Correct the name.")


def get_dotted(table: Config, dotted: str) -> Any:
    """The value of a key such as "logging.level", or None."""
    value: Any = table
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, Config) else None
    return value


def settle_switches(defaults: Config, loaded: Config) -> None:
    """Give each setting that is true or false, or a number, by default a value of that kind, in place."""
    for key, default in defaults.items():
        if isinstance(default, Config):
            if default._path not in ("tasks", "context"):
                settle_switches(default, loaded[key])
        elif isinstance(default, bool):
            loaded[key] = switch(loaded[key], defaults._dotted(key))
        elif isinstance(default, int | float):
            check_number(loaded[key], defaults._dotted(key))


def switch(value: Any, name: str) -> bool:
    """What a person means who switches something on or off."""
    found = SWITCHES.get(str(value).lower())
    if found is None:
        raise ConfigurationError(f"The setting {name!r} is {value!r}. Set it to true or false.")
    return found


def check_number(value: Any, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigurationError(f"The setting {name!r} is {value!r}. Set it to a number.")


def normalize_task_defaults(loaded: Config) -> None:
    """Give the defaults of tasks the types that `Task` takes; `false` means "none"."""
    defaults = loaded.setdefault("tasks", {}).setdefault("defaults", {})
    defaults.max_retries = number(defaults, "max_retries") or 0
    defaults.timeout = number(defaults, "timeout")
    delay = number(defaults, "retry_delay")
    defaults.retry_delay = timedelta(seconds=delay) if isinstance(delay, int | float) else delay


def number(defaults: Config, key: str) -> Any:
    """A count or length of time, None for `false`."""
    value = defaults.get(key)
    if value is None or value is False or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | timedelta):
        raise ConfigurationError(f"The setting 'tasks.defaults.{key}' is {value!r}. Set it to a number, or to false.")
    return value


def to_environment_variables(
    config: Config, include: Iterable[str] | None = None, prefix: str = "PREFECT"
) -> dict[str, str]:
    """The environment variables that give another process the same settings.

    Args:
        config: the settings.
        include: dotted keys, of settings or whole sections, to restrict it to; those that do not exist are left out.
        prefix: what the names of the variables begin with.
    """
    wanted = None if include is None else tuple(include)
    return {
        f"{prefix}__{variable_name(path)}": text_for(value)
        for path, value in leaves(config)
        if wanted is None or any(f"{'.'.join(path)}.".startswith(f"{key}.") for key in wanted)
    }


def leaves(table: Config, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in table.items():
        if isinstance(value, Config) and path != SECRETS:
            yield from leaves(value, (*path, key))
            continue
        yield (*path, key), value


def variable_name(path: tuple[str, ...]) -> str:
    if path[:2] == SECRETS:
        return "__".join((*(part.upper() for part in SECRETS), *path[2:]))
    return "__".join(path).upper()


def text_for(value: Any) -> str:
    """The text that `parse_value` reads as this value."""
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    if isinstance(value, str):
        return value if parse_value(value) == value else repr(value)
    return repr(dict(value)) if isinstance(value, Config) else repr(value)


config = load_configuration()
