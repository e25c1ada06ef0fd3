"""Calling the user's function: timeouts, prints, coroutines."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import threading
import time

import pytest

from prefect import context
from prefect.engine import calling
from prefect.engine.calling import call
from prefect.exceptions import PrefectException, TaskTimeoutSignal
from prefect.utilities.logging import get_logger

LOGGER = get_logger("calling")


def spin(seconds=1.0):
    """Busy for a while, in steps that a signal may interrupt."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.001)
    return "done"


def add(x, y):
    return x + y


# Timeouts


@pytest.mark.parametrize("timeout", [None, 0, 5, 0.5])
def test_a_call_in_time_returns_its_value(timeout):
    assert call(add, {"x": 1, "y": 2}, timeout=timeout) == 3


def test_a_call_that_takes_longer_is_interrupted_after_a_part_of_a_second():
    begun = time.monotonic()

    with pytest.raises(TaskTimeoutSignal, match="0.02"):
        call(spin, {}, timeout=0.02)
    assert time.monotonic() - begun < 0.5


def test_the_signal_tells_where_the_call_was():
    def inner():
        time.sleep(5)

    with pytest.raises(TaskTimeoutSignal) as raised:
        call(lambda: inner(), {}, timeout=0.05)

    assert raised.value.stack.count("File") == 2
    assert "in inner" in raised.value.stack
    assert "time.sleep(5)" in raised.value.stack


def test_the_alarm_cannot_be_swallowed_by_except_exception():
    def careless():
        try:
            spin()
        except Exception:
            return "swallowed"

    with pytest.raises(TaskTimeoutSignal):
        call(careless, {}, timeout=0.02)


@pytest.mark.parametrize("then", [lambda: "late", lambda: 1 / 0, sys.exit, lambda: call(add, {})])
def test_whatever_a_call_makes_of_its_alarm_its_time_is_over(then):
    def stubborn():
        try:
            spin()
        except BaseException:
            return then()

    with pytest.raises(TaskTimeoutSignal, match="0.02"):
        call(stubborn, {}, timeout=0.02)


def test_ctrl_c_while_a_call_cleans_up_after_its_alarm_comes_out():
    def cleans_up():
        try:
            spin()
        finally:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(cleans_up, {}, timeout=0.02)


def test_no_alarm_is_left_behind():
    before = signal.getsignal(signal.SIGALRM)

    call(add, {"x": 1, "y": 2}, timeout=0.5)
    with pytest.raises(TaskTimeoutSignal):
        call(spin, {}, timeout=0.01)

    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_an_inner_timeout_does_not_touch_the_outer_one():
    def outer():
        with pytest.raises(TaskTimeoutSignal, match="0.01"):
            call(spin, {}, timeout=0.01)
        return spin()

    with pytest.raises(TaskTimeoutSignal, match="0.05"):
        call(outer, {}, timeout=0.05)


def test_an_outer_timeout_rings_inside_an_inner_call_with_a_longer_one():
    begun = time.monotonic()

    with pytest.raises(TaskTimeoutSignal, match="0.02"):
        call(lambda: call(spin, {}, timeout=0.9), {}, timeout=0.02)
    assert time.monotonic() - begun < 0.5


def test_in_another_thread_a_timeout_is_not_kept():
    values = []
    thread = threading.Thread(target=lambda: values.append(call(add, {"x": 1, "y": 2}, timeout=0.5)))

    thread.start()
    thread.join()

    assert values == [3]


# Prints


def test_printed_lines_go_to_the_log(caplog, capsys):
    def chatty():
        print("one\ntwo")
        print()
        print("three", end="")

    with caplog.at_level(logging.INFO):
        call(chatty, {}, stdout=LOGGER)

    assert [record.message for record in caplog.records] == ["one", "two", "three"]
    assert "one" not in capsys.readouterr().out.splitlines()


def test_an_unfinished_line_is_logged_even_if_the_call_fails(caplog):
    def breaking():
        print("half a li", end="")
        raise ValueError

    with caplog.at_level(logging.INFO), pytest.raises(ValueError):
        call(breaking, {}, stdout=LOGGER)

    assert [record.message for record in caplog.records] == ["half a li"]


def test_stdout_is_given_back(capsys):
    before = sys.stdout
    call(print, {"sep": ""}, stdout=LOGGER)

    assert sys.stdout is before


# Coroutines


async def later(value):
    await asyncio.sleep(0)
    return value, context.get("colour")


def test_a_coroutine_is_awaited():
    with context(colour="red"):
        assert call(later, {"value": 1}) == (1, "red")


def test_calls_share_one_event_loop():
    async def loop():
        return asyncio.get_running_loop()

    assert call(loop, {}) is call(loop, {})


