"""What counts as the code of a function, and what does not."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from prefect.utilities.code import code_digest


@pytest.fixture
def digest_of(tmp_path, monkeypatch):
    """The digest of `f` in a module with this source."""
    count = iter(range(100))

    def load(source: str) -> str | None:
        folder = tmp_path / str(next(count))
        folder.mkdir()
        (folder / "flowcode.py").write_text(textwrap.dedent(source))
        monkeypatch.syspath_prepend(str(folder))
        sys.modules.pop("flowcode", None)
        import linecache

        linecache.clearcache()
        import flowcode

        return code_digest(flowcode.f)

    yield load
    sys.modules.pop("flowcode", None)


BASE = """
LIMIT = 3

def helper(x):
    return x + LIMIT

def f(x, y=1):
    return helper(x) * y
"""


def test_the_same_source_has_the_same_digest(digest_of):
    assert digest_of(BASE) == digest_of(BASE) is not None


@pytest.mark.parametrize(
    "change",
    [
        ("helper(x) * y", "helper(x) + y"),
        ("x + LIMIT", "x - LIMIT"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("y=1", "y=2"),
    ],
    ids=["its source", "a helper", "a constant of the module", "a default"],
)
def test_a_change_of_code_changes_the_digest(digest_of, change):
    assert digest_of(BASE) != digest_of(BASE.replace(*change))


@pytest.mark.parametrize(
    "change",
    [
        ("def f(x, y=1):", "def f(x, y=1):\n    '''Says what it does.'''"),
        ("    return helper", "    # a comment\n\n    return helper"),
        ("def helper", "def unused():\n    return 5\n\ndef helper"),
    ],
    ids=["a docstring", "a comment", "a function it does not use"],
)
def test_what_changes_nothing_leaves_the_digest(digest_of, change):
    assert digest_of(BASE) == digest_of(BASE.replace(*change))


def test_helpers_that_call_each_other_end():
    assert code_digest(even) is not None


def even(n: int) -> bool:
    return n == 0 or odd(n - 1)


def odd(n: int) -> bool:
    return n != 0 and even(n - 1)


def test_what_a_function_closes_over_counts():
    def adder(n):
        return lambda x: x + n

    assert code_digest(adder(1)) == code_digest(adder(1))
    assert code_digest(adder(1)) != code_digest(adder(2))


def test_a_value_without_a_stable_digest_leaves_no_digest():
    """[a lock] ◀── closed over by f"""
    import threading

    lock = threading.Lock()
    assert code_digest(lambda: lock) is None


def test_two_processes_agree(tmp_path):
    (tmp_path / "flowcode.py").write_text(BASE)
    command = "from prefect.utilities.code import code_digest; import flowcode; print(code_digest(flowcode.f))"
    found = {
        subprocess.run(
            [sys.executable, "-c", command],
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(tmp_path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert found != {"None\n"}
