"""Work in distant hands: lanes, values that are let go, what cannot travel, and hands that die.

The executor here is as distant as those in other processes, only that its hands are in this one: what travels is bytes,
and a hand that dies hands back `Lost`.
"""

from __future__ import annotations

import copyreg
import inspect
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from prefect import Flow, Parameter, context, task, unmapped
from prefect.engine.cache_validators import all_inputs
from prefect.engine.parcels import TEMPLATES
from prefect.engine.result.released import Released
from prefect.engine.results import LocalResult
from prefect.engine.state import Crashed, Failed, Mapped, State, Success, TimedOut
from prefect.exceptions import ExecutorUsageError, PrefectException, ResultReleased
from prefect.executors import Executor, LocalExecutor
from prefect.executors.base import Lost
from prefect.utilities.configuration import set_temporary_config


class Distant(Executor):
    """Works at once, on bytes alone; Ctrl-C in a task stands for the death of its hand.

    Attributes:
        window: how many calls it takes at once.
        exact: tells what was done before a death.
        calls: what it was given, as `task[first index]`.
    """

    distant = True
    stops_work = True

    def __init__(self, window: int = 2, exact: bool = True, certain: bool = True) -> None:
        super().__init__()
        self.window = window
        self.exact = exact
        self.certain = certain
        self.calls: list[str] = []

    @property
    def slots(self) -> int:
        return self.window

    def submit(
        self, fn: Callable[..., Any], *args: Any, extra_context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        assert extra_context is not None
        assert all(isinstance(each, bytes | str | int) for each in args)
        self.calls.append(f"{extra_context['task_name']}[{extra_context['task_index']}]")
        TEMPLATES._loaded.clear()
        done: list[Any] = []
        try:
            value = fn(*args, **kwargs)
            if not inspect.isgenerator(value):
                return value
            for each in value:
                done.append(each)
            return done
        except KeyboardInterrupt as death:
            late = "late" in str(death)
            known = done if self.exact else None
            return Lost(
                reason=f"died: {death}",
                done=known,
                timed_out=late,
                stack="in sleep" if late else None,
                certain=self.certain,
            )

    def wait(self, futures: Any) -> Any:
        return futures


@pytest.fixture(autouse=True)
def notes() -> Iterator[ModuleType]:
    """What tasks write down; a module, so that it does not travel with them."""
    sys.modules["notes"] = module = ModuleType("notes")
    module.order, module.runs = [], Counter()  # type: ignore[attr-defined]
    yield module
    del sys.modules["notes"]


def note(what: str) -> int:
    """Write something down; how often was it before?"""
    import notes  # type: ignore[import-not-found]

    notes.order.append(what)
    notes.runs[what] += 1
    return notes.runs[what] - 1


def kinds(state: Any) -> list[str]:
    return [type(child).__name__ for child in state.map_states]


def stage(name: str, work: Callable[[int], Any] = lambda x: x, **settings: Any) -> Any:
    """A task that writes down its child, and then does some work."""

    def run(x: int) -> Any:
        note(f"{name}{context.map_index}")
        return work(x)

    return task(run, name=name, **settings)


# --- lanes ------------------------------------------------------------------------------------------------------------


def test_map_behind_map_runs_index_by_index(notes):
    """[0, 1, 2] ─▶ a.map ─▶ b.map ─▶ c.map"""
    with Flow("f") as flow:
        last = stage("c").map(stage("b").map(stage("a").map([0, 1, 2])))

    state = flow.run(executor=Distant(window=1))

    assert state.result[last].result == [0, 1, 2]
    assert notes.order == ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]


def test_a_lane_may_branch_and_join(notes):
    """a.map ─▶ b.map ─┐
    └────▶ c.map ──┴▶ add.map"""
    with Flow("f") as flow:
        a = stage("a").map([1, 2])
        added = task(lambda x, y: note(f"add{context.map_index}") + x + y, name="add").map(
            stage("b", lambda x: 10 * x).map(a), stage("c", lambda x: 100 * x).map(a)
        )

    assert flow.run(executor=Distant()).result[added].result == [110, 220]
    assert notes.order == ["a0", "b0", "c0", "add0", "a1", "b1", "c1", "add1"]


