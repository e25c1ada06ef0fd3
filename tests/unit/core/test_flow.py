"""Flow: building it in a block, running it, and what is refused."""

from __future__ import annotations

import warnings

import pytest

from prefect import Flow, Parameter, Task, case, context, tags, task
from prefect.engine.state import Failed, Success
from prefect.exceptions import FlowContextActive, RunnerError, TaskSettingError, TaskSettingTypeError
from prefect.utilities.context import lookup


@task
def add(x, y=0):
    return x + y


def test_a_flow_shows_its_name():
    assert repr(Flow("my flow")) == '<Flow: name="my flow">'


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"state_handlers": print}, r"write state_handlers=\[print\]"),
        ({"on_failure": 5}, "on_failure must be a function, not 5"),
        ({"terminal_state_handler": 5}, "terminal_state_handler must be a function"),
    ],
)
def test_a_setting_of_the_wrong_type_is_refused(settings, says):
    with pytest.raises(TaskSettingTypeError, match=f"mine.*{says}"):
        Flow("mine", **settings)


def test_a_flow_with_nothing_in_it_succeeds():
    assert type(Flow("f").run()) is Success


# The block


def test_the_innermost_block_gets_the_tasks():
    """outer: a, c      inner: b"""
    with Flow("outer") as outer:
        a = add(1)
        with Flow("inner") as inner:
            b = add(2)
        c = add(3)

    assert lookup("flow") is None
    assert [*outer.tasks] == [a, c]
    assert [*inner.tasks] == [b]


def test_a_flow_can_be_entered_again():
    with Flow("f") as flow:
        a = add(1)
    with flow:
        b = add(a)

    assert [*flow.tasks] == [a, b]


def test_an_error_in_the_block_comes_out_and_ends_it():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TaskSettingError), Flow("f"):
            [Task("unused"), Task(timeout=-1)]
    assert lookup("flow") is None


def test_tasks_that_were_made_but_not_added_are_warned_of():
    with pytest.warns(UserWarning, match=r"not part of it: <Task: first>, <Task: second>\. Call a task"), Flow("f"):
        [Task("first"), Task("second"), add(1)]


def test_an_inner_flow_is_not_part_of_a_case_around_it():
    with Flow("outer"), case(add(1), 1):
        with Flow("inner") as inner:
            add(2)
        add(3)

    assert len(inner.tasks) == 1


def test_tags_reach_into_the_block():
    with tags("t"), Flow("f"):
        assert add(1).tags == {"t"}


# Running


def test_a_flow_that_is_being_built_does_not_run():
    with Flow("f") as flow:
        add(1)
        with pytest.raises(FlowContextActive, match='"f".*leave its `with` block') as caught:
            flow.run()

    assert isinstance(caught.value, RuntimeError)
    assert flow.run().is_successful()


def test_a_flow_that_is_being_loaded_does_not_run(caplog):
    with context(loading_flow=True):
        assert Flow("f").run() is None
    assert "is being loaded" in caplog.text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"return_tasks": []}, "leave `return_tasks` out"),
        ({"speed": 3}, r"does not take 'speed'.*parameter of .*\(x\).*option \(.*executor"),
    ],
)
def test_an_unknown_option_is_refused(options, says):
    with Flow("f") as flow:
        add(Parameter("x", default=1))

    with pytest.raises(RunnerError, match=says):
        flow.run(**options)


def test_the_result_holds_the_states_of_all_tasks():
    """bad ─▶ after     good"""
    with Flow("f") as flow:
        bad = task(lambda: 1 / 0)()
        after = add(bad)
        good = add(1)

    state = flow.run()

    assert type(state) is Failed
    assert state.result.keys() == {bad, after, good}
    assert isinstance(state.result[bad].result, ZeroDivisionError)
    assert state.result[good].result == 1


def test_reference_tasks_decide():
    with Flow("f") as flow:
        bad = task(lambda: 1 / 0)()
        good = add(1)

    flow.set_reference_tasks([good])
    assert flow.run().is_successful()
    flow.set_reference_tasks([bad])
    assert flow.run().is_failed()


def test_states_can_be_given():
    """a ─▶ b"""
    with Flow("f") as flow:
        a = add(1)
        b = add(a)

    assert flow.run(task_states={a: Success(result=10)}).result[b].result == 10


def test_a_terminal_state_handler_has_the_last_word():
    seen = []

    def forgive(flow, state, references):
        seen.append((flow.name, type(state), len(references)))
        return Success("forgiven")

    with Flow("f", terminal_state_handler=forgive) as flow:
        task(lambda: 1 / 0)()

    assert flow.run().message == "forgiven"
    assert seen[-1] == ("f", Failed, 1)


# Copies


def test_a_copy_has_its_own_handlers_and_tasks_and_runs():
    with Flow("f", state_handlers=[lambda *_: None]) as flow:
        a = add(1)

    copy = flow.copy()
    copy.state_handlers.clear()
    with copy:
        b = add(a, 5)

    assert len(flow.state_handlers) == 1
    assert [*flow.tasks] == [a]
    assert copy.run().result[b].result == 6
    assert type(copy) is Flow


def test_a_copy_made_in_the_block_is_not_being_built():
    with Flow("f") as flow:
        a = add(1)
        copy = flow.copy()

    assert copy == flow
    assert copy.run().result[a].result == 1


def test_constants_of_a_replaced_task_feed_its_substitute(value):
    with Flow("f") as flow:
        old = add(1, y=2)
        last = add(old)
    new = task(lambda x, y: 10 * x + y)

    flow.replace(old, new)

    assert value(flow, last) == 12
