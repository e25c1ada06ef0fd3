"""Which process works at a flow run, and whether it still lives.

An owner is `host/pid/started`: the number of a process alone would be given to another one some day.
"""

from __future__ import annotations

import os
import platform
from functools import lru_cache


def this_process() -> str:
    """The owner that this process is."""
    return owner_of(os.getpid())


@lru_cache(maxsize=8)
def owner_of(pid: int) -> str:
    return f"{platform.node()}/{pid}/{start_of(pid)}"


def is_dead(owner: str) -> bool:
    """Is it certain that an owner is gone? Nobody knows that of one on another machine."""
    host, _, rest = owner.rpartition("/")[0].rpartition("/")
    if host != platform.node() or not rest.isdigit():
        return False
    return start_of(int(rest)) != owner.rpartition("/")[2]


def start_of(pid: int) -> str | None:
    """When a process began, in milliseconds; None if there is none of that number, or only its remains."""
    import psutil  # here, because only few processes ask

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time() * 1000:.0f}"
    except psutil.Error:
        return None


def described(owner: str) -> str:
    """An owner for people."""
    host, pid, _ = owner.rsplit("/", 2) if owner.count("/") >= 2 else (owner, "?", "")
    return f"process {pid} on {host}"
