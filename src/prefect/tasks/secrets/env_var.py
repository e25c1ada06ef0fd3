"""EnvVarSecret: a secret from an environment variable."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from prefect.exceptions import SecretMissing
from prefect.tasks.secrets.base import SecretBase, required


class EnvVarSecret(SecretBase):
    """Fetch a secret from an environment variable of the process that runs the task.

    Args:
        name: the variable; it can also be given to the call.
        cast: makes the value of the text.
        raise_if_missing: fail if the variable is not set; otherwise the value is None.
        **kwargs: settings of a Task.
    """

    def __init__(
        self,
        name: str | None = None,
        cast: Callable[[str], Any] | None = None,
        raise_if_missing: bool = False,
        **kwargs: Any,
    ) -> None:
        self.secret_name = name
        self.cast = cast
        self.raise_if_missing = raise_if_missing
        super().__init__(name=name, **kwargs)

    def run(self, name: str | None = None) -> Any:
        name = required(name or self.secret_name, self)
        text = os.environ.get(name)
        if text is not None:
            return text if self.cast is None else self.cast(text)
        if self.raise_if_missing:
            raise SecretMissing(f"The environment variable {name} is not set. Set it where the task runs.")
        return None
