"""resource_manager: set up before the tasks of a block, cleaned up after them."""

from __future__ import annotations

from contextlib import suppress

import cloudpickle
import pytest

from prefect import Flow, Parameter, apply_map, case, resource_manager, task
from prefect.core.graph import Graph
from prefect.engine.signals import SKIP
from prefect.engine.state import Success
from prefect.exceptions import ArgumentError, FlowContextMissing, GraphError
from prefect.tasks.core.resource_manager import (
    ResourceCleanupTask,
    ResourceInitTask,
    ResourceManager,
    ResourceSetupTask,
)

CALLS: list[object] = []


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()


@resource_manager
class Pool:
    """Notes what is done to it."""

    def __init__(self, size=1, broken=""):
        self.size = size
        self.broken = broken
        self.note("init")

    def setup(self):
        self.note("setup")
        return list(range(self.size))

    def cleanup(self, pool):
        CALLS.append(("cleanup", pool))
        if "cleanup" in self.broken:
            raise OSError("cleanup")

    def note(self, step):
        CALLS.append(step)
        if step in self.broken:
            raise OSError(step)


@resource_manager
class Lock:
    """Needs no setup."""

    def cleanup(self, nothing):
        CALLS.append(("unlock", nothing))


@task
def use(x=None):
    CALLS.append("use")
    return x


@task
def fail(x=None):
    CALLS.append("fail")
    raise ValueError("a task of the block failed")


@task
def skip():
    raise SKIP("not today")


def slugs(flow, tasks):
    return {flow.slugs[each] for each in tasks}


def outcomes(flow, **parameters):
    return {flow.slugs[each]: type(state).__name__ for each, state in flow.run(parameters).result.items()}


# The graph


def test_a_resource_is_set_up_before_the_first_tasks_and_cleaned_up_after_the_last():
    """
    Pool ─▶ Pool.setup ──┬─▶ use-1 ─▶ use-2 ──┬─▶ Pool.cleanup
                         └─▶ use-3 ───────────┘
    """
    with Flow("f") as flow, Pool(2) as pool:
        first = use(pool)
        second = use(first)
        third = use(None)

    assert {each.name for each in flow.tasks} == {"Pool", "Pool.setup", "Pool.cleanup", "use"}
    [init], [cleanup] = flow.get_tasks(name="Pool"), flow.get_tasks(name="Pool.cleanup")
    assert pool.name == "Pool.setup"
    assert flow.upstream_tasks(pool) == {init}
    assert flow.upstream_tasks(first) == {pool}
    assert flow.upstream_tasks(second) == {first}
    assert flow.upstream_tasks(third) == {pool}
    assert flow.upstream_tasks(cleanup) == {init, pool, second, third}
    assert len(flow.edges_to(first)) == 1
    assert [type(each) for each in (init, pool, cleanup)] == [ResourceInitTask, ResourceSetupTask, ResourceCleanupTask]


def test_a_task_that_takes_values_from_outside_waits_for_the_setup_too():
    with Flow("f") as flow:
        outside = use()
        with Pool() as pool:
            inside = use(outside)

    assert flow.upstream_tasks(inside) == {outside, pool}


def test_what_runs_after_the_block_runs_beside_the_cleanup():
    with Flow("f") as flow:
        with Pool():
            inside = use()
        after = use(inside)

    assert slugs(flow, flow.downstream_tasks(inside)) == {"Pool.cleanup-1", flow.slugs[after]}


def test_without_setup_there_are_two_tasks_and_the_block_has_no_value():
    with Flow("f") as flow, Lock() as lock:
        inside = use()

    assert lock is None
    assert {each.name for each in flow.tasks} == {"Lock", "Lock.cleanup", "use"}
    assert flow.upstream_tasks(inside) == set()
    assert outcomes(flow) == {"Lock-1": "Success", "Lock.cleanup-1": "Success", "use-1": "Success"}
    assert CALLS == ["use", ("unlock", None)]


def test_parameters_are_no_part_of_the_block():
    with Flow("f") as flow, Pool():
        x = Parameter("x")
        use(x)

    assert flow.upstream_tasks(x) == set()
    assert slugs(flow, flow.downstream_tasks(x)) == {"use-1"}


