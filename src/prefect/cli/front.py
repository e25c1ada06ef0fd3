"""The command `prefect`: it knows the names of its commands, and imports the one that is used.

```
prefect run flow.py ──▶ COMMANDS ──import──▶ prefect.cli.commands.run ──▶ its `command`
        │
        └── mistakes of the user ──▶ one line on stderr, exit code 2; with --debug the traceback
```

| exit code | meaning |
|---|---|
| 0 | it went well |
| 1 | the flow failed, or something was found |
| 2 | the command was not understood: an unknown file, flow, run, task, parameter, option or setting |
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from prefect.exceptions import (
    ConfigurationError,
    ExecutorUsageError,
    FlowFileError,
    FlowFileMissing,
    GraphError,
    ParameterError,
    PrefectException,
    ResumeError,
    RunMissing,
    StoreSettingError,
)
from prefect.utilities.version import __version__

COMMANDS = {
    "run": "Run a flow, here and now.",
    "runs": "List the runs of flows.",
    "show": "Show a run: its tasks, and how they ended.",
    "logs": "Print the log of a run.",
    "why": "Tell why a task ended as it did.",
    "plan": "Tell what would run, and what would be reused.",
    "resume": "Go on with a run that stopped.",
    "replay": "Run one task of a run again, alone.",
    "check": "Find what the tasks of a flow will stumble over.",
    "simulate": "Tell which tasks would end how, without running them.",
    "history": "Look after the store of all runs.",
    "config": "Show the settings, and where each comes from.",
    "completion": "Print the script that completes commands in a shell.",
}
"""Each command and what it does; the module of its name in `prefect.cli.commands` has it as `command`."""

USAGE = (
    ConfigurationError,
    ExecutorUsageError,
    FlowFileError,
    FlowFileMissing,
    GraphError,
    ParameterError,
    ResumeError,
    RunMissing,
    StoreSettingError,
)
"""Errors that say that a command was given something wrong."""


class Refusal(click.ClickException):
    """An error of the package, as a person at the terminal reads it."""

    def __init__(self, error: PrefectException) -> None:
        super().__init__(str(error) or type(error).__name__)


class Misunderstood(Refusal):
    """An error about what the command was given."""

    exit_code = 2


class Front(click.Group):
    """A group of commands that are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"prefect.cli.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        commands = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PrefectException as error:
            if ctx.params["debug"]:
                raise
            raise (Misunderstood if isinstance(error, USAGE) else Refusal)(error) from error


@click.group(cls=Front, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="prefect-core")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Run flows, and find out about them.

    Every command has --json, which prints one JSON document and nothing else. A FLOW is a file (flow.py, or
    flow.py:name), a module (package.flows), or a file that flow.save() wrote.
    """
