"""The pickle doctor: what cannot travel is named by a path that leads there."""

from __future__ import annotations

import inspect
import threading
import types
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from functools import partial, reduce, wraps
from typing import Any

import cloudpickle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect import Flow, Task, task
from prefect.engine.result.base import Result
from prefect.engine.signals import SKIP
from prefect.utilities import debug
from prefect.utilities.anatomy import Step, written
from prefect.utilities.pickling import Trail, explain_pickling, heavy_parts, weight, why_unpicklable

PLAIN = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=5))
Pair = namedtuple("Pair", "left right")


class Box:
    def __init__(self, content, filler=None):
        self.filler = filler
        self.content = content

    def method(self):
        return self.content


@dataclass(slots=True)
class Slotted:
    filler: Any
    content: Any


class Trouble(Exception):
    pass


class Numbers(tuple):
    pass


class Names(set):
    pass


class Unlike:
    """Can be in a set whatever it holds."""

    def __init__(self, content):
        self.content = content


def closing_over(content, filler):
    return lambda: (filler, content)


def defaulting(content, filler):
    def function(x=filler, y=content):
        return x, y

    return function


def defaulting_by_name(content, filler):
    def function(*, x=filler, y=content):
        return x, y

    return function


def using_a_global(content, filler):
    space = {"content": content, "filler": filler}
    exec("def function(): return content, filler", space)
    return space["function"]


def with_an_attribute(content, filler):
    error = Trouble(filler)
    error.content = content
    return error


WRAPPERS = (
    lambda content, filler: [filler, content],
    lambda content, filler: (filler, content, filler),
    lambda content, filler: {"filler": filler, "content": content},
    lambda content, filler: {(1, "two"): content},
    lambda content, filler: Pair(filler, content),
    lambda content, filler: Numbers([filler, content]),
    lambda content, filler: Names([Unlike(content)]),
    lambda content, filler: deque([filler, content]),
    lambda content, filler: OrderedDict(filler=filler, content=content),
    lambda content, filler: defaultdict(list, content=content),
    lambda content, filler: types.MappingProxyType({"content": content}),
    lambda content, filler: types.SimpleNamespace(filler=filler, content=content),
    lambda content, filler: partial(print, filler, content),
    lambda content, filler: partial(print, filler, content=content),
    lambda content, filler: Box(content, filler).method,
    lambda content, filler: Trouble(filler, content),
    Box,
    Slotted,
    closing_over,
    defaulting,
    defaulting_by_name,
    using_a_global,
    with_an_attribute,
)


def wrapped(content, layers):
    """A value inside one layer after another."""
    return reduce(lambda inner, layer: layer[0](inner, layer[1]), layers, content)


@st.composite
def trees(draw, depth=4):
    """A nested value, and the locks that are in it."""
    if depth == 0 or (depth < 4 and draw(st.booleans())):
        lock = threading.Lock()
        return draw(st.sampled_from([("plain", []), (lock, [lock])]))
    children = [draw(trees(depth=depth - 1)) for _ in range(draw(st.integers(0, 3)))]
    layers = draw(st.lists(st.tuples(st.sampled_from(WRAPPERS), PLAIN), max_size=2))
    return wrapped([value for value, _ in children], layers), [lock for _, locks in children for lock in locks]


def follow(thing, path):
    """Go the way of a path, as a person would who has read it."""
    for step in path:
        thing = taken(thing, step)
    return thing


def taken(thing, step):
    match step.kind:
        case "attribute":
            return getattr(thing, step.key)
        case "item":
            return thing[step.key]
        case "key" | "element":
            return next(each for each in thing if each is step.key)
        case "closure":
            return inspect.getclosurevars(thing).nonlocals[step.key]
        case "global":
            return thing.__globals__[step.key]
        case "default":
            return inspect.signature(thing).parameters[step.key].default
        case "annotation":
            return thing.__annotations__[step.key]
        case "class":
            return type(thing)
        case "content":
            return thing
    raise AssertionError(f"No person can go the step {step!r}.")


def paths(obj, name=None):
    return [each.place for each in explain_pickling(obj, name)]


