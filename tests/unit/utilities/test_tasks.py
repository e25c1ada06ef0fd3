"""Helpers around tasks: the decorator, tags, pauses, delays, defaults and `apply_map`."""

from __future__ import annotations

import functools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect import Flow, Parameter, Task, apply_map, case, context, flatten, mapped, pause_task, tags, task, unmapped
from prefect.engine import FlowRunner
from prefect.engine.signals import PAUSE
from prefect.engine.state import Paused, Resume, Skipped, TriggerFailed
from prefect.exceptions import FlowContextMissing, GraphError, GraphTypeError, TaskSettingError, TaskSettingTypeError
from prefect.tasks.control_flow import merge
from prefect.tasks.core.constants import Constant
from prefect.tasks.core.function import FunctionTask
from prefect.utilities.context import lookup
from prefect.utilities.datetimes import utcnow
from prefect.utilities.tasks import defaults_from_attrs, exponential_backoff


@task
def add(x, y=0):
    return x + y


@task
def inc(x):
    return x + 1


@task
def numbers():
    return [1, 2, 3]


# The decorator


def test_the_decorator_keeps_what_describes_the_function():
    @task(tags=["t"])
    def described(x: int) -> str:
        """What it does."""
        return str(x)

    assert isinstance(described, FunctionTask)
    assert (described.__doc__, described.__name__, described.tags) == ("What it does.", "described", {"t"})
    assert described.run(5) == "5"


@pytest.mark.parametrize("wrong", [5, "text", [len]])
def test_only_functions_can_be_decorated(wrong):
    with pytest.raises(TaskSettingTypeError, match="Only a function can become a task, not "):
        task(wrong)


def test_callable_objects_and_partials_have_a_name_too(value):
    class Adder:
        def __call__(self, x):
            return x + 1

    with Flow("f") as flow:
        one, two = task(Adder())(1), task(functools.partial(lambda x, y: x + y, y=5))(1)

    assert (one.name, two.name) == ("Adder", "partial")
    assert (value(flow, one), value(flow, two)) == (2, 6)


# Tags


def test_tags_nest_and_end_with_their_block():
    with tags("a"):
        with tags("b", "c"):
            inner = Task()
        outer = Task()

    assert (inner.tags, outer.tags, Task().tags) == ({"a", "b", "c"}, {"a"}, set())
    assert lookup("tags") is None


# Pauses


def test_a_task_pauses_itself_until_it_is_resumed():
    """paused ─▶ inc"""
    runs = []

    @task
    def careful():
        runs.append(1)
        pause_task("Sure?")
        return 1

    with Flow("f") as flow:
        last = inc(asked := careful())

    first = FlowRunner(flow).run(return_tasks=flow.tasks)
    assert isinstance(first.result[asked], Paused)
    assert first.result[asked].message == "Sure?"
    assert not first.result[last].is_finished()
    second = FlowRunner(flow).run(task_states={asked: Resume()}, return_tasks=flow.tasks)
    assert second.result[last].result == 2
    assert len(runs) == 2


def test_a_pause_may_end_by_itself():
    before = utcnow()
    with pytest.raises(PAUSE) as caught:
        pause_task(duration=timedelta(hours=1))

    assert timedelta(hours=1) <= caught.value.state.start_time - before < timedelta(hours=1, minutes=1)
    with context(resume=True):
        pause_task()


# Delays


def test_delays_grow_until_the_longest():
    delay = exponential_backoff(base=1, factor=3, max_delay=timedelta(seconds=20), jitter=0)

    assert [delay(n).total_seconds() for n in range(1, 6)] == [1, 3, 9, 20, 20]


@given(
    st.floats(0, 1e6),
    st.floats(0.1, 1e9),
    st.floats(0, 1e6),
    st.floats(0, 1),
    st.integers(1, 10**6),
)
def test_no_delay_is_negative_or_longer_than_the_longest(base, factor, longest, jitter, run_count):
    delay = exponential_backoff(base, factor, longest, jitter)(run_count)

    assert timedelta(0) <= delay <= timedelta(seconds=longest)


def test_jitter_is_a_part_of_the_delay():
    delay = exponential_backoff(base=timedelta(seconds=8), jitter=0.25)

    drawn = {delay(1).total_seconds() for _ in range(50)}
    assert len(drawn) > 1
    assert all(6 <= each <= 8 for each in drawn)


