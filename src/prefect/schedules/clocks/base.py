"""Clock: tells the times of one rhythm, in order, from any moment on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from prefect.exceptions import ScheduleError, ScheduleTypeError
from prefect.schedules.documents import Document, as_json, decoded, encoded
from prefect.schedules.local import checked_moment
from prefect.utilities.datetimes import as_utc, utcnow


class ClockEvent:
    """A time to run at, and what belongs to that run.

    Events are ordered by their time, among each other and with datetimes. Two events are equal if all of it is; an
    event equals a datetime if their times are the same.

    Args:
        start_time: when; without a zone it is UTC.
        parameter_defaults: values of parameters for that run.
        labels: where that run may take place.
    """

    __slots__ = ("labels", "parameter_defaults", "start_time")

    def __init__(
        self,
        start_time: datetime,
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        self.start_time = checked_moment(start_time, "`start_time` of the event")
        self.parameter_defaults = dict(parameter_defaults or {})
        self.labels = None if labels is None else list(labels)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, datetime):
            return as_utc(self.start_time) == as_utc(other)
        if not isinstance(other, ClockEvent):
            return NotImplemented
        return (
            as_utc(self.start_time) == as_utc(other.start_time)
            and self.parameter_defaults == other.parameter_defaults
            and self.labels == other.labels
        )

    def __hash__(self) -> int:
        return hash(as_utc(self.start_time))

    def __lt__(self, other: ClockEvent | datetime) -> bool:
        return as_utc(self.start_time) < time_of(other)

    def __le__(self, other: ClockEvent | datetime) -> bool:
        return as_utc(self.start_time) <= time_of(other)

    def __gt__(self, other: ClockEvent | datetime) -> bool:
        return as_utc(self.start_time) > time_of(other)

    def __ge__(self, other: ClockEvent | datetime) -> bool:
        return as_utc(self.start_time) >= time_of(other)

    def __repr__(self) -> str:
        return f"<ClockEvent: {self.start_time.isoformat()}>"


def time_of(thing: ClockEvent | datetime) -> datetime:
    """The time of an event or datetime, in UTC: those of one zone would be compared by what their clocks show."""
    return as_utc(thing.start_time if isinstance(thing, ClockEvent) else thing)


class Clock:
    """Tells the times of one rhythm. A clock of your own overrides `events`.

    Args:
        start_date: no time is earlier; without a zone it is UTC.
        end_date: no time is later.
        parameter_defaults: values of parameters for the runs at these times.
        labels: where the runs at these times may take place.

    Raises:
        ScheduleTypeError: a setting is of a wrong type.
    """

    FIELDS: ClassVar[tuple[str, ...]] = ()
    """The settings of its own that a document of the clock has."""

    def __init__(
        self,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        parameter_defaults: Mapping[str, Any] | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        self.start_date = None if start_date is None else checked_moment(start_date, "`start_date`")
        self.end_date = None if end_date is None else checked_moment(end_date, "`end_date`")
        self.parameter_defaults = checked_defaults(parameter_defaults)
        self.labels = checked_labels(labels)

    def events(self, after: datetime | None = None) -> Iterator[ClockEvent]:
        """The events of this clock that come after a moment (by default now), in order, each time once."""
        last = utcnow() if after is None else as_utc(checked_moment(after, "`after`"))
        start = None if self.start_date is None else as_utc(self.start_date)
        end = None if self.end_date is None else as_utc(self.end_date)
        for moment in self.moments(last):
            utc = as_utc(moment)
            if end is not None and utc > end:
                return
            if utc > last and (start is None or utc >= start):
                last = utc
                yield ClockEvent(moment, self.parameter_defaults, self.labels)

    def moments(self, after: datetime) -> Iterator[datetime]:
        """The times of the rhythm in order, with all that come after a moment; earlier ones do no harm."""
        raise NotImplementedError(f"{type(self).__name__} has to define `events(after)`.")

    # --- documents ---------------------------------------------------------------------------------------------------

    def serialize(self) -> Document:
        """Describe the clock in plain values.

        Raises:
            ScheduleError: the clock is of a class of your own, or a value cannot be written as JSON.
        """
        if "FIELDS" not in vars(type(self)):
            raise ScheduleError(f"{self!r} is a clock of your own: it works here, but it cannot be written down.")
        fields = {name: encoded(getattr(self, name)) for name in self.FIELDS}
        defaults = as_json(self.parameter_defaults, "`parameter_defaults` of a clock")
        return {"type": document_type(type(self)), **fields, "parameter_defaults": defaults, "labels": self.labels}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Clock:
        """The clock that the fields of a document describe."""
        plain = {name: fields.get(name) for name in ("parameter_defaults", "labels")}
        return cls(**{name: decoded(fields[name]) for name in cls.FIELDS if name in fields}, **plain)


def document_type(clock: type[Clock]) -> str:
    """The name of a class of clocks in documents."""
    return f"prefect.schedules.clocks.{clock.__name__}"


def checked_defaults(defaults: Mapping[str, Any] | None) -> dict[str, Any]:
    if defaults is not None and not isinstance(defaults, Mapping):
        raise ScheduleTypeError(f"`parameter_defaults` is {defaults!r}: give a dictionary of names and values.")
    return dict(defaults or {})


def checked_labels(labels: Iterable[str] | None) -> list[str] | None:
    if labels is None:
        return None
    listed = None if isinstance(labels, str) or not isinstance(labels, Iterable) else list(labels)
    if listed is None or not all(isinstance(label, str) for label in listed):
        raise ScheduleTypeError(f"`labels` is {labels!r}: give a list of strings.")
    return listed
