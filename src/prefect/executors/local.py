"""LocalExecutor: calls functions at once, in this very thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prefect.executors.base import Executor


class LocalExecutor(Executor):
    """Calls each function when it is submitted; its futures are the values themselves."""

    inline = True

    def submit(
        self, fn: Callable[..., Any], *args: Any, extra_context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """Call a function and return its value."""
        return fn(*args, **kwargs)

    def wait(self, futures: Any) -> Any:
        """The values, which are what was given."""
        return futures
