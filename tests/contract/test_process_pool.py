"""What pools of hands keep to: that of processes, and that of threads where nothing has to be sent."""

from __future__ import annotations

import operator
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect.exceptions import PrefectException
from prefect.executors import shared, worker_process
from prefect.executors.base import Lost
from prefect.executors.calls import Pool
from prefect.executors.frames import HEAD, Frame, Inbox, read, write, written
from prefect.executors.processes import ProcessPool
from prefect.executors.threads import ThreadPool

POOLS = {"threads": ThreadPool, "processes": ProcessPool}
PLACE: ContextVar[str] = ContextVar("PLACE", default="nowhere")


@pytest.fixture(scope="module", autouse=True)
def by_value() -> Iterator[None]:
    """Workers cannot import test modules."""
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    yield
    cloudpickle.unregister_pickle_by_value(here)


@pytest.fixture(scope="module", params=POOLS)
def pool(request: pytest.FixtureRequest) -> Iterator[Pool[Any]]:
    with POOLS[request.param](2, grace=0.2) as pool:
        yield pool


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPool]:
    with ProcessPool(2, grace=0.2) as pool:
        yield pool


def count(n: int) -> Iterator[int]:
    yield from range(n)


def count_and_fail(n: int) -> Iterator[int]:
    yield from range(n)
    raise KeyError(n)


def wait_for(path: Path, value: Any) -> Any:
    while not path.exists():
        time.sleep(0.005)
    return value


def settled(pool: Pool[Any], calls: dict[int, Any]) -> dict[int, Any]:
    """All outcomes, in the order in which they came."""
    outcomes = {}
    while calls:
        done = pool.next_done(calls)
        assert done is not None
        outcomes[done[0]] = done[1]
        del calls[done[0]]
    return outcomes


# --- every pool -------------------------------------------------------------------------------------------------------


def test_a_value_comes_back(pool: Pool[Any]) -> None:
    assert pool.result(pool.submit(divmod, (7, 2))) == (3, 1)
    assert pool.result(pool.submit(int, ("11",), {"base": 2})) == 3


def test_a_generator_function_gives_the_list_of_what_it_yields(pool: Pool[Any]) -> None:
    assert pool.result(pool.submit(count, (3,))) == [0, 1, 2]
    assert pool.result(pool.submit(count, (0,))) == []


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_what_the_function_raises_comes_out(pool: Pool[Any], error: BaseException) -> None:
    def fail() -> None:
        raise error

    call = pool.submit(fail)

    with pytest.raises(type(error)) as caught:
        pool.result(call)
    assert caught.value.args == error.args


def test_an_error_after_some_items_comes_out(pool: Pool[Any]) -> None:
    with pytest.raises(KeyError, match="2"):
        pool.result(pool.submit(count_and_fail, (2,)))


def test_whichever_is_done_first_comes_first(pool: Pool[Any], tmp_path: Path) -> None:
    slow = pool.submit(wait_for, (tmp_path / "go", "slow"))
    quick = pool.submit(operator.add, (1, 1))

    assert pool.next_done({1: slow, 2: quick}) == (2, 2)
    (tmp_path / "go").touch()
    assert pool.next_done({1: slow}) == (1, "slow")


def test_nothing_is_done_in_time(pool: Pool[Any], tmp_path: Path) -> None:
    call = pool.submit(wait_for, (tmp_path / "go", "slow"))

    assert pool.next_done({1: call}, timeout=0) is None
    assert pool.next_done({1: call}, timeout=0.01) is None
    (tmp_path / "go").touch()
    assert pool.next_done({1: call}, timeout=60) == (1, "slow")


def test_only_the_calls_in_question_are_waited_for(pool: Pool[Any]) -> None:
    first, second = pool.submit(str, (1,)), pool.submit(str, (2,))

    assert pool.next_done({2: second}) == (2, "2")
    assert pool.next_done({1: first}) == (1, "1")


def test_an_outcome_can_be_had_again(pool: Pool[Any]) -> None:
    call = pool.submit(str, (1,))

    assert [pool.result(call), pool.result(call), pool.next_done({7: call})] == ["1", "1", (7, "1")]