# --- the rule ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from(WRAPPERS), PLAIN), max_size=8))
def test_the_path_to_a_lock_leads_to_the_lock(layers):
    lock = threading.Lock()
    value = wrapped(lock, layers)

    [obstacle] = explain_pickling(value)

    assert follow(value, obstacle.path) is lock
    assert obstacle.type == "_thread.lock"


@given(st.lists(st.tuples(st.sampled_from(WRAPPERS), PLAIN), max_size=8), PLAIN)
def test_what_can_travel_has_no_obstacles(layers, content):
    assert explain_pickling(wrapped(content, layers)) == []


@given(trees())
def test_every_lock_is_found_once(tree):
    value, locks = tree

    found = [follow(value, obstacle.path) for obstacle in explain_pickling(value)]

    assert sorted(map(id, found)) == sorted(map(id, locks))


@given(trees())
def test_obstacles_are_found_where_cloudpickle_fails_and_nowhere_else(tree):
    value, _ = tree
    try:
        cloudpickle.loads(cloudpickle.dumps(value))
        travels = True
    except TypeError:
        travels = False

    assert travels == (explain_pickling(value) == [])


@given(st.integers(0, 3_000), st.integers(0, 3_000))
def test_a_lock_is_found_anywhere_in_a_long_list(before, after):
    lock = threading.Lock()

    [obstacle] = explain_pickling([*range(before), lock, *range(after)])

    assert obstacle.path == (Step("item", before),)


# --- how it is told ---------------------------------------------------------------------------------------------------


class Pool:
    def __init__(self):
        self.size = 5
        self._lock = threading.Lock()


def test_the_path_begins_at_the_task_and_names_the_variable():
    db = types.SimpleNamespace(engine=types.SimpleNamespace(pool=Pool()))

    @task
    def load():
        return db.engine

    [obstacle] = explain_pickling(load)

    assert obstacle.place == "load.run → closure 'db' → .engine.pool._lock"
    assert obstacle.where == f"{__file__}:{load.run.__code__.co_firstlineno}"
    assert str(obstacle) == (
        "load.run → closure 'db' → .engine.pool._lock: _thread.lock "
        f"({obstacle.where}); make it inside `run`, or use a resource manager"
    )


def test_a_task_class_written_in_a_script_is_looked_into():
    lock = threading.Lock()

    class Load(Task):
        def __init__(self):
            super().__init__()
            self.pool = Pool()

        def run(self):
            return lock

    assert paths(Load()) == ["Load.pool._lock", "Load.run → closure 'lock'"]


def test_a_flow_leads_to_the_task():
    lock = threading.Lock()

    @task
    def load():
        return lock

    with Flow("daily") as flow:
        load()

    assert paths(flow) == ["daily.slugs → key <Task: load> → .run → closure 'lock'"]


def test_a_default_is_named_by_its_argument():
    lock = threading.Lock()

    @task
    def load(x, lock=lock):
        return x

    assert paths(load) == ["load.run → default 'lock'"]


def test_the_function_inside_a_decorator_is_reached():
    lock = threading.Lock()

    def traced(function):
        @wraps(function)
        def wrapper():
            return function()

        return wrapper

    @traced
    def load():
        return lock

    assert paths(load) == ["load → closure 'function' → closure 'lock'"]


def test_keys_and_elements_are_named_although_they_have_no_place():
    lock = threading.Lock()

    [key] = explain_pickling({lock: 1})
    [element] = explain_pickling({"a": {lock}})

    assert key.place.startswith("value → key <unlocked _thread.lock")
    assert element.place.startswith("value['a'] → element <unlocked _thread.lock")
    assert follow({lock: 1}, key.path) is lock


class Sealed(frozenset):
    pass


@pytest.mark.parametrize("kind", [set, frozenset, Names, Sealed, Numbers])
def test_a_lock_in_an_element_of_a_collection_is_named(kind):
    lock = threading.Lock()
    collection = kind([1, (2, lock), ("a", ("b",))])

    [obstacle] = explain_pickling(collection)

    assert follow(collection, obstacle.path) is lock


