"""`prefect plan FLOW`: what would run, what would be reused, and why; no task runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from prefect.cli import forecast, options, output, past
from prefect.cli.flow_files import flow_in
from prefect.cli.forecast import Forecast
from prefect.engine.driver import check_parameters
from prefect.engine.file_cache import default_cache
from prefect.store.flow_versions import Changes
from prefect.store.resuming import checked, find_run, prepared


@click.command("plan")
@options.which_flow
@click.option("--resume", metavar="RUN", shell_complete=options.runs_like, help="Go on with this run of the history.")
@options.parameters
@options.store
@options.as_json
def command(
    target: str,
    name: str | None,
    resume: str | None,
    params: dict[str, Any],
    params_file: dict[str, Any],
    url: str | None,
    as_json: bool,
) -> None:
    """Tell what a run would do, task by task: what would run, what would be reused, and why. No task runs.

    \b
    prefect plan flow.py --param limit=10
    prefect plan flow.py --resume last
    """
    given = {**params_file, **params}
    if resume and given:
        raise click.UsageError("A run that is resumed has its own parameters: leave out --param and --params-file.")
    changes = Changes()
    with output.channels(as_json), flow_in(target, name) as flow:
        flow.validate()
        if resume is None:
            check_parameters(flow, given)
            found = forecast.beginning(flow, given, default_cache())
        else:
            with past.history_at(url) as store:
                resumption = prepared(store, checked(find_run(store, resume, flow.name), flow), flow)
                found, changes = forecast.going_on(flow, resumption), resumption.changes
    if as_json:
        output.print_json(document(flow.name, found, changes))
    else:
        output.print_parts(*forecast.page(found, changes))


def document(flow: str, found: Sequence[Forecast], changes: Changes) -> dict[str, Any]:
    return {"flow": flow, "changes": changes._asdict(), "tasks": [each._asdict() for each in found]}
