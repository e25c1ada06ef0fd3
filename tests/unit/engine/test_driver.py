"""`flow.run`: a run with its retries and pauses, from its beginning to its end."""

from __future__ import annotations

import asyncio
import builtins
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prefect import Flow, Parameter, context, pause_task, task
from prefect.core.parameter import DateTimeParameter
from prefect.engine.signals import LOOP, PAUSE, RETRY
from prefect.engine.state import (
    Cancelled,
    Crashed,
    Failed,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Running,
    Scheduled,
    Success,
)
from prefect.exceptions import CycleError, FlowContextActive, ParameterError, RunnerError, ScheduleError
from prefect.executors import LocalExecutor
from prefect.triggers import manual_only

HOUR = timedelta(hours=1)


@task
def one():
    return 1


@task
def add(x, y=10):
    return x + y


@pytest.fixture
def answers(monkeypatch):
    """What the person at the terminal answers, one after the other, and what they are asked."""
    given: list[str] = []
    asked: list[str] = []

    def fake_input(prompt=""):
        asked.append(prompt)
        if not given:
            raise EOFError
        return given.pop(0)

    monkeypatch.setattr(builtins, "input", fake_input)
    return given, asked


def flaky(fail_first=1, delay=0.0, **settings):
    runs = []

    def work():
        runs.append(time.monotonic())
        if len(runs) <= fail_first:
            raise ValueError("not yet")
        return "done"

    return task(work, max_retries=3, retry_delay=delay, **settings), runs


# The run


def test_all_states_are_returned():
    with Flow("f") as flow:
        b = add(one())

    state = flow.run()

    assert type(state) is Success
    assert state.result.keys() == set(flow.tasks)
    assert state.result[b].result == 11


def test_parameters_come_as_a_dict_or_by_name():
    with Flow("f") as flow:
        total = add(Parameter("x"), Parameter("y", default=1))

    assert flow.run(x=1).result[total].result == 2
    assert flow.run(parameters={"x": 1, "y": 5}).result[total].result == 6


@pytest.mark.parametrize(("given", "named"), [({}, "'x'"), ({"x": 1, "z": 2}, "'z'")])
def test_missing_and_unknown_parameters_are_refused(given, named):
    with Flow("f") as flow:
        add(Parameter("x"))

    with pytest.raises(ParameterError, match=named):
        flow.run(parameters=given)


def test_a_date_parameter_is_read():
    with Flow("f") as flow:
        when = DateTimeParameter("when")()

    assert flow.run(when="2026-01-01").result[when].result == datetime(2026, 1, 1, tzinfo=UTC)


def test_unknown_options_are_refused():
    with pytest.raises(RunnerError, match="nonsense"):
        Flow("f").run(nonsense=1)
    with pytest.raises(RunnerError, match="return_tasks"):
        Flow("f").run(return_tasks=[])


def test_a_flow_cannot_run_while_it_is_built():
    with Flow("f") as flow, pytest.raises(FlowContextActive):
        flow.run()


def test_a_cycle_is_refused():
    with Flow("f") as flow:
        a = one()
        b = add(a)
        flow.add_edge(b, a)

    with pytest.raises(CycleError):
        flow.run()


def test_the_run_has_an_identifier_and_a_name():
    with Flow("f") as flow:
        ask = task(lambda: (context.flow_run_id, context.flow_run_name, context.flow_id), name="ask")()

    assert flow.run(flow_run_id="1", flow_run_name="first").result[ask].result == ("1", "first", "f")


def test_task_runs_have_identifiers_that_stay_the_same():
    """The identifier of a task run follows from the flow run, the task and the index of the child."""
    with Flow("f") as flow:
        ids = task(lambda x: context.task_run_id, name="ids").map([1, 2])
        single = task(lambda: context.task_run_id, name="single")()

    first, again, other = (flow.run(flow_run_id=name).result for name in ("a", "a", "b"))

    assert first[ids].result == again[ids].result
    assert len({*first[ids].result, *other[ids].result, first[single].result}) == 5


