"""Log lines appear once, in the right shape, and know their run."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import logging.handlers
import os
import pickle
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect.exceptions import ConfigurationError
from prefect.utilities import logging as prefect_logging
from prefect.utilities.configuration import set_temporary_config
from prefect.utilities.logging import (
    RUN_FIELDS,
    RunFormatter,
    RunLogger,
    StdoutHandler,
    configure,
    emit,
    get_logger,
    record_fields,
)

FACTS = {"flow_name": "f", "flow_run_id": "1", "task_name": "sum", "task_slug": "sum-1", "task_run_id": "2"}
LINE = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] - INFO - prefect\.sum \| The sum is 14\n"


@pytest.fixture(autouse=True)
def fresh_logger() -> Iterator[None]:
    """`prefect` as its first `get_logger` makes it, whatever other tests did with it."""
    root = logging.getLogger("prefect")
    before = root.handlers[:], root.level, root.propagate
    root.handlers[:], root.propagate = [], True
    root.setLevel(logging.NOTSET)
    prefect_logging.configured.clear()
    yield
    root.handlers[:], root.level, root.propagate = before
    prefect_logging.configured.clear()
    root.setLevel(root.level)  # forgets which levels are enabled


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the context would say."""
    known: dict[str, Any] = dict(FACTS)
    monkeypatch.setattr(
        RunLogger, "facts", staticmethod(lambda fields: {field: known[field] for field in fields if field in known})
    )
    return known