@pytest.mark.parametrize("wrong", [{"base": -1}, {"factor": 0}, {"max_delay": -1}, {"jitter": 2}, {"jitter": -0.1}])
def test_numbers_that_make_no_delays_are_refused(wrong):
    with pytest.raises(TaskSettingError, match="base and max_delay must not be negative.*jitter between 0 and 1"):
        exponential_backoff(**wrong)


# Defaults from attributes


class Add(Task):
    def __init__(self, x=None, y=None, **kwargs):
        self.x, self.y = x, y
        super().__init__(**kwargs)

    @defaults_from_attrs("x", "y")
    def run(self, x=None, y=None):
        """Add."""
        return (x, y)


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        ((), {}, (1, 2)),
        ((5,), {}, (5, 2)),
        ((5, 6), {}, (5, 6)),
        ((), {"y": 6}, (1, 6)),
        ((5,), {"y": 6}, (5, 6)),
        ((None,), {"y": None}, (None, None)),
    ],
)
def test_arguments_that_are_not_given_come_from_the_attributes(args, kwargs, expected):
    assert Add(x=1, y=2).run(*args, **kwargs) == expected


def test_in_a_flow_too(value):
    with Flow("f") as flow:
        result = Add(x=1, y=2)(y=5)

    assert value(flow, result) == (1, 5)
    assert Add.run.__doc__ == "Add."


