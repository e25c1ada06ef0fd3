"""Schedule: the times of several clocks in one order, filtered, then adjusted.

```
clock ─┐
clock ─┼─ in order ─▶ all filters ─▶ one of or_filters ─▶ no not_filters ─▶ adjustments ─▶ times
clock ─┘
```
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Any, Literal, Self, overload

from prefect.exceptions import ScheduleError, ScheduleTypeError
from prefect.schedules.adjustments import ADJUSTMENTS
from prefect.schedules.clocks.base import Clock, ClockEvent, document_type, time_of
from prefect.schedules.clocks.cron import CronClock
from prefect.schedules.clocks.dates import DatesClock
from prefect.schedules.clocks.interval import IntervalClock
from prefect.schedules.clocks.rrule import RRuleClock
from prefect.schedules.documents import Document
from prefect.schedules.filters import FILTERS
from prefect.schedules.local import checked_moment
from prefect.schedules.rules import rule_document, rule_from
from prefect.utilities.datetimes import as_utc, utcnow

Filter = Callable[[datetime], bool]
Adjustment = Callable[[datetime], datetime]

LONGEST_SEARCH = 10_000
"""So many events in a row may be refused before a search is given up."""

CLOCKS: Mapping[str, type[Clock]] = {
    document_type(each): each for each in (IntervalClock, CronClock, DatesClock, RRuleClock)
}
DOCUMENT_TYPE = "prefect.schedules.Schedule"


class Schedule:
    """The times at which a flow runs.

    Args:
        clocks: what tells the times.
        filters: a time counts only if all of these let it pass.
        or_filters: … and at least one of these, if there are any.
        not_filters: … and none of these.
        adjustments: functions that move a time after it passed the filters, one after the other.

    Raises:
        ScheduleTypeError: clocks, filters or adjustments are something else.
    """

    def __init__(
        self,
        clocks: Iterable[Clock],
        filters: Iterable[Filter] | None = None,
        or_filters: Iterable[Filter] | None = None,
        not_filters: Iterable[Filter] | None = None,
        adjustments: Iterable[Adjustment] | None = None,
    ) -> None:
        self.clocks = checked_clocks(clocks)
        self.filters: list[Filter] = functions(filters, "filters")
        self.or_filters: list[Filter] = functions(or_filters, "or_filters")
        self.not_filters: list[Filter] = functions(not_filters, "not_filters")
        self.adjustments: list[Adjustment] = functions(adjustments, "adjustments")

    def __repr__(self) -> str:
        return f"<Schedule: {', '.join(map(repr, self.clocks))}>"

    @property
    def start_date(self) -> datetime | None:
        """When its first clock starts; None if a clock has no start."""
        dates = [clock.start_date for clock in self.clocks if clock.start_date is not None]
        return min(dates, key=as_utc) if dates and len(dates) == len(self.clocks) else None

    @property
    def end_date(self) -> datetime | None:
        """When its last clock ends; None if a clock has no end."""
        dates = [clock.end_date for clock in self.clocks if clock.end_date is not None]
        return max(dates, key=as_utc) if dates and len(dates) == len(self.clocks) else None

    @overload
    def next(self, n: int, after: datetime | None = None, return_events: Literal[False] = False) -> list[datetime]: ...

    @overload
    def next(self, n: int, after: datetime | None = None, *, return_events: Literal[True]) -> list[ClockEvent]: ...

    @overload
    def next(self, n: int, after: datetime | None, return_events: Literal[True]) -> list[ClockEvent]: ...

    def next(
        self, n: int, after: datetime | None = None, return_events: bool = False
    ) -> list[datetime] | list[ClockEvent]:
        """The next times after a moment.

        Events of several clocks at the same time are one if their parameters and labels are the same too; else each of
        them counts, in the order of the clocks. Adjusted times are neither sorted again nor made unique; those that an
        adjustment moves to `after` or before it are passed over.

        Args:
            n: how many at most. There are fewer if the clocks end, or if the filters refuse 10,000 events in a row.
            after: all times are later than this one; by default now. Without a zone it is UTC.
            return_events: with the parameters and labels that belong to each time.

        Returns:
            Datetimes in the zones of their clocks, or events.
        """
        moment = utcnow() if after is None else checked_moment(after, "`after`")
        wanted = self._wanted(as_utc(moment))
        events = list(islice(wanted, checked_number(n)))
        return events if return_events else [event.start_time for event in events]

    def _wanted(self, after: datetime) -> Iterator[ClockEvent]:
        refused = 0
        for event in distinct(merge(*(clock.events(after) for clock in self.clocks), key=time_of)):
            chosen = self._adjusted(event) if self._passes(event.start_time) else None
            if chosen is not None and time_of(chosen) > after:
                refused = 0
                yield chosen
                continue
            refused += 1
            if refused == LONGEST_SEARCH:
                return

    def _passes(self, moment: datetime) -> bool:
        return (
            all(each(moment) for each in self.filters)
            and (not self.or_filters or any(each(moment) for each in self.or_filters))
            and not any(each(moment) for each in self.not_filters)
        )

    def _adjusted(self, event: ClockEvent) -> ClockEvent:
        moment = event.start_time
        for adjust in self.adjustments:
            moment = checked_moment(adjust(moment), f"What the adjustment {adjust!r} returns")
        return event if moment is event.start_time else ClockEvent(moment, event.parameter_defaults, event.labels)

    # --- documents ---------------------------------------------------------------------------------------------------

    def serialize(self) -> Document:
        """Describe the schedule in plain values, for `Schedule.deserialize` to read.

        Raises:
            ScheduleError: a clock, filter or adjustment is your own, or a value cannot be written as JSON.
        """
        if type(self) is not Schedule:
            raise ScheduleError(f"{type(self).__name__} is a class of your own, which cannot be written down.")
        return {
            "type": DOCUMENT_TYPE,
            "clocks": [clock.serialize() for clock in self.clocks],
            "filters": [rule_document(each, FILTERS) for each in self.filters],
            "or_filters": [rule_document(each, FILTERS) for each in self.or_filters],
            "not_filters": [rule_document(each, FILTERS) for each in self.not_filters],
            "adjustments": [rule_document(each, ADJUSTMENTS) for each in self.adjustments],
        }

    @classmethod
    def deserialize(cls, document: Mapping[str, Any]) -> Self:
        """The schedule that a document of `serialize` describes.

        Raises:
            ScheduleError: it is no such document.
        """
        if not isinstance(document, Mapping) or document.get("type") != DOCUMENT_TYPE:
            raise ScheduleError(f"{document!r} is no document of a schedule: its type has to be {DOCUMENT_TYPE!r}.")
        try:
            return cls(
                clocks=[clock_from(each) for each in document["clocks"]],
                filters=[rule_from(each, FILTERS) for each in document["filters"]],
                or_filters=[rule_from(each, FILTERS) for each in document["or_filters"]],
                not_filters=[rule_from(each, FILTERS) for each in document["not_filters"]],
                adjustments=[rule_from(each, ADJUSTMENTS) for each in document["adjustments"]],
            )
        except ScheduleError:
            raise
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise ScheduleError(f"The document of a schedule is broken, {error!r}: {document!r}.") from error


def IntervalSchedule(
    start_date: datetime | None = None, interval: timedelta | None = None, end_date: datetime | None = None
) -> Schedule:
    """A schedule with one `IntervalClock`. Mind that `start_date` comes first: write `interval=` by name.

    Raises:
        ScheduleTypeError: there is no interval, or it is no timedelta.
        ScheduleError: the interval is not longer than zero.
    """
    if isinstance(start_date, timedelta) or interval is None:
        raise ScheduleTypeError("Give the interval by name: IntervalSchedule(interval=timedelta(hours=1)).")
    return Schedule([IntervalClock(interval, start_date=start_date, end_date=end_date)])


def CronSchedule(
    cron: str, start_date: datetime | None = None, end_date: datetime | None = None, day_or: bool | None = None
) -> Schedule:
    """A schedule with one `CronClock`.

    Raises:
        ScheduleError: the line cannot be read.
    """
    return Schedule([CronClock(cron, start_date=start_date, end_date=end_date, day_or=day_or)])


def RRuleSchedule(rrule_obj: Any, start_date: datetime | None = None, end_date: datetime | None = None) -> Schedule:
    """A schedule with one `RRuleClock`.

    Raises:
        ScheduleTypeError: the rule is no rrule or rruleset.
    """
    return Schedule([RRuleClock(rrule_obj, start_date=start_date, end_date=end_date)])


def distinct(events: Iterable[ClockEvent]) -> Iterator[ClockEvent]:
    """Events in order without those that are equal to another."""
    same_time: list[ClockEvent] = []
    for event in events:
        same_time = [each for each in same_time if time_of(each) == time_of(event)]
        if event not in same_time:
            same_time.append(event)
            yield event


def clock_from(document: Mapping[str, Any]) -> Clock:
    """The clock that a document describes."""
    kind = str(document.get("type"))
    if kind not in CLOCKS:
        raise ScheduleError(f"There is no clock {kind!r}; there are {', '.join(CLOCKS)}.")
    return CLOCKS[kind].from_fields(document)


def checked_clocks(clocks: Iterable[Clock]) -> list[Clock]:
    if isinstance(clocks, str | Clock) or not isinstance(clocks, Iterable):
        raise ScheduleTypeError(f"The clocks are {clocks!r}: give a list of them, such as [CronClock('@daily')].")
    listed = list(clocks)
    for clock in listed:
        if not isinstance(clock, Clock):
            hint = "; a Schedule has its own in `schedule.clocks`" if isinstance(clock, Schedule) else ""
            raise ScheduleTypeError(f"{clock!r} is no clock: use those of `prefect.schedules.clocks`{hint}.")
    return listed


def functions(given: Iterable[Any] | None, what: str) -> list[Any]:
    if given is None:
        return []
    listed = list(given) if isinstance(given, Iterable) else None
    if listed is None or not all(map(callable, listed)):
        raise ScheduleTypeError(f"`{what}` is {given!r}: give a list of functions of a datetime.")
    return listed


def checked_number(n: int) -> int:
    if isinstance(n, bool) or not isinstance(n, int):
        raise ScheduleTypeError(f"There are no {n!r} times: give a whole number.")
    if n < 0:
        raise ScheduleError(f"There are no {n} times: give a number from 0 on.")
    return n
