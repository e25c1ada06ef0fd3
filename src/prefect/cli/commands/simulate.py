"""`prefect simulate FLOW`: which tasks would end how, if some of them failed."""

from __future__ import annotations

import re
from typing import Any

import click

from prefect.cli import options, output
from prefect.cli.flow_files import flow_in
from prefect.testing import report
from prefect.testing.script import ALWAYS
from prefect.testing.simulation import CHILDREN, Simulation, simulate
from prefect.testing.single_failures import SingleFailures, every_single_failure


def attempts(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, int]:
    """How many attempts of which tasks fail: all of `TASK`, two of `TASK=2`."""
    matches = {each: re.fullmatch(r"(.+)=(\d+)", each) for each in given}
    return {match[1] if match else each: int(match[2]) if match else ALWAYS for each, match in matches.items()}


@click.command("simulate")
@options.which_flow
@click.option(
    "--fail", metavar="TASK[INDEX]", multiple=True, callback=attempts, help="It fails; with TASK=2, two times."
)
@click.option("--skip", metavar="TASK[INDEX]", multiple=True, help="It skips itself.")
@click.option("--returns", metavar="TASK=VALUE", multiple=True, callback=options.assignments, help="What it returns.")
@options.parameters
@click.option(
    "--children", type=click.IntRange(0), default=CHILDREN, show_default=True, help="How long unknown lists are."
)
@click.option("--every-single-failure", "each_alone", is_flag=True, help="Each task fails alone, in turn.")
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    target: str,
    name: str | None,
    fail: dict[str, int],
    skip: tuple[str, ...],
    returns: dict[str, Any],
    params: dict[str, Any],
    params_file: dict[str, Any],
    children: int,
    each_alone: bool,
    as_json: bool,
) -> None:
    """Tell which tasks would end how, without running any of their code and without waiting.

    The exit code is 1 if the flow would fail.

    \b
    prefect simulate flow.py --fail load
    prefect simulate flow.py --fail "clean[1]" --fail load=2
    prefect simulate flow.py --every-single-failure
    """
    if each_alone and (fail or skip):
        raise click.UsageError("--every-single-failure says itself what fails: leave out --fail and --skip.")
    about: dict[str, Any] = {"returns": returns, "parameters": {**params_file, **params}}
    with output.channels(as_json), flow_in(target, name) as flow:
        if each_alone:
            failures = every_single_failure(flow, children=children, **about)
        else:
            simulation = simulate(flow, fail, skip, children=children, **about)
    if each_alone:
        output.print_json(failures.to_dict()) if as_json else show_failures(failures)
        return
    output.print_json(simulation.to_dict()) if as_json else show(simulation)
    ctx.exit(1 if simulation.state.is_failed() else 0)


def show(simulation: Simulation) -> None:
    rows = [(row.name, output.state_text(row.state), row.retries, row.why) for row in report.rows_of(simulation)]
    output.print_table(("task", "state", "retries", "why"), rows)
    waited = f" after {report.span(simulation.duration)} of waiting" if simulation.duration else ""
    output.print_lines("", output.end_text(simulation.flow.name, simulation.state, waited), *remarks(simulation))


def show_failures(failures: SingleFailures) -> None:
    rows = [(each.name, output.state_text(each.state), each.also) for each in report.effects(failures)]
    output.print_table(("if this fails", "the flow is", "and these are, too"), rows)
    output.print_lines("", report.summary(failures), *remarks(failures.usual))


def remarks(simulation: Simulation) -> list[Any]:
    return [output.text(each, "dim") for each in report.remarks_of(simulation)]
