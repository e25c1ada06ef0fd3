"""What flows and people ask of the world around a run: secrets."""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.client.secrets import Secret as Secret

__getattr__, __dir__, __all__ = front_door(__name__, {"Secret": "prefect.client.secrets"}, modules=("secrets",))
