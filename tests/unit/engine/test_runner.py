"""Changes of state, and what state handlers may do to them."""

from __future__ import annotations

import pytest

from prefect import Flow, Task, context, task
from prefect.engine import FlowRunner, TaskRunner
from prefect.engine.runner import Runner
from prefect.engine.signals import ENDRUN, FAIL, LOOP, PAUSE, RETRY, SKIP, SUCCESS, VALIDATIONFAIL
from prefect.engine.state import Failed, Paused, Pending, Running, Skipped, Success, ValidationFailed
from prefect.exceptions import TaskSettingTypeError
from prefect.utilities.debug import raise_on_exception


class Seen(list):
    """A state handler that remembers the changes it saw, as `Old>New`."""

    def __call__(self, obj, old, new):
        self.append(f"{type(old).__name__}>{type(new).__name__}")


def on(kind, act):
    """A state handler that acts when a state of this kind is reached."""

    def handler(obj, old, new):
        return act(obj, old, new) if type(new) is kind else None

    return handler


def raising(error):
    def act(obj, old, new):
        raise error

    return act


def once(fail_first=1, **settings):
    """A task that fails at first, and then returns 1."""
    runs = []

    def work():
        runs.append(1)
        if len(runs) <= fail_first:
            raise ValueError("not yet")
        return 1

    return task(work, **settings), runs


@task
def one():
    return 1


@task
def broken():
    raise ValueError("broken")


def ran(each, **kwargs):
    """The state that a task comes to in a flow of its own."""
    flow = Flow("f", tasks=[each])
    return flow.run(**kwargs).result[each]


# What handlers see


def test_a_success_goes_over_running():
    seen = Seen()

    assert ran(one.copy(state_handlers=[seen])).result == 1
    assert seen == ["Pending>Running", "Running>Success"]


def test_a_failure_with_a_retry_goes_over_retrying():
    seen = Seen()
    each, _ = once(max_retries=1, retry_delay=0, state_handlers=[seen])

    assert ran(each).result == 1
    assert seen == [
        *("Pending>Running", "Running>Failed", "Failed>Retrying"),
        *("Retrying>Running", "Running>Success"),
    ]


def test_a_loop_goes_over_looped_in_every_turn():
    seen = Seen()

    @task(state_handlers=[seen])
    def twice():
        if context.get("task_loop_count", 1) == 1:
            raise LOOP(result=1)

    ran(twice)
    assert seen == ["Pending>Running", "Running>Looped", "Pending>Running", "Running>Success"]


def test_a_flow_goes_over_running():
    seen = Seen()

    Flow("f", tasks=[one], state_handlers=[seen]).run()

    assert seen == ["Scheduled>Running", "Running>Success"]


def test_the_handlers_of_the_task_come_first_and_those_of_the_runner_get_the_runner():
    calls = []
    each = one.copy(state_handlers=[lambda obj, old, new: calls.append(obj)])

    TaskRunner(each, state_handlers=[lambda obj, old, new: calls.append(obj)]).run()

    assert [type(obj).__name__ for obj in calls] == ["FunctionTask", "TaskRunner"] * 2
    assert calls[0] is each


def test_handlers_for_all_tasks_can_be_given_to_a_run():
    seen = Seen()
    flow = Flow("f", tasks=[one, broken])

    flow.run(task_runner_state_handlers=[seen])

    assert seen == ["Pending>Running", "Running>Success", "Pending>Running", "Running>Failed"]


def test_each_handler_gets_the_old_state_and_what_the_one_before_it_returned():
    got = []
    handlers = [on(Success, lambda obj, old, new: Failed("rewritten")), lambda obj, old, new: got.append((old, new))]

    TaskRunner(one.copy(state_handlers=handlers)).run()

    assert [(type(old), type(new)) for old, new in got] == [(Pending, Running), (Running, Failed)]


def test_handlers_must_come_in_a_sequence():
    with pytest.raises(TypeError):
        TaskRunner(one, state_handlers=lambda obj, old, new: new)
    with pytest.raises(TaskSettingTypeError):
        FlowRunner(Flow("f"), state_handlers={"a"})


def test_a_bare_runner_has_no_target_to_ask():
    new = Success()

    assert Runner().handle_state_change(Pending(), new) is new


# What handlers may do


def test_a_handler_may_make_a_failure_a_success():
    each = broken.copy(state_handlers=[on(Failed, lambda obj, old, new: Success(result="mended"))])

    assert ran(each).result == "mended"


def test_a_handler_may_stop_a_run_that_begins():
    each, runs = once(0)
    each.state_handlers = [on(Running, lambda obj, old, new: Skipped("not today"))]

    assert ran(each).is_skipped()
    assert runs == []


def test_a_failure_made_by_a_handler_is_retried():
    attempts = []

    def refuse_the_first(obj, old, new):
        attempts.append(1)
        return Failed("again") if len(attempts) == 1 else None

    each = one.copy(max_retries=1, retry_delay=0, state_handlers=[on(Success, refuse_the_first)])

    assert ran(each).is_successful()
    assert len(attempts) == 2


