"""The worker processes of a Dask cluster of our own: Ctrl-C is not for them, and what they start ends with them.

```
driver ── starts, deaf to Ctrl-C ──▶ worker: a group of its own, with all that its tasks start
                                        │
                                        └── a shell waits for its end, however it comes, and kills the group
```

Ctrl-C at a terminal reaches all processes of the program. A worker that it hit would die at once, with a long
traceback; whether its work is to stop is for the driver to say.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import current_process, resource_tracker
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

SHELL = "/bin/sh"
KILL_GROUP = 'kill -s KILL -- "-$0"'
REMOVE = 'if [ -d "$0" ]; then sleep 1; rm -rf -- "$0"; fi'
"""The workers may write to it until they notice that the driver is gone."""


GUARD = 'put `flow.run()` below `if __name__ == "__main__":`, because each worker process imports the script'


def end_in_a_copy_of_the_script() -> None:
    """End a worker that has come, by importing the script, to the point where that would start a cluster."""
    if getattr(current_process(), "_inheriting", False):
        print(f"A Dask worker was about to run the flow itself, and ends: {GUARD}.", file=sys.stderr, flush=True)
        os._exit(1)


def deaf(make: Callable[..., Any], **kwargs: Any) -> Any:
    """Make a cluster in this thread, whose workers do not hear Ctrl-C while they start."""
    if os.name == "posix":
        resource_tracker.ensure_running()  # which would unblock the signal in the thread that starts the first process
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # processes and threads begun here inherit it
    return make(**kwargs)


def dask_setup(worker: Any) -> None:
    """Called by Dask in each worker before its work."""
    if os.name != "posix":
        return
    if worker.nanny is not None:  # without one it is a thread of the driver
        lead_a_group()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # what tasks start has to hear it


def lead_a_group() -> None:
    os.setpgid(0, 0)
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # forgets one that came meanwhile
    signal.signal(signal.SIGINT, handler)
    shell = at_the_end(KILL_GROUP, str(os.getpid()))
    assert shell.stdin is not None
    lifeline = os.dup(shell.stdin.fileno())  # a number, which only the system closes, and not before the very end
    shell.stdin.close()
    os.register_at_fork(after_in_child=partial(os.close, lifeline))
    SHELLS.append(shell)


SHELLS: list[Popen[bytes]] = []
"""Those that wait for the end of this process."""


@contextmanager
def removed_at_the_end(directory: str) -> Iterator[None]:
    """A directory does not outlive this process, even one that is killed in this block."""
    if os.name != "posix":
        yield
        return
    with at_the_end(REMOVE, directory):
        yield


def at_the_end(script: str, argument: str) -> Popen[bytes]:
    """A shell that does something when its stdin is closed: by this process, or by the system if it is killed."""
    command = [SHELL, "-c", f"read _; {script}", argument]
    return Popen(command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True)
