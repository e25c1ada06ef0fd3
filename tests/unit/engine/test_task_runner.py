"""One task, or one child, taken through its steps."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from prefect import Flow, Task, context, task, triggers
from prefect.core.edge import Edge
from prefect.engine import FlowRunner, TaskRunner
from prefect.engine.result import Result
from prefect.engine.results import LocalResult
from prefect.engine.signals import ENDRUN, FAIL, LOOP, PAUSE, RETRY, SKIP, SUCCESS, TRIGGERFAIL, VALIDATIONFAIL
from prefect.engine.state import (
    Cached,
    Cancelled,
    Failed,
    Mapped,
    Paused,
    Pending,
    Queued,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    Submitted,
    Success,
    TimedOut,
    TriggerFailed,
    ValidationFailed,
)
from prefect.engine.task_runner import STEPS
from prefect.exceptions import TaskTimeoutSignal, UnmappableError
from prefect.executors import stopping
from prefect.executors.stopping import Stopped
from prefect.utilities.configuration import set_temporary_config

HOUR = timedelta(hours=1)


@task
def one():
    return 1


@task
def double(x):
    return 2 * x


def upstream(*states, key=None, mapped=False):
    down = double if key else one
    return {Edge(Task(), down, key=key, mapped=mapped): state for state in states}


def run(each, state=None, upstream_states=None, **facts):
    return TaskRunner(each).run(state, upstream_states, facts)


def raises(error):
    @task
    def raising():
        raise error

    return raising


# Where a run begins


def test_a_run_begins_as_pending_and_ends_with_the_value():
    state = run(one)

    assert type(state) is Success
    assert state.result == 1


def test_inputs_come_from_the_upstream_states_by_name():
    assert run(double, upstream_states=upstream(Success(result=4), key="x")).result == 8


@pytest.mark.parametrize("kind", [Running, Success, Skipped, Failed, Cancelled])
def test_a_run_that_is_at_work_or_over_stays_as_it_is(kind):
    state = kind()

    assert run(one, state) is state


@pytest.mark.parametrize("wrap", [lambda s: Submitted(state=s), lambda s: Queued(state=s), lambda s: s])
def test_states_about_a_state_are_unwrapped(wrap):
    retrying = Retrying(run_count=2, start_time=datetime(2020, 1, 1, tzinfo=UTC))

    assert run(task(lambda: context.task_run_count, name="count"), wrap(retrying)).result == 3


@pytest.mark.parametrize("state", [Scheduled(start_time=datetime.now(UTC) + HOUR), Paused()])
def test_a_run_that_is_too_early_stays_as_it_is(state):
    assert run(one, state) is state


def test_the_run_count_is_found_in_the_context_of_the_state():
    assert run(task(lambda: context.task_run_count, name="count"), Scheduled(context={"task_run_count": 4})).result == 4


@pytest.mark.parametrize(
    ("state", "resumed"),
    [(None, False), (Scheduled(), False), (Resume(), True), (Paused(start_time=datetime(2020, 1, 1)), True)],
)
def test_the_context_says_whether_the_run_was_resumed(state, resumed):
    assert run(task(lambda: context.get("resume", False), name="resumed"), state).result is resumed


# Upstream states


def test_a_task_waits_until_its_upstream_tasks_are_over():
    assert type(run(one, None, upstream(Success(), Running()))) is Pending
    assert type(run(one, None, upstream(Mapped(map_states=[Success(), Retrying()])))) is Pending


def test_a_mapped_edge_does_not_wait_for_all_children():
    assert run(one, None, upstream(Mapped(map_states=[None]), mapped=True)).is_successful()


def test_a_skipped_upstream_task_skips_the_task_whatever_its_trigger_and_other_failures():
    each = one.copy(trigger=triggers.any_failed)

    assert type(run(each, None, upstream(Skipped(), Failed()))) is Skipped
    assert type(run(each, None, upstream(Mapped(map_states=[Success(), Skipped()])))) is Skipped


def test_a_task_may_run_after_skipped_ones():
    assert run(one.copy(skip_on_upstream_skip=False), None, upstream(Skipped())).result == 1


def test_a_refusing_trigger_fails_the_task_without_a_retry():
    state = run(one.copy(max_retries=3, retry_delay=0), None, upstream(Failed()))

    assert type(state) is TriggerFailed
    assert isinstance(state.result, TRIGGERFAIL)
    assert "all_successful" in state.message


@pytest.mark.parametrize(
    ("raised", "kind"), [(FAIL(), Failed), (SKIP(), Skipped), (SUCCESS(), Success), (ENDRUN(Cancelled()), Cancelled)]
)
def test_a_signal_of_a_trigger_ends_the_run_in_its_state(raised, kind):
    def trigger(states):
        raise raised

    assert type(run(one.copy(trigger=trigger, max_retries=3, retry_delay=0))) is kind


def test_an_error_in_a_trigger_fails_the_task_without_a_retry():
    state = run(one.copy(trigger=lambda states: 1 / 0, max_retries=3, retry_delay=0))

    assert type(state) is TriggerFailed
    assert isinstance(state.result, ZeroDivisionError)


def test_manual_only_pauses_the_task_until_it_is_resumed():
    each = one.copy(trigger=triggers.manual_only)

    assert type(run(each)) is Paused
    assert run(each, Resume()).result == 1


# What run may do


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (SUCCESS(), Success),
        (SKIP(), Skipped),
        (FAIL(), Failed),
        (TRIGGERFAIL(), TriggerFailed),
        (VALIDATIONFAIL(), ValidationFailed),
        (RETRY(), Retrying),
        (PAUSE(), Paused),
        (ENDRUN(Cancelled()), Cancelled),
        (ValueError(), Failed),
    ],
)
@pytest.mark.parametrize("handlers", [[], [lambda obj, old, new: None]])
def test_what_run_raises_decides_the_state(raised, kind, handlers):
    state = run(raises(raised).copy(state_handlers=handlers))

    assert type(state) is kind
    assert state.result is (None if isinstance(raised, ENDRUN) else raised)


def test_endrun_is_final():
    each = raises(ENDRUN(Failed("that is it"))).copy(max_retries=3, retry_delay=0, cache_for=HOUR)

    assert run(each).message == "that is it"


def test_sys_exit_fails_the_task():
    state = run(task(lambda: sys.exit(3), name="leaves"))

    assert type(state) is Failed
    assert isinstance(state.result, SystemExit)
    assert "3" in state.message


def test_ctrl_c_is_not_trapped_here():
    with pytest.raises(KeyboardInterrupt):
        run(raises(KeyboardInterrupt()))
    assert context.get("task_name") is None


def test_the_value_of_a_coroutine_is_awaited():
    @task
    async def later(x):
        return x + 1

    assert run(later, upstream_states={Edge(Task(), later, key="x"): Success(result=1)}).result == 2


# Retries


def test_a_failure_is_retried_after_its_delay():
    before = datetime.now(UTC)
    state = run(raises(ValueError()).copy(max_retries=2, retry_delay=HOUR))

    assert type(state) is Retrying
    assert before + HOUR <= state.start_time <= datetime.now(UTC) + HOUR
    assert (state.run_count, state.result) == (1, None)


def test_there_are_as_many_runs_as_retries_and_one():
    runs = []

    @task(max_retries=2, retry_delay=0)
    def failing():
        runs.append(context.task_run_count)
        raise ValueError

    state = None
    for _ in range(5):
        state = run(failing, state)

    assert type(state) is Failed
    assert runs == [1, 2, 3]


def test_delays_may_be_a_list_or_a_function():
    listed = raises(ValueError()).copy(max_retries=2, retry_delay=[HOUR, 2 * HOUR])
    counted = raises(ValueError()).copy(max_retries=2, retry_delay=lambda run_count: run_count * HOUR)
    second = Retrying(run_count=1, start_time=datetime(2020, 1, 1))

    for each in (listed, counted):
        assert run(each, second).start_time > datetime.now(UTC) + 1.9 * HOUR


def test_a_delay_function_that_fails_fails_the_task_and_the_error_of_the_task_is_not_lost():
    state = run(raises(ValueError("its own")).copy(max_retries=2, retry_delay=lambda run_count: "soon"))

    assert type(state) is Failed
    assert isinstance(state.result, TypeError)
    assert repr(state.result.__cause__) == "ValueError('its own')"


def test_only_some_errors_are_retried():
    retry_on = {"max_retries": 1, "retry_delay": 0, "retry_on": OSError}

    assert type(run(raises(ConnectionError()).copy(**retry_on))) is Retrying
    assert type(run(raises(ValueError()).copy(**retry_on))) is Failed
    assert type(run(raises(FAIL()).copy(**retry_on))) is Failed


def test_a_retry_signal_needs_no_retries_and_may_say_when():
    moment = datetime(2040, 1, 1, tzinfo=UTC)
    state = run(raises(RETRY(start_time=moment)))

    assert state.start_time == moment


# Loops


def turns(until, **settings):
    """A task that loops, and collects what it finds in the context."""

    @task(**settings)
    def looping():
        done = context.get("task_loop_result") or []
        done = [*done, (context.get("task_loop_count", 1), context.task_run_count)]
        if len(done) < until:
            raise LOOP(result=done)
        return done

    return looping


def test_a_loop_runs_again_with_its_count_and_result():
    assert run(turns(3)).result == [(1, 1), (2, 1), (3, 1)]


def test_the_first_turn_knows_of_no_loop():
    assert run(task(lambda: "task_loop_count" in context, name="first")).result is False


def test_a_long_loop_does_not_nest():
    assert len(run(turns(3 * sys.getrecursionlimit())).result) == 3 * sys.getrecursionlimit()


def flaky_loop(error):
    """Fails once in its second turn."""
    failed = []

    @task(max_retries=1, retry_delay=0)
    def looping():
        turn, done = context.get("task_loop_count", 1), context.get("task_loop_result") or []
        if turn == 2 and not failed:
            failed.append(1)
            raise error
        done = [*done, (turn, context.task_run_count)]
        if turn < 3:
            raise LOOP(result=done)
        return done

    return looping


@pytest.mark.parametrize("error", [ValueError(), RETRY()])
def test_a_retry_inside_a_loop_goes_on_at_its_turn_with_a_fresh_count_for_the_next(error):
    each = flaky_loop(error)
    state = run(each)

    assert type(state) is Retrying
    assert run(each, state).result == [(1, 1), (2, 2), (3, 1)]


def test_a_pause_inside_a_loop_goes_on_at_its_turn():
    each = flaky_loop(PAUSE(start_time=datetime(2020, 1, 1)))
    state = run(each)

    assert type(state) is Paused
    assert run(each, state).result == [(1, 1), (2, 1), (3, 1)]


def test_each_turn_is_stored(tmp_path):
    each = turns(2, result=LocalResult(dir=tmp_path, location="{task_name}-{task_loop_count}"))

    with context(checkpointing=True, task_loop_count=1):
        TaskRunner(each).run()

    assert {path.name for path in tmp_path.iterdir()} == {"looping-1", "looping-2"}


# Timeouts


def test_a_task_that_takes_too_long_is_timed_out():
    begun = time.monotonic()
    state = run(task(lambda: time.sleep(1), name="slow", timeout=0.02))

    assert type(state) is TimedOut
    assert isinstance(state.result, TaskTimeoutSignal)
    assert time.monotonic() - begun < 0.5


def test_a_timeout_is_retried():
    assert type(run(task(lambda: time.sleep(1), name="slow", timeout=0.02, max_retries=1, retry_delay=0))) is Retrying


def test_a_timeout_stops_the_flow_run_inside_a_task_too():
    """outer: [slow]"""
    inner_flow = Flow("inner", tasks=[task(lambda: time.sleep(1), name="slow", timeout=0.9)])
    after = []

    @task(timeout=0.03)
    def outer():
        inner_flow.run()
        after.append("went on")

    begun = time.monotonic()
    assert type(run(outer)) is TimedOut
    assert time.monotonic() - begun < 0.5
    assert after == []


def test_a_slow_coroutine_is_timed_out():
    @task(timeout=0.02)
    async def slow():
        await asyncio.sleep(5)

    assert type(run(slow)) is TimedOut


# A process that is told to end


@pytest.fixture
def told_to_end(monkeypatch):
    """In this thread, as in a worker that got SIGTERM, whatever comes next does not count."""

    def heed():
        raise Stopped

    return lambda: monkeypatch.setattr(stopping.HERE, "heed", heed)


@pytest.mark.parametrize("swallows", [False, True])
def test_what_comes_of_a_task_whose_process_is_told_to_end_is_told_to_no_handler(told_to_end, swallows):
    heard, cleaned = [], []

    def work():
        told_to_end()
        try:
            stopping.heed()
        except Stopped:
            cleaned.append(1)
            if not swallows:
                raise

    with pytest.raises(Stopped):
        run(task(work, state_handlers=[lambda obj, old, new: heard.append(type(new))], max_retries=1, retry_delay=0))

    assert heard == [Running]
    assert cleaned == [1]


def test_a_handler_whose_process_is_told_to_end_has_not_failed(told_to_end, caplog):
    def handler(obj, old, new):
        told_to_end()
        stopping.heed()

    with pytest.raises(Stopped):
        run(one.copy(state_handlers=[handler]))

    assert "failed" not in caplog.text


# Targets, caches, checkpoints


def test_a_value_is_stored_if_checkpointing_is_on(tmp_path):
    each = one.copy(result=LocalResult(dir=tmp_path, location="{task_name}.pkl"))

    assert run(each)._result.location is None
    assert list(tmp_path.iterdir()) == []
    state = checkpointed(each)
    assert state._result.location == str(tmp_path / "one.pkl")
    assert state._result.read("one.pkl").value == 1


def checkpointed(each, **kwargs):
    with context(checkpointing=True):
        return TaskRunner(each, **kwargs).run()


def test_a_task_may_opt_out_of_checkpoints(tmp_path):
    result = LocalResult(dir=tmp_path)

    assert checkpointed(one.copy(result=result, checkpoint=False)).result == 1
    assert checkpointed(task(lambda: None, name="nothing", result=result)).is_successful()
    assert list(tmp_path.iterdir()) == []


def test_the_result_of_the_flow_is_used_by_tasks_without_one(tmp_path):
    state = checkpointed(one, flow_result=LocalResult(dir=tmp_path, location="{task_name}"))

    assert state._result.location == str(tmp_path / "one")


def test_without_a_place_the_value_stays_in_memory():
    assert checkpointed(one.copy(result=Result())).result == 1


def test_the_value_of_a_success_signal_is_stored(tmp_path):
    state = checkpointed(raises(SUCCESS(result=5)).copy(result=LocalResult(dir=tmp_path, location="x")))

    assert state.result == 5
    assert (tmp_path / "x").exists()


@pytest.mark.parametrize("location", ["{nonsense}", "/dev/null/x"])
def test_a_value_that_cannot_be_stored_fails_the_task_which_is_then_retried(location, tmp_path):
    each = one.copy(result=LocalResult(dir=tmp_path, location=location), max_retries=1, retry_delay=0)

    assert type(checkpointed(each)) is Retrying


def test_a_template_prefers_inputs_over_the_context_over_parameters(tmp_path):
    each = double.copy(result=LocalResult(dir=tmp_path, location="{x}-{colour}-{p}"))

    with context(checkpointing=True, colour="red", x="context", parameters={"p": "p", "colour": "blue", "x": 0}):
        TaskRunner(each).run(upstream_states=upstream(Success(result=4), key="x"))

    assert [path.name for path in tmp_path.iterdir()] == ["4-red-p"]


def test_a_target_that_is_there_is_taken_even_without_checkpointing(tmp_path):
    seen = []
    LocalResult(dir=tmp_path, location="one-made").write("made before")
    each = one.copy(
        result=LocalResult(dir=tmp_path),
        target="{task_name}-made",
        state_handlers=[lambda obj, old, new: seen.append(type(new))],
    )

    state = run(each)

    assert type(state) is Cached
    assert state.result == "made before"
    assert state.cached_result_expiration is None
    assert seen == [Cached]


def test_a_target_that_is_not_there_is_made(tmp_path):
    each = one.copy(result=LocalResult(dir=tmp_path), target=lambda task_name, **_: f"{task_name}-made")

    assert type(checkpointed(each)) is Success
    assert type(run(each)) is Cached


def test_a_target_without_a_place_fails_the_task():
    state = run(one.copy(target="somewhere"))

    assert type(state) is Failed
    assert isinstance(state.result, NotImplementedError)


def test_a_success_that_may_be_used_again_is_cached():
    seen = []
    each = double.copy(cache_for=HOUR, state_handlers=[lambda obj, old, new: seen.append(type(new))])

    with context(parameters={"p": 1}):
        state = TaskRunner(each).run(upstream_states=upstream(Success(result=4), key="x"))

    assert seen == [Running, Success, Cached]
    assert state.result == 8
    assert state.hashed_inputs.keys() == {"x"}
    assert state.cached_parameters == {"p": 1}
    assert abs(state.cached_result_expiration - datetime.now(UTC) - HOUR) < timedelta(seconds=5)


@pytest.mark.parametrize("raised", [SKIP(), FAIL(), PAUSE()])
def test_nothing_but_a_success_is_cached(raised):
    assert not run(raises(raised).copy(cache_for=HOUR)).is_cached()


def test_a_given_cached_state_is_used_if_the_validator_agrees():
    given = Cached(result="old", cached_result_expiration=datetime.now(UTC) + HOUR)
    expired = Cached(result="old", cached_result_expiration=datetime(2020, 1, 1))
    each = one.copy(cache_for=HOUR)

    assert (type(run(each, given)), run(each, given).result) == (Cached, "old")
    assert run(each, expired).result == 1
    assert run(one, given).result == 1


def test_a_valid_cached_value_does_not_pass_a_refusing_trigger():
    given = Cached(result="old")

    assert type(run(one.copy(cache_for=HOUR), given, upstream(Failed()))) is TriggerFailed


def test_an_error_in_a_validator_fails_the_task():
    each = one.copy(cache_for=HOUR, cache_validator=lambda state, inputs, parameters: 1 / 0)

    assert isinstance(run(each, Cached()).result, ZeroDivisionError)


def test_a_cached_value_that_was_stored_is_read(tmp_path):
    stored = LocalResult(dir=tmp_path, location="x").write("stored")
    given = Cached(result=LocalResult(dir=tmp_path, location=stored.location))

    assert run(one.copy(cache_for=HOUR), given).result == "stored"


# Mapped tasks


def opened(each, states, state=None, **kwargs):
    return TaskRunner(each, **kwargs).run(state, states, is_mapped_parent=True)


def test_opening_a_map_tells_how_many_children_it_has():
    state = opened(double, upstream(Success(result=[1, 2, 3]), key="x", mapped=True))

    assert type(state) is Mapped
    assert (state.n_map_states, state.map_states) == (3, [])


def test_opening_a_map_over_nothing_mappable_fails():
    state = opened(double, upstream(Success(result=5), key="x", mapped=True))

    assert type(state) is Failed
    assert isinstance(state.result, UnmappableError)


@pytest.mark.parametrize("trigger", [triggers.all_successful, triggers.all_finished])
def test_opening_a_map_over_a_failure_fails_plainly_whatever_the_trigger(trigger):
    assert type(opened(one.copy(trigger=trigger), upstream(Failed(), mapped=True))) is Failed


def test_opening_a_map_over_a_skip_skips():
    anyway = one.copy(skip_on_upstream_skip=False)

    assert type(opened(one, upstream(Skipped(), mapped=True))) is Skipped
    assert type(opened(anyway, upstream(Skipped(), Skipped(), mapped=True))) is Skipped


def test_opening_a_map_over_a_skip_beside_a_value_fails_if_skips_do_not_matter():
    anyway = one.copy(skip_on_upstream_skip=False)

    assert type(opened(anyway, upstream(Skipped(), Success(result=[1]), mapped=True))) is Failed


def test_opening_a_map_asks_neither_trigger_nor_target_nor_cache(tmp_path):
    each = double.copy(trigger=triggers.all_failed, target="x", result=LocalResult(dir=tmp_path), cache_for=HOUR)

    assert type(opened(each, upstream(Success(result=[1]), key="x", mapped=True))) is Mapped


def test_a_given_mapped_state_is_kept_when_a_map_is_opened_again():
    given = Mapped(map_states=[Success()])

    assert opened(double, upstream(Success(result=[1]), key="x", mapped=True), given) is given


# Names


def test_the_name_of_a_run_is_worked_out_from_inputs():
    @task(task_run_name="double {x} of {task_name}")
    def named(x):
        return context.task_run_name

    states = {Edge(Task(), named, key="x"): Success(result=4)}

    assert run(named, None, states).result == "double 4 of named"
    assert run(named.copy(task_run_name=lambda x, **_: f"<{x}>"), None, states).result == "<4>"


def test_a_name_that_cannot_be_worked_out_fails_the_task():
    state = run(one.copy(task_run_name="{nonsense}"))

    assert type(state) is Failed
    assert isinstance(state.result, KeyError)


# What the context says


def test_the_context_of_a_run():
    @task(tags=["red"])
    def ask():
        return context.to_dict()

    facts = run(ask, map_index=3).result

    assert {key: facts[key] for key in ("task_name", "task_full_name", "task_tags", "task_run_count", "map_index")} == {
        "task_name": "ask",
        "task_full_name": "ask[3]",
        "task_tags": {"red"},
        "task_run_count": 1,
        "map_index": 3,
    }
    assert facts["checkpointing"] is False
    assert facts["logger"].name == "prefect.ask"
    assert "task_name" not in context


# Subclasses


def overriding(name):
    """A runner that overrides one step, notes the call and goes on as before."""

    def method(self, *args, **kwargs):
        self.calls.append(name)
        return getattr(TaskRunner, name)(self, *args, **kwargs)

    return type("Overriding", (TaskRunner,), {name: method, "calls": []})


@pytest.mark.parametrize("name", [name for name in STEPS if name != "check_task_ready_to_map"])
def test_a_step_that_a_subclass_overrides_is_called(name):
    runner_class = overriding(name)

    state = runner_class(one).run()

    assert state.is_successful()
    assert name in runner_class.calls


@pytest.mark.parametrize("name", [name for name in STEPS if name != "check_task_ready_to_map"])
def test_a_step_that_a_subclass_overrides_is_called_in_flows_and_for_children(name):
    runner_class = overriding(name)
    with Flow("f") as flow:
        doubled = double.map([1, 2])

    state = FlowRunner(flow, task_runner_cls=runner_class).run(return_tasks=[doubled])

    assert state.result[doubled].result == [2, 4]
    assert runner_class.calls.count(name) >= 2


def test_the_opening_of_a_map_can_be_overridden():
    runner_class = overriding("check_task_ready_to_map")

    opened_state = runner_class(one).run(
        upstream_states=upstream(Success(result=[1]), mapped=True), is_mapped_parent=True
    )

    assert opened_state.is_mapped()
    assert runner_class.calls == ["check_task_ready_to_map"]


def test_an_overridden_step_may_change_the_outcome():
    class Strict(TaskRunner):
        def check_task_is_looping(self, state, inputs):
            return Failed("too good to be true") if state.result == 1 else state

    assert Strict(one).run().is_failed()


def test_a_subclass_may_add_to_the_context():
    class Adding(TaskRunner):
        def initialize_run(self, state, context):
            begun = super().initialize_run(state, context)
            return begun._replace(context={**begun.context, "colour": "red"})

    assert Adding(task(lambda: context.colour, name="ask")).run().result == "red"


def test_a_mixin_counts_as_a_subclass():
    class Mixin:
        def set_task_to_running(self, state, inputs):
            raise ENDRUN(Cancelled())

    class Mixed(Mixin, TaskRunner):
        pass

    assert type(Mixed(one).run()) is Cancelled


def test_the_steps_come_in_order():
    order = []

    def noting(name):
        def method(self, *args, **kwargs):
            order.append(name)
            return getattr(TaskRunner, name)(self, *args, **kwargs)

        return method

    every = type("Every", (TaskRunner,), {name: noting(name) for name in STEPS if "handle" not in name})
    every(one).run()

    assert order == [
        "initialize_run",
        "check_task_is_ready",
        "check_task_reached_start_time",
        "check_upstream_finished",
        "check_upstream_skipped",
        "load_results",
        "get_task_inputs",
        "set_task_run_name",
        "check_target",
        "check_task_is_cached",
        "check_task_trigger",
        "set_task_to_running",
        "get_task_run_state",
        "cache_result",
        "check_for_retry",
        "check_task_is_looping",
    ]


def test_what_the_flow_makes_by_itself_is_not_stored(tmp_path):
    """A secret inside a list: the List task that holds it must not write it to a file."""
    with Flow("f", result=LocalResult(dir=tmp_path)) as flow:
        task(lambda words: len(words), name="count", checkpoint=False)([task(lambda: "secret", checkpoint=False)()])

    with set_temporary_config({"flows.checkpointing": True}):
        assert flow.run().is_successful()

    assert list(tmp_path.rglob("*")) == []


def test_a_stray_exception_of_any_kind_ends_the_task_and_not_the_flow():
    class Stray(BaseException):
        pass

    @task
    def raises():
        raise Stray("gone astray")

    with Flow("f") as flow:
        bad = raises()
        good = task(lambda: 2, name="good")()

    state = flow.run()

    assert isinstance(state.result[bad].result, Stray)
    assert state.result[good].result == 2