@pytest.mark.parametrize("settings", [{}, {"max_retries": 3, "retry_delay": 0}])
def test_an_error_in_a_handler_ends_the_run_as_failed_and_is_not_retried(settings):
    each, runs = once(0, **settings)
    each.state_handlers = [on(Success, raising(KeyError("handler")))]

    state = ran(each)

    assert isinstance(state, Failed)
    assert isinstance(state.result, KeyError)
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("signal", "kind"), [(SKIP(), Skipped), (SUCCESS(), Success), (VALIDATIONFAIL(), ValidationFailed)]
)
def test_a_signal_in_a_handler_puts_its_state_in_place_and_later_handlers_are_not_called(signal, kind):
    seen = Seen()
    each = broken.copy(state_handlers=[on(Failed, raising(signal)), seen])

    assert type(ran(each)) is kind
    assert seen == ["Pending>Running"]


def test_a_failure_signalled_by_a_handler_is_retried():
    each, runs = once(0, max_retries=1, retry_delay=0)
    each.state_handlers = [on(Success, raising(FAIL()))]

    assert ran(each).is_failed()
    assert len(runs) == 2


@pytest.mark.parametrize("end", [PAUSE(), ENDRUN(Paused())])
def test_pause_and_endrun_in_a_handler_end_the_run(end):
    each, runs = once(0, max_retries=3, retry_delay=0)
    each.state_handlers = [on(Running, raising(end))]

    assert isinstance(TaskRunner(each).run(), Paused)
    assert runs == []


def test_a_retry_signalled_by_a_handler_needs_no_retries_left():
    each, runs = once(0)
    each.state_handlers = [
        on(Success, lambda obj, old, new: raising(RETRY())(obj, old, new) if len(runs) < 2 else None)
    ]

    assert ran(each).is_successful()
    assert len(runs) == 2


def test_attributes_of_a_signal_reach_the_handler():
    notes = []

    @task(state_handlers=[on(Failed, lambda obj, old, new: notes.append(new.result.note))])
    def annotated():
        signal = FAIL("with a note")
        signal.note = "read me"
        raise signal

    ran(annotated)
    assert notes == ["read me"]


def test_an_error_in_a_handler_of_the_flow_fails_the_flow():
    flow = Flow("f", tasks=[one], state_handlers=[on(Success, raising(KeyError("handler")))])

    state = flow.run()

    assert state.is_failed()
    assert isinstance(state.result, KeyError)


def test_a_state_put_in_place_by_a_handler_of_the_flow_takes_over_the_states_of_the_tasks():
    flow = Flow("f", tasks=[one], state_handlers=[on(Success, lambda obj, old, new: Failed("not good enough"))])

    state = flow.run()

    assert state.is_failed()
    assert state.result[one].result == 1


# on_failure


def test_on_failure_is_called_for_every_failed_state():
    calls = []
    each, _ = once(max_retries=1, retry_delay=0, on_failure=lambda obj, state: calls.append((obj, type(state))))

    ran(each)

    assert calls == [(each, Failed)]


def test_on_failure_of_a_flow_is_called_when_the_run_fails():
    calls = []
    flow = Flow("f", tasks=[broken], on_failure=lambda obj, state: calls.append((obj, type(state))))

    flow.run()

    assert calls == [(flow, Failed)]


def test_an_error_in_on_failure_ends_the_run():
    each, runs = once(5, max_retries=3, retry_delay=0, on_failure=lambda obj, state: 1 / 0)

    assert isinstance(ran(each).result, ZeroDivisionError)
    assert len(runs) == 1


# raise_on_exception


def test_errors_of_tasks_handlers_and_triggers_come_out_when_asked_for():
    bad_trigger = one.copy(trigger=lambda upstream: 1 / 0)
    bad_handler = one.copy(state_handlers=[on(Success, raising(KeyError()))])

    with raise_on_exception():
        for each, error in [(broken, ValueError), (bad_trigger, ZeroDivisionError), (bad_handler, KeyError)]:
            with pytest.raises(error):
                Flow("f", tasks=[each]).run()
            with pytest.raises(error):
                TaskRunner(each).run()


def test_signals_do_not_come_out_even_then():
    @task
    def signals():
        raise FAIL("no")

    with raise_on_exception():
        assert Flow("f", tasks=[signals]).run().is_failed()


def test_inside_a_map_errors_come_out_too():
    @task
    def invert(x):
        return 1 / x

    with Flow("f") as flow:
        invert.map([1, 0])

    with raise_on_exception(), pytest.raises(ZeroDivisionError):
        flow.run()


def test_a_bare_task_is_a_task_that_does_nothing():
    assert TaskRunner(Task()).run().is_successful()


def test_a_handler_that_returns_no_state_fails_the_task_and_only_it():
    def talks(task, old_state, new_state):
        return "oops"

    with Flow("f") as flow:
        bad = task(lambda: 1, name="bad", state_handlers=[talks])()
        good = task(lambda: 2, name="good")()

    state = flow.run()

    assert state.is_failed()
    assert state.result[bad].is_failed()
    assert "'talks'" in str(state.result[bad].result)
    assert state.result[good].result == 2
