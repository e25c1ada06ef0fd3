"""Schedules: at which times a flow runs."""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.schedules.schedules import CronSchedule as CronSchedule
    from prefect.schedules.schedules import IntervalSchedule as IntervalSchedule
    from prefect.schedules.schedules import RRuleSchedule as RRuleSchedule
    from prefect.schedules.schedules import Schedule as Schedule

__getattr__, __dir__, __all__ = front_door(
    __name__,
    {
        "CronSchedule": "prefect.schedules.schedules",
        "IntervalSchedule": "prefect.schedules.schedules",
        "RRuleSchedule": "prefect.schedules.schedules",
        "Schedule": "prefect.schedules.schedules",
    },
    modules=("adjustments", "clocks", "filters", "schedules"),
)