def test_a_map_that_waits_for_something_else_is_no_part_of_the_lane(notes):
    """a.map ─▶ total ─▶ (unmapped) b.map ◀─ a.map"""
    with Flow("f") as flow:
        a = stage("a").map([1, 2])
        total = task(lambda xs: sum(xs), name="total")
        b = task(lambda x, t: note(f"b{context.map_index}") + x + t, name="b").map(a, unmapped(total(a)))

    assert flow.run(executor=Distant()).result[b].result == [4, 5]
    assert notes.order == ["a0", "a1", "b0", "b1"]


def test_a_shorter_map_in_a_lane_ends_earlier(notes):
    """a.map over 3, b.map over a and a list of 2"""
    with Flow("f") as flow:
        b = task(lambda x, y: x + y, name="b").map(stage("a").map([1, 2, 3]), [10, 20])

    assert flow.run(executor=Distant()).result[b].result == [11, 22]


def test_a_map_that_the_executor_has_a_place_for_is_no_part_of_a_lane(notes):
    """a.map ─▶ b.map (tagged) ─▶ c.map"""

    class Placing(Distant):
        def places(self, tags: Collection[str]) -> bool:
            return "gpu" in tags

    executor = Placing()
    with Flow("f") as flow:
        last = stage("c").map(stage("b", tags=["gpu"]).map(stage("a").map([0, 1])))

    assert flow.run(executor=executor).result[last].result == [0, 1]
    assert notes.order == ["a0", "a1", "b0", "b1", "c0", "c1"]
    assert executor.calls == ["a[0]", "a[1]", "b[0]", "b[1]", "c[0]", "c[1]"]


def test_a_lane_stops_where_a_child_has_to_be_tried_again(notes):
    """a.map ─▶ b.map, where b[1] fails once; a[1] does not run again"""

    def once(x):
        if x == 1 and note("tries") == 0:
            raise ValueError("not yet")
        return x

    with Flow("f") as flow:
        b = stage("b", once, max_retries=1, retry_delay=0.001).map(stage("a").map([0, 1, 2]))

    state = flow.run(executor=Distant())

    assert state.result[b].result == [0, 1, 2]
    assert notes.runs["a1"] == 1
    assert notes.runs["b1"] == 2


def test_what_comes_late_takes_the_rest_of_its_lane_with_it(notes):
    """a.map ─▶ b.map, where a[1] fails once"""

    def once(x):
        if x == 1 and note("tries") == 0:
            raise ValueError("not yet")
        return x

    with Flow("f") as flow:
        b = stage("b").map(stage("a", once, max_retries=1, retry_delay=0.001).map([0, 1, 2]))

    assert flow.run(executor=Distant()).result[b].result == [0, 1, 2]
    assert notes.order.index("b2") < notes.order.index("b1")