class Keep(logging.Handler):
    """Keeps the records that it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> list[logging.LogRecord]:
    handler = Keep()
    get_logger().addHandler(handler)
    return handler.records


@contextlib.contextmanager
def root_handler(handler: logging.Handler) -> Iterator[None]:
    """A handler that the program gave to the root logger."""
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def say(logger: logging.Logger) -> None:
    logger.info("The sum is %s", 14)


def say_as_engine(logger: logging.Logger) -> None:
    emit(logger, logging.INFO, "The sum is 14", FACTS)


both_roads = pytest.mark.parametrize("write", [say, say_as_engine])


# Loggers


def test_loggers_are_prefect_and_its_children():
    assert get_logger().name == get_logger("").name == "prefect"
    assert get_logger("sum").name == "prefect.sum"
    assert get_logger("sum") is logging.getLogger("prefect.sum")
    assert isinstance(get_logger("sum"), RunLogger)


def test_a_logger_that_exists_already_becomes_one_of_ours():
    existing = logging.getLogger("prefect.was.here.before")
    assert get_logger("was.here.before") is existing
    assert isinstance(existing, RunLogger)


def test_other_loggers_stay_what_they_are():
    get_logger("x")
    assert logging.getLoggerClass() is logging.Logger
    assert type(logging.getLogger("not.prefect")) is logging.Logger


def test_a_logger_can_be_sent_to_another_process():
    for logger in (get_logger(), get_logger("a.b")):
        assert pickle.loads(pickle.dumps(logger)) is logger


# Lines


@both_roads
def test_a_line_goes_to_stdout_in_the_documented_shape(capsys, write):
    write(get_logger("sum"))
    assert re.fullmatch(LINE, capsys.readouterr().out)


@both_roads
def test_stdout_is_looked_up_when_a_line_is_written(write):
    logger, out = get_logger("sum"), io.StringIO()
    with contextlib.redirect_stdout(out):
        write(logger)
    assert re.fullmatch(LINE, out.getvalue())


def test_the_handler_can_be_pinned_to_a_stream(capsys):
    logger, out = get_logger("sum"), io.StringIO()
    logger.parent.handlers[0].setStream(out)
    say(logger)
    assert re.fullmatch(LINE, out.getvalue())
    assert capsys.readouterr().out == ""


def test_a_program_without_a_console_can_log(monkeypatch, capsys):
    logger = get_logger("sum")
    monkeypatch.setattr(sys, "stdout", None)
    say(logger)
    assert capsys.readouterr().err == ""


def test_calling_get_logger_again_prints_no_line_twice(capsys):
    for _ in range(3):
        get_logger()
    say(get_logger("sum"))
    assert capsys.readouterr().out.count("\n") == 1


@both_roads
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_line_appears_once_even_when_the_program_has_a_console_handler(capsys, write, stream):
    theirs = logging.StreamHandler(getattr(sys, stream))
    with root_handler(theirs):
        write(get_logger("sum"))
        logging.getLogger("other").warning("mine")
    out, err = capsys.readouterr()
    assert (out + err).count("The sum is 14") == 1
    assert re.search(LINE, out)
    assert "mine\n" in (out + err)


@both_roads
def test_files_and_collectors_of_the_root_logger_get_the_line_too(write, caplog, tmp_path):
    with root_handler(logging.FileHandler(tmp_path / "log")):
        write(get_logger("sum"))
    assert caplog.messages == ["The sum is 14"]
    assert (tmp_path / "log").read_text() == "The sum is 14\n"


def test_without_our_handler_the_console_handler_of_the_program_prints(capsys):
    logger = get_logger("sum")
    logger.parent.handlers.clear()
    with root_handler(logging.StreamHandler(sys.stderr)):
        say(logger)
    assert capsys.readouterr() == ("", "The sum is 14\n")


def test_a_handler_that_was_added_to_prefect_itself_always_gets_the_line(capsys):
    logger = get_logger("sum")
    logger.parent.addHandler(logging.StreamHandler(sys.stderr))
    say(logger)
    out, err = capsys.readouterr()
    assert re.fullmatch(LINE, out)
    assert err == "The sum is 14\n"


def test_a_program_that_set_up_prefect_before_keeps_its_level_and_console(capsys):
    root = logging.getLogger("prefect")
    root.addHandler(logging.StreamHandler(sys.stdout))
    root.setLevel(logging.WARNING)
    get_logger("sum").info("no")
    get_logger("sum").warning("yes")
    assert capsys.readouterr() == ("yes\n", "")


def test_a_program_that_gave_prefect_a_file_before_still_sees_its_lines(capsys, tmp_path):
    file = logging.FileHandler(tmp_path / "log")
    logging.getLogger("prefect").addHandler(file)
    say(get_logger("sum"))
    file.close()
    assert (tmp_path / "log").read_text() == "The sum is 14\n"
    assert re.fullmatch(LINE, capsys.readouterr().out)


# Settings


def test_level_and_format_come_from_the_configuration(capsys):
    settings = {"logging.level": "debug", "logging.format": "%(levelname)s %(asctime)s %(message)s"}
    with set_temporary_config({**settings, "logging.datefmt": "%Y"}):
        get_logger("x").debug("deep")
    assert re.fullmatch(r"DEBUG \d{4} deep\n", capsys.readouterr().out)


@pytest.mark.parametrize(("key", "value"), [("level", "LOUD"), ("level", None), ("format", "%(oops")])
def test_a_setting_that_cannot_be_is_named(key, value):
    with (
        set_temporary_config({f"logging.{key}": value}),
        pytest.raises(ConfigurationError, match=f"'logging.{key}'"),
    ):
        get_logger()


@pytest.mark.parametrize("setting", ["some.library", ["some.library"]])
def test_other_libraries_can_print_in_the_same_way(capsys, setting):
    library = logging.getLogger("some.library")
    try:
        with set_temporary_config({"logging.extra_loggers": setting, "logging.format": "%(flow_name)s %(message)s"}):
            get_logger()
        library.info("hello")
        library.debug("hidden")
    finally:
        library.handlers.clear()
        library.setLevel(logging.NOTSET)
    assert capsys.readouterr().out == "None hello\n"


# Facts


@both_roads
def test_a_record_carries_the_facts_of_its_run(facts, kept, write):
    write(get_logger("sum"))
    assert {field: getattr(kept[0], field) for field in RUN_FIELDS} == FACTS


@both_roads
def test_outside_a_run_the_fields_are_there_and_none(kept, write, monkeypatch):
    monkeypatch.setattr(RunLogger, "facts", staticmethod(prefect_logging.no_facts))
    say(get_logger("sum"))
    emit(get_logger("sum"), logging.INFO, "x", {})
    assert [getattr(record, field) for record in kept for field in RUN_FIELDS] == [None] * 2 * len(RUN_FIELDS)


def test_log_attributes_are_fields_too_and_none_when_unknown(facts, kept):
    facts["customer"] = "ada"
    with set_temporary_config({"logging.log_attributes": ["customer", "region"]}):
        assert record_fields() == (*RUN_FIELDS, "customer", "region")
        say(get_logger("sum"))
    assert (kept[0].customer, kept[0].region) == ("ada", None)


def test_what_the_caller_says_with_extra_wins(facts, kept):
    get_logger().info("x", extra={"task_name": "mine"})
    assert (kept[0].task_name, kept[0].flow_name) == ("mine", "f")


# The road of the engine


def test_a_line_of_the_engine_is_a_complete_record(kept):
    logger = get_logger("sum")
    before = time.time()
    say(logger)
    say_as_engine(logger)
    usual, quick = (vars(record) for record in kept)
    assert quick.keys() == usual.keys()
    same = {"name", "levelno", "levelname", "thread", "threadName", "process", "processName", "exc_info", "stack_info"}
    assert {key: quick[key] for key in same} == {key: usual[key] for key in same}
    assert before <= usual["created"] <= quick["created"] <= time.time()
    assert usual["relativeCreated"] <= quick["relativeCreated"] <= usual["relativeCreated"] + 1000
    assert quick["msecs"] == pytest.approx(quick["created"] % 1 * 1000, abs=1.01)
    assert type(quick["msecs"]) is type(usual["msecs"])
    assert kept[1].getMessage() == "The sum is 14"


def test_a_percent_sign_in_a_line_of_the_engine_is_text(capsys):
    emit(get_logger(), logging.INFO, "100%s %d", {})
    assert capsys.readouterr().out.endswith("| 100%s %d\n")


def test_a_line_of_the_engine_names_the_thread_it_comes_from(kept):
    say_as_engine(get_logger())
    thread = threading.Thread(target=say_as_engine, args=[get_logger()], name="worker-7")
    thread.start()
    thread.join()
    assert [record.threadName for record in kept] == [threading.current_thread().name, "worker-7"]
    assert kept[1].thread == thread.ident


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_after_a_fork_a_line_of_the_engine_names_the_new_process(tmp_path):
    program = (
        "import logging, os\n"
        "from prefect.utilities.logging import emit, get_logger\n"
        "log = get_logger()\n"
        "log.handlers[0].setFormatter(logging.Formatter('%(process)s'))\n"
        "emit(log, 20, 'parent', {})\n"
        "child = os.fork()\n"
        "if not child: emit(log, 20, 'child', {}); os._exit(0)\n"
        "os.waitpid(child, 0); print(os.getpid(), child)"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert out[:2] == out[2:]


@both_roads
def test_levels_filters_and_disabling_are_respected(kept, write):
    logger = get_logger("quiet")
    logger.setLevel(logging.WARNING)
    write(logger)
    logger.setLevel(logging.NOTSET)
    logger.addFilter(refuse)
    write(logger)
    logger.removeFilter(refuse)
    logging.disable()
    write(logger)
    logging.disable(logging.NOTSET)
    assert kept == []
    write(logger)
    assert len(kept) == 1


def refuse(record: logging.LogRecord) -> bool:
    return False


@both_roads
def test_a_line_stays_below_a_logger_that_does_not_propagate(kept, write):
    logger = get_logger("alone")
    logger.propagate = False
    mine = Keep()
    logger.addHandler(mine)
    write(logger)
    logger.propagate = True
    logger.removeHandler(mine)
    assert (len(mine.records), kept) == (1, [])


@both_roads
def test_a_record_can_travel_through_a_queue_and_into_json(write, facts):
    through: queue.Queue[logging.LogRecord] = queue.Queue()
    get_logger().addHandler(logging.handlers.QueueHandler(through))
    write(get_logger("sum"))
    record = pickle.loads(pickle.dumps(through.get_nowait()))
    fields = json.loads(json.dumps(vars(record)))
    assert (record.getMessage(), fields["task_name"], fields["name"]) == ("The sum is 14", "sum", "prefect.sum")


def test_a_record_factory_of_the_program_makes_the_records_of_the_engine_too(kept):
    class Special(logging.LogRecord):
        pass

    logging.setLogRecordFactory(Special)
    try:
        say_as_engine(get_logger("sum"))
    finally:
        logging.setLogRecordFactory(logging.LogRecord)
    assert type(kept[0]) is Special
    assert (kept[0].name, kept[0].getMessage(), kept[0].task_name) == ("prefect.sum", "The sum is 14", "sum")


# The formatter


def record_at(created: float, message: object = "x", *args: object) -> logging.LogRecord:
    record = logging.LogRecord("prefect", logging.INFO, "", 0, message, args, None)
    record.created, record.msecs = created, int(created % 1 * 1000) + 0.0
    return record


@pytest.mark.parametrize("datefmt", [None, "%H:%M:%S"])
def test_the_formatter_writes_what_the_standard_one_writes(datefmt):
    """Seconds that repeat, go on, go back and cross a change of the clocks."""
    fmt = "[%(asctime)s] %(levelname)s %(message)s"
    ours, standard = RunFormatter(fmt, datefmt), logging.Formatter(fmt, datefmt)
    for created in (0.0, 0.25, 0.999, 1.5, 0.5, 1585443599.9, 1585443600.1, 1603587600.0):
        record = record_at(created, "a %s %d", "b", 3)
        assert ours.format(record) == standard.format(record)


def test_the_formatter_writes_exceptions_and_stacks():
    formatter = RunFormatter("%(message)s")
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        record = record_at(0)
        record.exc_info = sys.exc_info()
        record.stack_info = "the stack"
    assert formatter.format(record) == logging.Formatter("%(message)s").format(record)
    assert "ZeroDivisionError" in formatter.format(record)


def test_the_formatter_of_no_format_writes_the_message():
    assert RunFormatter().format(record_at(0, "plain")) == "plain"


def test_a_field_that_no_record_has_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="nonsense"):
        RunFormatter("%(nonsense)s").format(record_at(0))


def test_configuring_a_logger_gives_it_one_handler(tmp_path: Path):
    logger = logging.Logger("mine")
    configure(logger)
    configure(logger)
    assert [type(handler) for handler in logger.handlers] == [StdoutHandler]
    assert logger.level == logging.INFO