def test_a_run_with_ready_states_of_tasks():
    with Flow("f") as flow:
        a = one()
        b = add(a)

    assert flow.run(task_states={a: Success(result=5)}).result[b].result == 15


def test_a_flow_that_is_over_does_not_run():
    state = Flow("f", tasks=[one]).run(state=Success())

    assert type(state.result[one]) is Pending


def test_a_flow_that_is_loaded_does_not_run():
    with context(loading_flow=True):
        assert Flow("f", tasks=[one]).run() is None


# Retries


def test_a_retry_runs_after_its_delay():
    each, runs = flaky(fail_first=2, delay=0.01)

    assert Flow("f", tasks=[each]).run().result[each].result == "done"
    assert len(runs) == 3
    assert all(later - earlier >= 0.01 for earlier, later in zip(runs, runs[1:], strict=False))


@dataclass
class Log:
    lines: list[Any] = field(default_factory=list)

    def task(self, name, fn=lambda: None, **settings):
        def work():
            self.lines.append(name)
            return fn()

        return task(work, name=name, **settings)


def test_a_retry_does_not_wait_for_all_siblings():
    """flaky, slow 1, slow 2, slow 3"""
    log = Log()

    def fails_at_first():
        if context.task_run_count == 1:
            raise ValueError

    flow = Flow("f", tasks=[log.task("flaky", fails_at_first, max_retries=1, retry_delay=0.005)])
    for n in (1, 2, 3):
        flow.add_task(log.task(f"slow {n}", lambda: time.sleep(0.01)))

    assert flow.run().is_successful()
    assert log.lines == ["flaky", "slow 1", "flaky", "slow 2", "slow 3"]


def test_what_is_behind_a_retry_runs_after_it():
    each, _ = flaky()
    with Flow("f") as flow:
        behind = add(each(), y="!")

    assert flow.run().result[behind].result == "done!"


def test_a_retry_signal_is_obeyed_without_retries():
    @task
    def again():
        if context.task_run_count < 3:
            raise RETRY
        return context.task_run_count

    with Flow("f") as flow:
        tried = again()

    assert flow.run().result[tried].result == 3


def test_children_retry_each_on_its_own():
    runs = []

    @task(max_retries=2, retry_delay=0)
    def flaky_child(x):
        runs.append(x)
        if context.task_run_count <= x:
            raise ValueError
        return x

    with Flow("f") as flow:
        added = add.map(flaky_child.map([0, 1, 2, 3]))

    states = flow.run().result[added].map_states
    assert [state.is_successful() for state in states] == [True, True, True, False]
    assert sorted(runs) == [0, 1, 1, 2, 2, 2, 3, 3, 3]


def test_children_of_a_map_that_loop_and_retry():
    @task(max_retries=1, retry_delay=0)
    def climb(x):
        turn, height = context.get("task_loop_count", 1), context.get("task_loop_result", 0)
        if turn == 2 and context.task_run_count == 1:
            raise ValueError
        if turn <= x:
            raise LOOP(result=height + turn)
        return height

    with Flow("f") as flow:
        climbed = climb.map([0, 1, 3])

    assert flow.run().result[climbed].result == [0, 1, 6]


def test_a_given_retry_in_the_future_is_waited_for():
    moment = datetime.now(UTC) + timedelta(milliseconds=20)
    with Flow("f") as flow:
        a = one()

    assert flow.run(task_states={a: Retrying(start_time=moment)}).result[a].result == 1
    assert datetime.now(UTC) >= moment


# Pauses


def test_a_pause_with_an_end_resumes_by_itself():
    @task
    def rests():
        pause_task("rest", duration=timedelta(milliseconds=5))
        return context.resume

    with Flow("f") as flow:
        rested = rests()

    assert flow.run().result[rested].result is True