def test_children_behind_a_failed_one_get_the_trigger_to_decide():
    """a.map ─▶ b.map, where a[1] fails"""
    with Flow("f") as flow:
        a = stage("a", lambda x: 1 // x).map([1, 0, 1])
        b = stage("b").map(a)

    result = flow.run(executor=Distant()).result

    assert kinds(result[a]) == ["Success", "Failed", "Success"]
    assert kinds(result[b]) == ["Success", "TriggerFailed", "Success"]


# --- values that are let go -------------------------------------------------------------------------------------------

BIG = 100_000


def test_a_large_value_is_let_go_when_its_last_reader_has_read_it():
    """make.map ─▶ measure.map: nobody else reads what was made"""
    with Flow("f") as flow:
        made = task(lambda x: bytes(BIG), name="make").map([1, 2])
        measured = task(lambda b: len(b), name="measure").map(made)

    result = flow.run(executor=Distant()).result

    assert result[measured].result == [BIG, BIG]
    assert all(isinstance(child._held, Released) for child in result[made].map_states)
    with pytest.raises(ResultReleased, match=r"100,0\d\d bytes .*RELEASE_VALUES"):
        _ = result[made].result


@pytest.mark.parametrize("executor", [Distant, LocalExecutor])
def test_a_run_whose_input_was_let_go_fails_and_says_so(executor):
    """The states of a run are given to another one, in which somebody reads what was let go."""
    with Flow("f") as flow:
        made = task(lambda x: bytes(BIG), name="make").map([1, 2])
        measured = task(lambda b: len(b), name="measure").map(made)
        beside = task(lambda: 1, name="beside")()
    first = flow.run(executor=Distant()).result

    result = flow.run(executor=executor(), task_states={made: first[made]}).result

    assert kinds(result[measured]) == ["Failed", "Failed"]
    assert isinstance(result[measured].map_states[0].result, ResultReleased)
    assert result[beside].is_successful()


def test_large_values_that_others_read_are_kept():
    """make.map ─▶ measure.map, and ─▶ count"""
    with Flow("f") as flow:
        made = task(lambda x: bytes(BIG), name="make").map([1, 2])
        task(lambda b: len(b), name="measure").map(made)
        count = task(lambda all: sum(map(len, all)), name="count")(made)

    result = flow.run(executor=Distant()).result

    assert result[count].result == 2 * BIG
    assert result[made].result == [bytes(BIG), bytes(BIG)]


def test_large_values_of_last_tasks_and_small_ones_are_kept():
    with Flow("f") as flow:
        small = stage("small").map([1, 2])
        large = task(lambda x: bytes(BIG), name="large").map(small)

    result = flow.run(executor=Distant()).result

    assert result[small].result == [1, 2]
    assert result[large].result == [bytes(BIG), bytes(BIG)]


def test_values_are_kept_if_the_configuration_says_so():
    with Flow("f") as flow:
        made = task(lambda x: bytes(BIG), name="make").map([1])
        task(lambda b: len(b), name="measure").map(made)

    with set_temporary_config({"engine.release_values": False}):
        assert flow.run(executor=Distant()).result[made].result == [bytes(BIG)]


def test_a_stored_value_that_was_let_go_is_read_again(tmp_path):
    with Flow("f", result=LocalResult(dir=tmp_path)) as flow:
        made = task(lambda x: bytes([x]) * BIG, name="make").map([1, 2])
        task(lambda b: len(b), name="measure").map(made)

    with set_temporary_config({"flows.checkpointing": True}):
        result = flow.run(executor=Distant()).result

    assert isinstance(result[made].map_states[0]._held, Released)
    assert result[made].result == [bytes([1]) * BIG, bytes([2]) * BIG]


# --- what cannot travel -----------------------------------------------------------------------------------------------


def test_a_value_that_cannot_travel_fails_its_task_and_names_the_culprit():
    """lock.map ─▶ after.map, and beside"""
    with Flow("f") as flow:
        lock = task(lambda x: {"rows": [x, threading.Lock() if x == 1 else None]}, name="lock").map([0, 1])
        single = task(lambda: threading.Lock(), name="single")()
        beside = task(lambda: 1, name="beside")()

    result = flow.run(executor=Distant()).result

    assert kinds(result[lock]) == ["Success", "Failed"]
    assert "['rows'][1]" in result[lock].map_states[1].message
    assert "_thread.lock" in result[single].message
    assert result[beside].is_successful()


def noted(task: Any, old: State, new: State) -> None:
    note(f"{type(old).__name__} to {type(new).__name__}")


@pytest.mark.parametrize("settings", [{}, {"log_stdout": True}], ids=["plain", "with a step of its own"])
def test_the_retries_of_a_task_are_for_a_value_that_cannot_travel_too(settings, notes):
    """lock.map ─▶ after.map, where lock[1] returns a lock at its first attempt"""

    def once(x):
        return threading.Lock() if x == 1 and context.task_run_count == 1 else x

    with Flow("f") as flow:
        made = stage("lock", once, max_retries=1, retry_delay=0.001, **settings)
        children = made.map([0, 1])
        after = stage("after").map(children)
        single = made(1)

    result = flow.run(executor=Distant()).result

    assert (result[children].result, result[after].result, result[single].result) == ([0, 1], [0, 1], 1)
    assert (notes.runs["lock1"], notes.runs["after1"]) == (2, 1)


def test_handlers_hear_that_a_value_cannot_travel(notes):
    flow = Flow("f", tasks=[lock := task(lambda: threading.Lock(), name="lock", state_handlers=[noted])])

    state = flow.run(executor=Distant()).result[lock]

    assert type(state) is Failed
    assert "cannot travel from its worker: the value: _thread.lock" in state.message
    assert notes.order == ["Pending to Running", "Running to Failed"]


def test_handlers_still_see_the_value_itself(notes):
    def look(task, old, new):
        note(f"{type(new).__name__} of {new.result!r}")

    flow = Flow("f", tasks=[each := task(lambda: [1, 2], name="each", state_handlers=[look])])

    assert flow.run(executor=Distant()).result[each].result == [1, 2]
    assert notes.order[-1] == "Success of [1, 2]"


class Unreadable:
    def __reduce__(self) -> Any:
        return int, ("no number",)


def test_a_value_that_cannot_be_read_back_fails_its_task_alone():
    """odd.map ─▶ after.map, and beside"""
    with Flow("f") as flow:
        odd = task(lambda x: Unreadable() if x == 1 else x, name="odd").map([0, 1])
        after = stage("after").map(odd)
        single = task(lambda: Unreadable(), name="single")()
        beside = task(lambda: 1, name="beside")()

    result = flow.run(executor=Distant()).result

    assert kinds(result[odd]) == ["Success", "Failed"]
    assert kinds(result[after]) == ["Success", "TriggerFailed"]
    assert "invalid literal" in result[single].message
    assert result[beside].is_successful()


class TwoArguments(Exception):
    def __init__(self, one: Any, two: Any) -> None:
        super().__init__("message")
        self.lock = threading.Lock() if two else None


@pytest.mark.parametrize("locked", [True, False], ids=["cannot be pickled", "cannot be read back"])
def test_an_exception_that_cannot_travel_is_told_in_words(locked, monkeypatch):
    # Importing Dask teaches pickle about the exceptions that exist by then.
    monkeypatch.delitem(copyreg.dispatch_table, TwoArguments, raising=False)

    def fails():
        raise TwoArguments(1, locked)

    flow = Flow("f", tasks=[each := task(fails)])

    state = flow.run(executor=Distant()).result[each]

    assert type(state) is Failed
    assert isinstance(state.result, PrefectException)
    assert "TwoArguments('message')" in str(state.result)
    assert "in fails" in str(state.result)


def test_an_exception_that_travels_notes_where_it_came_from():
    def fails():
        raise ValueError("broken")

    flow = Flow("f", tasks=[each := task(fails)])

    error = flow.run(executor=Distant()).result[each].result

    assert (type(error), str(error)) == (ValueError, "broken")
    assert "in fails" in error.__notes__[0]


def test_a_task_that_cannot_travel_fails_alone():
    lock = threading.Lock()
    with Flow("f") as flow:
        held = task(lambda x: lock.locked(), name="held")
        single, children = held(1), held.map([1, 2])
        beside = task(lambda: 1, name="beside")()

    result = flow.run(executor=Distant()).result

    assert "held.run → closure 'lock': _thread.lock" in result[single].message
    assert "held.run → closure 'lock': _thread.lock" in result[children].map_states[1].message
    assert kinds(result[children]) == ["Failed", "Failed"]
    assert result[beside].is_successful()


FORESEEN = "`flow.check()` finds such things before a run"


def handler_with(thing: Any) -> Callable[..., None]:
    def handler(runner: Any, old: State, new: State) -> None:
        assert thing is not None

    return handler


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"context": {"db": threading.Lock()}}, "context 'db': _thread.lock"),
        ({"parameters": {"x": [threading.Lock()]}}, "parameter 'x'[0]: _thread.lock"),
        (
            {"task_runner_state_handlers": [handler_with(threading.Lock())]},
            "task_runner_state_handlers[0] → closure 'thing': _thread.lock",
        ),
    ],
)
@pytest.mark.parametrize("mapped", [False, True])
def test_what_is_given_to_a_run_and_cannot_travel_is_called_by_its_name(options, culprit, mapped):
    """It is given when `flow.check` is over, which nobody is sent to."""
    with Flow("f") as flow:
        stage("other")(Parameter("x", default=0))
        each = stage("each").map([1]) if mapped else stage("each")(1)

    state = flow.run(executor=Distant(), **options).result[each]

    state = state.map_states[0] if mapped else state
    assert type(state) is Failed
    assert f"cannot be sent to a worker: {culprit}" in state.message
    assert FORESEEN not in state.message


