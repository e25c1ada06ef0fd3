"""Flow files: a flow with its code, as one file that is loaded whole or not at all.

```
prefect flow 1 3f09…                                      format, and the digest of all that follows
{"name": "etl", "python": "3.12.3", "prefect": …}         who wrote it; size of the rest
…                                                         the pickled flow
```

Nothing of a file is unpickled before its digest is known to be right. That guards against damage, not against people:
to load a file is to run code in it.
"""

from __future__ import annotations

import json
import os
import platform
import re
import unicodedata
import warnings
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from prefect.configuration import config
from prefect.exceptions import FlowFileError, FlowFileMissing
from prefect.utilities.files import write_file
from prefect.utilities.serialization import dumps_by_value, loads
from prefect.utilities.version import __version__

T = TypeVar("T")

Header = Mapping[str, Any]

FORMAT = 1
MAGIC = b"prefect flow "
SUFFIX = ".prefect"
SHOWN = 20
"""So many files are named when one is missing."""


# --- saving -----------------------------------------------------------------------------------------------------------


def save_flow(flow: Any, path: str | os.PathLike[str] | None) -> str:
    """Write a flow to a file, by default to one of its name in the home directory; returns the absolute path."""
    given = folder() / f"{slug(flow.name)}{SUFFIX}" if path is None else Path(path).expanduser()
    target, content = os.path.abspath(given), file_content(flow)
    try:
        write_file(target, content)
    except OSError as error:
        raise FlowFileError(
            f"{flow!r} cannot be written to {target!r} ({error.strerror}). Make room for it, or give another path: "
            "flow.save('/some/where.prefect')."
        ) from error
    return target


def file_content(flow: Any) -> bytes:
    pickled = pickled_flow(flow)
    header = {"name": flow.name, **versions(), "cloudpickle": cloudpickle_version(), "size": len(pickled)}
    body = json.dumps(header).encode() + b"\n" + pickled
    return MAGIC + f"{FORMAT} {digest(body)}\n".encode() + body


def pickled_flow(flow: Any) -> bytes:
    try:
        return dumps_by_value(flow)
    except Exception as error:  # what makes pickling fail is up to what the flow holds
        raise FlowFileError(
            f"{flow!r} cannot be saved, because something in it cannot be pickled ({type(error).__name__}: {error}). "
            "Make locks, connections and open files inside the `run` of a task rather than outside."
        ) from error


def versions() -> dict[str, str]:
    """The versions that should be the same where a flow is saved and where it is loaded."""
    return {"python": platform.python_version(), "prefect": __version__}


def cloudpickle_version() -> str:
    import cloudpickle

    return str(cloudpickle.__version__)


def digest(body: bytes) -> str:
    return sha256(body).hexdigest()


def folder() -> Path:
    """Where flows are saved when no path is given."""
    return Path(config.home_dir, "flows")


def slug(name: str) -> str:
    """The name of a flow as that of a file: `My Flow!` is `my-flow`."""
    letters = [each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each)]
    return re.sub(r"[^\w]+", "-", "".join(letters).lower()).strip("-_") or "flow"


# --- loading ----------------------------------------------------------------------------------------------------------


def load_flow(path: str | os.PathLike[str], kind: type[T], stacklevel: int = 1) -> T:
    """The flow in a file.

    Args:
        path: the file; or the name of a flow, or of a file, in the folder for flows.
        kind: the class that the flow has to be of.
        stacklevel: at whom warnings point, 1 being who calls this function.

    Raises:
        FlowFileMissing: there is no such file; the message lists those that are there.
        FlowFileError: the file is no flow file, was damaged, or needs something that is not here.
    """
    found = find_file(path)
    header, pickled = checked_content(found, found.read_bytes())
    warn_of_versions(found, header, stacklevel + 1)
    flow = unpickled(found, header, pickled)
    if not isinstance(flow, kind):
        raise FlowFileError(f"The file {str(found)!r} holds a {type(flow).__name__}, which is no {kind.__name__}.")
    return flow