@settings(max_examples=25)
@given(st.lists(st.one_of(st.integers(), st.lists(st.integers(), max_size=3), st.text(max_size=3)), max_size=20))
def test_each_call_gets_its_own_outcome_once(pool: Pool[Any], values: list[Any]) -> None:
    calls = {number: pool.submit(operator.mul, (value, 2)) for number, value in enumerate(values)}

    assert settled(pool, calls) == {number: value * 2 for number, value in enumerate(values)}


def test_more_calls_than_hands_wait_for_their_turn(pool: Pool[Any]) -> None:
    calls = {number: pool.submit(operator.neg, (number,)) for number in range(2000)}

    assert settled(pool, calls) == {number: -number for number in range(2000)}


def test_what_is_shared_arrives_in_its_place(pool: Pool[Any]) -> None:
    abc = pool.share(b"abc")

    assert pool.result(pool.submit(operator.add, (abc, b"d"))) == b"abcd"
    assert pool.result(pool.submit(dict, (), {"a": abc})) == {"a": b"abc"}


@pytest.mark.parametrize("make", POOLS.values(), ids=POOLS)
def test_a_cancelled_pool_has_an_outcome_for_every_call(make: Any, tmp_path: Path) -> None:
    """two hands, four calls: two never began"""

    def turn_round(number: int) -> Iterator[int]:
        yield number
        (tmp_path / str(number)).touch()
        while True:
            time.sleep(0.001)

    with make(2, grace=5) as pool:
        calls = [pool.submit(turn_round, (number,)) for number in range(4)]
        while len(list(tmp_path.iterdir())) < 2:
            pool.advance(0.01)
        pool.cancel()
        outcomes = [pool.result(call) for call in calls]

    assert outcomes == [Lost(reason="the call was cancelled", done=done) for done in ([0], [1], [], [])]


# --- threads ----------------------------------------------------------------------------------------------------------


def test_threads_hand_values_over_as_they_are() -> None:
    value = threading.Lock()
    with ThreadPool(1) as pool:
        assert pool.result(pool.submit(lambda: value)) is value


def test_a_call_in_a_thread_knows_neither_the_context_of_the_driver_nor_that_of_the_call_before() -> None:
    def visit() -> str:
        before = PLACE.get()
        PLACE.set("a thread")
        return before

    token = PLACE.set("the driver")
    with ThreadPool(1) as pool:
        seen = [pool.result(pool.submit(visit)) for _ in range(2)]
    PLACE.reset(token)

    assert seen == ["nowhere", "nowhere"]


def test_leaving_waits_for_calls_in_threads_but_begins_no_more() -> None:
    done = []
    begun, go = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait()
        done.append(1)

    with ThreadPool(1) as pool:
        pool.submit(work)
        pool.submit(done.append, (2,))
        begun.wait()
        threading.Timer(0.02, go.set).start()

    assert done == [1]


def test_a_call_that_a_thread_takes_up_at_the_very_moment_of_cancel_is_not_overlooked() -> None:
    def spin() -> None:
        while True:
            pass

    for _ in range(50):
        with ThreadPool(1, grace=10) as pool:
            first, second = pool.submit(len, ("abc",)), pool.submit(spin)
            pool.result(first)
            pool.cancel()

        assert second.outcome() == Lost(reason="the call was cancelled")


def test_a_thread_that_does_not_react_is_left_alone() -> None:
    begun, go = threading.Event(), threading.Event()

    def deaf() -> None:
        begun.set()
        go.wait()

    with ThreadPool(1, grace=0.05) as pool:
        call = pool.submit(deaf)
        begun.wait()
        pool.cancel()
        lost = pool.result(call)
    go.set()

    assert "cannot be stopped" in lost.reason


def test_an_error_in_the_block_interrupts_what_is_under_way() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        try:
            begun.set()
            while True:
                time.sleep(0.001)
        finally:
            ended.set()

    with suppress(KeyError), ThreadPool(1) as pool:
        pool.submit(work)
        begun.wait()
        raise KeyError

    assert ended.is_set()


# --- processes --------------------------------------------------------------------------------------------------------


def test_workers_are_started_when_there_is_work_and_stay_warm(tmp_path: Path) -> None:
    with ProcessPool(3) as pool:
        one = {pool.result(pool.submit(os.getpid)) for _ in range(5)}
        go = tmp_path / "go"
        calls = [pool.submit(lambda: wait_for(go, os.getpid())) for _ in range(3)]
        go.touch()
        three = {pool.result(call) for call in calls}

    assert len(one) == 1
    assert one < three
    assert len(three) == 3
    assert os.getpid() not in three