def test_what_cannot_travel_in_a_collection_is_told_of_the_task_that_it_is_for():
    """a collection itself is put together where its parts are"""
    lock = threading.Lock()
    executor = Distant()
    with Flow("f") as flow:
        each = stage("each")([1, {"a": lock}])
        beside = stage("beside", sum)([1, stage("two")(2)])

    result = flow.run(executor=executor).result

    assert (
        "<Task: each> cannot be sent to a worker: each → argument 'x' → [1]['a']: _thread.lock" in result[each].message
    )
    assert FORESEEN in result[each].message
    assert result[beside].result == 3
    assert executor.calls == ["two[None]", "beside[None]"]


def test_children_with_inputs_that_cannot_travel_fail_alone(notes):
    """[0, lock, 2, 3] ─▶ a.map ─▶ b.map"""
    with Flow("f") as flow:
        a = stage("a").map([0, threading.Lock(), 2, 3])
        b = stage("b").map(a)

    result = flow.run(executor=Distant()).result

    assert kinds(result[a]) == ["Success", "Failed", "Success", "Success"]
    assert kinds(result[b]) == ["Success", "TriggerFailed", "Success", "Success"]
    assert "cannot be sent to a worker: a[1] → argument 'x': _thread.lock" in result[a].map_states[1].message
    assert set(notes.runs.values()) == {1}


