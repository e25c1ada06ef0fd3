"""The task library."""

from prefect.utilities.lazy import front_door

__getattr__, __dir__, __all__ = front_door(__name__, {}, modules=("control_flow", "core", "secrets"))
