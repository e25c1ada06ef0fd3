"""About how many bytes records take in a store: an estimate, where asking the disk is no answer."""

from __future__ import annotations

from collections.abc import Iterable

from prefect.store.records import Batch, Event, LogChunk, Stretch, TaskRun

ROW = 50
"""The bytes of a row besides its texts."""


def weight(batch: Batch) -> int:
    """The bytes that a batch adds."""
    return (
        ROW * (1 + batch.rows + len(batch.tasks))
        + of_events(batch.events)
        + of_task_runs(batch.task_runs.values())
        + of_stretches(batch.stretches)
        + of_logs(batch.logs)
    )


def of_events(events: Iterable[Event]) -> int:
    return sum(len(event.message) for event in events if event.message)


def of_task_runs(task_runs: Iterable[TaskRun]) -> int:
    texts = ((each.message, each.document, each.value and each.value.data) for each in task_runs)
    return sum(len(text) for row in texts for text in row if text)


def of_stretches(stretches: Iterable[Stretch]) -> int:
    return sum(len(each.indices) + len(each.times) + len(each.values) for each in stretches)


def of_logs(chunks: Iterable[LogChunk]) -> int:
    return sum(len(chunk.data) for chunk in chunks)