def test_the_event_loop_of_a_thread_is_closed_when_the_thread_ends():
    loops = []

    async def loop():
        loops.append(asyncio.get_running_loop())

    thread = threading.Thread(target=lambda: [call(loop, {}), call(loop, {})])
    thread.start()
    thread.join()

    assert loops[0] is loops[1]
    assert loops[0].is_closed()


def test_a_coroutine_is_awaited_where_a_loop_is_running_already():
    async def notebook():
        with context(colour="red"):
            return call(later, {"value": 1})

    assert asyncio.run(notebook()) == (1, "red")


def test_a_coroutine_may_call_a_coroutine_in_turn():
    async def outer():
        return call(later, {"value": 2})

    async def notebook():
        return call(outer, {})

    assert call(outer, {}) == (2, None)
    assert asyncio.run(notebook()) == (2, None)


@pytest.mark.parametrize("beside", [False, True])
def test_a_slow_coroutine_is_cancelled(beside):
    async def slow():
        await asyncio.sleep(5)

    async def notebook():
        call(slow, {}, timeout=0.02)

    with pytest.raises(TaskTimeoutSignal, match="0.02"):
        asyncio.run(notebook()) if beside else call(slow, {}, timeout=0.02)


def test_a_coroutine_that_blocks_its_loop_is_interrupted_where_it_is():
    went_on = []

    async def blocks():
        time.sleep(5)
        went_on.append(1)

    with pytest.raises(TaskTimeoutSignal, match="0.02") as raised:
        call(blocks, {}, timeout=0.02)

    assert went_on == []
    assert raised.value.stack.count("File") == 1
    assert "time.sleep(5)" in raised.value.stack


def test_a_coroutine_may_clean_up_after_it_was_cancelled(monkeypatch):
    monkeypatch.setattr(calling, "LATE", 0.01)
    cleaned = []

    async def tidy():
        try:
            await asyncio.sleep(5)
        finally:
            await asyncio.sleep(0.05)
            time.sleep(0.05)
            cleaned.append(1)

    with pytest.raises(TaskTimeoutSignal):
        call(tidy, {}, timeout=0.02)

    assert cleaned == [1]


@pytest.mark.parametrize("then", [lambda: "late", lambda: 1 / 0])
def test_whatever_a_coroutine_makes_of_its_end_its_time_is_over(then):
    async def stubborn():
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            return then()

    with pytest.raises(TaskTimeoutSignal):
        call(stubborn, {}, timeout=0.02)


def test_a_coroutine_that_blocks_the_loop_of_a_thread_is_timed_out_when_it_ends():
    async def blocks():
        time.sleep(0.05)

    async def notebook():
        call(blocks, {}, timeout=0.02)

    with pytest.raises(TaskTimeoutSignal):
        asyncio.run(notebook())


def test_a_coroutine_that_was_interrupted_leaves_no_complaint(caplog):
    async def never():
        await asyncio.sleep(60)

    def interrupt(signum, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    with pytest.raises(KeyboardInterrupt):
        call(never, {})
    signal.signal(signal.SIGALRM, before)
    gc.collect()

    assert caplog.text == ""


def test_the_timeout_of_something_awaited_is_an_error_of_the_task():
    async def impatient():
        async with asyncio.timeout(0.001):
            await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        call(impatient, {}, timeout=5)


def test_a_cancelled_coroutine_is_an_error_of_the_task():
    async def awaits_what_was_cancelled():
        inner = asyncio.ensure_future(asyncio.sleep(5))
        inner.cancel()
        await inner

    with pytest.raises(PrefectException, match="cancelled"):
        call(awaits_what_was_cancelled, {})


@pytest.mark.parametrize("beside", [False, True])
def test_sys_exit_in_a_coroutine_comes_out_and_the_loop_lives_on(beside):
    async def leaving():
        sys.exit(3)

    async def notebook():
        with pytest.raises(SystemExit):
            call(leaving, {})
        return call(later, {"value": 1})

    if beside:
        assert asyncio.run(notebook()) == (1, None)
        return
    with pytest.raises(SystemExit):
        call(leaving, {})
    assert call(later, {"value": 1}) == (1, None)


def test_log_lines_written_while_prints_are_logged_go_to_the_terminal_once(capsys, caplog):
    def chatty():
        print("printed")
        LOGGER.info("logged")
        call(print, {"sep": ""}, stdout=LOGGER)
        call(lambda: print("inside"), {}, stdout=LOGGER)

    with caplog.at_level(logging.INFO, "prefect"):
        call(chatty, {}, stdout=LOGGER)

    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition("| ")[2] for line in lines] == ["printed", "logged", "inside"]
