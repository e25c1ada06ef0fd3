"""Find the flow that somebody names at the terminal, and load it, but do not run it.

| named | loaded |
|---|---|
| `flow.py` | the file, as a script; see `prefect.cli.scripts` |
| `flow.py:name` | likewise; `name` is a variable of the file, or the name of a flow |
| `package.flows`, `package.flows:name` | the module |
| `etl.prefect`, `etl` | a file that `flow.save()` wrote, or one of that name in the home directory |
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from itertools import dropwhile
from pathlib import Path
from types import ModuleType
from typing import Any

from prefect.cli.scripts import as_main, look_here
from prefect.core.flow import Flow
from prefect.exceptions import FlowFileError, FlowFileMissing
from prefect.serialization.flow_file import find_file
from prefect.store.records import FlowRun
from prefect.utilities.context import context

PACKAGE = str(Path(__file__).parent.parent)
PYTHON = os.path.dirname(os.__file__)


@contextmanager
def flow_in(target: str, name: str | None = None) -> Iterator[Flow]:
    """The flow that is named, for the length of the block.

    Args:
        target: a file or module.
        name: which of its flows, if it has several.

    Raises:
        FlowFileMissing: there is no such file or module.
        FlowFileError: it cannot be loaded, has no flow, or has several.
    """
    place, _, own_name = split(target)
    name = name or own_name or None
    if is_script(place):
        with script(place) as module, context(flow_source=module.__file__):
            yield chosen(flows_of(module), name, place)
    elif is_module(place):
        with context(flow_source=place):
            yield chosen(flows_of(imported(place)), name, place)
    else:
        flow = saved(place, name)
        with context(flow_source=str(find_file(place).absolute())):
            yield flow


@contextmanager
def flow_of_run(run: FlowRun, target: str | None) -> Iterator[Flow]:
    """The flow that a run of the history is one of, as it is now.

    Args:
        run: the run.
        target: a file or module; by default the one that the run says it comes from.

    Raises:
        FlowFileMissing: it is not there, or the run does not know where it comes from.
        FlowFileError: it has no such flow.
    """
    place = target or run.source
    if place is None:
        raise FlowFileMissing(
            f"The run {run.id} does not know its file: name it behind the run, as in {run.id} flow.py."
        )
    with flow_in(place, None if split(place)[2] else run.flow) as flow:
        yield flow


def split(target: str) -> tuple[str, str, str]:
    """What is before and behind a colon that parts a place from a name; a drive such as `C:` is no place."""
    if os.path.exists(target) or target.rfind(":") <= 1:
        return target, "", ""
    return target.rpartition(":")


# --- the three kinds --------------------------------------------------------------------------------------------------


def is_script(place: str) -> bool:
    return place.endswith(".py")


@contextmanager
def script(place: str) -> Iterator[ModuleType]:
    path = os.path.abspath(os.path.expanduser(place))
    if not os.path.isfile(path):
        raise FlowFileMissing(f"There is no file {place!r}. Check the path; you are in {os.getcwd()!r}.")
    with ExitStack() as stack:
        with loading(place):
            module = stack.enter_context(as_main(path))
        yield module


def is_module(place: str) -> bool:
    """Can it be imported from here? A file or folder of a path is none."""
    if os.path.isfile(place) or not all(part.isidentifier() for part in place.split(".")):
        return False
    look_here()
    try:
        return find_spec(place) is not None
    except ImportError:  # of a package around it
        return False


def imported(place: str) -> ModuleType:
    with loading(place):
        return import_module(place)


def saved(place: str, name: str | None) -> Flow:
    try:
        flow = Flow.load(place)
    except FlowFileMissing as error:
        raise FlowFileMissing(
            f"There is no file, no module and no saved flow {place!r}. {str(error).partition('. ')[2]}"
        ) from error
    return chosen({flow.name: flow}, name, place)


# --- which flow -------------------------------------------------------------------------------------------------------


def flows_of(module: ModuleType) -> dict[str, Flow]:
    """The flows among the variables of a module, each by its first name."""
    found: dict[str, Flow] = {}
    for variable, value in vars(module).items():
        if isinstance(value, Flow) and not any(value is each for each in found.values()):
            found[variable] = value
    return found


def chosen(flows: dict[str, Flow], name: str | None, place: str) -> Flow:
    """The flow with a name, or the only one there is."""
    fitting = [flow for variable, flow in flows.items() if name in (None, variable, flow.name)]
    if len(fitting) == 1:
        return fitting[0]
    if not flows:
        raise FlowFileError(f"There is no flow in {place!r}. Build it at the top level: with Flow(...) as flow: ...")
    there = ", ".join(f"{flow.name!r} ({variable})" for variable, flow in flows.items())
    if name is None:
        raise FlowFileError(f"There are several flows in {place!r}: {there}. Choose one with --flow NAME.")
    raise FlowFileError(f"{'No' if not fitting else 'Not one'} flow in {place!r} is called {name!r}; there is {there}.")


# --- errors of the user's code ----------------------------------------------------------------------------------------


@contextmanager
def loading(place: str) -> Iterator[None]:
    """Load what builds flows: their runs are passed over, and errors tell of the user's own code alone."""
    try:
        with context(loading_flow=True):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever it does, `sys.exit()` included
        trace = "".join(told(error)).rstrip()
        raise FlowFileError(f"{place!r} cannot be loaded.\n\n{trace}{hint(error)}") from error


def told(error: BaseException) -> list[str]:
    """A traceback that begins where the user's code does, and leaves out the frames of this package."""
    shown = traceback.TracebackException.from_exception(error, compact=True)
    each: Any = shown
    while each is not None:
        each.stack = traceback.StackSummary.from_list(own_frames(each.stack))
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return list(shown.format() if shown.stack else shown.format_exception_only())


def own_frames(stack: traceback.StackSummary) -> list[traceback.FrameSummary]:
    ours = [frame for frame in stack if not frame.filename.startswith((PACKAGE, "<frozen "))]
    return list(dropwhile(lambda frame: is_of_python(frame.filename), ours))


def is_of_python(filename: str) -> bool:
    return filename.startswith(PYTHON) and "site-packages" not in filename


def hint(error: BaseException) -> str:
    """What to do about errors that come of a script which is loaded, but not run."""
    if isinstance(error, SystemExit) or (isinstance(error, AttributeError) and "'NoneType'" in str(error)):
        return (
            "\n\nWhile a file is loaded, `flow.run()` does nothing and returns None. "
            'Put what runs the flow below `if __name__ == "__main__":`.'
        )
    return ""
