"""Log lines that know the run they belong to.

```
[2019-07-20 21:35:00,968] - INFO - prefect.sum | The sum is 14
```

The loggers are `prefect` and its children, made by `get_logger`; each record carries the facts of the run it is from.
People's lines take the usual road through `Logger.info`; the engine's own, two or more for every task, take `emit`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TextIO

from prefect.configuration import config
from prefect.exceptions import ConfigurationError

ROOT = "prefect"
RUN_FIELDS = ("flow_name", "flow_run_id", "task_name", "task_slug", "task_run_id")


def get_logger(name: str | None = None) -> RunLogger:
    """The logger `prefect`, or its child `prefect.<name>`.

    The first call sets up `prefect`: the level of the configuration and one handler that prints to the current
    `sys.stdout`. A program that gave `prefect` a level or a handler for the console before keeps them instead.

    Records propagate to the root logger, because that is where pytest's `caplog`, log files and error trackers listen.
    Only its handlers for the console are passed over, such as the one of `logging.basicConfig`, for people want to see
    a line once. Whoever prefers those removes ours: `logging.getLogger("prefect").handlers.clear()`.
    """
    root = run_logger(ROOT)
    if root not in configured:
        configure(root)
        configured.add(root)
    return run_logger(f"{ROOT}.{name}") if name else root


configured: set[RunLogger] = set()


def run_logger(name: str) -> RunLogger:
    # A logger keeps its class for life, and it may exist already: turning it into ours touches no global setting.
    logger = logging.getLogger(name)
    if not isinstance(logger, RunLogger):
        logger.__class__ = RunLogger
    return logger  # type: ignore[return-value]


def configure(root: logging.Logger) -> None:
    """Give a logger, and those of `logging.extra_loggers`, the level and handler that the configuration describes."""
    handler = StdoutHandler()
    handler.setFormatter(formatter())
    for logger in (root, *map(logging.getLogger, names(config.logging.extra_loggers))):
        if logger.level == logging.NOTSET:
            logger.setLevel(level())
        if not any(prints(handler) for handler in logger.handlers):
            logger.addHandler(handler)


def level() -> int:
    value = config.logging.level
    number = logging.getLevelName(value.upper()) if isinstance(value, str) else value
    if isinstance(number, int):
        return number
    raise ConfigurationError(
        f"The setting 'logging.level' is {value!r}. Set it to DEBUG, INFO, WARNING, ERROR, CRITICAL or a number."
    )


def formatter() -> RunFormatter:
    try:
        return RunFormatter(config.logging.format, config.logging.datefmt or None)
    except ValueError as error:
        raise ConfigurationError(
            f"The setting 'logging.format' is {config.logging.format!r}, which is no format for log lines: {error}. "
            "Write it like '%(asctime)s %(name)s %(message)s'."
        ) from error


def names(value: Any) -> tuple[str, ...]:
    """A list of names; one alone needs no brackets."""
    return (value,) if isinstance(value, str) else tuple(value)


def record_fields() -> tuple[str, ...]:
    """The fields that a record has besides those of the standard library."""
    return (*RUN_FIELDS, *names(config["logging"]["log_attributes"]))


def no_facts(fields: tuple[str, ...]) -> dict[str, Any]:
    return {}


class RunLogger(logging.Logger):
    """A logger whose records say which run wrote them.

    `facts` is asked for the values of the fields. It stands here as an empty default, so that logging needs to know
    nothing of runs; `prefect.utilities.context` provides the real one.
    """

    facts: ClassVar[Callable[[tuple[str, ...]], dict[str, Any]]] = staticmethod(no_facts)

    def makeRecord(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = super().makeRecord(*args, **kwargs)
        add_facts(record)
        return record

    def callHandlers(self, record: logging.LogRecord) -> None:
        """Hand the record to the handlers of this logger and its ancestors, to the console only once."""
        found = printed = False
        logger: logging.Logger | None = self
        while logger is not None:
            printed_below = printed
            for handler in logger.handlers:
                found = True
                if record.levelno < handler.level or (printed_below and prints(handler)):
                    continue
                handler.handle(record)
                printed = printed or isinstance(handler, StdoutHandler)
            logger = logger.parent if logger.propagate else None
        if not found:
            super().callHandlers(record)  # the standard library's last resort

    def __reduce__(self) -> Any:
        # In the other process, the logger is to be ours and set up.
        return get_logger, (self.name[len(ROOT) + 1 :],)


def prints(handler: logging.Handler) -> bool:
    """Whether the lines of a handler appear on the console."""
    stream = getattr(handler, "stream", None)
    return stream is not None and stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)


def add_facts(record: logging.LogRecord) -> None:
    """Put the facts of the current run on a record, save those it has already."""
    have = record.__dict__
    unknown = tuple(field for field in record_fields() if field not in have)
    facts = RunLogger.facts(unknown)
    for field in unknown:
        have[field] = facts.get(field)


class StdoutHandler(logging.StreamHandler[TextIO]):
    """Prints to whatever `sys.stdout` is at that moment, so that redirecting and capturing it work."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.pinned: TextIO | None = None

    @property
    def stream(self) -> TextIO:
        terminal: TextIO = getattr(sys.stdout, "behind", sys.stdout)  # it has one while prints are sent to the log
        return self.pinned or terminal

    @stream.setter
    def stream(self, value: TextIO | None) -> None:
        self.pinned = value

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is None:  # a program without a console
            return
        if RUN_FIELDS[0] not in record.__dict__:  # it is from one of the `extra_loggers`
            add_facts(record)
        super().emit(record)


