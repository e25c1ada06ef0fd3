"""RRuleClock: at the times of a recurrence rule of python-dateutil.

The rule is only asked what local clocks show; what that means when they jump is decided here, as RFC 5545 has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from prefect.exceptions import ScheduleTypeError
from prefect.schedules.clocks.base import Clock
from prefect.schedules.documents import Document, decoded, encoded
from prefect.schedules.local import calendar, first_shown, zone_of
from prefect.utilities.datetimes import as_utc

SET_PARTS = ("rrule", "exrule", "rdate", "exdate")
FIXED: Mapping[int | None, timedelta] = {  # by the numbers that dateutil gives to WEEKLY … SECONDLY
    2: timedelta(weeks=1),
    3: timedelta(days=1),
    4: timedelta(hours=1),
    5: timedelta(minutes=1),
    6: timedelta(seconds=1),
}
MARGIN = timedelta(days=3)  # more than local time can be away from UTC, and than a jump can move a time


class RRuleClock(Clock):
    """Ticks at the times of a recurrence rule, in the zone of its `dtstart`; a rule without a zone is in UTC.

    When clocks are changed: a local time that does not exist counts as if they had not been changed yet, so 2:30 is
    3:30 on that day; of a local time that comes twice the first counts. Several ticks at one moment are one. A rule is
    about local time throughout, an hourly one too; for time that passes there is `IntervalClock`.

    Args:
        rrule_obj: an `rrule` or `rruleset` of `dateutil.rrule`.
        start_date: no tick is earlier; without a zone it is UTC.
        end_date: no tick is later.
        parameter_defaults: values of parameters for the runs at these times.
        labels: where the runs at these times may take place.

    Raises:
        ScheduleTypeError: the rule is something else.
    """

    FIELDS = ("start_date", "end_date")

    def __init__(
        self,
        rrule_obj: Any,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        self.rrule_obj = checked_rule(rrule_obj)
        super().__init__(start_date, end_date, parameter_defaults=parameter_defaults, labels=labels)

    def __repr__(self) -> str:
        return f"<RRuleClock: {type(self.rrule_obj).__name__}>"

    def moments(self, after: datetime) -> Iterator[datetime]:
        """The times in order: one that a jump moves may come to lie behind those that follow it in the rule."""
        waiting: list[tuple[datetime, int, datetime]] = []
        for number, given in enumerate(brought_near(self.rrule_obj, after)):
            zone = zone_of(given) if given.tzinfo else UTC
            moment = calendar(given.replace(tzinfo=None), zone)
            heappush(waiting, (as_utc(moment), number, moment))
            earliest = as_utc(first_shown(given.replace(tzinfo=None), zone))  # of all that follow in the rule
            while waiting and waiting[0][0] <= earliest:
                yield heappop(waiting)[-1]
        while waiting:
            yield heappop(waiting)[-1]

    def serialize(self) -> Document:
        """Describe the clock in plain values."""
        return {**super().serialize(), "rule": rule_document(self.rrule_obj)}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Clock:
        """The clock that the fields of a document describe."""
        return cls(
            rule_from(fields["rule"]),
            start_date=decoded(fields.get("start_date")),
            end_date=decoded(fields.get("end_date")),
            parameter_defaults=fields.get("parameter_defaults"),
            labels=fields.get("labels"),
        )


def checked_rule(rule: Any) -> Any:
    from dateutil.rrule import rrule, rruleset  # type: ignore[import-untyped,unused-ignore]

    if not isinstance(rule, rrule | rruleset):
        raise ScheduleTypeError(f"The rule is {rule!r}: give an rrule or rruleset of `dateutil.rrule`.")
    return rule


def brought_near(rule: Any, after: datetime) -> Any:
    """The same rule, with a later start: dateutil follows a rule from its start on, which may be years ago.

    Only a rule that repeats a fixed length of local time can be shortened, and only if it does not count its times. A
    set of rules is left as it is.
    """
    unit = FIXED.get(getattr(rule, "_freq", None))
    if unit is None or rule._count is not None:
        return rule
    step, start = unit * rule._interval, rule._dtstart
    distance = without_zone(after) - without_zone(start) - MARGIN
    return rule.replace(dtstart=start + distance // step * step) if distance > step else rule


# --- rules in documents -----------------------------------------------------------------------------------------------


def rule_document(rule: Any) -> Document:
    """The text of a rule as in calendars, beside the two times whose zones that text cannot tell."""
    if hasattr(rule, "_rdate"):
        return {part: [rule_part(each) for each in getattr(rule, f"_{part}")] for part in SET_PARTS}
    until = rule._until
    plain = rule.replace(dtstart=without_zone(rule._dtstart), until=until and without_zone(until))
    return {"text": str(plain), "dtstart": encoded(rule._dtstart), "until": encoded(until)}


def rule_part(part: Any) -> Any:
    return encoded(part) if isinstance(part, datetime) else rule_document(part)


def without_zone(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def rule_from(document: Mapping[str, Any]) -> Any:
    from dateutil.rrule import rruleset, rrulestr

    if "text" in document:
        read = rrulestr(document["text"])
        return read.replace(dtstart=decoded(document["dtstart"]), until=decoded(document["until"]))
    whole = rruleset()
    for part in SET_PARTS:
        for each in document[part]:
            getattr(whole, part)(decoded(each) if "datetime" in each else rule_from(each))
    return whole