def test_the_tasks_before_need_not_travel():
    """here (which holds a lock, and ran before) ─▶ there"""
    lock = threading.Lock()
    with Flow("f") as flow:
        here = task(lambda: lock.locked(), name="here")()
        there = task(lambda x: x, name="there")(here)

    result = flow.run(executor=Distant(), task_states={here: Success(result=5)}).result

    assert result[there].result == 5


def test_work_that_the_executor_refuses_fails_and_nothing_else():
    class Choosy(Distant):
        def submit(self, fn: Any, *args: Any, extra_context: Any = None, **kwargs: Any) -> Any:
            if "wrong" in extra_context["task_tags"]:
                raise ExecutorUsageError("The tag 'wrong' is wrong.")
            return super().submit(fn, *args, extra_context=extra_context, **kwargs)

    with Flow("f") as flow:
        refused, children = stage("refused", tags=["wrong"])(1), stage("children", tags=["wrong"]).map([1, 2])
        beside = stage("beside")(1)

    result = flow.run(executor=Choosy()).result

    assert (type(result[refused]), result[refused].message) == (Failed, "The tag 'wrong' is wrong.")
    assert kinds(result[children]) == ["Failed", "Failed"]
    assert result[beside].is_successful()


# --- hands that die ---------------------------------------------------------------------------------------------------


def dies(name: str, times: int, at: int = 1) -> Callable[[int], Any]:
    def work(x: int) -> int:
        if x == at and note(f"{name} dies") < times:
            raise KeyboardInterrupt("killed by SIGKILL")
        return x

    return work


