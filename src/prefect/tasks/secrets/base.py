"""Tasks whose value is a secret: it stays in memory, and a run that is continued fetches it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from prefect.client.secrets import Secret
from prefect.core.task import Task
from prefect.engine.results.secret_result import SecretResult
from prefect.exceptions import TaskSettingError

if TYPE_CHECKING:
    from prefect.core.graph import Graph

PLACES = ("result", "target")  # settings that say where a value is stored


class SecretBase(Task):
    """Base of the tasks that fetch a secret in `run`.

    Args:
        **kwargs: settings of a Task, but none that says where to store the value.

    Raises:
        TaskSettingError: `result` or `target` is given.
    """

    role = "secret"

    def __init__(self, **kwargs: Any) -> None:
        refuse_places(kwargs)
        super().__init__(**{**kwargs, "checkpoint": False})
        self.result = SecretResult(self)

    def _copy(self, flow: Graph | None, task_args: dict[str, Any]) -> Self:
        """A copy fetches its own secret."""
        refuse_places(task_args)
        new = super()._copy(flow, task_args)
        new.checkpoint = False
        new.result = SecretResult(new)
        return new


def refuse_places(settings: dict[str, Any]) -> None:
    for name in PLACES:
        if settings.get(name) is not None:
            raise TaskSettingError(f"A secret task cannot have a {name}: secrets are never stored. Leave it out.")


def required(name: str | None, task: Task) -> str:
    """The name of a secret.

    Raises:
        TaskSettingError: there is none.
    """
    if not name:
        kind = type(task).__name__
        raise TaskSettingError(
            f"{task!r} does not know which secret to fetch: {kind}('NAME'), or pass `name=` in its call."
        )
    return name


class PrefectSecret(SecretBase):
    """Fetch a secret of the context or the configuration; see `prefect.client.Secret`.

    Args:
        name: its name; it can also be given to the call.
        **kwargs: settings of a Task.
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        self.secret_name = name
        super().__init__(name=name, **kwargs)

    def run(self, name: str | None = None) -> Any:
        return Secret(required(name or self.secret_name, self)).get()