def test_a_decorated_run_inside_keeps_its_positions():
    def traced(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    class Traced(Task):
        x = 1

        @defaults_from_attrs("x")
        @traced
        def run(self, x=None):
            return x

    assert (Traced().run(), Traced().run(2)) == (1, 2)


def test_an_attribute_that_is_not_there_is_an_error_at_run_time():
    class Lacking(Task):
        @defaults_from_attrs("nothing")
        def run(self, nothing=None):
            return nothing

    with pytest.raises(AttributeError, match="'Lacking'.*'nothing'"):
        Lacking().run()
    assert Lacking().run(nothing=1) == 1


# apply_map


def outcome(flow, built):
    return flow.run().result[built]


def test_a_function_of_several_tasks_is_mapped():
    """numbers ─▶ inc.map ─▶ add.map"""

    def build(x):
        return add(inc(x), x)

    with Flow("f") as flow:
        built = apply_map(build, numbers())

    assert outcome(flow, built).result == [3, 5, 7]
    assert all(edge.mapped for edge in flow.edges)


@pytest.mark.parametrize("source", [[1, 2, 3], (1, 2, 3), range(1, 4)], ids=repr)
def test_sequences_are_mapped_over(source):
    with Flow("f") as flow:
        built = apply_map(lambda x: inc(inc(x)), source)

    assert outcome(flow, built).result == [3, 4, 5]


def test_text_is_a_sequence_of_letters():
    with Flow("f") as flow:
        built = apply_map(lambda x: add(x, "!"), "ab")

    assert outcome(flow, built).result == ["a!", "b!"]


@pytest.mark.parametrize("wrong", [5, None, {1}, {"a": 1}, (n for n in [1])], ids=lambda value: type(value).__name__)
def test_other_values_are_refused_with_the_remedy(wrong):
    with Flow("f"), pytest.raises(GraphTypeError, match=r"`apply_map` cannot map over .*`unmapped\(\.\.\.\)`"):
        apply_map(inc, wrong)


def test_map_inside_is_refused():
    with Flow("f"), pytest.raises(GraphError, match="<Task: inc> is mapped inside `apply_map`.*without `.map`"):
        apply_map(lambda x: inc.map(x), numbers())
    with Flow("f"), pytest.raises(GraphError, match="<Task: add> is mapped inside `apply_map`"):
        apply_map(lambda x: add(1, mapped(x)), numbers())
    with Flow("f"), pytest.raises(GraphError, match="is mapped inside `apply_map`"):
        apply_map(lambda x: apply_map(inc, x), numbers())


def test_a_flow_is_needed():
    with pytest.raises(FlowContextMissing, match="`apply_map`.*`flow=`"):
        apply_map(inc, [1])


def test_a_flow_that_is_given_is_passed_on():
    def build(x, flow):
        return inc(x, flow=flow)

    flow = Flow("f")
    built = apply_map(build, [1, 2], flow=flow)

    assert outcome(flow, built).result == [2, 3]
    with pytest.raises(TypeError, match="flow"):
        apply_map(lambda x: inc(x), [1], flow=Flow("g"))


@pytest.mark.parametrize("fixed", [unmapped(10), unmapped([10]), Constant(10)], ids=repr)
def test_unmapped_arguments_are_the_same_in_every_lane(fixed):
    unwrap = task(lambda y: y[0] if isinstance(y, list) else y)
    fixed = unmapped(fixed) if isinstance(fixed, Constant) else fixed
    with Flow("f") as flow:
        built = apply_map(lambda x, y: add(x, unwrap(y)), numbers(), y=fixed)

    assert outcome(flow, built).result == [11, 12, 13]


def test_flattened_arguments_are_joined_first():
    nested = task(lambda: [[1, 2], [3]])
    with Flow("f") as flow:
        built = apply_map(lambda x: inc(inc(x)), flatten(nested()))

    assert outcome(flow, built).result == [3, 4, 5]


def test_a_task_without_arguments_runs_once_in_every_lane():
    """numbers ─▶ seven.map ─▶ add.map"""
    seven = task(lambda: 7)
    with Flow("f") as flow:
        built = apply_map(lambda x: add(x, seven()), numbers())

    assert outcome(flow, built).result == [8, 9, 10]


def test_lanes_are_as_many_as_the_shortest_argument_has_elements():
    seven = task(lambda: 7)

    def build(x, y):
        return inc(x), seven(), inc(y)

    with Flow("f") as flow:
        built = apply_map(build, numbers(), [1, 2])

    state = flow.run()
    assert [len(state.result[each].map_states) for each in built] == [2, 2, 2]


def test_plain_values_collections_and_constants_inside_are_the_same_in_every_lane():
    total = task(lambda x, more: x + sum(more))

    def build(x):
        return total(x, [1, 2]), add(x, 5), add(x, Constant(5)), total(x, [x, 1])

    with Flow("f") as flow:
        built = apply_map(build, numbers())

    state = flow.run()
    assert [state.result[each].result for each in built] == [[4, 5, 6], [6, 7, 8], [6, 7, 8], [3, 5, 7]]


def test_a_parameter_made_inside_is_the_same_in_every_lane():
    with Flow("f") as flow:
        built = apply_map(lambda x: add(x, Parameter("y", default=10)), numbers())

    assert outcome(flow, built).result == [11, 12, 13]


def test_a_task_from_around_the_function_is_the_same_in_every_lane():
    with Flow("f") as flow:
        seven = task(lambda: 7)()
        built = apply_map(lambda x: add(x, seven), numbers())

    assert outcome(flow, built).result == [8, 9, 10]


def test_upstream_tasks_inside_are_lanes_too():
    """numbers ─▶ check.map ─▶ inc.map"""

    @task
    def check(x):
        if x == 2:
            raise ValueError

    with Flow("f") as flow:
        built = apply_map(lambda x: inc(x, upstream_tasks=[check(x)]), numbers())

    children = outcome(flow, built).map_states
    assert [child.is_successful() for child in children] == [True, False, True]
    assert isinstance(children[1], TriggerFailed)


def test_what_the_function_returns_comes_back():
    with Flow("f"):
        assert apply_map(lambda x: None, [1]) is None
        made = apply_map(lambda x: {"a": (inc(x), 5)}, [1])
    assert made["a"][1] == 5


def test_a_case_around_it_and_one_inside_it():
    """numbers ─▶ case ─▶ …"""

    def build(x):
        with case(task(lambda n: n > 1, name="big")(x), True):
            big = inc(x)
        with case(task(lambda n: n <= 1, name="small")(x), True):
            small = add(x, 100)
        return merge(small, big)

    with Flow("f") as flow, case(Parameter("go"), True):
        built = apply_map(build, numbers())

    assert flow.run(go=True).result[built].result == [101, 3, 4]
    stopped = flow.run(go=False).result
    inner = [each for each in flow.tasks if each.name in ("big", "small", "inc", "add")]
    assert len(inner) == 4
    assert all(isinstance(stopped[each], Skipped) for each in inner)


def test_tags_around_it_reach_its_tasks():
    with Flow("f"), tags("t"):
        built = apply_map(inc, [1])

    assert built.tags == {"t"}


def test_it_can_be_used_twice_in_a_row():
    with Flow("f") as flow:
        first = apply_map(lambda x: inc(x), numbers())
        second = apply_map(lambda x, y: add(inc(x), y), first, [10, 20, 30])

    assert outcome(flow, second).result == [13, 24, 35]


def test_a_name_of_an_argument_may_be_that_of_a_task_argument():
    with Flow("f") as flow:
        built = apply_map(add, [1, 2], y=[10, 20])

    assert outcome(flow, built).result == [11, 22]