@pytest.mark.parametrize("kind", [Names, Sealed, Numbers])
def test_a_lock_beside_the_elements_of_a_collection_is_named(kind):
    collection = kind([1])
    collection.lock = threading.Lock()

    [obstacle] = explain_pickling(collection)

    assert follow(collection, obstacle.path) is collection.lock


def test_a_collection_that_leaves_its_elements_behind_can_travel():
    class Empty(tuple):
        def __reduce__(self):
            return list, ([1, 2],)

    assert explain_pickling(Empty([threading.Lock()])) == []


def test_the_class_that_holds_a_lock_is_told_by_file_and_line():
    [obstacle] = explain_pickling({"pool": Pool()})

    assert obstacle.where == f"{__file__}:{inspect.getsourcelines(Pool)[1]}"


def test_a_class_of_a_library_is_not_told():
    [obstacle] = explain_pickling(threading.Event())

    assert obstacle.place == "Event._cond._lock"
    assert obstacle.where is None


def test_the_middle_of_a_long_path_is_left_out():
    assert written("x", tuple(Step("item", n) for n in range(30))) == "x[0][1][2][3][4][5][6][7] … [26][27][28][29]"


def test_a_name_can_be_given():
    assert paths(threading.Lock(), name="the result") == ["the result"]
    assert paths([threading.Lock()], name="the result") == ["the result[0]"]


def test_an_attribute_of_a_result_is_named_although_it_travels_under_another_name():
    assert paths(Result([threading.Lock()])) == ["Result.value[0]"]


def test_the_path_in_one_line():
    assert why_unpicklable({"rows": [1, threading.Lock()]}) == "value['rows'][1]: _thread.lock"
    assert why_unpicklable({"rows": [1, 2]}) is None


def test_the_doctor_is_found_among_the_helpers_for_debugging():
    assert debug.explain_pickling is explain_pickling
    assert debug.why_unpicklable is why_unpicklable


# --- values that make trouble -----------------------------------------------------------------------------------------


class TwoArguments(Exception):
    def __init__(self, left, right):
        super().__init__(left)


class Liar:
    def __reduce__(self):
        return Liar, (1, 2, 3)


class Raising:
    def __getstate__(self):
        raise KeyError("no state")


class Skipping:
    def __getstate__(self):
        raise SKIP("not an Exception")


class Leaving:
    def __reduce__(self):
        raise SystemExit(1)


class Endless:
    def __reduce__(self):
        return Endless, (Endless(), Endless())


class Recursing:
    def __getstate__(self):
        return self.__getstate__()


class Odd:
    def __reduce__(self):
        return 42


class Renaming:
    def __getstate__(self):
        return ("odd", threading.Lock())

    def __setstate__(self, state):
        pass


class Hiding:
    """Answers every question with an error, but for those of pickle."""

    def __getattribute__(self, name):
        if name in ("__reduce_ex__", "__class__"):
            return object.__getattribute__(self, name)
        raise RuntimeError(name)

    def __repr__(self):
        raise RuntimeError("repr")


def test_an_exception_that_cannot_be_read_back_is_found():
    [obstacle] = explain_pickling({"error": TwoArguments(1, 2)})

    assert obstacle.place == "value['error']"
    assert "not read back: TypeError" in obstacle.problem
    assert "`__init__`" in obstacle.remedy


def test_a_class_that_says_the_wrong_thing_about_itself_is_found():
    [obstacle] = explain_pickling([1, Liar()])

    assert obstacle.place == "value[1]"
    assert "not read back" in obstacle.problem
    assert "`__reduce__`" in obstacle.remedy


@pytest.mark.parametrize("kind", [Raising, Skipping, Leaving, Odd, Recursing])
def test_a_thing_whose_pickling_goes_wrong_is_the_obstacle(kind):
    [obstacle] = explain_pickling([1, {"thing": kind()}])

    assert obstacle.place == "value[1]['thing']"
    assert obstacle.type.endswith(kind.__name__)


