"""The kinds of results: each knows one place where values are kept."""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.engine.results.constant_result import ConstantResult as ConstantResult
    from prefect.engine.results.local_result import LocalResult as LocalResult
    from prefect.engine.results.prefect_result import PrefectResult as PrefectResult
    from prefect.engine.results.secret_result import SecretResult as SecretResult

__getattr__, __dir__, __all__ = front_door(
    __name__,
    {
        "ConstantResult": "prefect.engine.results.constant_result",
        "LocalResult": "prefect.engine.results.local_result",
        "PrefectResult": "prefect.engine.results.prefect_result",
        "SecretResult": "prefect.engine.results.secret_result",
    },
    modules=["constant_result", "local_result", "prefect_result", "secret_result"],
)
