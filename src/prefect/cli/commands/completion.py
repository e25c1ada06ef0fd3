"""`prefect completion SHELL`: the script with which a shell completes the commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and files in a shell. Put one of these into its settings:

    \b
    eval "$(prefect completion bash)"            in ~/.bashrc
    eval "$(prefect completion zsh)"             in ~/.zshrc
    prefect completion fish | source             in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "prefect", "_PREFECT_COMPLETE").source())