def test_a_thing_that_answers_no_questions_is_the_obstacle():
    [obstacle] = explain_pickling({"thing": Hiding()})
    [key] = explain_pickling({Hiding(): 1})

    assert obstacle.place == "value['thing']"
    assert key.place.startswith("value → key <Hiding instance")


@pytest.mark.slow
def test_a_thing_that_makes_new_things_for_ever_does_not_hang_the_walk():
    [obstacle, *_] = explain_pickling(Endless())

    assert "nested too deeply" in obstacle.problem


def test_a_chain_that_is_too_long_for_pickle_is_called_too_deep():
    chain: Any = None
    for _ in range(50_000):
        chain = [chain]

    [obstacle] = explain_pickling({"chain": chain})

    assert obstacle.place.startswith("value['chain'][0][0]")
    assert "nested too deeply" in obstacle.problem


def test_a_lock_that_hides_in_a_state_is_found_there():
    [obstacle] = explain_pickling([Renaming()])

    assert obstacle.place == "value[0].__reduce__()[2][1]"


def test_what_is_left_out_when_a_thing_travels_is_no_obstacle():
    class Careful:
        def __init__(self):
            self.lock = threading.Lock()

        def __getstate__(self):
            return {}

    assert explain_pickling(Careful()) == []


def test_circles_end():
    """one ⇄ two, and two holds a lock"""
    one, two = Box(None), Box(None)
    one.content, two.content, two.lock = two, one, threading.Lock()

    assert paths([one]) == ["value[0].content.lock"]


def test_a_circle_that_cannot_be_read_back_is_found_although_no_part_is_to_blame():
    class Keyed:
        def __init__(self):
            self.key = 1
            self.seen = {self}

        def __hash__(self):
            return hash(self.key)

    [obstacle] = explain_pickling(Keyed())

    assert "not read back" in obstacle.problem


def test_a_generator_is_to_become_a_list():
    [obstacle] = explain_pickling([(n for n in "abc")])

    assert obstacle.type == "generator"
    assert "list" in obstacle.remedy


def test_of_very_many_locks_only_the_first_are_named():
    found = paths([threading.Lock() for _ in range(10_000)])

    assert found[:2] == ["value[0]", "value[1]"]
    assert len(found) < 100


def test_looking_changes_nothing():
    value = {"a": deque([1, threading.Lock()]), "b": {1, 2}}
    before = {key: each.copy() for key, each in value.items()}

    explain_pickling(value)

    assert value == before


# --- weighing ---------------------------------------------------------------------------------------------------------


def heavy(value, limit=1_000):
    return {written("value", trail.path): size for trail, size in heavy_parts(Trail(value), limit)}


@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner), max_leaves=20))
def test_the_weight_is_the_length_of_the_pickle(value):
    assert weight(value) == len(cloudpickle.dumps(value))


def test_arrays_are_weighed_too():
    pandas = pytest.importorskip("pandas")

    assert weight(pandas.DataFrame({"x": range(10_000)}) * 1.5) > 80_000


@given(
    st.lists(st.tuples(st.sampled_from([Box, Slotted, closing_over, defaulting, using_a_global]), PLAIN), max_size=6)
)
@settings(max_examples=25)
def test_heavy_data_is_found_where_it_is(layers):
    data = bytes(200_000)
    value = wrapped(data, layers)

    [(trail, size)] = heavy_parts(Trail(value), 100_000)

    assert follow(value, trail.path) is data
    assert 200_000 <= size < 200_100


def test_a_list_that_is_heavy_by_its_length_is_named_as_a_whole():
    assert list(heavy({"light": 1, "rows": list(range(10_000))})) == ["value['rows']"]


def test_a_table_is_one_thing():
    pandas = pytest.importorskip("pandas")

    assert list(heavy({"table": pandas.DataFrame({"x": range(10_000)})})) == ["value['table']"]


def test_heavy_data_is_found_beside_a_lock():
    assert list(heavy([threading.Lock(), bytes(5_000)])) == ["value[1]"]


def test_light_data_is_not_mentioned():
    assert heavy([1, "two", {"three": 3}]) == {}
