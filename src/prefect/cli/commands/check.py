"""`prefect check FLOW`: what its tasks will stumble over, found before they run."""

from __future__ import annotations

from collections.abc import Sequence

import click

from prefect.cli import options, output
from prefect.cli.flow_files import flow_in
from prefect.core.check import Finding
from prefect.executors.base import Executor


@click.command("check")
@options.which_flow
@options.executor
@options.as_json
@click.pass_context
def command(ctx: click.Context, target: str, name: str | None, executor: Executor | None, as_json: bool) -> None:
    """Find what the tasks of a flow will stumble over, without running them.

    The exit code is 1 if something was found.
    """
    with output.channels(as_json), flow_in(target, name) as flow:
        flow.validate()
        findings = flow.check(executor)
    if as_json:
        output.print_json({"flow": flow.name, "findings": [each._asdict() for each in findings]})
    else:
        show(flow.name, findings)
    ctx.exit(1 if findings else 0)


def show(name: str, findings: Sequence[Finding]) -> None:
    if not findings:
        output.print_lines(f"{name}: nothing was found.")
    for number, each in enumerate(findings):
        head = output.text("").append(each.task, "bold").append("  ").append(each.kind, "yellow")
        where = [output.text(each.where, "dim")] if each.where else []
        output.print_lines(*([""] if number else []), head, each.message, *where)
