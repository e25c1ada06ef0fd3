"""The document of a flow: plain values, the same in every process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

import pytest

import prefect
from prefect import DateTimeParameter, Flow, Parameter, Task, flatten, task, triggers, unmapped
from prefect.core.graph import Graph
from prefect.engine import cache_validators
from prefect.exceptions import CycleError, TaskSettingError
from prefect.serialization.flow import flow_document, hash_of
from prefect.utilities.version import __version__

KEYS = [
    "name",
    "type",
    "schedule",
    "parameters",
    "tasks",
    "edges",
    "reference_tasks",
    "run_config",
    "storage",
    "format",
    "__version__",
]


@task
def add(x: int, y: float = 1) -> int:
    return x + y


@task
def nothing():
    pass


class Shout(Task):
    def run(self, text: list[str], *, loud=True, **more):
        return text


def simple():
    """x ─▶ add ─▶ nothing"""
    with Flow("simple") as flow:
        nothing(upstream_tasks=[add(Parameter("x"), 2)])
    return flow


def task_documents(flow):
    return {each["slug"]: each for each in flow_document(flow)["tasks"]}


def described(made):
    """The document of one task."""
    flow = Graph("f")
    flow.add_task(made)
    [document] = flow_document(flow)["tasks"]
    return document


def test_the_document_of_a_flow_is_plain():
    document = simple().serialize()

    assert list(document) == KEYS
    assert json.loads(json.dumps(document)) == document
    assert document["name"] == "simple"
    assert document["type"] == "prefect.core.flow.Flow"
    assert document["__version__"] == __version__ == prefect.__version__
    assert document["reference_tasks"] == ["nothing-1"]
    assert (document["schedule"], document["run_config"], document["storage"]) == (None, None, None)


def test_tasks_and_edges_stand_in_the_order_in_which_they_were_added():
    document = simple().serialize()

    assert [each["slug"] for each in document["tasks"]] == ["add-1", "x", "nothing-1"]
    assert document["edges"] == [
        {"upstream_task": "x", "downstream_task": "add-1", "key": "x", "mapped": False, "flattened": False},
        {"upstream_task": "add-1", "downstream_task": "nothing-1", "key": None, "mapped": False, "flattened": False},
    ]


def test_edges_tell_how_values_travel():
    """[[1]], [2] ─▶ add.map"""
    with Flow("f") as flow:
        lists, number = nothing(), nothing()
        add.map(flatten(lists), unmapped(number))

    document = flow.serialize()
    edges = {each["key"]: (each["mapped"], each["flattened"]) for each in document["edges"]}
    assert edges == {"x": (True, True), "y": (False, False)}
    assert {each["slug"]: each["mapped"] for each in document["tasks"]} == {
        "nothing-1": False,
        "nothing-2": False,
        "add-1": True,
    }


def test_the_document_of_a_plain_task():
    assert described(add) == {
        "type": "prefect.tasks.core.function.FunctionTask",
        "name": "add",
        "slug": "add-1",
        "tags": [],
        "max_retries": 0,
        "retry_delay": None,
        "retry_on": None,
        "timeout": None,
        "inputs": {"x": {"type": "int", "required": True}, "y": {"type": "float", "required": False}},
        "outputs": "int",
        "trigger": {"name": "prefect.triggers.all_successful", "kwargs": {}},
        "skip_on_upstream_skip": True,
        "cache_for": None,
        "cache_key": None,
        "cache_validator": {"name": "prefect.engine.cache_validators.never_use", "kwargs": {}},
        "auto_generated": False,
        "mapped": False,
    }


def test_the_document_of_a_task_with_settings():
    made = described(
        Shout(
            name="hey",
            tags=["b", "a"],
            max_retries=2,
            retry_delay=timedelta(minutes=1),
            retry_on=[ValueError, CycleError],
            timeout=timedelta(seconds=30),
            trigger=triggers.any_failed,
            skip_on_upstream_skip=False,
            cache_for=timedelta(hours=1),
            cache_key="shared",
            cache_validator=cache_validators.all_inputs,
        )
    )

    assert made["type"].endswith("test_serialization_flow.Shout")
    assert made["slug"] == "hey-a-b-1"
    assert made["tags"] == ["a", "b"]
    assert (made["max_retries"], made["retry_delay"], made["timeout"]) == (2, 60, 30)
    assert made["retry_on"] == ["ValueError", "prefect.exceptions.CycleError"]
    assert made["trigger"]["name"] == "prefect.triggers.any_failed"
    assert made["skip_on_upstream_skip"] is False
    assert (made["cache_for"], made["cache_key"]) == (3600, "shared")
    assert made["cache_validator"] == {"name": "prefect.engine.cache_validators.all_inputs", "kwargs": {}}
    assert made["inputs"] == {
        "text": {"type": "list[str]", "required": True},
        "loud": {"type": "Any", "required": False},
    }
    assert made["outputs"] == "Any"


def delay_of(run_count):
    return timedelta(seconds=run_count)


@pytest.mark.parametrize(
    ("delay", "described_as"),
    [
        (timedelta(seconds=90), 90),
        (0.5, 0.5),
        ([1, timedelta(minutes=1)], [1, 60]),
    ],
)
def test_delays_are_seconds(delay, described_as):
    assert described(Task(max_retries=2, retry_delay=delay))["retry_delay"] == described_as


def test_a_function_of_delays_is_a_name():
    name = described(Task(max_retries=1, retry_delay=delay_of))["retry_delay"]

    assert name.endswith("test_serialization_flow.delay_of")


@pytest.mark.parametrize(
    ("trigger", "kwargs"),
    [
        (triggers.some_failed(at_least=2), {"at_least": 2, "at_most": None}),
        (triggers.some_successful(at_most=0.5), {"at_least": None, "at_most": 0.5}),
    ],
)
def test_a_trigger_is_named_by_its_maker_with_what_it_was_given(trigger, kwargs):
    made = described(Task(trigger=trigger))["trigger"]

    assert made == {"name": f"prefect.triggers.{trigger.__name__}", "kwargs": kwargs}


def test_triggers_of_other_kinds():
    class Own:
        def __call__(self, upstream_states):
            return True

    def local(upstream_states):
        return bool(things) and name == "x"

    things, name = [object()], "x"

    assert described(Task(trigger=Own()))["trigger"]["name"].endswith("Own")
    made = described(Task(trigger=local))["trigger"]
    assert made["name"].endswith("test_triggers_of_other_kinds.local")
    assert made["kwargs"] == {"name": "x"}  # what is not plain is left out
    made = described(Task(trigger=partial(delay_of, run_count=3)))["trigger"]
    assert made["kwargs"] == {"run_count": 3}


def test_a_cache_validator_made_by_a_function_tells_the_names_it_compares():
    made = described(Task(cache_for=timedelta(1), cache_validator=cache_validators.partial_inputs_only({"y", "x"})))

    assert made["cache_validator"] == {
        "name": "prefect.engine.cache_validators.partial_inputs",
        "kwargs": {"names": ["x", "y"]},
    }


def test_a_function_that_refers_to_a_name_not_set_yet_has_a_document():
    def make():
        def trigger(upstream_states):
            return later

        if False:
            later = True
        return trigger

    assert described(Task(trigger=make()))["trigger"]["kwargs"] == {}


def test_addresses_in_annotations_are_left_out():
    def work(x):
        return x

    work.__annotations__["x"] = Annotated[int, object()]
    assert described(task(work))["inputs"]["x"]["type"] == "typing.Annotated[int, <object object>]"


# Parameters


def test_parameters_tell_their_defaults():
    with Flow("f") as flow:
        Parameter("x")()
        Parameter("y", default={"a": (1, 2)}, tags=["t"])()

    assert flow.serialize()["parameters"] == [
        {
            "type": "prefect.core.parameter.Parameter",
            "name": "x",
            "slug": "x",
            "required": True,
            "default": None,
            "tags": [],
        },
        {
            "type": "prefect.core.parameter.Parameter",
            "name": "y",
            "slug": "y",
            "required": False,
            "default": {"a": [1, 2]},
            "tags": ["t"],
        },
    ]


def test_the_default_of_a_datetime_parameter_is_text():
    flow = Graph("f")
    flow.add_task(DateTimeParameter("when", default=datetime(2026, 1, 31, tzinfo=UTC)))

    [parameter] = flow_document(flow)["parameters"]
    assert parameter["default"] == "2026-01-31T00:00:00+00:00"


@pytest.mark.parametrize("default", [object(), {1, 2}, float("nan"), timedelta(1)])
def test_a_default_that_is_not_json_is_an_error_that_names_the_parameter(default):
    flow = Graph("f")
    flow.add_task(Parameter("odd", default=default))

    with pytest.raises(TaskSettingError, match="parameter 'odd' cannot be written as JSON"):
        flow_document(flow)


# Parts that describe themselves


def test_schedule_run_config_and_storage_write_their_own_parts():
    class Part:
        def serialize(self):
            return {"type": "own"}

    class Silent:
        pass

    document = Flow("f", schedule=Part(), run_config=Part(), storage=Silent()).serialize()

    assert document["schedule"] == document["run_config"] == {"type": "own"}
    assert document["storage"]["type"].endswith("Silent")


# What it does not do


def test_the_document_leaves_the_flow_as_it_is():
    flow = simple()
    before = {each: dict(vars(each)) for each in flow.tasks}

    flow.serialize()

    assert {each: dict(vars(each)) for each in flow.tasks} == before
    assert [each.slug for each in flow.get_tasks(name="add")] == [None]


def test_a_flow_with_a_cycle_has_no_document():
    flow = Flow("f")
    a, b = Task("a"), Task("b")
    flow.chain(a, b, a)

    with pytest.raises(CycleError):
        flow.serialize()


# The digest


def test_the_digest_depends_on_what_the_document_says_and_on_nothing_else():
    def flow_of(constant=2, name="simple", **settings):
        with Flow(name) as flow:
            add(Parameter("x"), constant, task_args=settings)
        return flow

    digest = flow_of().serialized_hash()
    assert digest == flow_of().serialized_hash()
    assert digest == flow_of(constant=3).serialized_hash()
    assert digest != flow_of(name="other").serialized_hash()
    assert digest != flow_of(timeout=1).serialized_hash()


def test_the_digest_does_not_depend_on_the_order_of_keys():
    assert hash_of({"a": 1, "b": [1, 2]}) == hash_of({"b": [1, 2], "a": 1})
    assert hash_of({"a": [1, 2]}) != hash_of({"a": [2, 1]})
    assert len(hash_of({})) == 64


SCRIPT = """
from datetime import timedelta
from prefect import Flow, Parameter, case, task
from prefect.engine.cache_validators import partial_inputs_only
from prefect.triggers import some_failed

@task(tags={"a", "b", "c"}, trigger=some_failed(at_least=1), max_retries=1, retry_delay=1, retry_on={OSError, KeyError},
      cache_for=timedelta(1), cache_validator=partial_inputs_only({"x", "y"}))
def work(x, y):
    return x

with Flow("f") as flow:
    with case(Parameter("x"), 1):
        work({"k": 1, "l": [1, 2]}, {Parameter("y")})
print(flow.serialized_hash(), Flow.deserialize(flow.serialize()).serialized_hash())
"""


@pytest.mark.slow
def test_the_digest_is_the_same_in_every_process():
    path = os.pathsep.join(sys.path)
    digests = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(digests) == 1
    assert len(set(digests.pop().split())) == 1
