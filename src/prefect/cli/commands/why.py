"""`prefect why RUN TASK[INDEX]`: the chain of causes, from what somebody asks about to its roots."""

from __future__ import annotations

from typing import Any

import click

from prefect.cli import options, output, past
from prefect.store.causes import Cause, why
from prefect.store.reading import RunReading
from prefect.store.recorder import PLAIN


@click.command("why")
@options.which_run
@click.argument("task", metavar="TASK[INDEX]")
@options.store
@options.as_json
def command(which: str, task: str, url: str | None, as_json: bool) -> None:
    """Tell why a task, or a child of a mapped one, is in its state: which rule of the engine, and what before it.

    \b
    prefect why last load
    prefect why last "clean[7]"
    """
    with past.run_at(url, which) as reading:
        cause = why(reading, reading.find(task))
        if as_json:
            output.print_json(document(cause))
        else:
            output.print_parts(tree(reading, cause))


def tree(reading: RunReading, cause: Cause) -> output.Part:
    """The chain as a tree, the causes below what they cause."""
    from rich.tree import Tree

    made = Tree(words(reading, cause), guide_style="dim")
    for each in cause.causes:
        made.add(tree(reading, each))
    if cause.further:
        made.add(output.text(f"and {cause.further:,} more", "dim"))
    return made


def words(reading: RunReading, cause: Cause) -> output.Text:
    head = output.text(past.label(reading, cause.address), "bold").append("  ")
    head.append_text(output.named_state(cause.state))
    told = "" if cause.message == PLAIN or not cause.message else f"  {cause.message}"
    return head.append(told).append(f"\n{cause.rule}", "dim")


def document(cause: Cause) -> dict[str, Any]:
    return {
        **past.address_document(cause.address),
        "state": cause.state,
        "message": cause.message,
        "rule": cause.rule,
        "causes": [document(each) for each in cause.causes],
        "further": cause.further,
    }
