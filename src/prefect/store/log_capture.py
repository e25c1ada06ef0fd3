"""Log lines on their way into the history: what a flow run logs in this process, as far as it is logged at all."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from prefect.configuration import config
from prefect.engine.log_lines import LINES, LogLine, line_of
from prefect.store.recorder import Recorder
from prefect.utilities.context import lookup
from prefect.utilities.logging import get_logger

FULL = 1000


class RunLogHandler(logging.Handler):
    """Keeps the lines of one flow run."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder
        self._lines: list[LogLine] = []
        self._full = Lock()

    def emit(self, record: logging.LogRecord) -> None:
        if lookup("flow_run_id") != self.recorder.run.id or lookup(LINES) is not None:
            return  # of another run; or of a job that brings its lines back itself, although it runs in this process
        try:
            self._lines.append(line_of(record))
        except Exception:
            self.handleError(record)
            return
        if len(self._lines) >= FULL:
            self.hand_over()

    def hand_over(self) -> None:
        """Give what was gathered to the recorder."""
        with self._full:
            lines, self._lines = self._lines, []
        if lines:
            self.recorder.logged(lines)


@contextmanager
def captured_logs(recorder: Recorder) -> Iterator[None]:
    """Write down what the run of a recorder logs."""
    if not config.store.logs:
        yield
        return
    handler = RunLogHandler(recorder)
    recorder.lines = handler.hand_over
    logger = get_logger()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.hand_over()
