"""The guide, "State Handlers": functions that see, and may change, every state."""

from __future__ import annotations

import pytest

from prefect import Flow, task
from prefect.engine import TaskRunner
from prefect.engine.state import Failed, Skipped, Success, TriggerFailed


class Recorder:
    """A handler that remembers what it saw."""

    def __init__(self, log=None, name=None):
        self.seen = [] if log is None else log
        self.name = name

    def __call__(self, obj, old_state, new_state):
        self.seen.append((type(old_state).__name__, type(new_state).__name__) if self.name is None else self.name)
        return new_state


def test_a_handler_sees_every_change():
    handler = Recorder()

    TaskRunner(task(lambda: 1, state_handlers=[handler])).run()

    assert handler.seen == [("Pending", "Running"), ("Running", "Success")]


def test_a_handler_sees_retries():
    handler = Recorder()

    with Flow("f") as flow:
        task(lambda: 1 / 0, max_retries=1, retry_delay=0, state_handlers=[handler])()
    flow.run()

    ends = [new for _, new in handler.seen if new != "Pending"]
    assert ends == ["Running", "Failed", "Retrying", "Running", "Failed"]


def test_a_notification_is_sent_when_the_task_fails_with_the_error_in_it():
    sent = []

    def send_notification(obj, old_state, new_state):
        if new_state.is_failed():
            sent.append({"task": obj.name, "error_msg": str(new_state.result)})
        return new_state

    @task(state_handlers=[send_notification])
    def fail():
        raise ValueError("no luck")

    with Flow("f") as flow:
        fail()
    flow.run()

    assert sent == [{"task": "fail", "error_msg": "no luck"}]


def test_on_failure_is_called_on_failed_states_only():
    sent = []

    def call(task, state):
        sent.append((task.name, type(state)))

    with Flow("f") as flow:
        bad = task(lambda: 1 / 0, name="bad", on_failure=call)()
        task(lambda: 1, name="good", on_failure=call)()
        task(lambda: 1, name="after", on_failure=call)(upstream_tasks=[bad])
    flow.run()

    assert sorted(sent, key=str) == sorted([("bad", Failed), ("after", TriggerFailed)], key=str)


def test_handlers_are_called_in_the_order_given():
    calls = []
    handlers = [Recorder(calls, name) for name in "abc"]

    TaskRunner(task(lambda: 1, state_handlers=handlers)).run()

    assert calls == ["a", "b", "c"] * 2


def test_on_failure_comes_after_the_handlers():
    calls = []
    made = task(lambda: 1 / 0, state_handlers=[Recorder(calls, "handler")], on_failure=lambda *_: calls.append("end"))

    TaskRunner(made).run()

    assert calls == ["handler", "handler", "end"]


def test_each_handler_gets_what_the_one_before_returned_and_the_last_word_counts():
    def replace(obj, old_state, new_state):
        return Skipped("enough") if new_state.is_successful() else None

    seen = Recorder()

    state = TaskRunner(task(lambda: 1, state_handlers=[replace, seen])).run()

    assert type(state) is Skipped
    assert seen.seen[-1] == ("Running", "Skipped")


def test_a_handler_can_change_the_result():
    def double(obj, old_state, new_state):
        if new_state.is_successful():
            new_state.result = 2 * new_state.result
        return new_state

    with Flow("f") as flow:
        doubled = task(lambda: 21, state_handlers=[double])()
        after = task(lambda x: x + 1)(doubled)

    assert flow.run().result[after].result == 43


def test_a_handler_can_keep_the_task_from_running():
    ran = []

    def hold(obj, old_state, new_state):
        return Failed("not ready") if new_state.is_running() else new_state

    state = TaskRunner(task(lambda: ran.append(1), state_handlers=[hold])).run()

    assert (type(state), state.message, ran) == (Failed, "not ready", [])


@pytest.mark.parametrize("when", ["Running", "Success", "Failed"])
def test_a_handler_that_raises_fails_the_task_which_is_not_retried(when):
    runs = []

    def explode(obj, old_state, new_state):
        if type(new_state).__name__ == when:
            raise OSError("the handler is broken")
        return new_state

    @task(max_retries=3, retry_delay=0, state_handlers=[explode])
    def work():
        runs.append(1)
        if when == "Failed":
            raise ValueError

    with Flow("f") as flow:
        worked = work()
    state = flow.run().result[worked]

    assert type(state) is Failed
    assert isinstance(state.result, OSError)
    assert len(runs) == (0 if when == "Running" else 1)


def test_flows_have_handlers_too():
    handler, failed = Recorder(), []

    with Flow("f", state_handlers=[handler], on_failure=lambda flow, state: failed.append(flow.name)) as flow:
        task(lambda: 1 / 0)()
    flow.run()

    assert [new for _, new in handler.seen][-2:] == ["Running", "Failed"]
    assert failed == ["f"]


def test_a_handler_that_returns_nothing_changes_nothing():
    assert type(TaskRunner(task(lambda: 1, state_handlers=[lambda *_: None])).run()) is Success
