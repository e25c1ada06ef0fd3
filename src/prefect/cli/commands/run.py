"""`prefect run FLOW`: run a flow, and tell how its tasks ended."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import click

from prefect.cli import options, output, summary
from prefect.cli.flow_files import flow_in
from prefect.configuration import config
from prefect.core.flow import Flow
from prefect.engine.state import State
from prefect.executors.base import Executor
from prefect.utilities.tasks import tags


@click.command("run")
@options.which_flow
@options.parameters
@options.executor
@click.option("--name", "run_name", metavar="NAME", help="What to call this run.")
@click.option("--tag", "run_tags", multiple=True, metavar="TAG", help="A word to find this run by; can be repeated.")
@options.log_level
@click.option("--schedule", is_flag=True, help="Run at every time of the flow's schedule, not just now.")
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    target: str,
    name: str | None,
    params: dict[str, Any],
    params_file: dict[str, Any],
    executor: Executor | None,
    run_name: str | None,
    run_tags: tuple[str, ...],
    log_level: str | None,
    schedule: bool,
    as_json: bool,
) -> None:
    """Run a flow, here and now, and print how its tasks ended.

    The exit code is 0 if the flow succeeded, 1 if not, and 2 if it could not be run.

    \b
    prefect run flow.py
    prefect run flow.py --param day=2026-01-31 --param limit=10
    prefect run package.flows --flow daily --executor processes
    """
    run_id = str(uuid4())
    given = {**params_file, **params}
    with output.channels(as_json), output.logging_at(log_level), flow_in(target, name) as flow, tags(*run_tags):
        state = run(flow, given, executor, schedule, flow_run_id=run_id, flow_run_name=run_name)
    summary.conclude(ctx, flow, state, run_id, as_json, recorded=config.store.enabled)


def run(flow: Flow, parameters: dict[str, Any], executor: Executor | None, schedule: bool, **options: Any) -> State:
    given = {key: value for key, value in {"executor": executor, **options}.items() if value is not None}
    return flow.run(parameters, run_on_schedule=schedule, **given)
