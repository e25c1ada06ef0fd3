"""What the results in cloud stores share: the vendor's own client, made when it is first needed.

A client holds connections, so it stays behind when the result travels to another process, which makes its own with the
credentials that it finds there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from threading import Lock
from typing import Any, Self

from prefect.engine.result.stored import StoredResult
from prefect.exceptions import TaskSettingError
from prefect.utilities.secrets import find_secret

CONNECTING = Lock()
"""Vendors promise that clients may be used by several threads, but not that they may be made by several."""


class CloudResult(StoredResult):
    """Base of the results that reach their store through a client.

    Args:
        **kwargs: the arguments of `Result`.
    """

    _client: Any = None

    @property
    def client(self) -> Any:
        """The vendor's client, which copies of this result share."""
        if self._client is None:
            with CONNECTING:
                self._client = self._client or self.connect()
        return self._client

    def connect(self) -> Any:
        """A new client."""
        raise NotImplementedError(f"{type(self).__name__} has to define connect() -> the client of its store")

    def copy(self) -> Self:
        """A copy that shares the value and the client."""
        new = super().copy()
        new._client = self._client
        return new

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_client"}


def vendor(module: str, extra: str) -> Any:
    """A module of a vendor, or an error that says how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f'This result needs {module}, which is not installed: pip install "prefect-core[{extra}]".'
        ) from error


def secret_table(name: str, required: Iterable[str]) -> Mapping[str, Any] | None:
    """A secret that is a table with certain keys; None if it is not set."""
    secret = find_secret(name)
    if secret is None:
        return None
    if isinstance(secret, Mapping) and all(key in secret for key in required):
        return secret
    raise TaskSettingError(f"The secret {name!r} has to be a table, or its JSON text, with {', '.join(required)}")
