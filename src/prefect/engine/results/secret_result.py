"""Secrets, which are never stored but asked for again."""

from __future__ import annotations

from typing import Any, NoReturn, Protocol

from prefect.engine.result.base import Result
from prefect.exceptions import TaskSettingError


class SecretTask(Protocol):
    """What a secret task offers to its result."""

    name: str

    def run(self) -> Any:
        """Fetch the secret."""


class SecretResult(Result):
    """Holds the value of a secret in memory only; reading it runs the secret task again.

    Args:
        secret_task: the task that fetches the secret.
        **kwargs: the arguments of `Result`; the location is the name of the task by default.
    """

    def __init__(self, secret_task: SecretTask, **kwargs: Any) -> None:
        kwargs.setdefault("location", secret_task.name)
        super().__init__(**kwargs)
        self.secret_task = secret_task

    def read(self, location: str) -> Result:
        """The secret as it is now, in a new result."""
        new = self.copy()
        new.value = self.secret_task.run()
        return new

    def write(self, value_: Any, **kwargs: Any) -> NoReturn:
        """Secrets cannot be written."""
        raise TaskSettingError("SecretResult cannot be written: a secret is kept where its task finds it, nowhere else")

    def exists(self, location: str, **kwargs: Any) -> bool:
        """A secret can always be asked for."""
        return True

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.location!r}>"
