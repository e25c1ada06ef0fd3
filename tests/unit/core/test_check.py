"""What `flow.check()` says about a flow before it runs."""

from __future__ import annotations

import copy
import functools
import inspect
import math
import threading
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect import Flow, Parameter, Task, as_task, mapped, task, unmapped
from prefect.core.check import Finding, Kind
from prefect.engine.results import LocalResult
from prefect.executors import Executor, LocalDaskExecutor, LocalExecutor
from prefect.tasks.core import Constant
from prefect.utilities.configuration import set_temporary_config
from prefect.utilities.tasks import defaults_from_attrs

count = 0


class Threads(Executor):
    """Cannot stop what it has begun."""


class Stopping(Executor):
    """Stops work when its time is over."""

    stops_work = distant = True


@task
def plain(x=0):
    return x + 1


def of(each, kind=None):
    """What is found in a flow of one task."""
    flow = Flow("one", tasks=[each])
    return [found for found in flow.check() if kind in (None, found.kind)]


def told(findings):
    """The message of each, up to the advice."""
    return [found.message.partition(";")[0] for found in findings]


def line(function, number):
    """Line `number` of a function, as `where` gives it."""
    return f"{__file__}:{inspect.getsourcelines(function)[1] + number}"


# --- a flow with nothing to say ---------------------------------------------------------------------------------------


def test_a_sound_flow_has_no_findings():
    with Flow("sound") as flow:
        x = Parameter("x", default=1)
        numbers = plain.map([1, 2, x])
        plain(numbers[0] + 1)

    assert flow.check() == []
    assert str(flow.check()) == repr(flow.check()) == "Nothing was found."


# --- what travels -----------------------------------------------------------------------------------------------------


def test_a_lock_in_the_closure_is_found_with_its_path():
    db = {"lock": threading.Lock()}

    @task
    def load():
        return db

    [found] = of(load)

    assert (found.task, found.name, found.kind) == ("load-1", "load", "cannot travel")
    assert found.message == (
        "load.run → closure 'db' → ['lock']: _thread.lock; make it inside `run`, or use a resource manager"
    )
    assert found.where == line(load.run, 0)


def test_a_lock_in_an_attribute_is_found():
    class Load(Task):
        def __init__(self):
            super().__init__()
            self.lock = threading.Lock()

    assert told(of(Load())) == ["Load.lock: _thread.lock"]


def test_a_lock_among_the_arguments_is_found_at_the_task_that_holds_it():
    lock = threading.Lock()
    with Flow("arguments") as flow:
        plain(lock)
        plain([1, lock])
        plain(Constant(lock))

    found = flow.check()

    assert [each.name for each in found] == ["plain", "plain", "Constant[lock]"]
    assert told(found) == [
        "plain → argument 'x': _thread.lock",
        "plain → argument 'x' → [1]: _thread.lock",
        "Constant[lock].value: _thread.lock",
    ]


def test_a_lock_in_nested_collections_is_found_at_the_task_that_they_are_for():
    """also beside the values of other tasks, and in a list to map over"""
    lock = threading.Lock()
    with Flow("nested") as flow:
        plain([1, {"a": (lock, plain(1))}])
        plain.map([{"b": lock}, 2])

    found = flow.check()

    assert told(found) == [
        "plain → argument 'x' → [1]['a'][0]: _thread.lock",
        "plain → argument 'x' → [0]['b']: _thread.lock",
    ]
    assert [each.where for each in found] == [line(plain.run, 0)] * 2


def test_a_collection_that_cannot_be_put_together_is_passed_over():
    with Flow("unhashable") as flow:
        plain({1, as_task([], flow)})

    assert flow.check() == []


def test_an_exception_class_is_no_obstacle_but_a_broken_exception_is():
    class Broken(Exception):
        def __init__(self, left, right):
            super().__init__(left)

    with Flow("errors") as flow:
        plain(Broken)
        plain(Broken(1, 2))

    [found] = flow.check()

    assert found.task == "plain-2"
    assert "not read back" in found.message


def test_large_data_in_a_closure_is_found_with_its_size():
    table = {"rows": bytes(3_000_000)}

    @task
    def load():
        return table

    [found] = of(load)

    assert found.kind == "large data"
    assert found.message == (
        "load.run → closure 'table' → ['rows'] holds 3.0 MB, which travel with the task; "
        "pass it as an input, or load it in the task"
    )
    assert found.where == line(load.run, 0)


def test_large_data_among_the_arguments_is_found():
    with Flow("arguments") as flow:
        plain(bytes(2_000_000))
        plain([bytes(2_000_000)])

    found = flow.check()

    assert [each.kind for each in found] == ["large data", "large data"]
    assert [each.name for each in found] == ["plain", "plain"]
    assert "load it in a task" in found[0].message


def test_large_data_is_found_beside_what_cannot_travel():
    class Load(Task):
        def __init__(self):
            super().__init__()
            self.lock = threading.Lock()
            self.table = bytes(2_000_000)

    assert [each.kind for each in of(Load())] == ["cannot travel", "large data"]


# --- statefulness -----------------------------------------------------------------------------------------------------


