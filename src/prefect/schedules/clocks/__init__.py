"""Clocks: each tells the times of one rhythm."""

from prefect.utilities.lazy import TYPE_CHECKING, front_door

if TYPE_CHECKING:
    from prefect.schedules.clocks.base import Clock as Clock
    from prefect.schedules.clocks.base import ClockEvent as ClockEvent
    from prefect.schedules.clocks.cron import CronClock as CronClock
    from prefect.schedules.clocks.dates import DatesClock as DatesClock
    from prefect.schedules.clocks.interval import IntervalClock as IntervalClock
    from prefect.schedules.clocks.rrule import RRuleClock as RRuleClock

__getattr__, __dir__, __all__ = front_door(
    __name__,
    {
        "Clock": "prefect.schedules.clocks.base",
        "ClockEvent": "prefect.schedules.clocks.base",
        "CronClock": "prefect.schedules.clocks.cron",
        "DatesClock": "prefect.schedules.clocks.dates",
        "IntervalClock": "prefect.schedules.clocks.interval",
        "RRuleClock": "prefect.schedules.clocks.rrule",
    },
)