def test_a_run_whose_hand_died_runs_again():
    flow = Flow("f")
    with flow:
        each = stage("each", dies("each", times=2))(1)

    assert flow.run(executor=Distant()).result[each].result == 1


def test_a_run_that_kills_its_hands_is_crashed_and_not_failed(caplog):
    with Flow("f") as flow:
        each = stage("poison", dies("poison", times=9))(1)

    state = flow.run(executor=Distant()).result[each]

    assert type(state) is Crashed
    assert state.is_failed()
    assert "died 3 times" in state.message
    assert "killed by SIGKILL" in state.message
    assert "Task 'poison': died: killed by SIGKILL; it is given up after 3 attempts." in caplog.messages


@pytest.mark.parametrize("exact", [True, False], ids=["knows what was done", "does not know"])
def test_of_a_map_only_the_child_that_kills_its_hands_is_crashed(exact, notes):
    """each.map over 200, of which [150] kills its hand every time"""
    with Flow("f") as flow:
        each = stage("each", dies("each", times=99, at=150)).map(list(range(200)))

    states = flow.run(executor=Distant(exact=exact)).result[each].map_states

    assert [index for index, state in enumerate(states) if type(state) is not Success] == [150]
    assert type(states[150]) is Crashed
    assert [state.result for state in states[:150]] == list(range(150))
    if exact:
        assert max(count for name, count in notes.runs.items() if name not in ("each150", "each dies")) == 1


def test_a_death_in_a_lane_counts_for_all_that_may_have_caused_it(notes, caplog):
    """a.map ─▶ poison.map, which run together; nobody knows which of them it was"""
    with Flow("f") as flow:
        last = stage("poison", dies("poison", times=9)).map(stage("a").map([0, 1, 2]))

    states = flow.run(executor=Distant()).result[last].map_states

    assert [type(state).__name__ for state in states] == ["Success", "Crashed", "Success"]
    assert notes.runs["poison dies"] == 3
    assert notes.runs["a1"] == 2
    assert "Task 'a[1]' or 'poison[1]': died: killed by SIGKILL; it runs again (1 of 2)." in caplog.messages
    assert "Task 'poison[1]': died: killed by SIGKILL; it is given up after 3 attempts." in caplog.messages


def test_the_retries_of_a_task_are_not_spent_on_dead_hands(notes):
    def work(x: int) -> int:
        if note("work") < 2:
            raise KeyboardInterrupt("killed")
        if context.task_run_count == 1:
            raise ValueError("the task's own failure")
        return x

    with Flow("f") as flow:
        each = task(work, max_retries=1, retry_delay=0.001)(7)

    assert flow.run(executor=Distant()).result[each].result == 7


def test_the_budget_of_crashes_is_a_setting(notes):
    with Flow("f") as flow:
        each = stage("poison", dies("poison", times=9))(1)

    with set_temporary_config({"engine.crash_retries": 0}):
        assert type(flow.run(executor=Distant()).result[each]) is Crashed

    assert notes.runs["poison dies"] == 1


def test_a_run_that_was_stopped_is_timed_out_with_its_stack_and_retried(notes):
    def hangs(x: int) -> int:
        raise KeyboardInterrupt("late")

    seen: list[State] = []
    with Flow("f") as flow:
        handler = [lambda obj, old, new: seen.append(new) if isinstance(new, TimedOut) else None]
        single = stage("single", hangs, timeout=5, max_retries=1, retry_delay=0.001, state_handlers=handler)(1)
        children = stage("child", lambda x: hangs(x) if x else x, timeout=5).map([0, 1, 0])

    result = flow.run(executor=Distant()).result

    assert type(result[single]) is TimedOut
    assert result[single].stack == "in sleep"
    assert "timeout of 5" in result[single].message
    assert notes.runs["singleNone"] == 2
    assert kinds(result[children]) == ["Success", "TimedOut", "Success"]