def test_setup_and_cleanup_do_not_decide_the_state_of_the_flow():
    with Flow("f") as flow, Pool(broken="cleanup"):
        inside = use()

    assert flow.reference_tasks() == {inside}
    state = flow.run()
    assert state.is_successful()
    [cleanup] = flow.get_tasks(name="Pool.cleanup")
    assert state.result[cleanup].is_failed()


def test_the_arguments_of_the_resource_may_be_tasks():
    with Flow("f") as flow, Pool(size=Parameter("size")) as pool:
        inside = use(pool)

    assert flow.run(size=3).result[inside].result == [0, 1, 2]


def test_arguments_that_the_class_does_not_take_are_refused_at_once():
    with pytest.raises(ArgumentError, match="colour"), Flow("f"):
        Pool(colour="red")


def test_a_resource_needs_a_flow():
    with pytest.raises(FlowContextMissing, match="Pool"):
        Pool()


def test_the_flow_can_be_named_instead_of_being_built():
    flow = Graph("f")
    with Pool(flow=flow) as pool:
        inside = use.copy().bind(flow=flow)

    assert flow.upstream_tasks(inside) == {pool}


def test_the_tasks_of_a_block_are_part_of_one_flow():
    with Flow("f"):
        block = Pool()
    with Flow("g"), block, pytest.raises(GraphError, match="for each flow"):
        use()


def test_names_and_settings():
    @resource_manager(
        name="db",
        init_task_kwargs={"tags": ["i"]},
        setup_task_kwargs={"name": "connect", "max_retries": 2, "retry_delay": 0},
        cleanup_task_kwargs={"tags": ["c"]},
    )
    class Database(Pool.resource_class):
        pass

    with Flow("f") as flow, Database() as connection:
        use()

    assert repr(Database) == "<ResourceManager: db>"
    assert {each.name for each in flow.tasks} == {"db", "connect", "db.cleanup", "use"}
    assert (connection.max_retries, connection.checkpoint) == (2, False)
    [cleanup] = flow.get_tasks(name="db.cleanup")
    assert (cleanup.tags, cleanup.checkpoint) == ({"c"}, False)
    assert flow.get_tasks(name="db")[0].tags == {"i"}


def test_a_resource_says_what_its_class_says():
    assert isinstance(Pool, ResourceManager)
    assert (Pool.__name__, Pool.__doc__) == ("Pool", "Notes what is done to it.")


# The run


def test_everything_happens_in_order():
    with Flow("f") as flow, Pool(2) as pool:
        use(use(pool))

    assert flow.run().is_successful()
    assert CALLS == ["init", "setup", "use", "use", ("cleanup", [0, 1])]


def test_the_resource_is_cleaned_up_when_a_task_failed():
    """Pool.setup ─▶ fail ─▶ use ─▶ Pool.cleanup"""
    with Flow("f") as flow, Pool() as pool:
        use(fail(pool))

    result = outcomes(flow)
    assert result["fail-1"] == "Failed"
    assert result["use-1"] == "TriggerFailed"
    assert result["Pool.cleanup-1"] == "Success"
    assert CALLS == ["init", "setup", "fail", ("cleanup", [0])]


def test_the_resource_is_cleaned_up_when_a_task_was_skipped():
    with Flow("f") as flow, Pool():
        skip()

    assert outcomes(flow)["Pool.cleanup-1"] == "Success"
    assert CALLS[-1] == ("cleanup", [0])


@pytest.mark.parametrize(
    ("step", "calls", "states"),
    [
        ("init", ["init"], {"Pool-1": "Failed", "Pool.setup-1": "TriggerFailed"}),
        ("setup", ["init", "setup"], {"Pool-1": "Success", "Pool.setup-1": "Failed"}),
    ],
)
def test_what_was_not_set_up_is_not_cleaned_up(step, calls, states):
    with Flow("f") as flow, Pool(broken=step):
        use()

    assert outcomes(flow) == {**states, "Pool.cleanup-1": "Skipped", "use-1": "TriggerFailed"}
    assert calls == CALLS


