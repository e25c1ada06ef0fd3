"""Values that need not be made again: when one is used, when not, and what the state says of it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect import Flow, Parameter, Task, context, task
from prefect.engine import caching
from prefect.engine.cache import MemoryCache, Recipe, Shelf, recipe_of
from prefect.engine.cache_validators import (
    Compared,
    all_inputs,
    all_parameters,
    compared,
    duration_only,
    never_use,
    partial_inputs_only,
    partial_parameters_only,
)
from prefect.engine.results import LocalResult
from prefect.engine.state import Cached, Skipped, Success
from prefect.exceptions import TaskSettingError
from prefect.utilities.configuration import set_temporary_config
from prefect.utilities.hashing import digest

HOUR = timedelta(hours=1)
PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
SCALE = 2


def one():
    return 1


def two():
    return 2


class Runs:
    """Counts the runs of tasks, in a way that is no part of their code."""

    def __init__(self) -> None:
        self.count = 0

    def __reduce__(self):
        return (Runs, ())

    def __call__(self, value: Any) -> Any:
        self.count += 1
        return value


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture(autouse=True)
def own_home(tmp_path):
    with set_temporary_config({"home_dir": str(tmp_path / "home")}):
        yield


def cached(function, validator=None, **settings):
    return task(function, name="cached", cache_for=HOUR, cache_validator=validator, **settings)


# --- templates and targets --------------------------------------------------------------------------------------------


def test_inputs_beat_the_context_which_beats_parameters():
    with context(parameters={"a": 1, "b": 1, "c": 1}, b=2, c=2):
        values = caching.template_values({"c": 3})

    assert (values["a"], values["b"], values["c"]) == (1, 2, 3)


def test_a_target_is_found_where_it_is(tmp_path):
    result = LocalResult(dir=tmp_path).at("{x}.pkl")
    result.write(42, x="here")

    found = caching.find_target(result, {"x": "here", "self": "ignored"})

    assert found is not None
    assert (type(found), found.result) == (Cached, 42)
    assert caching.find_target(result, {"x": "elsewhere"}) is None


def test_a_target_template_that_asks_too_much_is_refused(tmp_path):
    with pytest.raises(TaskSettingError, match="nonsense"):
        caching.find_target(LocalResult(dir=tmp_path).at("{nonsense}"), {})


# --- a value is used again --------------------------------------------------------------------------------------------


def test_a_value_is_used_until_it_expires(runs):
    """x ─▶ cached"""
    with Flow("f") as flow:
        doubled = cached(lambda x: runs(2 * x))(Parameter("x"))

    assert [flow.run(x=x).result[doubled].result for x in (1, 2, 3)] == [2, 2, 2]
    assert runs.count == 1


def test_a_value_of_the_same_inputs_is_used(runs):
    """x ─▶ cached"""
    with Flow("f") as flow:
        doubled = cached(lambda x: runs(2 * x), all_inputs)(Parameter("x"))

    assert [flow.run(x=x).result[doubled].result for x in (1, 2, 1, 2)] == [2, 4, 2, 4]
    assert runs.count == 2


def test_children_are_cached_one_by_one(runs):
    """[…] ─▶ cached.map"""
    with Flow("f") as flow:
        children = cached(lambda x: runs(10 * x), all_inputs).map(Parameter("numbers"))

    assert flow.run(numbers=[1, 2, 3]).result[children].result == [10, 20, 30]
    state = flow.run(numbers=[3, 4, 1]).result[children]

    assert state.result == [30, 40, 10]
    assert [type(child).__name__ for child in state.map_states] == ["Cached"] * 3
    assert runs.count == 4


def test_a_child_that_compares_no_inputs_takes_its_own_value_and_not_its_siblings(runs):
    """[…] ─▶ cached.map, which goes by time alone"""
    with Flow("f") as flow:
        children = cached(lambda x: runs(10 * x)).map([1, 2, 3])

    assert [flow.run().result[children].result for _ in range(2)] == [[10, 20, 30]] * 2
    assert runs.count == 3


def test_two_uses_of_a_task_that_compares_no_inputs_keep_their_values_apart(runs):
    """ "a" ─▶ load ─▶ clean      "b" ─▶ load ─▶ clean"""
    load, clean = cached(lambda name: runs(name)), cached(lambda text: runs(text.upper()))

    def flow_of(*names):
        with Flow("f") as flow:
            cleaned = [clean(load(name)) for name in names]
        return flow, cleaned

    for names in (("a", "b"), ("b", "a"), ("c", "b", "a")):  # whichever was added first
        flow, cleaned = flow_of(*names)
        states = flow.run().result
        assert [states[each].result for each in cleaned] == [name.upper() for name in names]
    assert runs.count == 6


def test_tasks_of_the_same_name_do_not_share_values():
    flow = Flow("f", tasks=[task(one, name="same", cache_for=HOUR), task(two, name="same", cache_for=HOUR)])

    for _ in range(2):
        assert {state.result for state in flow.run().result.values()} == {1, 2}


def test_a_cache_key_shares_on_purpose():
    a = task(lambda: 1, name="a", cache_for=HOUR, cache_key="shared")
    b = task(lambda: 2, name="b", cache_for=HOUR, cache_key="shared")
    Flow("first", tasks=[a]).run()

    assert Flow("second", tasks=[b]).run().result[b].result == 1


class Scaled(Task):
    def __init__(self, factor, **settings):
        self.factor = factor
        super().__init__(**settings)

    def run(self, x):
        return self.factor * x


def test_what_a_task_was_made_with_counts_as_its_code():
    """two tasks of one class and name, with other attributes"""
    for factor in (2, 3, 2):
        with Flow("f") as flow:
            scaled = Scaled(factor, cache_for=HOUR, cache_validator=all_inputs)(5)
        assert flow.run().result[scaled].result == 5 * factor


def test_inputs_are_compared_as_they_were_before_the_run_changed_them(runs):
    with Flow("f") as flow:
        emptied = cached(lambda numbers: runs([numbers.pop(), *numbers]), all_inputs)(Parameter("numbers"))

    assert [flow.run(numbers=[1, 2]).result[emptied].result for _ in range(2)] == [[2, 1], [2, 1]]
    assert runs.count == 1


# --- what the state says ----------------------------------------------------------------------------------------------


def message(flow, each, **parameters):
    return flow.run(**parameters).result[each].message


def test_the_message_says_why_a_value_was_used_and_why_not():
    """x, y ─▶ cached"""
    with Flow("f") as flow:
        total = cached(lambda x, y: x + y, all_inputs)(Parameter("x"), Parameter("y"))

    assert message(flow, total, x=1, y=1) == "The task ran as nothing was cached yet."
    assert "Taken from the cache: it was made from the same inputs and code" in message(flow, total, x=1, y=1)
    assert message(flow, total, x=2, y=1) == "The task ran although cached: input `x` changed."
    assert message(flow, total, x=3, y=3) == "The task ran although cached: input `x` changed, input `y` changed."


def test_the_message_names_the_parameter_that_changed():
    with Flow("f") as flow:
        each = cached(one, partial_parameters_only(["p"]))()
        flow.add_task(Parameter("q"))
        flow.add_task(Parameter("p"))

    message(flow, each, p=1, q=1)
    assert "Taken from the cache" in message(flow, each, p=1, q=2)
    assert message(flow, each, p=2, q=2) == "The task ran although cached: parameter `p` changed."


def test_the_message_names_the_part_of_the_code_that_changed(monkeypatch):
    flow = Flow("f", tasks=[each := task(scaled, cache_for=HOUR)])
    flow.run()
    monkeypatch.setitem(globals(), "SCALE", 3)

    assert message(flow, each) == "The task ran although cached: the code of `SCALE` changed."


def scaled():
    return 10 * SCALE


def test_the_message_says_when_a_value_has_expired():
    flow = Flow("f", tasks=[each := task(one, cache_for=timedelta(seconds=0))])
    flow.run()

    assert "although cached: the value expired at 20" in message(flow, each)


def test_the_message_says_when_the_users_validator_refused():
    flow = Flow("f", tasks=[each := cached(one, only_on_sundays)])
    flow.run()

    assert message(flow, each) == "The task ran although cached: `only_on_sundays` refused it."


def only_on_sundays(state, inputs, parameters):
    return False


def test_a_validator_of_the_users_own_chooses_among_all_values(runs):
    """it accepts what was made from nearly the same input"""
    near = {}

    def nearly(state, inputs, parameters):
        return near["x"] == inputs["x"] // 10

    with Flow("f") as flow:
        each = cached(lambda x: runs(x), nearly)(Parameter("x"))
    near["x"] = -1
    flow.run(x=41)
    near["x"] = 4

    assert flow.run(x=42).result[each].result == 41


def test_never_use_never_uses(runs):
    flow = Flow("f", tasks=[each := task(lambda: runs(1), cache_for=HOUR, cache_validator=never_use)])
    flow.run()
    flow.run()

    assert runs.count == 2
    assert "never_use" in message(flow, each)


# --- what cannot be recognized ----------------------------------------------------------------------------------------


def a_lock():
    return threading.Lock()


def test_an_input_that_cannot_be_recognized_is_said_once_and_not_cached(runs, caplog):
    """a lock ─▶ cached"""
    lock = task(a_lock)
    with Flow("f") as flow:
        each = task(lambda lock: runs(1), name="locked", cache_for=HOUR, cache_validator=all_inputs)(lock())
    states = [flow.run().result[each] for _ in range(3)]

    assert [type(state) for state in states] == [Success] * 3
    assert "is not cached: input `lock` cannot be recognized in another run" in states[-1].message
    assert [record.levelname for record in caplog.records if "input `lock`" in record.getMessage()] == ["WARNING"]


def test_an_input_that_is_not_compared_may_be_anything(runs):
    with Flow("f") as flow:
        each = cached(lambda lock, x: runs(x), partial_inputs_only(["x"]))(task(a_lock)(), 1)

    assert [type(flow.run().result[each]) for _ in range(2)] == [Cached, Cached]
    assert runs.count == 1


def test_code_that_uses_what_cannot_be_recognized_is_not_cached():
    lock = threading.Lock()
    flow = Flow("f", tasks=[each := cached(lambda: lock.locked())])
    flow.run()

    assert "is not cached: `lock` in its code" in message(flow, each)


# --- values that are stored -------------------------------------------------------------------------------------------


def test_a_value_that_was_lost_is_made_again_and_the_message_says_so(tmp_path, runs):
    with Flow("f", result=LocalResult(dir=tmp_path / "values", location="value.pkl")) as flow:
        each = cached(lambda: runs(7))()
    with set_temporary_config({"flows.checkpointing": True}):
        flow.run()
        (tmp_path / "values" / "value.pkl").unlink()
        caching_of(flow).clear()
        state = flow.run().result[each]

    assert (state.result, runs.count) == (7, 2)
    assert "although cached" in state.message
    assert "value.pkl" in state.message


def caching_of(flow):
    """What other processes see: the values that this process remembers are gone."""
    from prefect.engine.file_cache import cache_in, default_cache

    shelves = default_cache()._shelves
    cache_in.cache_clear()
    return shelves


SCRIPT = """
    import sys
    from datetime import timedelta
    from prefect import Flow, Parameter, task
    from prefect.engine.cache_validators import all_inputs
    from prefect.engine.results import LocalResult

    @task(cache_for=timedelta(hours=1), cache_validator=all_inputs)
    def double(x):
        print("at work on", x)
        return 2 * x

    with Flow("f", result=LocalResult(dir=sys.argv[1])) as flow:
        doubled = double.map(Parameter("numbers"))

    state = flow.run(numbers=[1, 2, 3]).result[doubled]
    print(state.result, [child.message.partition(":")[0] for child in state.map_states])
