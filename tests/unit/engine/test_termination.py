"""Signals that come while a run is being ended: a second one after Ctrl-C, or one before the tasks."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from prefect import Flow, resource_manager, task
from prefect.engine import termination
from prefect.engine.state import Cancelled, State, Success
from prefect.engine.termination import heeded, held, interruptible
from prefect.executors import LocalDaskExecutor, LocalExecutor


@pytest.fixture
def told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each signal is a request of its own, however soon it comes after another one."""
    monkeypatch.setattr(termination, "SAME_REQUEST", 0)


def ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def two_resources(lines: list[str], *signals: str) -> Flow:
    """outer ─▶ inner ─▶ work; what is named in `signals` gets a Ctrl-C while it is at work"""

    def did(what: str) -> None:
        if what in signals:
            ctrl_c()
        lines.append(what)

    @resource_manager
    class Resource:
        def __init__(self, name: str) -> None:
            self.name = name

        def cleanup(self, value: object) -> None:
            did(f"clean {self.name}")

    with Flow("f") as flow, Resource("outer"), Resource("inner"):
        task(did, name="work")("work")
    return flow


def clean_ups(state: State) -> set[type[State]]:
    return {type(each) for task, each in state.result.items() if task.role == "cleanup"}


# --- a second signal --------------------------------------------------------------------------------------------------


def test_a_second_signal_right_behind_the_first_says_nothing_new():
    lines: list[str] = []

    state = two_resources(lines, "work", "clean outer", "clean inner").run()

    assert type(state) is Cancelled
    assert sorted(lines) == ["clean inner", "clean outer"]
    assert clean_ups(state) == {Success}


@pytest.mark.usefixtures("told_apart")
@pytest.mark.parametrize(("ended", "other"), [("outer", "inner"), ("inner", "outer")])
def test_a_later_signal_ends_one_clean_up_and_the_next_one_has_its_turn(ended, other, caplog):
    lines: list[str] = []

    state = two_resources(lines, "work", f"clean {ended}").run()

    assert type(state) is Cancelled
    assert lines == [f"clean {other}"]
    assert clean_ups(state) == {Cancelled, Success}
    assert "what it was to clean up may be left over" in caplog.text


class Stopping(LocalDaskExecutor):
    """Gets a Ctrl-C while it stops what is under way."""

    def cancel(self) -> None:
        ctrl_c()
        super().cancel()


@pytest.mark.usefixtures("told_apart")
def test_no_signal_keeps_work_from_being_stopped():
    begun = threading.Event()

    @task
    def endless():
        begun.set()
        while True:
            pass

    @task
    def interrupts():
        begun.wait()
        ctrl_c()

    with Flow("f") as flow:
        endless()
        interrupts()

    state = flow.run(executor=Stopping("threads", num_workers=2))

    assert {type(each) for each in (state, *state.result.values())} == {Cancelled}


def test_what_cannot_be_stopped_is_named_before_resources_are_given_back(caplog):
    begun, over = threading.Event(), threading.Event()
    seen: list[str] = []

    @task
    def deaf(x):
        begun.set()
        over.wait()

    @task
    def interrupts():
        begun.wait()
        ctrl_c()

    @resource_manager
    class Resource:
        def cleanup(self, value: object) -> None:
            seen.append(caplog.text)

    with Flow("f") as flow, Resource():
        children = deaf.map([1])
        interrupts()

    state = flow.run(executor=LocalDaskExecutor("threads", num_workers=2))
    over.set()

    assert "Task 'deaf[0]' could not be stopped, and may go on" in seen[0]
    assert "may go on" in state.result[children].map_states[0].message


# --- before and behind the tasks --------------------------------------------------------------------------------------


class Interrupted(LocalExecutor):
    """Gets a Ctrl-C at the beginning, or else at the end."""

    def __init__(self, at_the_beginning: bool) -> None:
        super().__init__()
        self.at_the_beginning = at_the_beginning

    @contextmanager
    def start(self) -> Iterator[None]:
        if self.at_the_beginning:
            ctrl_c()
        yield
        ctrl_c()


def test_a_signal_while_the_executor_starts_ends_the_run_before_its_tasks():
    lines: list[str] = []

    state = two_resources(lines).run(executor=Interrupted(at_the_beginning=True))

    assert type(state) is Cancelled
    assert lines == []
    assert {type(each) for task, each in state.result.items() if task.role == "work"} == {Cancelled}


def test_a_signal_while_the_executor_ends_keeps_the_states_of_the_tasks():
    lines: list[str] = []

    state = two_resources(lines).run(executor=Interrupted(at_the_beginning=False))

    assert type(state) is Cancelled
    assert {type(each) for each in state.result.values()} == {Success}


# --- what listens -----------------------------------------------------------------------------------------------------


def test_a_program_keeps_its_own_handlers():
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        with interruptible():
            ctrl_c()
    finally:
        signal.signal(signal.SIGINT, before)

    assert heard == [signal.SIGINT]


def test_behind_the_block_everything_is_as_it_was():
    with interruptible():
        pass

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.usefixtures("told_apart")
def test_another_thread_that_ends_a_run_does_not_make_this_one_deaf():
    begun, over = threading.Event(), threading.Event()

    def hold() -> None:
        with held():
            begun.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait()

    with pytest.raises(KeyboardInterrupt), interruptible():
        ctrl_c()

    over.set()
    thread.join()


@pytest.mark.usefixtures("told_apart")
def test_a_signal_counts_again_where_it_is_heeded():
    with interruptible(), held():
        ctrl_c()
        with pytest.raises(KeyboardInterrupt), heeded():
            ctrl_c()
        ctrl_c()


@pytest.mark.usefixtures("told_apart")
def test_a_copy_that_a_task_makes_of_this_process_is_ended_by_sigterm_at_once():
    with interruptible(), held():
        child = os.fork()
        if not child:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(1)

        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


def test_the_next_run_can_be_interrupted_at_once():
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), interruptible():
            ctrl_c()


def test_a_copy_of_a_process_in_which_a_run_begins_listens_for_itself():
    child = os.fork()
    if not child:
        try:
            with interruptible(), held():
                ctrl_c()
            os._exit(0)
        finally:
            os._exit(1)

    assert os.waitpid(child, 0)[1] == 0
