"""Texts as every store can keep them.

Databases refuse a few texts that Python allows: PostgreSQL those with a zero character, and all of them those that hold
half a character (a lone surrogate, as from a file name in a broken encoding). A message must never be the reason why
history is lost, so such characters are replaced: `␀` and `?`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from prefect.store.records import Event, FlowRun, TaskRun

Record = TypeVar("Record", bound="tuple[Any, ...]")


def plain(text: str) -> str:
    """The text, with what no database takes replaced."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "␀").encode(errors="replace").decode()


def plain_record(record: Record) -> Record:
    """A record, or a plain tuple, whose texts are plain, those of its value too."""
    make: Any = getattr(record, "_make", tuple)
    made: Record = make(map(plain_field, record))
    return made


def plain_field(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {plain(name): plain_record(each) for name, each in value.items()}
    return plain_record(value) if isinstance(value, tuple) else value


def plain_event(event: Event) -> Event:
    """An event whose message is plain; most have none."""
    return event if event.message is None else plain_record(event)


def plain_task_run(task_run: TaskRun) -> TaskRun:
    """A task run whose texts are plain; most have none."""
    bare = task_run.message is None and task_run.document is None and task_run.value is None
    return task_run if bare else plain_record(task_run)


def plain_run(run: FlowRun) -> FlowRun:
    """A flow run whose texts are plain."""
    return replace(run, **{each.name: plain_field(getattr(run, each.name)) for each in fields(run)})
