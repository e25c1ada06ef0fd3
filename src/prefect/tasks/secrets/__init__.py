"""Tasks that return secrets: their values are never stored, but fetched anew when they are needed."""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.tasks.secrets.base import PrefectSecret as PrefectSecret
    from prefect.tasks.secrets.base import SecretBase as SecretBase
    from prefect.tasks.secrets.env_var import EnvVarSecret as EnvVarSecret

__getattr__, __dir__, __all__ = front_door(
    __name__,
    {
        "EnvVarSecret": "prefect.tasks.secrets.env_var",
        "PrefectSecret": "prefect.tasks.secrets.base",
        "SecretBase": "prefect.tasks.secrets.base",
    },
    modules=("base", "env_var"),
)
