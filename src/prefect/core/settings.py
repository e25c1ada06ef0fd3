"""What the settings of a task may be: each function turns one setting into its stored form, or says what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import Any

from prefect.exceptions import TaskSettingError, TaskSettingTypeError

RetryDelay = timedelta | tuple[timedelta, ...] | Callable[[int], timedelta]

LIMITS = ("max_active", "rate")
UNITS = {"s": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """How much of a task may go on in a run; tasks that hold the very same object, as copies do, share it.

    Attributes:
        max_active: how many runs at once; None for any number.
        spacing: seconds from one start to the next.
    """

    max_active: int | None = None
    spacing: float = 0.0


def tags(value: Iterable[str] | None, owner: str) -> set[str]:
    if isinstance(value, str):
        raise TaskSettingTypeError(f"{owner}: tags must be a list or set of strings; write tags=[{value!r}].")
    try:
        return set(value or ())
    except TypeError as error:
        raise TaskSettingTypeError(f"{owner}: tags must be a list or set of strings, not {value!r}.") from error


def max_retries(value: Any, owner: str) -> int:
    if value is None or value is False:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise TaskSettingTypeError(f"{owner}: max_retries must be a whole number, not {value!r}.")
    if value < 0:
        raise TaskSettingError(f"{owner}: max_retries must not be negative, but is {value}.")
    return value


def retry_delay(value: Any, retries: int, owner: str) -> RetryDelay | None:
    """A delay between attempts: one, one for each retry, or a function of the number of runs so far."""
    if value is None:
        if retries:
            raise TaskSettingError(
                f"{owner}: max_retries={retries} needs a retry_delay, such as retry_delay=timedelta(seconds=10)."
            )
        return None
    if not retries:
        raise TaskSettingError(f"{owner}: a retry_delay needs max_retries, such as max_retries=3.")
    if callable(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, (list, tuple)):
        if not value:
            raise TaskSettingError(f"{owner}: retry_delay is an empty list; give it at least one delay.")
        return tuple(delay(each, owner) for each in value)
    return delay(value, owner)


def delay(value: Any, owner: str) -> timedelta:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = timedelta(seconds=value)
    if not isinstance(value, timedelta):
        raise TaskSettingTypeError(
            f"{owner}: retry_delay must be a timedelta, seconds, a list of them, "
            f"or a function of the run count, not {value!r}."
        )
    if value < timedelta(0):
        raise TaskSettingError(f"{owner}: retry_delay must not be negative, but is {value}.")
    return value


def retry_on(value: Any, retries: int, owner: str) -> set[type[Exception]] | None:
    if value is None:
        return None
    if not retries:
        raise TaskSettingError(f"{owner}: retry_on needs max_retries, such as max_retries=3.")
    kinds = set(value) if isinstance(value, Iterable) and not isinstance(value, type) else {value}
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise TaskSettingTypeError(f"{owner}: retry_on takes classes of Exception, not {kind!r}.")
    return kinds


def timeout(value: Any, owner: str) -> float | None:
    """Seconds; None and 0 mean no timeout."""
    if value is None or value is False:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
        value = int(value) if value.is_integer() else value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TaskSettingTypeError(f"{owner}: timeout must be seconds or a timedelta, not {value!r}.")
    if value < 0:
        raise TaskSettingError(f"{owner}: timeout must not be negative, but is {value}.")
    return value


def state_handlers(value: Any, owner: str) -> list[Callable[..., Any]]:
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TaskSettingTypeError(f"{owner}: state_handlers must be a list; write state_handlers=[{named(value)}].")
    for handler in value:
        if not callable(handler):
            raise TaskSettingTypeError(
                f"{owner}: a state handler must be a function of (obj, old_state, new_state), not {handler!r}."
            )
    return list(value)


def function(value: Any, setting: str, owner: str) -> Any:
    if value is not None and not callable(value):
        raise TaskSettingTypeError(f"{owner}: {setting} must be a function, not {value!r}.")
    return value


def text_or_function(value: Any, setting: str, owner: str) -> Any:
    if value is not None and not isinstance(value, str) and not callable(value):
        raise TaskSettingTypeError(f"{owner}: {setting} must be a template or a function, not {value!r}.")
    return value


def nout(value: Any, owner: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TaskSettingTypeError(f"{owner}: nout must be a whole number, not {value!r}.")
    if value < 0:
        raise TaskSettingError(f"{owner}: nout must not be negative, but is {value}.")
    return value


def cache_for(value: Any, owner: str) -> timedelta | None:
    if value is not None and not isinstance(value, timedelta):
        raise TaskSettingTypeError(f"{owner}: cache_for must be a timedelta, not {value!r}.")
    return value


def limits(known: Limits | None, given: Mapping[str, Any], owner: str) -> Limits | None:
    """The limits of a task after some of `LIMITS` were given; the others stay as they were known."""
    known = known or Limits()
    most = max_active(given["max_active"], owner) if "max_active" in given else known.max_active
    apart = spacing(given["rate"], owner) if "rate" in given else known.spacing
    return Limits(most, apart) if most or apart else None


def max_active(value: Any, owner: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TaskSettingTypeError(f"{owner}: max_active must be a whole number, not {value!r}.")
    if value < 1:
        raise TaskSettingError(f"{owner}: max_active must be at least 1, but is {value}; nothing would ever run.")
    return value


def spacing(value: Any, owner: str) -> float:
    """The seconds from one start to the next, from a rate: starts a second, or a text such as "100/minute"."""
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TaskSettingTypeError(f"{owner}: rate must be a number of starts a second or a text, not {value!r}.")
    count, seconds = rate_in_words(value, owner) if isinstance(value, str) else (value, 1)
    if not isfinite(count) or count <= 0:
        raise TaskSettingError(f"{owner}: rate must be more than 0 and finite, but is {value!r}.")
    return seconds / count


def rate_in_words(text: str, owner: str) -> tuple[float, int]:
    """The number of starts in "100/minute", and the seconds of a minute."""
    count, _, unit = (part.strip() for part in text.partition("/"))
    try:
        return float(count), UNITS[unit if unit in UNITS else unit.removesuffix("s")]
    except (ValueError, KeyError) as error:
        raise TaskSettingError(
            f'{owner}: rate must be a number of starts a second, or a text such as "10/s", "100/minute", '
            f'"5000/hour" or "1000/day", not {text!r}.'
        ) from error


def named(value: Any) -> str:
    return getattr(value, "__name__", repr(value))
