"""Help for the tests of flows: `simulate` tells which tasks would end how, without running any of their code."""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.testing.simulation import Simulation as Simulation
    from prefect.testing.simulation import simulate as simulate
    from prefect.testing.single_failures import SingleFailures as SingleFailures
    from prefect.testing.single_failures import every_single_failure as every_single_failure
    from prefect.testing.unknown import Unknown as Unknown

__getattr__, __dir__, __all__ = front_door(
    __name__,
    {
        "Simulation": "prefect.testing.simulation",
        "SingleFailures": "prefect.testing.single_failures",
        "Unknown": "prefect.testing.unknown",
        "every_single_failure": "prefect.testing.single_failures",
        "simulate": "prefect.testing.simulation",
    },
)