def test_a_person_who_says_no_leaves_the_task_paused(answers):
    given, asked = answers
    given += ["maybe", "n"]
    with Flow("f") as flow:
        a = one(task_args={"trigger": manual_only})

    state = flow.run()

    assert (type(state).__name__, type(state.result[a]).__name__) == ("Running", "Paused")
    assert len(asked) == 2


def test_a_person_is_asked_until_they_answer(answers):
    given, asked = answers
    given += ["", "what?", " Y "]
    with Flow("f") as flow:
        a = one(task_args={"trigger": manual_only, "name": "careful"})
        b = add(a)

    assert flow.run().result[b].result == 11
    assert len(asked) == 3
    assert "careful" in asked[0]


def test_the_message_of_the_pause_is_shown(answers):
    answers[0].append("y")

    @task
    def asks():
        pause_task("is the oven hot?")

    with Flow("f") as flow:
        asks()

    assert flow.run().is_successful()
    assert "is the oven hot?" in answers[1][0]


def test_without_a_person_the_run_ends_paused(answers):
    with Flow("f") as flow:
        a = one(task_args={"trigger": manual_only})
        b = add(a)

    state = flow.run()

    assert type(state) is Running
    assert [type(state.result[each]) for each in (a, b)] == [Paused, Pending]


def test_every_paused_child_is_asked_for(answers):
    answers[0].extend("yy")

    @task
    def pauses(x):
        if x and not context.get("resume"):
            raise PAUSE("wait")
        return x

    with Flow("f") as flow:
        added = add.map(pauses.map([0, 1, 2]))

    assert flow.run().result[added].result == [10, 11, 12]
    assert ["pauses[1]" in answers[1][0], "pauses[2]" in answers[1][1]] == [True, True]


def test_paused_children_without_a_person_do_not_spin(answers):
    pauses = task(lambda x: pause_task("wait"), name="pauses")
    with Flow("f") as flow:
        paused = pauses.map([1, 2])

    state = flow.run()

    assert type(state) is Running
    assert isinstance(state.result[paused], Mapped)
    assert [type(child) for child in state.result[paused].map_states] == [Paused, Paused]
    assert len(answers[1]) == 2


def test_a_resumed_loop_goes_on_at_its_turn(answers):
    answers[0].append("y")
    turns = []

    @task
    def loops():
        turns.append(context.get("task_loop_count", 1))
        done = context.get("task_loop_result") or []
        if len(done) == 1:
            pause_task()
        if len(done) < 3:
            raise LOOP(result=[*done, context.get("task_loop_count", 1)])
        return done

    with Flow("f") as flow:
        looped = loops()

    assert flow.run().result[looped].result == [1, 2, 3]
    assert turns == [1, 2, 2, 3, 4]


def test_tasks_that_are_over_do_not_run_again_after_a_pause(answers):
    answers[0].append("y")
    log = Log()
    with Flow("f") as flow:
        first = log.task("first")()
        log.task("second", trigger=manual_only)(upstream_tasks=[first])

    assert flow.run().is_successful()
    assert log.lines == ["first", "second"]


# Interruptions


def interrupts():
    raise KeyboardInterrupt


def test_ctrl_c_in_a_task_ends_the_run_as_cancelled():
    """first ─▶ stopped ─▶ after"""
    stopped = task(interrupts, name="stopped")
    with Flow("f") as flow:
        first = one()
        at_work = stopped(upstream_tasks=[first])
        after = add(at_work)

    state = flow.run()

    assert type(state) is Cancelled
    assert [type(state.result[each]) for each in (first, at_work, after)] == [Success, Cancelled, Cancelled]
    assert "interrupted" in state.message
    assert "interrupted" in state.result[at_work].message
    assert context.get("task_name") is None


def test_ctrl_c_in_a_child_keeps_the_children_that_are_over():
    @task
    def stops_at_two(x):
        if x == 2:
            raise KeyboardInterrupt
        return x

    with Flow("f") as flow:
        children = stops_at_two.map([0, 1, 2, 3])

    state = flow.run()

    assert type(state) is Cancelled
    assert [type(child) for child in state.result[children].map_states] == [Success, Success, Cancelled, Cancelled]