class Counting(Task):
    def run(self):
        self.run_count = self.run_count + 1
        return self.run_count


class Adding(Task):
    def run(self, more=True):
        self.total += sum(n * n if more else -n for n in range(3)) + (1 if more else 2)


class Deleting(Task):
    def run(self):
        del self.cursor


class Setting(Task):
    def run(self, name):
        setattr(self, name, 1)


class Unpacking(Task):
    def run(self, pair):
        self.left, right = pair
        return right


class Looping(Task):
    def run(self, numbers):
        for self.last in numbers:
            pass


class Nesting(Task):
    def run(self):
        def remember(value):
            self.value = value

        return remember


class Waiting(Task):
    async def run(self):
        self.waited = True


class Decorated(Task):
    @defaults_from_attrs("x")
    def run(self, x=None):
        self.seen = x


@pytest.mark.parametrize(
    ("kind", "name", "number"),
    [
        (Counting, "`self.run_count`", 1),
        (Adding, "`self.total`", 1),
        (Deleting, "`self.cursor`", 1),
        (Setting, "`self`, with `setattr`", 1),
        (Unpacking, "`self.left`", 1),
        (Looping, "`self.last`", 1),
        (Nesting, "`self.value`", 2),
        (Waiting, "`self.waited`", 1),
        (Decorated, "`self.seen`", 2),
    ],
)
def test_a_run_that_changes_its_task_is_found_with_its_line(kind, name, number):
    [found] = of(kind())

    assert found.kind == "changes itself"
    assert found.message.startswith(f"`run` changes {name};")
    assert "return the value" in found.message
    assert found.where == line(inspect.unwrap(kind.run), number)


class Local(Task):
    def run(self, other):
        value = self.name
        other.value = value
        other.value += len(self.name)
        self.name.value.deeper = 1
        setattr(other, value, self)
        return value


class Copying(Task):
    def run(self):
        self = copy.copy(self)
        self.changed = True
        return self


class Shadowing(Task):
    def run(self):
        class Inner:
            def __init__(self):
                self.mine = 1

        return Inner()


@pytest.mark.parametrize("kind", [Local, Copying, Shadowing])
def test_a_run_that_changes_other_objects_is_not_accused(kind):
    assert of(kind()) == []


@given(st.sampled_from(["self", "other"]), st.sampled_from(["=", "+=", "del"]), st.sampled_from("abc"), st.booleans())
def test_changes_are_told_by_the_object_in_code_without_a_source(owner, deed, name, hidden):
    statement = f"del {owner}.{name}" if deed == "del" else f"{owner}.{name} {deed} (other if other else f(a=self)[0])"
    body = f"    def inner():\n        {statement}\n    inner()" if hidden else f"    {statement}"
    space = {}
    exec(f"def run(self, other=None, f=None):\n    other, f\n{body}", space)
    kind = type("Made", (Task,), {"run": space["run"]})

    assert told(of(kind())) == ([f"`run` changes `self.{name}`"] if owner == "self" else [])


def test_each_attribute_is_told_once():
    class Twice(Task):
        def run(self):
            self.x = 1
            self.y = 2
            self.x = 3

    assert told(of(Twice())) == ["`run` changes `self.x`", "`run` changes `self.y`"]


def test_a_method_or_a_callable_object_as_a_task_is_looked_into():
    class Counter:
        def __init__(self):
            self.n = 0

        def up(self):
            self.n += 1

        def __call__(me):
            me.n = 5

    assert told(of(task(Counter().up, name="up"))) == ["`run` changes `self.n`"]
    assert told(of(task(Counter(), name="call"))) == ["`run` changes `me.n`"]


def test_a_function_that_changes_globals_is_found():
    @task
    def bump():
        global count
        count += 1

    [found] = of(bump)

    assert found.kind == "changes globals"
    assert found.message.startswith("`run` changes the global `count`;")
    assert found.where == line(bump.run, 3)