@pytest.mark.parametrize(("x", "calls"), [(1, ["init", "setup", "use", ("cleanup", [0])]), (2, [])])
def test_a_resource_in_a_case(x, calls):
    """x ─▶ case(1) ─▶ Pool ─▶ Pool.setup ─▶ use ─▶ Pool.cleanup"""
    with Flow("f") as flow, case(Parameter("x"), 1), Pool() as pool:
        use(pool)

    state = flow.run(x=x)

    assert state.is_successful()
    assert calls == CALLS
    ran = {flow.slugs[each] for each, one in state.result.items() if type(one) is Success}
    assert ("Pool.cleanup-1" in ran) == (x == 1)


@pytest.mark.parametrize(("x", "calls"), [(1, ["init", "setup", "use", ("cleanup", [0])]), (2, ["init", "setup"])])
def test_a_case_in_a_resource(x, calls):
    """Pool.setup ─▶ case(1) ─▶ use ─▶ Pool.cleanup"""
    with Flow("f") as flow:
        condition = Parameter("x")
        with Pool() as pool, case(condition, 1):
            inside = use()

    [comparison] = flow.get_tasks(name="case(1)")
    assert flow.upstream_tasks(comparison) == {condition, pool}
    assert flow.upstream_tasks(inside) == {comparison}
    assert flow.run(x=x).is_successful()
    assert CALLS[: len(calls)] == calls
    assert CALLS[-1] == ("cleanup", [0])


def test_resources_nest():
    """Pool ─▶ setup ─▶ Pool-2 ─▶ setup-2 ─▶ use ─▶ cleanup-2 ─▶ cleanup"""
    with Flow("f") as flow, Pool(2), Pool(1):
        use()

    assert flow.run().is_successful()
    assert CALLS == ["init", "setup", "init", "setup", "use", ("cleanup", [0]), ("cleanup", [0, 1])]


def test_the_outer_resource_is_there_for_a_block_whose_own_needs_no_setup():
    with Flow("f") as flow, Pool() as pool, Lock():
        inside = use()

    assert flow.upstream_tasks(inside) == {pool}
    assert flow.run().is_successful()
    assert CALLS == ["init", "setup", "use", ("unlock", None), ("cleanup", [0])]


def test_mapped_tasks_use_one_resource():
    """Pool.setup ─▶ use.map([1, 2]) ─▶ Pool.cleanup"""
    with Flow("f") as flow, Pool():
        use.map([1, 2])
        apply_map(lambda n: use(n), [3, 4])

    assert flow.run().is_successful()
    assert ["init", "setup", *["use"] * 4, ("cleanup", [0])] == CALLS


def test_an_error_in_the_block_comes_out_and_joins_nothing():
    with Flow("f") as flow:
        with suppress(KeyError), Pool():
            inside = use()
            raise KeyError("the block goes wrong")
        after = use()

    assert flow.upstream_tasks(inside) == flow.upstream_tasks(after) == set()


def test_a_run_that_is_continued_sets_up_and_cleans_up_again():
    with Flow("f") as flow, Pool() as pool:
        done, broken = use(pool), fail(pool)
    first = flow.run()
    CALLS.clear()

    again = flow.run(task_states={each: state for each, state in first.result.items() if each is not broken})

    assert again.result[done] is first.result[done]
    assert CALLS == ["setup", "fail", ("cleanup", [0])]


def test_a_flow_with_a_resource_can_be_sent_to_another_process():
    with Flow("f") as flow, Pool():
        use()

    sent = cloudpickle.loads(cloudpickle.dumps(flow))

    assert set(outcomes(sent).values()) == {"Success"}


def test_ctrl_c_gives_the_resource_back():
    """connect ─▶ setup ─▶ work (Ctrl-C) ─▶ more ─▶ cleanup"""
    events = []

    @resource_manager
    class Connection:
        def setup(self):
            events.append("opened")
            return "connection"

        def cleanup(self, connection):
            events.append(f"closed {connection}")

    @task
    def work(connection):
        raise KeyboardInterrupt

    @task
    def more(x):
        events.append("more")

    with Flow("f") as flow, Connection() as connection:
        worked = work(connection)
        after = more(worked)

    state = flow.run()

    assert events == ["opened", "closed connection"]
    assert type(state).__name__ == "Cancelled"
    assert [type(state.result[each]).__name__ for each in (worked, after)] == ["Cancelled", "Cancelled"]