def test_sys_exit_in_a_task_fails_it_and_the_run_goes_on():
    with Flow("f") as flow:
        leaves = task(lambda: sys.exit(1), name="leaves")()
        beside = one()

    result = flow.run().result

    assert type(result[leaves]) is Failed
    assert result[beside].is_successful()


# Schedules


@dataclass
class Moment:
    start_time: datetime
    parameter_defaults: dict[str, Any] = field(default_factory=dict)


class Times:
    """A schedule of so many times, a little apart."""

    def __init__(self, *defaults):
        self.defaults = list(defaults)

    def next(self, n, return_events=False):
        if not self.defaults:
            return []
        return [Moment(datetime.now(UTC) + timedelta(milliseconds=5), self.defaults.pop(0))]


def test_a_flow_with_a_schedule_runs_at_each_of_its_times():
    seen = []
    note = task(lambda x: seen.append((x, context.scheduled_start_time)), name="note")
    with Flow("f", schedule=Times({"x": 1}, {"x": 2}, {})) as flow:
        note(Parameter("x", default=0))

    assert flow.run().is_successful()
    assert [x for x, _ in seen] == [1, 2, 0]
    assert [when for _, when in seen] == sorted(when for _, when in seen)


def test_the_schedule_can_be_left_out():
    schedule = Times({}, {})
    Flow("f", tasks=[one], schedule=schedule).run(run_on_schedule=False)

    assert len(schedule.defaults) == 2


def test_a_schedule_without_times_is_refused():
    with pytest.raises(ScheduleError, match="run_on_schedule"):
        Flow("f", tasks=[one], schedule=Times()).run()


def test_ctrl_c_ends_a_schedule():
    schedule = Times({}, {}, {})
    flow = Flow("f", tasks=[task(interrupts, name="stopped")], schedule=schedule)

    assert type(flow.run()) is Cancelled
    assert len(schedule.defaults) == 2


def test_a_state_to_begin_with():
    seen = []
    flow = Flow("f", tasks=[one], state_handlers=[lambda obj, old, new: seen.append(type(old))])

    flow.run(state=Scheduled(start_time=datetime(2020, 1, 1)))

    assert seen == [Scheduled, Running]


# Where it runs


def test_the_executor_of_the_run_beats_that_of_the_flow():
    used = []

    class Noting(LocalExecutor):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def submit(self, fn, *args, **kwargs):
            used.append(self.name)
            return super().submit(fn, *args, **kwargs)

    flow = Flow("f", tasks=[one], executor=Noting("flow"))
    flow.run()
    flow.run(executor=Noting("run"))

    assert used == ["flow", "run"]


def test_an_executor_that_breaks_fails_the_flow():
    class Broken(LocalExecutor):
        def submit(self, fn, *args, **kwargs):
            raise OSError("no hands")

    state = Flow("f", tasks=[one]).run(executor=Broken())

    assert state.is_failed()
    assert "no hands" in state.message
    assert isinstance(state.result[one], Crashed)


def test_coroutines_run_in_flows_with_and_without_a_loop_around_them():
    @task
    async def later(x):
        await asyncio.sleep(0)
        return x, context.task_name, context.map_index

    with Flow("f") as flow:
        single = later(0)
        children = later.map([1, 2])

    async def notebook():
        return flow.run()

    for state in (flow.run(), asyncio.run(notebook())):
        assert state.result[single].result == (0, "later", None)
        assert state.result[children].result == [(1, "later", 0), (2, "later", 1)]


def test_prints_of_tasks_can_be_logged(caplog):
    flow = Flow("f", tasks=[task(lambda: print("printed"), name="prints", log_stdout=True)])

    with caplog.at_level("INFO", "prefect"):
        assert flow.run().is_successful()

    assert "printed" in [record.message for record in caplog.records if record.name == "prefect.prints"]