def find_file(path: str | os.PathLike[str]) -> Path:
    given = Path(path).expanduser()
    if os.path.isfile(given) or given.is_absolute():
        return existing([given])
    name = os.fspath(path)
    return existing([folder() / name, folder() / f"{name}{SUFFIX}", folder() / f"{slug(name)}{SUFFIX}"])


def existing(candidates: list[Path]) -> Path:
    for each in candidates:
        if os.path.isfile(each):
            return each
    place = candidates[0].parent
    raise FlowFileMissing(f"There is no flow file {str(candidates[-1])!r}. {listing(place)}")


def listing(place: Path) -> str:
    """What is in a folder."""
    if not place.is_dir():
        return f"The folder {str(place)!r} does not exist: save a flow with `flow.save()`, or give another path."
    names = sorted(each.name for each in place.iterdir() if each.is_file())
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return f"In {str(place)!r} there are: {shown or 'no files'}."


def checked_content(path: Path, data: bytes) -> tuple[Header, bytes]:
    """The header and the pickled flow, once it is certain that they are what was written."""
    first, _, body = data.partition(b"\n")
    number, written = checked_magic(path, first)
    if number > FORMAT:
        raise FlowFileError(
            f"The file {str(path)!r} has the format {number}, and prefect-core {__version__} reads formats up to "
            f"{FORMAT}. Update prefect-core to load it."
        )
    line, _, pickled = body.partition(b"\n")
    if number < 1 or digest(body) != written:
        raise damaged(path, line, pickled)
    header: Header = json.loads(line)
    return header, pickled


def checked_magic(path: Path, line: bytes) -> tuple[int, str]:
    match = re.fullmatch(rb"prefect flow (\d{1,9}) ([0-9a-f]{64})", line)
    if match is None and line.startswith(MAGIC):
        raise damaged(path, b"", b"")
    if match is None:
        raise FlowFileError(f"The file {str(path)!r} is no flow file. Give one that `flow.save` has written.")
    return int(match[1]), match[2].decode()


def damaged(path: Path, line: bytes, pickled: bytes) -> FlowFileError:
    """Say how a file differs from what was written."""
    try:
        size = json.loads(line)["size"]
        missing = size - len(pickled)
    except (ValueError, TypeError, LookupError):
        missing = 0
    how = f"lacks its last {missing} bytes" if missing > 0 else "is truncated or was changed after it was written"
    return FlowFileError(f"The file {str(path)!r} {how}, so nothing of it was loaded. Save the flow again.")


def warn_of_versions(path: Path, header: Header, stacklevel: int) -> None:
    """Warn when other versions wrote the file than are here."""
    there, here = compared(header), compared(versions())
    for name, theirs in there.items():
        ours = here[name]
        if theirs != ours:
            warnings.warn(
                f"The flow file {str(path)!r} was written with {name} {theirs}, and this is {name} {ours}: "
                "the flow may not load, or not do the same. Save it again with this one.",
                stacklevel=stacklevel + 1,
            )


def compared(versions: Header) -> dict[str, str]:
    """The versions that matter; of Python only the minor one."""
    return {"Python": ".".join(versions["python"].split(".")[:2]), "prefect-core": versions["prefect"]}


def unpickled(path: Path, header: Header, pickled: bytes) -> Any:
    try:
        return loads(pickled)
    except ModuleNotFoundError as error:
        raise FlowFileError(
            f"The flow {header['name']!r} needs the module {error.name!r}, which cannot be imported here. Install it, "
            "or put the folder it lies in on PYTHONPATH."
        ) from error
    except Exception as error:  # code of the flow runs here, so it can be any
        raise FlowFileError(
            f"The flow in {str(path)!r} cannot be loaded ({type(error).__name__}: {error}). It was written with "
            f"Python {header['python']}, prefect-core {header['prefect']} and cloudpickle {header['cloudpickle']}; "
            "if the error names a module, that may be of another version here than where the flow was saved."
        ) from error
