"""What a reporter is told of a run, by the process that drives it."""

from __future__ import annotations

from datetime import timedelta

import pytest

import prefect
from prefect import Flow, task, unmapped
from prefect.engine import signals
from prefect.engine.flow_runner import FlowRunner
from prefect.engine.reporting import SilentReporter, trail_of
from prefect.engine.state import Failed, Mapped, Retrying, Success
from prefect.tasks.control_flow import case


class Diary(SilentReporter):
    """Keeps what it is told: for each run the types of its states, those on the way included."""

    def __init__(self):
        self.flow = []
        self.runs = {}
        self.begun = []
        self.widths = {}
        self.times = []

    def flow_changed(self, state):
        self.flow.append(type(state).__name__)

    def opened(self, task, state, width):
        assert isinstance(state, Mapped)
        self.widths.setdefault(task, []).append(width)

    def began(self, task, indices):
        self.begun += [(task, index) for index in indices]

    def ended(self, task, index, state, began, ended):
        self.times.append((began, ended))
        steps = [step.state for step in trail_of(state)]
        self.runs.setdefault((task, index), []).append((steps, type(state).__name__))

    def children_ended(self, task, indices, states, began, ended):
        for position, index in enumerate(indices):
            if states[position] is not None:
                self.ended(task, index, states[position], began[position], ended[position])


@pytest.fixture
def diary():
    return Diary()


@pytest.fixture
def told(diary):
    def told(flow, **options):
        class Telling(FlowRunner):
            @property
            def reporter(self):
                return diary

            @reporter.setter
            def reporter(self, silent):
                pass

        return flow.run(runner_cls=Telling, **options)

    return told


def test_it_hears_of_every_run_and_of_what_happened_on_the_way(diary, told):
    """one ─▶ invert.map, of which a child fails twice"""

    @task
    def one():
        return 1

    @task(max_retries=1, retry_delay=0)
    def invert(x, one):
        return one / x

    with Flow("f") as flow:
        invert.map([1, 0], one=unmapped(one()))

    told(flow)

    assert diary.flow == ["Running", "Failed"]
    assert diary.runs[("one-1", -1)] == [([], "Success")]
    assert diary.runs[("invert-1", 0)] == [([], "Success")]
    assert diary.runs[("invert-1", 1)] == [
        (["Running", "Failed", "Retrying"], "Retrying"),
        (["Running", "Failed"], "Failed"),
    ]
    assert diary.widths == {"invert-1": [2]}
    assert {("one-1", -1), ("invert-1", 0), ("invert-1", 1)} <= set(diary.begun)


def test_nobody_ends_before_beginning(diary, told):
    @task
    def same(x):
        return x

    with Flow("f") as flow:
        same.map(same.map(list(range(50))))

    told(flow)

    assert sorted(index for _, index in diary.runs if index >= 0) == sorted([*range(50)] * 2)
    assert all(began <= ended for began, ended in diary.times)


def test_the_trail_holds_the_state_that_handlers_left(diary, told):
    def refuse(obj, old, new):
        return Failed("no") if new.is_successful() else None

    @task(state_handlers=[refuse])
    def one():
        return 1

    told(Flow("f", tasks=[one]))

    assert diary.runs[("one-1", -1)] == [(["Running", "Failed"], "Failed")]


def test_turns_of_a_loop_are_on_the_trail(diary, told):
    @task
    def count():
        turn = prefect.context.get("task_loop_count", 1)
        if turn < 3:
            raise signals.LOOP(result=turn)

    told(Flow("f", tasks=[count]))

    [(steps, last)] = diary.runs[("count-1", -1)]
    assert last == "Success"
    assert steps.count("Looped") == 2
    assert steps.count("Running") == 3


def test_a_run_that_was_skipped_never_ran(diary, told):
    @task
    def choice():
        return False

    @task
    def work():
        return 1

    with Flow("f") as flow, case(choice(), True):
        work()

    told(flow)

    [(steps, last)] = diary.runs[("work-1", -1)]
    assert last == "Skipped"
    assert "Running" not in steps


def test_states_on_the_way_do_not_make_states_differ():
    plain, walked = Success("the same"), Success("the same")
    walked._trail = ["somewhere"]

    assert plain == walked


def test_why_a_cached_task_runs_is_the_message_of_its_running_state(diary, told):
    seen = []

    def note(obj, old, new):
        seen.append((type(new).__name__, new.message))

    @task(cache_for=timedelta(hours=1), state_handlers=[note])
    def one():
        return 1

    told(Flow("f", tasks=[one]))

    [message] = [message for name, message in seen if name == "Running"]
    assert message.startswith("The task runs as")


def test_a_retrying_child_says_so_once(diary, told):
    @task(max_retries=1, retry_delay=0)
    def fail(x):
        raise ValueError(x)

    with Flow("f") as flow:
        fail.map([1])

    told(flow)

    names = [last for _, last in diary.runs[("fail-1", 0)]]
    assert names == [Retrying.__name__, Failed.__name__]
