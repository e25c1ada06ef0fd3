"""Documents: the values of schedules as JSON has them, and back.

A value that JSON does not know is an object with one telling key: `{"seconds": 3600.0}`, `{"time": "09:00:00"}`,
`{"datetime": "2030-01-01T09:00:00", "zone": "Europe/Berlin"}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from prefect.exceptions import ScheduleError
from prefect.schedules.local import named_zone, zone_name

Document = dict[str, Any]


def encoded(value: Any) -> Any:
    """A value as JSON has it.

    Raises:
        ScheduleError: it cannot be written.
    """
    if isinstance(value, datetime):
        return encoded_datetime(value)
    if isinstance(value, timedelta):
        return {"seconds": value.total_seconds()}
    if isinstance(value, time):
        return {"time": value.isoformat()}
    if isinstance(value, list | tuple):
        return [encoded(each) for each in value]
    return value


def decoded(value: Any) -> Any:
    """The value that was written as JSON.

    Raises:
        ScheduleError: it is none that `encoded` writes.
    """
    if isinstance(value, list):
        return [decoded(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    try:
        return decoded_object(value)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ScheduleError(f"{value!r} is no value of a schedule: {error!r}.") from error


def decoded_object(value: Mapping[str, Any]) -> Any:
    if "seconds" in value:
        return timedelta(seconds=value["seconds"])
    if "time" in value:
        return time.fromisoformat(value["time"])
    return decoded_datetime(value)


def encoded_datetime(moment: datetime) -> Document:
    """Local time and the name of its zone; if the zone has none, its offset, provided it never changes."""
    zone = moment.tzinfo
    name = None if zone is None else zone_name(zone)
    if name is not None:
        shown = moment.replace(tzinfo=None).isoformat()
        return {"datetime": shown, "zone": name, **({"fold": 1} if moment.fold else {})}
    if zone is not None and zone.utcoffset(None) is None:
        raise ScheduleError(f"The zone {zone!r} has no name to write down: use zoneinfo.ZoneInfo('Europe/Berlin').")
    return {"datetime": moment.isoformat(), "zone": None}


def decoded_datetime(value: Mapping[str, Any]) -> datetime:
    moment = datetime.fromisoformat(value["datetime"])
    if value.get("zone") is None:
        return moment
    zone = named_zone(value["zone"])
    if zone is None:
        raise ScheduleError(f"This machine does not know the zone {value['zone']!r}: install the package tzdata.")
    return moment.replace(tzinfo=zone, fold=value.get("fold", 0))


def as_json(value: Any, what: str) -> Any:
    """A value of the user, as JSON gives it back.

    Raises:
        ScheduleError: JSON does not know it.
    """
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ScheduleError(
            f"{what} cannot be written as JSON ({error}). Use text, numbers, lists and dictionaries."
        ) from error
