"""A flow in single passes: which tasks run, in which order, and what comes of the flow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from prefect import Flow, Parameter, context, flatten, task, unmapped
from prefect.engine import FlowRunner, TaskRunner
from prefect.engine.signals import FAIL, LOOP, PAUSE, SKIP
from prefect.engine.state import (
    Cached,
    Cancelled,
    Failed,
    Mapped,
    Paused,
    Pending,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    Success,
    TriggerFailed,
)
from prefect.triggers import all_finished, manual_only


@task
def one():
    return 1


@task
def add(x, y=10):
    return x + y


@task
def listing(xs):
    return list(xs)


@task
def invert(x):
    return 1 / x


@task
def broken():
    raise ValueError("broken")


def kinds(state):
    return [type(child) for child in state.map_states]


def one_pass(flow, **kwargs):
    return FlowRunner(flow).run(return_tasks=flow.tasks, **kwargs)


# One pass


def test_a_pass_returns_the_states_that_were_asked_for():
    with Flow("f") as flow:
        a = one()
        b = add(a)

    assert FlowRunner(flow).run().result == {}
    assert FlowRunner(flow).run(return_tasks=[b]).result == {b: Success(result=11)}


def test_a_foreign_task_cannot_be_asked_for():
    state = FlowRunner(Flow("f")).run(return_tasks=[one])

    assert state.is_failed()
    assert isinstance(state.result, ValueError)


def test_no_task_runs_twice_in_one_pass():
    runs = []

    @task(max_retries=2, retry_delay=0)
    def failing():
        runs.append(1)
        raise ValueError

    with Flow("f") as flow:
        a = failing()
        b = add(a)

    state = one_pass(flow)

    assert runs == [1]
    assert type(state) is Running
    assert [type(state.result[each]) for each in (a, b)] == [Retrying, Pending]

    state = one_pass(flow, state=state, task_states=state.result)
    state = one_pass(flow, state=state, task_states=state.result)
    assert runs == [1, 1, 1]
    assert [type(state.result[each]) for each in (a, b)] == [Failed, TriggerFailed]
    assert type(state) is Failed


@pytest.mark.parametrize("kind", [Success, Failed, Skipped, Cancelled])
def test_a_flow_that_is_over_stays_so(kind):
    state = kind()

    assert FlowRunner(Flow("f", tasks=[broken])).run(state) is state


def test_a_flow_that_is_too_early_stays_so():
    state = Scheduled(start_time=datetime.now(UTC) + timedelta(hours=1))

    assert FlowRunner(Flow("f", tasks=[broken])).run(state) is state


# The state of the flow


def test_an_empty_flow_succeeds():
    assert FlowRunner(Flow("f")).run().is_successful()


def test_reference_tasks_decide():
    """broken ─▶ after (runs whatever happened)"""
    with Flow("f") as flow:
        bad = broken()
        after = one(upstream_tasks=[bad], task_args={"trigger": all_finished})

    assert one_pass(flow).is_successful()
    flow.set_reference_tasks([bad, after])
    assert one_pass(flow).is_failed()


def test_neither_failed_nor_successful_counts_as_success():
    flow = Flow("f", tasks=[one])

    state = one_pass(flow, task_states={one: Cancelled()})

    assert type(state) is Success


def test_the_children_decide_for_a_mapped_task():
    with Flow("f") as flow:
        invert.map([1, 0])

    assert one_pass(flow).is_failed()


def test_the_terminal_state_handler_has_the_last_word():
    calls = []

    def handler(flow, state, references):
        calls.append((flow, type(state), {type(each) for each in references}))
        return Failed("not good enough")

    flow = Flow("f", tasks=[one], terminal_state_handler=handler)
    state = one_pass(flow)

    assert calls == [(flow, Success, {Success})]
    assert type(state) is Failed
    assert state.result[one].result == 1


def test_the_terminal_state_handler_may_say_nothing():
    flow = Flow("f", tasks=[one], terminal_state_handler=lambda flow, state, references: None)

    assert one_pass(flow).is_successful()


def test_an_error_in_the_terminal_state_handler_fails_the_flow():
    flow = Flow("f", tasks=[one], terminal_state_handler=lambda flow, state, references: 1 / 0)

    assert isinstance(one_pass(flow).result, ZeroDivisionError)


# States that tasks already have


def test_a_task_that_is_over_does_not_run():
    with Flow("f") as flow:
        a = broken()
        b = add(a)

    state = one_pass(flow, task_states={a: Success(result=5)})

    assert state.result[b].result == 15


def test_a_cached_state_of_a_task_without_a_cache_does_not_count():
    state = one_pass(Flow("f", tasks=[one]), task_states={one: Cached(result="old")})

    assert state.result[one].result == 1


def test_a_failed_state_fails_what_is_behind_it():
    with Flow("f") as flow:
        a = one()
        b = add(a)

    assert type(one_pass(flow, task_states={a: Failed()}).result[b]) is TriggerFailed


def test_given_children_run_only_if_they_are_not_over():
    runs = []

    @task
    def note(x):
        runs.append(x)
        return x

    with Flow("f") as flow:
        noted = note.map([1, 2, 3, 4])
        everything = listing(noted)

    given = Mapped(map_states=[Success(result="kept"), None, Pending(), Failed(result="also kept")])
    state = one_pass(flow, task_states={noted: given})

    assert runs == [2, 3]
    assert state.result[noted].result == ["kept", 2, 3, "also kept"]
    assert type(state.result[everything]) is TriggerFailed


@pytest.mark.parametrize("count", [0, 1, 3])
def test_given_children_are_cut_or_filled_up_to_the_data(count):
    with Flow("f") as flow:
        added = add.map([1, 2])

    given = Mapped(map_states=[Success(result="kept")] * count)
    state = one_pass(flow, task_states={added: given})

    assert state.result[added].result == [["kept", 11][count == 0], "kept" if count > 1 else 12]


def test_given_children_of_a_task_that_cannot_be_mapped_any_more():
    with Flow("f") as flow:
        added = add.map(broken())

    state = one_pass(flow, task_states={added: Mapped(map_states=[Success()])})

    assert type(state.result[added]) is Failed


def test_a_paused_task_waits_and_its_followers_with_it():
    with Flow("f") as flow:
        a = one(task_args={"trigger": manual_only})
        b = add(a)

    state = one_pass(flow)
    assert [type(state.result[each]) for each in (a, b)] == [Paused, Pending]
    state = one_pass(flow, state=state, task_states=state.result)
    assert type(state) is Running
    assert type(state.result[a]) is Paused

    state = one_pass(flow, state=state, task_states={**state.result, a: Resume()})
    assert state.is_successful()
    assert state.result[b].result == 11


def test_the_caller_keeps_the_states_that_were_given():
    given = {one: Pending()}

    one_pass(Flow("f", tasks=[one]), task_states=given)

    assert type(given[one]) is Pending


# Mapping


def test_lists_of_different_lengths_are_cut_to_the_shortest():
    with Flow("f") as flow:
        added = add.map([1, 2, 3], [10, 20])

    state = one_pass(flow).result[added]
    assert state.result == [11, 22]
    assert state.n_map_states == 2


def test_an_empty_map_is_mapped_and_so_is_what_maps_over_it():
    with Flow("f") as flow:
        first = add.map([])
        second = add.map(first)
        reduced = listing(second)

    result = one_pass(flow).result
    assert [result[each].result for each in (first, second, reduced)] == [[], [], []]
    assert result[first].is_mapped()
    assert result[second].is_mapped()


def test_failures_and_skips_stay_in_their_lane():
    """[2, 0, -1] ─▶ check.map ─▶ add.map"""

    @task
    def check(x):
        if x < 0:
            raise SKIP("negative")
        return 1 / x

    with Flow("f") as flow:
        checked = check.map([2, 0, -1])
        added = add.map(checked)

    result = one_pass(flow).result
    assert kinds(result[checked]) == [Success, Failed, Skipped]
    assert kinds(result[added]) == [Success, TriggerFailed, Skipped]
    assert result[checked].is_successful()


def test_a_reducer_gets_all_results_whatever_they_are():
    with Flow("f") as flow:
        reduced = listing(invert.map([1, 0]), task_args={"trigger": all_finished})

    values = one_pass(flow).result[reduced].result
    assert values[0] == 1
    assert isinstance(values[1], ZeroDivisionError)


def test_one_failed_child_refuses_and_one_skipped_child_skips_the_reducer():
    @task
    def skip_zero(x):
        if not x:
            raise SKIP("zero")
        return x

    with Flow("f") as flow:
        after_failure = listing(invert.map([1, 0]))
        after_skip = listing(skip_zero.map([1, 0]))
        anyway = listing(skip_zero.map([1, 0]), task_args={"skip_on_upstream_skip": False})

    result = one_pass(flow).result
    assert type(result[after_failure]) is TriggerFailed
    assert type(result[after_skip]) is Skipped
    assert isinstance(result[anyway].result[1], SKIP)


def test_an_unmapped_map_is_given_whole_to_every_child():
    with Flow("f") as flow:
        first = add.map([1, 2])
        both = add.map([[0], [1]], unmapped(first))

    assert one_pass(flow).result[both].result == [[0, 11, 12], [1, 11, 12]]


def test_a_map_with_nothing_mapped_runs_once():
    with Flow("f") as flow:
        once = add.map(unmapped(one()))

    assert one_pass(flow).result[once].result == 11


def test_a_failed_input_beside_a_good_one_fails_every_child():
    with Flow("f") as flow:
        mapped = add.map([1, 2], broken())
        unmapped_too = add.map([1, 2], unmapped(broken()))

    result = one_pass(flow).result
    assert kinds(result[mapped]) == kinds(result[unmapped_too]) == [TriggerFailed] * 2


def test_a_map_may_only_wait_for_its_input():
    with Flow("f") as flow:
        source = listing([1, 2, 3])
        waits = one.map(upstream_tasks=[source])

    assert one_pass(flow).result[waits].result == [1, 1, 1]


def test_flatten_feeds_single_elements():
    with Flow("f") as flow:
        nested = listing.map([[1, 2], [], [3]])
        added = add.map(flatten(nested))
        plain = add.map(flatten(listing([[1, 2], [3]])))
        whole = listing(flatten(nested))

    result = one_pass(flow).result
    assert result[added].result == result[plain].result == [11, 12, 13]
    assert result[added].n_map_states == 3
    assert result[whole].result == [1, 2, 3]


def test_flatten_keeps_failed_children_in_their_place():
    @task
    def up_to(x):
        if x < 0:
            raise FAIL("negative")
        return list(range(x))

    with Flow("f") as flow:
        added = add.map(flatten(up_to.map([1, -1, 2])))

    assert kinds(one_pass(flow).result[added]) == [Success, TriggerFailed, Success, Success]


def test_flatten_of_a_skipped_task_skips():
    @task
    def skips():
        raise SKIP("no")

    with Flow("f") as flow:
        after = listing(flatten(skips()))

    assert type(one_pass(flow).result[after]) is Skipped


@pytest.mark.parametrize("value", [{"a": 1}, {1, 2}, 5, None], ids=lambda v: type(v).__name__)
def test_what_cannot_be_mapped_fails_its_task_and_the_flow_goes_on(value):
    """source ─▶ add.map ─▶ after; one"""
    source = task(lambda: value, name="source")
    with Flow("f") as flow:
        added = add.map(source())
        after = listing(added)
        beside = one()

    result = one_pass(flow).result
    assert type(result[added]) is Failed
    assert type(value).__name__ in result[added].message
    assert "eturn" in result[added].message or "unmapped" in result[added].message
    assert type(result[after]) is TriggerFailed
    assert result[beside].is_successful()


def test_a_sequence_that_cannot_be_read_fails_its_children_and_the_flow_goes_on():
    class Shelf:
        def __len__(self):
            return 2

        def __getitem__(self, key):
            raise KeyError(key)

    with Flow("f") as flow:
        added = add.map(task(Shelf)())
        beside = one()

    result = one_pass(flow).result
    assert kinds(result[added]) == [TriggerFailed] * 2
    assert result[beside].is_successful()


def test_the_parent_of_a_map_changes_its_state_once():
    seen = []
    note = add.copy(
        state_handlers=[lambda obj, old, new: seen.append((context.map_index, type(old).__name__, type(new).__name__))]
    )
    with Flow("f") as flow:
        note.map([1, 2])

    one_pass(flow)

    assert seen == [
        (None, "Pending", "Mapped"),
        *((0, "Pending", "Running"), (0, "Running", "Success")),
        *((1, "Pending", "Running"), (1, "Running", "Success")),
    ]


def test_children_know_their_index_and_name():
    @task
    def ask(x):
        return context.map_index, context.task_full_name

    with Flow("f") as flow:
        asked = ask.map([5, 6])

    assert one_pass(flow).result[asked].result == [(0, "ask[0]"), (1, "ask[1]")]


def test_children_loop_each_on_its_own():
    @task
    def countdown(x):
        rest = context.get("task_loop_result", x)
        if rest:
            raise LOOP(result=rest - 1)
        return context.get("task_loop_count", 1)

    with Flow("f") as flow:
        counted = countdown.map([0, 3, 1])

    assert one_pass(flow).result[counted].result == [1, 4, 2]


def test_children_pause_each_on_its_own():
    @task
    def pauses(x):
        if x and not context.get("resume"):
            raise PAUSE("wait")
        return x

    with Flow("f") as flow:
        paused = pauses.map([0, 1])
        added = add.map(paused)

    state = one_pass(flow)
    assert kinds(state.result[paused]) == [Success, Paused]
    assert kinds(state.result[added]) == [Success, Pending]
    assert type(state) is Running

    known = state.result
    known[paused].map_states[1] = Resume()
    assert one_pass(flow, state=state, task_states=known).result[added].result == [10, 11]


def test_only_children_that_wait_for_a_retry_run_in_the_next_pass():
    runs = []

    @task(max_retries=1, retry_delay=0)
    def flaky(x):
        runs.append(x)
        if x == 2 and context.task_run_count == 1:
            raise ValueError
        return x

    with Flow("f") as flow:
        tried = flaky.map([1, 2, 3])
        added = add.map(tried)

    state = one_pass(flow)
    assert kinds(state.result[tried]) == [Success, Retrying, Success]
    assert kinds(state.result[added]) == [Success, Pending, Success]
    state = one_pass(flow, state=state, task_states=state.result)
    assert runs == [1, 2, 3, 2]
    assert state.result[added].result == [11, 12, 13]


# The context


def test_the_context_of_a_flow_run():
    @task
    def ask():
        return context.to_dict()

    with Flow("f") as flow:
        Parameter("x", default=1)()
        asked = ask()

    facts = one_pass(flow, parameters={}, context={"date": "2026-03-01", "colour": "red"}).result[asked].result

    wanted = {
        "flow_name": "f",
        "parameters": {"x": 1},
        "colour": "red",
        "today": "2026-03-01",
        "today_nodash": "20260301",
        "yesterday": "2026-02-28",
        "yesterday_nodash": "20260228",
        "tomorrow": "2026-03-02",
        "tomorrow_nodash": "20260302",
        "task_name": "ask",
        "task_slug": "ask-1",
        "task_id": "ask-1",
        "map_index": None,
    }
    assert {key: facts[key] for key in wanted} == wanted
    assert {"config", "logger", "flow_run_id", "scheduled_start_time", "task_run_id", "checkpointing"} <= facts.keys()


@pytest.mark.parametrize("date", ["yesterday-ish", 5, object()])
def test_a_date_that_is_none_is_passed_over(date, caplog):
    with Flow("f") as flow:
        today = task(lambda: context.today, name="today")()

    state = one_pass(flow, context={"date": date, "scheduled_start_time": datetime(2026, 3, 1, tzinfo=UTC)})

    assert state.result[today].result == "2026-03-01"
    assert "date" in caplog.text


@pytest.mark.parametrize("date", [datetime(2026, 3, 1, 12), datetime(2026, 3, 1).date(), "2026-03-01T12:00:00+00:00"])
def test_a_date_may_be_a_date_or_text(date):
    with Flow("f") as flow:
        days = task(lambda: (context.yesterday, context.tomorrow), name="days")()

    assert one_pass(flow, context={"date": date}).result[days].result == ("2026-02-28", "2026-03-02")


def test_context_given_to_the_run_beats_the_one_around_it():
    with Flow("f") as flow:
        colours = task(lambda: (context.colour, context.size), name="colours")()

    with context(colour="blue", size=3):
        state = one_pass(flow, context={"colour": "red"})

    assert state.result[colours].result == ("red", 3)


def test_single_tasks_may_be_given_context():
    ask = task(lambda: context.get("colour"), name="ask")
    with Flow("f") as flow:
        red, none = ask(), ask()

    state = one_pass(flow, task_contexts={red: {"colour": "red"}})

    assert [state.result[each].result for each in (red, none)] == ["red", None]


def test_a_missing_parameter_fails_its_task():
    with Flow("f") as flow:
        x = Parameter("x")()

    assert type(one_pass(flow).result[x]) is Failed


def test_a_flow_run_inside_a_task_knows_nothing_of_the_outer_one():
    """outer: [inner run: [ask]]"""
    facts = []
    ask = task(lambda: facts.append(context.to_dict()), name="ask")
    inner = Flow("inner", tasks=[ask])

    @task
    def runs_inner():
        inner.run()
        return context.flow_name, context.task_name, context.colour

    with Flow("outer") as outer:
        Parameter("x", default=1)()
        ran = runs_inner()

    state = one_pass(outer, context={"colour": "red"})

    assert state.result[ran].result == ("outer", "runs_inner", "red")
    [inside] = facts
    assert (inside["flow_name"], inside["task_name"], inside["parameters"]) == ("inner", "ask", {})
    assert "colour" not in inside


def test_a_flow_run_inside_a_task_sees_the_context_of_the_user():
    asked = []
    inner = Flow("inner", tasks=[task(lambda: asked.append(context.get("colour")), name="ask")])
    outer = Flow("outer", tasks=[task(inner.run, name="runs_inner")])

    with context(colour="red"):
        outer.run()

    assert asked == ["red"]


# Subclasses


@pytest.mark.parametrize(
    "name",
    [
        "initialize_run",
        "check_flow_is_pending_or_running",
        "check_flow_reached_start_time",
        "set_flow_to_running",
        "get_flow_run_state",
        "determine_final_state",
        "handle_state_change",
        "call_runner_target_handlers",
        "default_executor",
    ],
)
def test_a_step_that_a_subclass_overrides_is_called(name):
    calls = []

    def method(self, *args, **kwargs):
        calls.append(name)
        return getattr(FlowRunner, name)(self, *args, **kwargs)

    runner_class = type("Overriding", (FlowRunner,), {name: method})

    assert Flow("f", tasks=[one]).run(runner_cls=runner_class).is_successful()
    assert calls


def test_the_class_of_the_task_runners_can_be_chosen():
    class Shouting(TaskRunner):
        def get_task_run_state(self, state, inputs):
            return Success(result="LOUD")

    state = FlowRunner(Flow("f", tasks=[one]), task_runner_cls=Shouting).run(return_tasks=[one])

    assert state.result[one].result == "LOUD"


def test_ctrl_c_in_a_flow_run_inside_a_task_ends_the_outer_run_too():
    """outer: runs_inner (a flow whose task gets Ctrl-C) ─▶ after"""
    ran = []

    @task
    def interrupted():
        raise KeyboardInterrupt

    with Flow("inner") as inner:
        interrupted()

    @task
    def runs_inner():
        inner.run()

    @task
    def after(x):
        ran.append("after")

    with Flow("outer") as outer:
        after(runs_inner())

    state = outer.run()

    assert type(state).__name__ == "Cancelled"
    assert ran == []
