"""How the tasks of a run ended: as a table for people, as a document for programs.

```
task    state    message
load    Success
clean   Mapped   3 children: 2 Success, 1 Failed
  [1]   Failed   Unexpected error: ValueError('too large')
```
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import click

from prefect.cli import output
from prefect.core.flow import Flow
from prefect.core.task import Task
from prefect.engine.state import Mapped, State, Success
from prefect.exceptions import StoreError
from prefect.store.opening import open_store
from prefect.testing.report import counted, is_plain

MOST_CHILDREN = 5
"""So many children of a map that did not simply succeed have a row of their own."""


class Row(NamedTuple):
    name: str
    state: type[State] | None
    message: str


def conclude(ctx: click.Context, flow: Flow, state: State, run_id: str, as_json: bool, recorded: bool) -> None:
    """End a command that ran a flow: print what came of it, and how to go on if that is possible."""
    if as_json:
        output.print_json({"flow_run_id": run_id, **document(flow, state)})
    else:
        show(flow, state)
        output.print_parts(*(advice(run_id) if recorded and not state.is_successful() else ()))
    ctx.exit(0 if state.is_successful() else 1)


def advice(run_id: str) -> Iterator[output.Part]:
    """What to do about a run that did not succeed, if it is in the history."""
    with suppress(StoreError):
        open_store().run(run_id)
        yield ""
        steps = [("prefect show last", "see what happened"), ("prefect resume last", "go on, with what succeeded kept")]
        yield output.table(("", ""), [(step, output.text(what, "dim")) for step, what in steps])


def show(flow: Flow, state: State) -> None:
    """Print the table, and the state of the flow below it; on a terminal, apart from the log above."""
    if output.console().is_terminal:
        output.print_lines("")
    rows = [(row.name, output.state_text(row.state), row.message) for row in rows_of(flow, state)]
    output.print_table(("task", "state", "message"), rows)
    output.print_lines("", output.end_text(flow.name, state))


def rows_of(flow: Flow, state: State) -> Iterator[Row]:
    for task in flow.sorted_tasks():
        own = state.result[task]
        if is_plain(task, own):
            continue
        yield Row(name_of(flow, task), type(own), message_of(own))
        if isinstance(own, Mapped):
            yield from rows_of_children(own)


def rows_of_children(parent: Mapped) -> Iterator[Row]:
    unusual = [(index, state) for index, state in enumerate(parent.map_states) if type(state) is not Success]
    for index, state in unusual[:MOST_CHILDREN]:
        yield Row(f"  [{index}]", type(state), message_of(state))
    if len(unusual) > MOST_CHILDREN:
        yield Row("  …", None, f"and {len(unusual) - MOST_CHILDREN} more")


def name_of(flow: Flow, task: Task) -> str:
    """The name of a task; its slug if others have the same name."""
    return task.name if len(flow.get_tasks(name=task.name)) == 1 else flow.slugs[task]


def message_of(state: State) -> str:
    """What is worth telling of a state: a plain success says it all."""
    if isinstance(state, Mapped):
        return counted(state.map_states)
    return "" if type(state) is Success else state.message or ""


# --- documents --------------------------------------------------------------------------------------------------------


def document(flow: Flow, state: State) -> dict[str, Any]:
    """The end of a run as plain values, without the values of its tasks."""
    return {
        "flow": flow.name,
        "state": type(state).__name__,
        "message": state.message,
        "tasks": [task_document(flow, task, state.result[task]) for task in flow.sorted_tasks()],
    }


def task_document(flow: Flow, task: Task, state: State) -> dict[str, Any]:
    own = {"task": flow.slugs[task], "name": task.name, "state": type(state).__name__, "message": state.message}
    if not isinstance(state, Mapped):
        return own
    children = [
        {"index": index, "state": type(child).__name__, "message": child.message}
        for index, child in enumerate(state.map_states)
    ]
    return {**own, "counts": Counter(each["state"] for each in children), "children": children}