def test_functions_are_called_in_the_main_thread_of_a_group_of_its_own(processes: ProcessPool) -> None:
    def look() -> tuple[bool, bool, str]:
        main = threading.current_thread() is threading.main_thread()
        return main, os.getpgrp() == os.getpid() == os.getsid(0), os.getcwd()

    assert processes.result(processes.submit(look)) == (True, True, os.getcwd())


def test_what_a_function_starts_does_not_inherit_the_pipes(processes: ProcessPool) -> None:
    def heirlooms() -> list[int]:
        return [fd for fd in map(int, os.listdir("/dev/fd")) if fd > 2 and Path(f"/dev/fd/{fd}").exists()
                and os.get_inheritable(fd)]  # fmt: skip

    assert processes.result(processes.submit(heirlooms)) == []


def test_a_worker_imports_what_the_driver_can_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "neighbour.py").write_text("def greet():\n    return 'hello'\n")
    monkeypatch.syspath_prepend(tmp_path)
    import neighbour  # type: ignore[import-not-found]

    with ProcessPool(1) as pool:
        assert pool.result(pool.submit(neighbour.greet)) == "hello"


def test_files_of_the_current_directory_do_not_stand_in_for_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle.py").write_text("raise ImportError('not this one')")
    monkeypatch.chdir(tmp_path)

    with ProcessPool(1) as pool:
        assert pool.result(pool.submit(os.getcwd)) == str(tmp_path)


def test_a_script_needs_no_guard_and_sees_what_its_functions_print(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from prefect.executors.processes import ProcessPool\n"
        "class Point:\n"
        "    def __init__(self, x): self.x = x\n"
        "class Broken(Exception): pass\n"
        "def main(x):\n"
        "    print('in', 'the', 'worker')\n"
        "    print('unfinished', end='')\n"
        "    return Point(x)\n"
        "def fail(): raise Broken\n"
        "with ProcessPool(1) as pool:\n"
        "    print(type(pool.result(pool.submit(main, (1,)))) is Point, flush=True)\n"
        "    try: pool.result(pool.submit(fail))\n"
        "    except Broken: print('Broken', flush=True)\n"
    )

    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}

    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, env=buffered)

    assert done.stdout == "in the worker\nunfinishedTrue\nBroken\n"
    assert done.stderr == ""


def test_arguments_that_cannot_travel_are_named_at_once(processes: ProcessPool) -> None:
    with pytest.raises(PrefectException, match=r"len cannot be sent .*arguments\[1\].*lock") as caught:
        processes.submit(len, (1, threading.Lock()))
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_value_that_cannot_travel_is_named(processes: ProcessPool) -> None:
    def lock() -> dict[str, Any]:
        return {"key": threading.Lock()}

    with pytest.raises(PrefectException, match=r"What door returned cannot be sent back: .*'key'.*lock"):
        processes.result(processes.submit(lock, label="door"))


def test_an_item_that_cannot_travel_is_named(processes: ProcessPool) -> None:
    def locks() -> Iterator[Any]:
        yield 1
        yield threading.Lock()

    with pytest.raises(PrefectException, match="lock"):
        processes.result(processes.submit(locks))


