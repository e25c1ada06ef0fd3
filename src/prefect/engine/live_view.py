"""The live view: while a flow runs, the foot of the terminal shows how far it is.

```
FlowRunner.current ─▶ Watch.look ─▶ Snapshot ─▶ Picture.lines ─▶ Foot.show       again and again, until the run is over
```

A thread of its own looks at the pass a few times a second. A run of less than half a second shows nothing of it; where
nobody would see it, in pipes and in CI, there is none. The view is on stderr, so that what goes to stdout stays clean.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from prefect.configuration import config
from prefect.engine.flow_runner import FlowRunner
from prefect.engine.live_picture import Picture
from prefect.engine.progress import Watch
from prefect.exceptions import ConfigurationError
from prefect.utilities.context import lookup
from prefect.utilities.logging import get_logger
from prefect.utilities.terminal import Foot

DELAY = 0.5
FRAME_SECONDS = 1 / 8
REST = 30  # after a frame, so many times as long as it took: the view costs a few per cent of one core at most
CI_VARIABLES = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "TEAMCITY_VERSION", "TF_BUILD", "BUILDKITE")
LOGGER = get_logger("LiveView")
shown = threading.Lock()  # by the one view that there is in a process


@contextmanager
def live_view(runner: FlowRunner) -> Iterator[None]:
    """Show how far a run is while this block lasts, if somebody would see it."""
    if not is_wanted() or not shown.acquire(blocking=False):
        yield
        return
    try:
        with LiveView(runner, sys.stderr):
            yield
    finally:
        shown.release()


# --- whether ----------------------------------------------------------------------------------------------------------


def is_wanted() -> bool:
    """Is this a run to show, and a place to show it?"""
    setting = config.engine.progress
    if setting not in ("auto", True, False):
        raise ConfigurationError(f"The setting 'engine.progress' is {setting!r}. Set it to \"auto\", true or false.")
    if not setting or not is_outermost() or descriptor_of(sys.stderr) is None:
        return False
    return setting != "auto" or is_watched(sys.stderr)


def is_outermost() -> bool:
    """Is this no run inside a task, and none beside others in threads?"""
    return threading.current_thread() is threading.main_thread() and lookup("task_name") is None


def is_watched(stream: TextIO) -> bool:
    """Is this a terminal that can move its cursor, with a person before it?"""
    if not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return False
    return not any(os.environ.get(name, "").lower() not in ("", "0", "false") for name in CI_VARIABLES)


def descriptor_of(stream: Any) -> int | None:
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None


# --- when -------------------------------------------------------------------------------------------------------------


class LiveView:
    """Shows the run of one runner, from a thread of its own."""

    def __init__(self, runner: FlowRunner, stream: TextIO) -> None:
        self.runner = runner
        self.stream = stream
        self.foot = Foot(stream.fileno())
        self.began = time.monotonic()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._show, name="prefect-live-view", daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *error: object) -> None:
        """Take the view away; one line about the run stays."""
        self.over.set()
        self.thread.join()

    def _show(self) -> None:
        """A view that breaks goes away; the run goes on."""
        last = ""
        try:
            if not self.over.wait(DELAY):
                last = self._frames()
        except Exception:
            LOGGER.debug("The live view broke.", exc_info=True)
        finally:
            with suppress(OSError):  # the terminal is gone
                self.foot.close(last)

    def _frames(self) -> str:
        """Draw frame after frame; what is returned stays when the view is gone: nothing after Ctrl-C."""
        picture = Picture(self.runner.flow.name, self.stream, self.began)
        watch: Watch | None = None
        rest = 0.0
        while not self.over.wait(rest):
            started = time.perf_counter()
            run = self.runner.current
            if run is not None and run.interrupted:
                return ""
            if run is not None:
                watch = watch or Watch(run)
                columns = self.foot.measured().columns
                self.foot.show(picture.lines(watch.look(), columns))
            rest = max(FRAME_SECONDS, REST * (time.perf_counter() - started))
        if watch is None or watch.run.interrupted:
            return ""
        return picture.farewell(watch.look(over=True))
