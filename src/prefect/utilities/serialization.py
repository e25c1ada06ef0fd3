"""Any value to bytes and back: the quick pickle where it suffices, cloudpickle where it does not.

Plain pickle stores functions and classes by name. That is right for what can be imported, but whatever was written in
the script itself lives in `__main__`, which is another module in every other process: it has to travel by value.
"""

from __future__ import annotations

import pickle
import sys
from importlib import import_module
from typing import Any, cast

MAIN = b"__main__"


def dumps(value: Any) -> bytes:
    """The bytes from which `loads` makes an equal value, in this process or another."""
    if travels_by_value():
        return dumps_by_value(value)
    try:
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:  # what makes pickle fail is up to the value; if cloudpickle fails too, its error tells why
        return dumps_by_value(value)
    # A name is stored as it is spelled, so a reference into `__main__` cannot be there without these bytes. The rare
    # text that happens to contain them only costs the time of pickling twice.
    return dumps_by_value(value) if MAIN in data else data


def try_dumps(value: Any) -> None:
    """Raise what `dumps` would raise; no bytes are kept, and the memory of arrays is not even looked at."""
    try:
        pickle.Pickler(NOWHERE, pickle.HIGHEST_PROTOCOL, buffer_callback=lambda lent: None).dump(value)
    except Exception:  # as above
        dumps_by_value(value)


class Nowhere:
    """A file that forgets what is written to it."""

    def write(self, data: Any) -> None:
        return None


NOWHERE = Nowhere()


def loads(data: bytes) -> Any:
    """The value that `dumps` made these bytes of."""
    return pickle.loads(data)


def dumps_by_value(value: Any) -> bytes:
    cloudpickle = import_module("cloudpickle")  # here, because most values do without
    return cast(bytes, cloudpickle.dumps(value, pickle.HIGHEST_PROTOCOL))


def travels_by_value() -> bool:
    """Whether somebody told cloudpickle to send a whole module by value."""
    cloudpickle = sys.modules.get("cloudpickle")
    return cloudpickle is not None and bool(cloudpickle.list_registry_pickle_by_value())
