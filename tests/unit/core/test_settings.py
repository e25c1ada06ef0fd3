"""Settings of tasks: their defaults, their stored forms, and those that cannot be."""

from __future__ import annotations

import warnings
from datetime import timedelta

import pytest

from prefect import Flow, Task, config, task, triggers
from prefect.engine import cache_validators
from prefect.engine.results import LocalResult
from prefect.exceptions import TaskSettingError, TaskSettingTypeError, UnknownSetting
from prefect.utilities.configuration import set_temporary_config

HOUR = timedelta(hours=1)


def test_a_task_has_these_defaults():
    bare = Task()

    names = {name.removeprefix("_") for name in vars(bare)}
    assert {name: getattr(bare, name) for name in names} | {"logger": None} == {
        "name": "Task",
        "slug": None,
        "tags": set(),
        "max_retries": 0,
        "retry_delay": None,
        "retry_on": None,
        "timeout": None,
        "trigger": triggers.all_successful,
        "skip_on_upstream_skip": True,
        "cache_for": None,
        "cache_validator": cache_validators.never_use,
        "cache_key": None,
        "checkpoint": None,
        "state_handlers": [],
        "log_stdout": False,
        "result": None,
        "target": None,
        "task_run_name": None,
        "nout": None,
        "auto_generated": False,
        "logger": None,
    }
    assert bare.logger.name == "prefect.Task"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"tags": "abc"}, r"tags.*tags=\['abc'\]"),
        ({"tags": 5}, "tags.*not 5"),
        ({"max_retries": "3", "retry_delay": HOUR}, "max_retries.*whole number.*'3'"),
        ({"max_retries": 1.5, "retry_delay": HOUR}, "max_retries.*whole number"),
        ({"max_retries": 1, "retry_delay": "soon"}, "retry_delay.*timedelta.*'soon'"),
        ({"max_retries": 1, "retry_delay": [HOUR, "soon"]}, "retry_delay.*'soon'"),
        ({"max_retries": 1, "retry_delay": True}, "retry_delay.*True"),
        ({"max_retries": 1, "retry_delay": 1, "retry_on": "OSError"}, "retry_on takes classes of Exception, not '"),
        ({"max_retries": 1, "retry_delay": 1, "retry_on": KeyboardInterrupt}, "retry_on.*KeyboardInterrupt"),
        ({"max_retries": 1, "retry_delay": 1, "retry_on": [OSError, 3]}, "retry_on.*3"),
        ({"timeout": "10"}, "timeout must be seconds or a timedelta, not '10'"),
        ({"timeout": True}, "timeout.*True"),
        ({"state_handlers": print}, r"state_handlers must be a list; write state_handlers=\[print\]"),
        ({"state_handlers": {print}}, "state_handlers must be a list"),
        ({"state_handlers": [3]}, r"state handler must be a function of \(obj, old_state, new_state\), not 3"),
        ({"on_failure": "mail"}, "on_failure must be a function, not 'mail'"),
        ({"trigger": "all_failed"}, "trigger must be a function, not 'all_failed'"),
        ({"cache_for": 3600}, "cache_for must be a timedelta, not 3600"),
        ({"target": 3}, "target must be a template or a function, not 3"),
        ({"task_run_name": 3}, "task_run_name must be a template or a function, not 3"),
        ({"nout": "2"}, "nout must be a whole number, not '2'"),
        ({"nout": True}, "nout"),
    ],
    ids=str,
)
def test_a_setting_of_the_wrong_type_is_refused_with_the_remedy(settings, says):
    with pytest.raises(TaskSettingTypeError, match=f"<Task: mine>.*{says}") as caught:
        Task("mine", **settings)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"max_retries": 2}, r"max_retries=2 needs a retry_delay, such as"),
        ({"max_retries": -1, "retry_delay": HOUR}, "must not be negative"),
        ({"retry_delay": HOUR}, "a retry_delay needs max_retries, such as max_retries=3"),
        ({"retry_on": OSError}, "retry_on needs max_retries"),
        ({"max_retries": 1, "retry_delay": -HOUR}, "must not be negative"),
        ({"max_retries": 1, "retry_delay": []}, "empty list"),
        ({"timeout": -1}, "timeout must not be negative"),
        ({"nout": -1}, "nout must not be negative"),
    ],
    ids=str,
)
def test_a_setting_with_an_impossible_value_is_refused_with_the_remedy(settings, says):
    with pytest.raises(TaskSettingError, match=f"<Task: mine>.*{says}") as caught:
        Task("mine", **settings)
    assert isinstance(caught.value, ValueError)


def test_a_setting_that_does_not_exist_is_refused():
    with pytest.raises(TypeError, match="retries"):
        task(lambda: 1, retries=3)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (HOUR, HOUR),
        (90, timedelta(seconds=90)),
        (0.5, timedelta(seconds=0.5)),
        (0, timedelta(0)),
        ([1, HOUR], (timedelta(seconds=1), HOUR)),
    ],
    ids=str,
)
def test_a_retry_delay_is_kept_as_timedeltas(given, stored):
    assert Task(max_retries=1, retry_delay=given).retry_delay == stored


