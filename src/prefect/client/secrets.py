"""Secret: a value that is looked up by its name when it is needed, and kept nowhere else."""

from __future__ import annotations

from typing import Any

from prefect.exceptions import GraphError, SecretMissing
from prefect.utilities.context import lookup
from prefect.utilities.secrets import decoded, places


class Secret:
    """A secret of the context, `prefect.context(secrets={...})`, or else of the configuration, `[context.secrets]`.

    Args:
        name: its name.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<Secret: {self.name}>"

    def exists(self) -> bool:
        """Is the secret set?"""
        return any(self.name in place for place in places())

    def get(self) -> Any:
        """The secret as it is now; text that is JSON is read as such, so that `{"user": "me"}` is a dictionary.

        Raises:
            SecretMissing: it is set nowhere.
            GraphError: a flow is being built, which must not hold secrets.
        """
        if lookup("flow") is not None:
            raise GraphError(
                f"The secret {self.name!r} was read while a flow is being built, so it would be kept in the flow. "
                f"Use the task `prefect.tasks.secrets.PrefectSecret({self.name!r})`, which reads it in every run."
            )
        for place in places():
            if self.name in place:
                return decoded(place[self.name])
        raise SecretMissing(
            f"The secret {self.name!r} is set nowhere. Set it as the environment variable "
            f"PREFECT__CONTEXT__SECRETS__{self.name}, in the table [context.secrets] of the configuration file, "
            f"or for a block with `prefect.context(secrets={{{self.name!r}: ...}})`."
        )
