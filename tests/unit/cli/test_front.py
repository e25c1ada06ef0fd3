"""The command `prefect` itself: what it knows before any of its commands is used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import Result

from prefect.cli import main
from prefect.cli.front import COMMANDS
from prefect.utilities.version import __version__

Call = Callable[..., Result]

HEAVY = "asyncio dask distributed pandas rich cloudpickle prefect.configuration prefect.core.flow prefect.engine.state"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_of_the_table_is_there_and_can_print_json(name: str) -> None:
    command = import_module(f"prefect.cli.commands.{name}").command

    assert isinstance(command, click.Command)
    assert command.name == name
    parts = command.commands.values() if isinstance(command, click.Group) else [command]
    for part in parts:
        assert name == "completion" or "--json" in [option for each in part.params for option in each.opts]


def test_help_lists_the_commands_and_imports_none_of_them() -> None:
    code = f"""
import sys
from prefect.cli import main
try:
    main(["--help"], prog_name="prefect")
finally:
    print(*[name for name in "{HEAVY}".split() if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert done.stderr.strip() == ""


def test_an_unknown_command_is_a_mistake_of_usage(prefect: Call) -> None:
    result = prefect("fly")

    assert result.exit_code == 2
    assert "No such command 'fly'" in result.stderr


def test_version(prefect: Call) -> None:
    assert prefect("--version").stdout.strip().endswith(__version__)


def test_errors_of_the_package_are_one_line_and_with_debug_a_traceback(prefect: Call) -> None:
    result = prefect("run", "nowhere.py")

    assert result.exit_code == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: There is no file 'nowhere.py'.")
    with pytest.raises(FileNotFoundError):
        prefect("--debug", "run", "nowhere.py")


def completed(*words: str) -> list[str]:
    *before, incomplete = words
    completion = ShellComplete(main, {}, "prefect", "_PREFECT_COMPLETE")
    return [each.value for each in completion.get_completions(before, incomplete)]


def test_commands_options_and_executors_are_completed() -> None:
    assert completed("c") == ["check", "config", "completion"]
    assert "--executor" in completed("run", "flow.py", "--")
    assert completed("run", "flow.py", "--executor", "p") == ["processes"]


@pytest.mark.parametrize(("shell", "word"), [("bash", "complete "), ("zsh", "compdef"), ("fish", "complete ")])
def test_the_script_for_completion_is_printed(prefect: Call, shell: str, word: str) -> None:
    script = prefect("completion", shell).stdout

    assert "_PREFECT_COMPLETE" in script
    assert word in script
