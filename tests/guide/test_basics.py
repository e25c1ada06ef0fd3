"""The guide, "The Basics": what a task is, how to make one, and what its `run` may look like."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest

import prefect
from prefect import Flow, Task, task
from prefect.exceptions import TaskSignatureError


class AddTask(Task):
    def run(self, x, y):
        return x + y


def test_a_subclass_with_a_run_method_is_a_task_once_it_has_an_instance():
    add_task = AddTask(name="Add")

    assert repr(add_task) == "<Task: Add>"
    assert isinstance(add_task, Task)
    assert not isinstance(AddTask, Task)


def test_the_decorator_makes_a_task_at_once():
    @task(name="Add")
    def add_task(x, y):
        return x + y

    assert isinstance(add_task, Task)
    assert repr(add_task) == "<Task: Add>"
    assert add_task.run(1, 2) == 3


def test_without_a_name_a_task_is_called_like_its_function_or_class():
    @task
    def add(x, y):
        return x + y

    assert (add.name, AddTask().name, task(lambda: 1).name) == ("add", "AddTask", "<lambda>")


def test_the_decorator_takes_every_setting_of_a_task():
    given = {
        "name": "n",
        "slug": "s",
        "tags": ["t"],
        "max_retries": 2,
        "retry_delay": timedelta(seconds=1),
        "retry_on": [OSError],
        "timeout": 3,
        "trigger": prefect.triggers.all_finished,
        "skip_on_upstream_skip": False,
        "cache_for": timedelta(hours=1),
        "max_active": 5,
        "rate": "100/minute",
        "on_map_end": print,
        "cache_validator": prefect.engine.cache_validators.all_inputs,
        "cache_key": "k",
        "checkpoint": False,
        "state_handlers": [print],
        "on_failure": print,
        "log_stdout": True,
        "result": prefect.engine.results.LocalResult(),
        "target": "{x}.pkl",
        "task_run_name": "{x}",
        "nout": 2,
    }

    made = task(**given)(lambda x: x)

    assert given.keys() == inspect.signature(Task.__init__).parameters.keys() - {"self"}
    kept = ["name", "slug", "max_retries", "retry_delay", "timeout", "trigger", "skip_on_upstream_skip", "cache_for"]
    kept += ["cache_validator", "cache_key", "checkpoint", "log_stdout", "target", "task_run_name", "nout"]
    assert {key: getattr(made, key) for key in kept} == {key: given[key] for key in kept}
    assert (made.tags, made.retry_on, len(made.state_handlers)) == ({"t"}, {OSError}, 2)


def test_star_args_are_refused_at_creation():
    with pytest.raises(ValueError, match=r"'collect'.*`\*items`.*list instead"):

        @task
        def collect(*items):
            return items

    with pytest.raises(TaskSignatureError, match=r"'Collect'.*`\*items`.*list instead"):

        class Collect(Task):
            def run(self, *items):
                return items


@pytest.mark.parametrize("name", ["upstream_tasks", "mapped", "task_args", "flow"])
def test_reserved_names_are_refused_at_creation(name):
    def function(**kwargs):
        return kwargs

    parameter = inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    function.__signature__ = inspect.Signature([parameter])

    with pytest.raises(ValueError, match=f"'function' takes '{name}', a name kept for .*another name"):
        task(function)
    with pytest.raises(ValueError, match=f"'Mine' takes '{name}'"):
        exec(f"class Mine(Task):\n    def run(self, {name}): ...", {"Task": Task})


def test_keyword_arguments_may_be_arbitrary():
    @task
    def describe(**facts):
        return sorted(facts)

    with Flow("f") as flow:
        described = describe(size=1, colour="red")

    assert flow.run().result[described].result == ["colour", "size"]


@pytest.mark.parametrize("builtin", [bool, dict, max])
def test_functions_that_cannot_be_inspected_are_refused_with_the_remedy(builtin):
    with pytest.raises(ValueError, match="wrap it in a function of your own"):
        task(builtin)


def test_a_wrapper_gets_round_that():
    @task
    def prefect_bool(x):
        """bool, as a task"""
        return bool(x)

    with Flow("f") as flow:
        yes = prefect_bool([1])

    assert prefect_bool.__doc__ == "bool, as a task"
    assert flow.run().result[yes].result is True


def test_the_context_holds_the_logger_of_the_task(caplog):
    @task
    def log_hello():
        logger = prefect.context["logger"]
        assert logger is prefect.context.logger
        logger.info("Hello!")

    with Flow("f") as flow:
        log_hello()

    assert flow.run().is_successful()
    [record] = [record for record in caplog.records if record.message == "Hello!"]
    assert (record.name, record.levelname) == ("prefect.log_hello", "INFO")


def test_the_context_of_a_run_is_gone_outside_of_it():
    @task
    def who():
        return prefect.context["task_name"], prefect.context.flow_name

    with Flow("f") as flow:
        asked = who()

    assert flow.run().result[asked].result == ("who", "f")
    assert prefect.context.get("task_name") is None
    assert prefect.context.get("task_name", "nobody") == "nobody"
    with pytest.raises(KeyError):
        prefect.context["task_name"]
    with pytest.raises(AttributeError, match="task_name"):
        _ = prefect.context.task_name
