"""The guide, "Best Practices in Writing Tasks": attributes, state, templates, and the parent's `__init__`."""

from __future__ import annotations

import threading

import cloudpickle
import pytest

from prefect import Flow, Task, task
from prefect.exceptions import TaskNotInitialized
from prefect.utilities.debug import is_serializable
from prefect.utilities.tasks import defaults_from_attrs


class Client:
    """Stands for a connection: it cannot travel."""

    def __init__(self):
        self.lock = threading.Lock()

    def query(self, text):
        return f"rows of {text}"


class EarlyClient(Task):
    def __init__(self, *args, **kwargs):
        self.client = Client()
        super().__init__(*args, **kwargs)

    def run(self, query):
        return self.client.query(query)


class LateClient(Task):
    def run(self, query):
        return Client().query(query)


def test_an_attribute_that_cannot_travel_keeps_the_task_from_travelling():
    with pytest.raises(TypeError):
        cloudpickle.dumps(EarlyClient())
    assert not is_serializable(EarlyClient())


def test_what_is_made_in_run_does_not():
    assert cloudpickle.loads(cloudpickle.dumps(LateClient())).run("t") == "rows of t"


def test_state_on_a_task_goes_astray_because_copies_start_from_the_original():
    class Bad(Task):
        def __init__(self, *args, **kwargs):
            self.run_count = 0
            super().__init__(*args, **kwargs)

        def run(self):
            self.run_count += 1
            return self.run_count

    bad = Bad()
    with Flow("f") as flow:
        first, second = bad(), bad()

    state = flow.run()

    assert [state.result[each].result for each in (first, second)] == [1, 1]
    assert bad.run_count == 0


def test_global_state_goes_astray_because_another_process_has_its_own():
    state = {"info": []}

    @task
    def task_one():
        state["info"].append(1)

    cloudpickle.loads(cloudpickle.dumps(task_one)).run()

    assert state == {"info": []}


class AddTask(Task):
    def __init__(self, *args, y=None, **kwargs):
        self.y = y
        super().__init__(*args, **kwargs)

    def run(self, x, y=None):
        if y is None:
            y = self.y
        return x + y


class AddWithHelper(Task):
    def __init__(self, *args, y=None, **kwargs):
        self.y = y
        super().__init__(*args, **kwargs)

    @defaults_from_attrs("y")
    def run(self, x, y=None):
        return x + y


@pytest.mark.parametrize("template", [AddTask, AddWithHelper])
def test_a_template_has_defaults_that_a_call_overrides(template, run):
    add_task = template(y=0)
    with Flow("add-with-default") as f:
        result_one = add_task(x=1)
        result_two = add_task(x=0, y=10)

    state = run(f)

    assert (state.result[result_one].result, state.result[result_two].result) == (1, 10)


def test_a_template_that_passes_its_keywords_on_takes_all_settings():
    add_task = AddTask("the name", y=1, tags=["t"], max_retries=1, retry_delay=1)

    assert (add_task.name, add_task.tags, add_task.max_retries, add_task.y) == ("the name", {"t"}, 1, 1)


class Forgetful(Task):
    def __init__(self, y):
        self.y = y

    def run(self):
        return self.y


def call():
    with Flow("f"):
        Forgetful(1)()


@pytest.mark.parametrize(
    "use",
    [
        call,
        lambda: Flow("f").add_task(Forgetful(1)),
        lambda: repr(Forgetful(1)),
        lambda: Forgetful(1).copy(),
        lambda: Flow("f").set_dependencies(Task(), upstream_tasks=[Forgetful(1)]),
    ],
)
def test_forgetting_the_parents_init_is_an_error_that_says_so(use):
    with pytest.raises(TaskNotInitialized, match=r"Forgetful.*`super\(\).__init__\(\*\*kwargs\)`.*Add that call"):
        use()
