"""Values to bytes and back, in this process or another."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
import textwrap
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.utilities.serialization import dumps, loads

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner), max_leaves=6
)


def python(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints when it runs some code as its script."""
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@given(values)
def test_every_value_comes_back_equal(value: object) -> None:
    assert loads(dumps(value)) == value


def test_what_can_be_imported_is_a_plain_pickle() -> None:
    assert dumps({"f": math.sqrt}) == pickle.dumps({"f": math.sqrt}, pickle.HIGHEST_PROTOCOL)


def test_a_local_function_travels_by_value() -> None:
    factor = 3
    triple = loads(dumps(lambda number: factor * number))
    assert triple(5) == 15


def test_a_text_that_spells_main_comes_back() -> None:
    assert loads(dumps("__main__")) == "__main__"


def test_what_cannot_be_pickled_says_so() -> None:
    with pytest.raises(TypeError, match="lock"):
        dumps(threading.Lock())


def test_functions_and_classes_of_a_script_work_in_another_script() -> None:
    # given: a script that serializes a function, an instance and an instance deep inside a container
    data = python("""
        from prefect.utilities.serialization import dumps

        class Point:
            def __init__(self, x):
                self.x = x

        def double(point):
            return 2 * point.x

        print(dumps((double, Point(4), [{"deep": Point(5)}])).hex())
    """)
    # when: another script, which defines neither, reads it
    answer = python(
        """
        import sys
        from prefect.utilities.serialization import loads

        double, point, nested = loads(bytes.fromhex(sys.argv[1]))
        print(double(point), double(nested[0]["deep"]))
        """,
        data,
    )
    # then
    assert answer == "8 10"


def test_a_module_registered_with_cloudpickle_travels_by_value() -> None:
    modules = python("""
        import sys, types, cloudpickle
        from prefect.utilities.serialization import dumps

        module = sys.modules["mine"] = types.ModuleType("mine")
        exec("def answer(): return 42", module.__dict__)
        by_name = dumps(module.answer)
        cloudpickle.register_pickle_by_value(module)
        by_value = dumps(module.answer)
        del sys.modules["mine"]
        print(len(by_value) > len(by_name), __import__("pickle").loads(by_value)())
    """)
    assert modules == "True 42"


def test_plain_values_do_not_load_cloudpickle() -> None:
    loaded = python("""
        import sys
        from prefect.utilities.serialization import dumps, loads

        loads(dumps({"a": [1, 2.5, "x"]}))
        print("cloudpickle" in sys.modules)
    """)
    assert loaded == "False"
