"""What is handed to an executor."""

from __future__ import annotations

import contextvars

from prefect import Task, context, task
from prefect.core.edge import Edge
from prefect.engine import TaskRunner, mapping
from prefect.engine.jobs import run_children, run_task
from prefect.engine.state import Cancelled, Failed, Resume, Success

FLOW_FACTS = {"flow_name": "f", "colour": "red"}


@task
def ask(x=None):
    return context.get("colour"), context.get("flow_name"), context.task_name


@task
def check(x):
    if x == 2:
        raise KeyboardInterrupt
    if x < 0:
        raise ValueError
    return x


def over(each, values):
    return mapping.sources_of({Edge(Task(), each, key="x", mapped=True): Success(result=values)})


def elsewhere(fn, *args):
    """A call in an empty context, as in another process."""
    return contextvars.Context().run(fn, *args)


def test_elsewhere_a_task_finds_the_context_of_its_flow_run():
    state = elsewhere(run_task, TaskRunner(ask), FLOW_FACTS, {"task_slug": "ask-1"}, {}, None)

    assert state.result == ("red", "f", "ask")


def test_what_the_thread_knew_before_is_of_other_runs():
    """A worker that was forked inside one run, or has a context of its own, must not leak it into the next run."""
    with context(colour="blue"):
        assert run_task(TaskRunner(ask), dict(FLOW_FACTS), {}, {}, None).result[0] != "blue"


def test_elsewhere_the_context_is_gone_afterwards():
    def twice():
        run_task(TaskRunner(ask), dict(FLOW_FACTS), {}, {}, None)
        run_children(TaskRunner(ask), dict(FLOW_FACTS), {}, over(ask, [1]), [0], [None])
        return context.get("colour")

    assert elsewhere(twice) is None


def test_children_get_their_elements_their_index_and_their_given_states():
    @task
    def told(x):
        return x, context.map_index, context.get("resume", False), context.task_slug

    outcome = elsewhere(
        run_children, TaskRunner(told), {}, {"task_slug": "told-1"}, over(told, "abc"), [0, 2], [None, Resume()]
    )

    assert [state.result for state in outcome.states] == [("a", 0, False, "told-1"), ("c", 2, True, "told-1")]
    assert outcome.seconds > 0
    assert not outcome.interrupted


def test_a_failed_child_does_not_stop_the_others():
    outcome = run_children(TaskRunner(check), {}, {}, over(check, [-1, 1]), range(2), [None, None])

    assert [type(state) for state in outcome.states] == [Failed, Success]


def test_ctrl_c_ends_the_chunk():
    outcome = run_children(TaskRunner(check), {}, {}, over(check, [1, 2, 3]), range(3), [None] * 3)

    assert outcome.interrupted
    assert [type(state) for state in outcome.states] == [Success, Cancelled]