def test_a_retry_delay_can_be_a_function():
    def delay(run_count):
        return HOUR

    assert Task(max_retries=1, retry_delay=delay).retry_delay is delay


@pytest.mark.parametrize(("given", "stored"), [(OSError, {OSError}), ([OSError, ValueError], {OSError, ValueError})])
def test_retry_on_is_kept_as_a_set(given, stored):
    assert Task(max_retries=1, retry_delay=1, retry_on=given).retry_on == stored


@pytest.mark.parametrize(("given", "stored"), [(3, 3), (timedelta(minutes=1), 60), (0, 0), (None, None), (1.5, 1.5)])
def test_a_timeout_is_kept_in_seconds(given, stored):
    assert Task(timeout=given).timeout == stored


def test_defaults_can_be_configured():
    with set_temporary_config(
        {"tasks.defaults.max_retries": 2, "tasks.defaults.retry_delay": HOUR, "tasks.defaults.timeout": 7}
    ):
        made, own = Task(), Task(max_retries=0, timeout=1)

    assert (made.max_retries, made.retry_delay, made.timeout) == (2, HOUR, 7)
    assert (own.max_retries, own.retry_delay, own.timeout) == (0, None, 1)
    assert config.tasks.defaults.max_retries == 0


def test_a_cache_needs_a_validator_only_if_it_is_a_special_one():
    assert Task(cache_for=HOUR).cache_validator is cache_validators.duration_only
    assert (
        Task(cache_for=HOUR, cache_validator=cache_validators.all_inputs).cache_validator is cache_validators.all_inputs
    )


def test_a_validator_without_cache_for_is_warned_of():
    with pytest.warns(UserWarning, match="cache_validator but no cache_for"):
        Task(cache_validator=cache_validators.all_inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Task(cache_validator=cache_validators.never_use)


def test_a_target_gives_its_location_to_a_copy_of_the_result():
    result = LocalResult()

    made = Task(result=result, target="{x}.pkl")

    assert made.result.location == "{x}.pkl"
    assert result.location is None
    with pytest.warns(UserWarning, match="replaces the location"):
        Task(result=LocalResult(location="a"), target="b")


def test_the_callers_list_of_handlers_stays_as_it_is():
    handlers = [print]

    made = Task(state_handlers=handlers, on_failure=print)
    made.copy().state_handlers.append(print)

    assert handlers == [print]
    assert len(made.state_handlers) == 2


def test_handlers_may_come_as_a_tuple():
    assert len(Task(state_handlers=(print,), on_failure=print).state_handlers) == 2


# Overriding them in copies


def test_task_args_are_checked_like_settings():
    with pytest.raises(TaskSettingTypeError, match="timeout"), Flow("f"):
        Task("mine")(task_args={"timeout": "soon"})
    with pytest.raises(TaskSettingError, match="needs a retry_delay"):
        Task("mine").copy(max_retries=3)


def test_a_setting_that_the_task_does_not_have_is_refused():
    with pytest.raises(UnknownSetting, match="<Task: mine> has no attribute 'retries'") as caught:
        Task("mine").copy(retries=3)
    assert isinstance(caught.value, AttributeError)


def test_retries_can_be_turned_off_in_a_copy():
    copy = Task(max_retries=3, retry_delay=HOUR, retry_on=OSError).copy(max_retries=0)

    assert (copy.max_retries, copy.retry_delay, copy.retry_on) == (0, None, None)


def test_caching_can_be_turned_on_and_off_in_a_copy():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        on = Task().copy(cache_for=HOUR)
        off = Task(cache_for=HOUR).copy(cache_for=None)
    longer = Task(cache_for=HOUR, cache_validator=cache_validators.all_inputs).copy(cache_for=2 * HOUR)

    assert on.cache_validator is cache_validators.duration_only
    assert off.cache_validator is cache_validators.never_use
    assert longer.cache_validator is cache_validators.all_inputs


def test_none_as_trigger_is_the_default():
    assert Task(trigger=triggers.all_failed).copy(trigger=None).trigger is triggers.all_successful


def test_a_new_name_has_a_logger_of_its_own():
    assert Task("a").copy(name="b").logger.name == "prefect.b"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Task(name=3), "The name of a task must be a text"),
        (lambda: Task(result="abc"), "result must be a Result"),
        (lambda: Flow("f", executor="threads"), "executor must be one"),
        (lambda: Flow("f", schedule="every day"), "schedule must be a Schedule"),
    ],
)
def test_a_thing_of_the_wrong_kind_is_refused_where_it_is_given(make, says):
    with pytest.raises(TaskSettingTypeError, match=says):
        make()