def test_children_with_a_timeout_come_one_by_one():
    executor = Distant(window=1)
    with Flow("f") as flow:
        stage("slow", timeout=5).map([0] * 20)

    flow.run(executor=executor)

    assert executor.calls[-20:] == [f"slow[{index}]" for index in range(20)]


def test_a_run_that_was_only_near_when_hands_died_is_not_called_crashed(notes):
    """bad and good: whenever bad runs beside good, both are lost; alone, good ends well"""

    class Shared(Distant):
        """One worker for all calls that are under way together."""

        def submit(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            return fn, args, kwargs

        def next_done(self, futures: Mapping[int, Any], timeout: float | None = None) -> tuple[int, Any] | None:
            number, (fn, args, kwargs) = next(iter(futures.items()))
            if len(futures) > 1 and len(set(notes.order)) < 9:
                notes.order.append(f"lost together {len(notes.order)}")
                return number, Lost(reason="died", certain=False)
            outcome = Distant.submit(self, fn, *args, **kwargs)
            return number, outcome

    with Flow("f") as flow:
        good = stage("good")(1)
        bad = stage("bad", dies("bad", times=99))(1)
        other = stage("other")(2)

    result = flow.run(executor=Shared(certain=False)).result

    assert type(result[bad]) is Crashed
    assert (type(result[good]), type(result[other])) == (Success, Success)


def test_handlers_and_triggers_see_a_crash_as_a_failure():
    seen: list[str] = []
    with Flow("f") as flow:
        poison = stage(
            "poison", dies("poison", times=9), on_failure=lambda obj, state: seen.append(type(state).__name__)
        )
        after = stage("after")(poison(1))

    result = flow.run(executor=Distant()).result

    assert type(result[after]).__name__ == "TriggerFailed"
    assert seen == ["Crashed"]


def test_what_comes_under_a_ticket_that_was_given_up_is_dropped(caplog):
    """an executor that hands back the first outcome twice"""

    class Twice(Distant):
        last: Any = None

        def next_done(self, futures: Mapping[int, Any], timeout: float | None = None) -> tuple[int, Any] | None:
            if self.last is not None:
                last, self.last = self.last, None
                return last
            self.last = super().next_done(futures, timeout)
            return self.last

    with Flow("f") as flow:
        children = stage("each").map([1, 2, 3])

    state = flow.run(executor=Twice(window=1)).result[children]

    assert state.result == [1, 2, 3]
    assert any("came late" in line for line in caplog.messages)


def test_an_executor_that_breaks_leaves_the_states_of_the_others():
    """one ─▶ two, where the hands are gone after one"""

    class Broken(Distant):
        def submit(self, *args: Any, **kwargs: Any) -> Any:
            if self.calls:
                raise OSError("the scheduler is gone")
            return super().submit(*args, **kwargs)

    with Flow("f") as flow:
        one = stage("one")(1)
        two = stage("two")(one)

    state = flow.run(executor=Broken())

    assert type(state) is Failed
    assert "the scheduler is gone" in state.message
    assert state.result[one].is_successful()
    assert type(state.result[two]) is Crashed


def test_a_mapped_state_is_whole_after_all_that():
    with Flow("f") as flow:
        each = stage("each", dies("each", times=1, at=3)).map(list(range(10)))

    state = flow.run(executor=Distant(window=3)).result[each]

    assert isinstance(state, Mapped)
    assert state.result == list(range(10))


# --- caches -----------------------------------------------------------------------------------------------------------


def test_values_are_cached_across_distant_hands(notes, tmp_path):
    """[0, 1] ─▶ each.map, run twice"""
    with Flow("f") as flow:
        each = stage("each", cache_for=timedelta(hours=1), cache_validator=all_inputs).map([0, 1])

    with set_temporary_config({"home_dir": str(tmp_path)}):
        first, second = (flow.run(executor=Distant()).result[each] for _ in range(2))

    assert (kinds(first), first.result) == (["Cached", "Cached"], [0, 1])
    assert second.result == [0, 1]
    assert max(notes.runs.values()) == 1
    assert "Taken from the cache" in second.map_states[1].message