"""


def test_a_flow_that_runs_in_two_processes_does_its_work_once(tmp_path):
    """[1, 2, 3] ─▶ double.map, in a script that is started three times and changed in between"""
    script = tmp_path / "script.py"

    def started(source: str) -> list[str]:
        script.write_text(textwrap.dedent(source))
        environment = {
            "PREFECT__HOME_DIR": str(tmp_path / "home"),
            "PREFECT__FLOWS__CHECKPOINTING": "true",
            "PREFECT__LOGGING__LEVEL": "ERROR",
        }
        command = [sys.executable, str(script), str(tmp_path / "values")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    first, second, edited = started(SCRIPT), started(SCRIPT), started(SCRIPT.replace("2 * x", "3 * x"))

    assert first[:3] == ["at work on 1", "at work on 2", "at work on 3"]
    assert second == ["[2, 4, 6] ['Taken from the cache', 'Taken from the cache', 'Taken from the cache']"]
    assert edited[-1].startswith("[3, 6, 9] ['The task ran although cached'")


# --- the pure parts ---------------------------------------------------------------------------------------------------

names = st.sampled_from("abc")
codes = st.dictionaries(names, st.sampled_from(["1", "2"]), max_size=3)
recipes = st.builds(
    lambda code, **fields: Recipe(code=code, code_digest=None if code is None else digest(code), **fields),
    code=st.none() | codes,
    inputs=codes,
    parameters=codes,
    place=st.sampled_from("pq"),
)
choices = st.builds(
    Compared, st.none() | st.frozensets(names, max_size=2), st.none() | st.frozensets(names, max_size=2)
)


def state_of(recipe: Recipe, **fields: Any) -> Cached:
    made_from = {
        "code": recipe.code,
        "code_digest": recipe.code_digest,
        "parameters": recipe.parameters,
        "place": recipe.place,
        "map_index": None,
    }
    return Cached(hashed_inputs=dict(recipe.inputs), made_from=made_from, **fields)


@given(recipes)
def test_a_cached_state_tells_its_recipe(recipe):
    assert recipe_of(state_of(recipe)) == recipe


@given(st.lists(recipes, max_size=8), recipes, choices)
def test_a_shelf_finds_what_does_not_differ_in_what_is_compared(there, wanted, what):
    shelf = Shelf()
    shelf.find(wanted, what)  # the index exists before the states
    for number, recipe in enumerate(there):
        shelf.add(state_of(recipe, result=number, cached_result_expiration=FUTURE + number * HOUR))

    found = shelf.find(wanted, what)

    if wanted.code is None or any(recipe.code is None for recipe in there):
        return  # tasks with a `cache_key` and others are never on one shelf
    fitting = [
        number
        for number, recipe in enumerate(there)
        if not caching.differences(wanted, recipe, what) and (what.inputs is None or recipe.place == wanted.place)
    ]
    assert (None if found is None else found.result) == (fitting[-1] if fitting else None)


def test_a_shelf_keeps_one_of_each_recipe_and_drops_what_has_expired():
    shelf = Shelf()
    for number in range(200):
        shelf.add(state_of(Recipe(inputs={"x": str(number)}), cached_result_expiration=PAST))
    for _ in range(200):
        shelf.add(state_of(Recipe(inputs={"x": "same"}), cached_result_expiration=FUTURE))

    assert len(shelf) < 70
    assert shelf.newest()[0].hashed_inputs == {"x": "same"}


def test_a_state_that_is_there_already_is_not_added_again():
    cache = MemoryCache()
    state = state_of(Recipe(inputs={"x": "1"}), cached_result_expiration=FUTURE)

    assert [cache.add("k", state), cache.add("k", state)] == [True, False]


@pytest.mark.parametrize(
    ("validator", "what"),
    [
        (duration_only, Compared(frozenset(), frozenset())),
        (all_inputs, Compared(None, frozenset())),
        (all_parameters, Compared(frozenset(), None)),
        (partial_inputs_only(["a"]), Compared(frozenset("a"), frozenset())),
        (partial_parameters_only(["a"]), Compared(frozenset(), frozenset("a"))),
        (only_on_sundays, None),
    ],
)
def test_known_validators_tell_what_they_compare(validator, what):
    assert compared(validator) == what


def test_a_cached_state_says_what_it_was_made_from_and_how_long_it_holds():
    each = task(one, cache_for=HOUR)
    with context(parameters={"p": 1}):
        making = caching.Making("key", {"one": "digest"}, "digest", place="place")
        order = caching.order_of(each, {"x": [1, 2]}, making)
        state = caching.to_cache(each, Success("made", result=1), order)

    assert (state.message, state.result, state.cached_parameters) == ("made", 1, {"p": 1})
    assert state.hashed_inputs.keys() == {"x"}
    assert abs(state.cached_result_expiration - datetime.now(UTC) - HOUR) < timedelta(seconds=5)
    assert recipe_of(state) == order.recipe


def test_only_cached_states_of_tasks_with_a_cache_are_kept():
    cache = MemoryCache()

    caching.remember(cache, task(one, cache_for=HOUR), Success())
    caching.remember(cache, task(one), Cached())

    assert cache._shelves == {}


def test_only_a_plain_success_was_just_made():
    assert caching.refreshed(Success())
    assert not caching.refreshed(Skipped())
    assert not caching.refreshed(Cached())