class Locked(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("the door is locked")
        self.lock = threading.Lock()


class Demanding(Exception):
    """Can be pickled, but not read again."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


@pytest.mark.parametrize("make", [Locked, lambda: Demanding("the door ", "is locked")], ids=["locked", "demanding"])
def test_an_error_that_cannot_travel_is_told_in_words(processes: ProcessPool, make: Any) -> None:
    def open_the_door() -> None:
        raise make()

    with pytest.raises(PrefectException, match="the door is locked") as caught:
        processes.result(processes.submit(open_the_door))
    assert "in open_the_door" in str(caught.value)


def test_an_error_brings_its_traceback_along(processes: ProcessPool) -> None:
    def outer() -> None:
        {}["nothing"]

    with pytest.raises(KeyError) as caught:
        processes.result(processes.submit(outer))
    assert "in outer" in caught.value.__notes__[0]


def homesick(home: int) -> Any:
    """Something that can be read in no process but a worker."""

    class Homesick:
        def __reduce__(self) -> Any:
            return exec, (f"import os; assert os.getpid() != {home}",)

    return Homesick()


def homesick_items(home: int) -> Iterator[Any]:
    yield homesick(home)


@pytest.mark.parametrize("fn", [homesick, homesick_items])
def test_what_cannot_be_read_here_fails_its_own_call(processes: ProcessPool, fn: Any) -> None:
    with pytest.raises(PrefectException, match="cannot be read here"):
        processes.result(processes.submit(fn, (os.getpid(),)))
    assert processes.result(processes.submit(len, ("ab",))) == 2


@pytest.mark.parametrize("size", [0, 1, 65535 - HEAD.size, 65536, 3_000_000])
def test_values_of_any_size_travel_both_ways(processes: ProcessPool, size: int) -> None:
    assert processes.result(processes.submit(bytes.upper, (b"a" * size,))) == b"A" * size


def test_large_arguments_do_not_keep_the_driver_waiting(tmp_path: Path) -> None:
    """both workers are still busy when the third call is handed in"""
    large = b"x" * 1_000_000
    go = tmp_path / "go"
    with ProcessPool(2) as pool:
        calls = [pool.submit(wait_for, (go, large)) for _ in range(3)]
        go.touch()
        assert [pool.result(call) for call in calls] == [large] * 3


def test_a_shared_value_is_sent_to_each_worker_once(processes: ProcessPool) -> None:
    """a value that was sent twice would be another object there"""
    value = processes.share(b"x" * 1000)
    calls = {n: processes.submit(lambda value: (os.getpid(), id(value)), (value,)) for n in range(50)}

    kept = set(settled(processes, calls).values())

    assert len(kept) == len({process for process, _ in kept})


def test_a_worker_forgets_shared_values_it_did_not_use_for_long_and_gets_them_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_process, "MOST_SHARED", 2)

    def kept(*values: bytes) -> tuple[list[bytes], list[bytes]]:
        return list(values), sorted(shared.KEPT.values())

    with ProcessPool(1) as pool:
        a, b, c = map(pool.share, (b"a", b"b", b"c"))
        held = [pool.result(pool.submit(kept, values)) for values in ((a,), (b,), (a,), (c,), (b,), (a, b, c), (a,))]

    assert held == [
        ([b"a"], [b"a"]),
        ([b"b"], [b"a", b"b"]),
        ([b"a"], [b"a", b"b"]),
        ([b"c"], [b"a", b"c"]),
        ([b"b"], [b"b", b"c"]),
        ([b"a", b"b", b"c"], [b"a", b"b", b"c"]),
        ([b"a"], [b"a", b"c"]),
    ]


def test_large_shared_values_are_forgotten_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "MOST_SHARED_BYTES", 100)
    with ProcessPool(1) as pool:
        a, b = pool.share(b"a" * 60), pool.share(b"b" * 60)
        sizes = [pool.result(pool.submit(lambda value: len(shared.KEPT), (each,))) for each in (a, b, a)]

    assert sizes == [1, 1, 1]


def test_a_shared_value_inside_an_argument_is_refused(processes: ProcessPool) -> None:
    with pytest.raises(PrefectException, match="make it an argument"):
        processes.result(processes.submit(len, ([processes.share(b"abc")],)))


# --- frames -----------------------------------------------------------------------------------------------------------

frames = st.builds(Frame, st.integers(0, 9), st.integers(0, 2**64 - 1), st.binary(max_size=50))


@given(st.lists(frames), st.integers(1, 60))
def test_frames_come_out_whole_however_they_are_cut(said: list[Frame], size: int) -> None:
    data = b"".join(part for frame in said for part in written(*frame))
    inbox = Inbox()
    heard: list[Frame] = []
    for start in range(0, len(data), size):
        inbox.add(data[start : start + size])
        heard += inbox

    assert heard == said


def test_a_frame_larger_than_the_pipe_is_read_in_pieces() -> None:
    reader, writer = os.pipe()
    frame = Frame(1, 2, b"x" * 500_000)
    thread = threading.Thread(target=write, args=(writer, *frame))
    thread.start()

    assert read(reader) == frame
    thread.join()
    os.close(writer)
    with pytest.raises(EOFError):
        read(reader)
    os.close(reader)
