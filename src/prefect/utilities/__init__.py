"""Helpers that stand below or beside the engine."""

from prefect.utilities.lazy import front_door

__getattr__, __dir__, __all__ = front_door(
    __name__,
    {},
    modules=(
        "collections",
        "configuration",
        "context",
        "datetimes",
        "debug",
        "edges",
        "logging",
        "serialization",
        "tasks",
    ),
)
