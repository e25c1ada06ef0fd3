"""The kinds of results: each knows one place where values are kept."""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.engine.results.azure_result import AzureResult as AzureResult
    from prefect.engine.results.constant_result import ConstantResult as ConstantResult
    from prefect.engine.results.gcs_result import GCSResult as GCSResult
    from prefect.engine.results.local_result import LocalResult as LocalResult
    from prefect.engine.results.prefect_result import PrefectResult as PrefectResult
    from prefect.engine.results.s3_result import S3Result as S3Result
    from prefect.engine.results.secret_result import SecretResult as SecretResult

__getattr__, __dir__, __all__ = front_door(
    __name__,
    {
        "AzureResult": "prefect.engine.results.azure_result",
        "ConstantResult": "prefect.engine.results.constant_result",
        "GCSResult": "prefect.engine.results.gcs_result",
        "LocalResult": "prefect.engine.results.local_result",
        "PrefectResult": "prefect.engine.results.prefect_result",
        "S3Result": "prefect.engine.results.s3_result",
        "SecretResult": "prefect.engine.results.secret_result",
    },
    modules=[
        "azure_result",
        "constant_result",
        "gcs_result",
        "local_result",
        "prefect_result",
        "s3_result",
        "secret_result",
    ],
)
