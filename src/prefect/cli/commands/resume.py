"""`prefect resume RUN [FILE]`: go on with a run that stopped; what succeeded is kept."""

from __future__ import annotations

import sys
from typing import Any

import click

from prefect.cli import forecast, moments, options, output, past, run_page, summary
from prefect.cli.flow_files import flow_of_run
from prefect.core.flow import Flow
from prefect.engine.state import KINDS, State
from prefect.executors.base import Executor
from prefect.store.finding import held
from prefect.store.flow_versions import Changes
from prefect.store.reading import is_under_way
from prefect.store.records import FlowRun
from prefect.store.resuming import Resumption, checked, find_run, prepared


@click.command("resume")
@options.which_run
@options.own_file
@options.yes
@options.executor
@options.log_level
@options.store
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    which: str,
    target: str | None,
    agreed: bool,
    executor: Executor | None,
    log_level: str | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Go on with a run that stopped: only what has not succeeded runs, with the inputs it had.

    RUN is its id, the beginning of one, or "last". FILE is where its flow is now; by default where it was. If the
    code has changed, what has changed is shown first, and asked for.

    \b
    prefect resume last
    prefect resume b738312c flow.py --yes
    """
    state: State | None = None
    with output.channels(as_json), output.logging_at(log_level), past.history_at(url) as store:
        run = find_run(store, which)
        if is_under_way(run, moments.now()):
            raise held(run)
        with flow_of_run(run, target) as flow:
            found = prepared(store, checked(run, flow), flow)
            if not as_json:
                show(flow, found)
            if found.left or run.ended is None:
                ask(found.changes, agreed, as_json)
                state = go_on(flow, run, executor)
    if state is None:
        nothing_left(ctx, run, as_json)
    else:
        summary.conclude(ctx, flow, state, run.id, as_json, recorded=True)


def go_on(flow: Flow, run: FlowRun, executor: Executor | None) -> State:
    chosen: dict[str, Any] = {} if executor is None else {"executor": executor}
    return flow.run(resume=run.id, **chosen)


def show(flow: Flow, found: Resumption) -> None:
    """What going on means."""
    now = moments.now()
    forecasts = forecast.going_on(flow, found)
    output.print_parts(run_page.headline(found.run, now), "", *forecast.page(forecasts, found.changes), "")


def ask(changes: Changes, agreed: bool, as_json: bool) -> None:
    """Let somebody decide whether changed code may go on with the run."""
    if agreed or not changes:
        return
    if as_json or not sys.stdin.isatty():
        what = "; ".join(changes.lines())
        raise click.UsageError(f"The code has changed since the run began ({what}): add --yes to go on with it.")
    click.confirm("Go on with the changed code?", abort=True)


def nothing_left(ctx: click.Context, run: FlowRun, as_json: bool) -> None:
    if as_json:
        output.print_json(past.document(run, moments.now()))
    else:
        output.print_lines("Nothing is left to do.")
    ctx.exit(0 if KINDS[run.state]("").is_successful() else 1)