class RunFormatter(logging.Formatter):
    """The standard formatter in %-style, but quick: it works out the time of day once a second."""

    # One attribute, replaced as a whole: threads may format at the same time.
    clock: tuple[int, str | None, str] = (-1, None, "")

    def __init__(self, fmt: str | None = None, datefmt: str | None = None) -> None:
        super().__init__(fmt, datefmt)
        self.template = fmt or "%(message)s"
        self.timed = self.usesTime()

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        second = int(record.created)
        known_second, known_format, text = self.clock
        if second != known_second or datefmt != known_format:
            text = time.strftime(datefmt or self.default_time_format, self.converter(second))
            self.clock = (second, datefmt, text)
        return text if datefmt else f"{text},{int(record.msecs):03d}"

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info or record.exc_text or record.stack_info:
            return super().format(record)
        fields = record.__dict__
        fields["message"] = record.getMessage()
        if self.timed:
            fields["asctime"] = self.formatTime(record, self.datefmt)
        try:
            return self.template % fields
        except KeyError:
            return self.formatMessage(record)  # which words the complaint


def emit(logger: logging.Logger, level: int, message: str, facts: Mapping[str, Any]) -> None:
    """Write a line of the engine: like `logger.log(level, message)`, at a fraction of its price.

    The record is a complete one, for handlers and formatters of any kind. It is cheap because nobody looks for the
    caller, which is always the engine, nor into the context: `facts` are the ready fields of the record, those that
    `record_fields` names.
    """
    if logger.isEnabledFor(level):
        logger.handle(engine_record(logger.name, level, message, facts))


def engine_record(name: str, level: int, message: str, facts: Mapping[str, Any]) -> logging.LogRecord:
    factory = logging.getLogRecordFactory()
    if factory is not logging.LogRecord:
        record = blank_record(factory, name, level, message)
        record.__dict__.update(facts)
        return record
    now = time.time()
    record = logging.LogRecord.__new__(logging.LogRecord)
    fields = record.__dict__
    fields.update(blanks.fields)
    fields.update(facts)
    fields["name"] = name
    fields["levelno"] = level
    fields["levelname"] = logging.getLevelName(level)
    fields["msg"] = message
    fields["created"] = now
    fields["msecs"] = float(int(now % 1 * 1000))
    fields["relativeCreated"] = (now - started) * 1000
    return record


def blank_record(
    factory: Callable[..., logging.LogRecord], name: str = ROOT, level: int = logging.INFO, message: str = ""
) -> logging.LogRecord:
    return factory(name, level, "prefect/engine", 0, message, (), None, "run")


class Blanks(threading.local):
    """What all lines of the engine have in common in one thread, in the shape that this Python gives them."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = dict.fromkeys(RUN_FIELDS) | blank_record(logging.LogRecord).__dict__


def forget_process() -> None:
    """After a fork: the blanks name the process that was forked."""
    global blanks
    blanks = Blanks()


sample = blank_record(logging.LogRecord)
started = sample.created - sample.relativeCreated / 1000  # where the standard library begins to count
blanks = Blanks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_process)