def test_globals_are_seen_through_decorators_and_partials_and_in_inner_functions():
    def traced(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    def bump(by):
        def inner():
            global count
            del count

        return inner

    expected = ["`run` changes the global `count`"]
    assert told(of(task(traced(bump)))) == expected
    assert told(of(task(functools.partial(bump, by=1), name="partial"))) == expected


def test_functions_written_in_c_and_classes_are_passed_over():
    class Resource:
        def __init__(self):
            self.fine = True

    assert of(task(Resource, name="class")) == []
    assert of(task(math.isclose)) == []


# --- timeouts ---------------------------------------------------------------------------------------------------------


def slow(**settings):
    return Flow("slow", tasks=[task(lambda: None, name="slow", timeout=5, **settings)])


def test_an_executor_that_stops_work_keeps_timeouts():
    assert slow().check(executor=Stopping()) == []


@pytest.mark.parametrize("executor", [LocalExecutor(), LocalDaskExecutor("sync")], ids=repr)
def test_an_executor_that_works_at_once_is_said_to_interrupt_python_code_on_the_main_thread(executor):
    [found] = slow().check(executor=executor)

    assert found.kind == "timeout"
    assert f"5 s is kept by {type(executor).__name__} on the main thread only" in found.message
    assert "C code" in found.message


def test_an_executor_that_cannot_stop_work_is_named():
    [found] = slow().check(executor=Threads())

    assert "may not end the work on Threads" in found.message


def test_a_coroutine_is_said_to_end_at_an_await():
    @task(timeout=5)
    async def wait():
        return 1

    [found] = of(wait)

    assert "at its next `await`" in found.message


def test_the_executor_of_the_flow_is_asked_by_default():
    flow = slow()
    assert "LocalExecutor" in flow.check()[0].message

    flow.executor = Stopping()
    assert flow.check() == []


def test_a_task_without_a_timeout_is_fine_everywhere():
    assert Flow("quick", tasks=[plain]).check(executor=Threads()) == []


def test_tasks_that_the_flow_made_itself_are_not_mentioned():
    with set_temporary_config({"tasks.defaults.timeout": 5}), Flow("lists") as flow:
        plain([1, plain()])

    assert [each.name for each in flow.tasks if each.timeout] == ["List"]
    assert flow.check() == []


# --- generators -------------------------------------------------------------------------------------------------------


@task(timeout=5, max_retries=2, retry_delay=1)
def numbers():
    yield 1


def test_what_does_not_reach_a_generator_is_said():
    with Flow("stream") as flow:
        plain.map(numbers())

    assert [(each.kind, each.message.split(":")[1].split(";")[0]) for each in flow.check(executor=LocalExecutor())] == [
        ("generator", " no timeout reaches it"),
        ("generator", " no max_retries reaches it"),
    ]


def test_a_generator_cannot_be_read_as_a_whole_in_another_process():
    with Flow("whole") as flow:
        plain(numbers.copy(timeout=None, max_retries=0, retry_delay=None))

    assert flow.check(executor=LocalExecutor()) == []
    [found] = flow.check(executor=Stopping())
    assert "cannot be sent to 'plain' in another process; return a list" in found.message


# --- where children store their values --------------------------------------------------------------------------------


def mapping(**settings):
    with Flow("map", result=settings.pop("flow_result", None)) as flow:
        plain.map([1, 2], task_args=settings)
    return flow.check()


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"target": "value.pkl"}, "target 'value.pkl'"),
        ({"target": "{task_name}/{today}"}, "target '{task_name}/{today}'"),
        ({"result": LocalResult(location="{task_name}")}, "location '{task_name}'"),
        ({"flow_result": LocalResult(location="{task_name}")}, "location '{task_name}'"),
    ],
)
def test_children_that_share_a_location_are_found(settings, setting):
    [found] = mapping(**settings)

    assert found.kind == "shared location"
    assert setting in found.message
    assert "{map_index}" in found.message


@pytest.mark.parametrize(
    "settings",
    [
        {"target": "{map_index}.pkl"},
        {"target": "{map_index:03d}"},
        {"target": "{x}.pkl"},
        {"target": lambda **facts: "value"},
        {"target": "{task_run_id}"},
        {"result": LocalResult()},
        {"result": LocalResult(location="{task_name}"), "checkpoint": False},
        {"flow_result": LocalResult(location="{task_name}"), "result": LocalResult(location="{map_index}")},
    ],
)
def test_children_that_have_locations_of_their_own_are_fine(settings):
    assert mapping(**settings) == []


def test_only_what_is_mapped_over_tells_children_apart():
    @task(target="{x}.pkl")
    def add(x, y):
        return x + y

    with Flow("partly") as flow:
        one = plain()
        add.map(unmapped(one), [1, 2])
        add(one, mapped([1, 2]))
        add.map([1, 2], unmapped(one))
        add.copy(target="same.pkl")(one, one)

    assert [(each.task, each.kind) for each in flow.check()] == [
        ("add-1", "shared location"),
        ("add-2", "shared location"),
    ]


# --- the list ---------------------------------------------------------------------------------------------------------


def test_findings_come_in_the_order_of_the_tasks_and_print_one_a_line():
    lock = threading.Lock()

    @task(timeout=1)
    def load():
        return lock

    with Flow("several") as flow:
        plain(Counting())
        load()

    found = flow.check()

    assert [(each.task, each.kind) for each in found] == [
        ("Counting-1", "changes itself"),
        ("load-1", "cannot travel"),
        ("load-1", "timeout"),
    ]
    assert str(found).splitlines() == [str(each) for each in found]
    assert str(found[1]).startswith("load-1 (cannot travel): load.run → closure 'lock': _thread.lock;")
    assert str(found[1]).endswith(f"[{found[1].where}]")
    assert flow.check() == found


def test_every_kind_is_documented():
    import prefect.core.check as module

    assert all(f"`{kind}`" in module.__doc__ for kind in get_args(Kind))


def test_a_finding_can_be_made_without_a_place():
    assert str(Finding("load-1", "load", "timeout", "too long")) == "load-1 (timeout): too long"


def test_a_flow_that_is_looked_at_is_not_changed():
    with Flow("same") as flow:
        plain(plain(1))
    before = flow.serialize()

    flow.check()

    assert flow.serialize() == before
