"""simulate: the states of a run that never happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from prefect import Flow, Parameter, Task, case, flatten, resource_manager, task
from prefect.engine.results import LocalResult
from prefect.engine.state import Failed
from prefect.exceptions import CycleError, GraphError, ParameterError
from prefect.tasks.control_flow import ifelse, merge, switch
from prefect.tasks.core import Constant
from prefect.tasks.secrets import PrefectSecret
from prefect.testing import Unknown, simulate
from prefect.testing.simulation import Simulation
from prefect.triggers import all_failed, all_finished, any_failed, manual_only
from prefect.utilities.logging import get_logger


def never(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("code of the user was called")


def stub(name: str, **settings: Any) -> Any:
    """A task that must not run."""
    return task(lambda x=None: never(), name=name, **settings)


@task
def extract() -> Any:
    never()


@task
def clean(row: Any) -> Any:
    never()


@task
def load(rows: Any) -> Any:
    never()


@task(trigger=any_failed)
def alarm() -> Any:
    never()


@pytest.fixture
def etl() -> Flow:
    """extract ─▶ clean.map ─▶ load ─▶ alarm (any_failed)"""
    with Flow("etl") as flow:
        loaded = load(clean.map(extract()))
        alarm(upstream_tasks=[loaded])
        flow.set_reference_tasks([loaded])
    return flow


def kinds(simulation: Simulation) -> dict[str, str]:
    return {str(run): type(run.state).__name__ for run in simulation.all_runs()}


def path(simulation: Simulation, key: Any) -> list[tuple[float, str]]:
    return [(each.after.total_seconds(), each.state) for each in simulation.task_run(key).path]


# --- what ends how ----------------------------------------------------------------------------------------------------


def test_without_a_failure_all_tasks_succeed_by_their_triggers(etl: Flow) -> None:
    simulation = simulate(etl)

    assert simulation.state.is_successful()
    assert kinds(simulation) == {
        "extract": "Success",
        "clean": "Mapped",
        "clean[0]": "Success",
        "clean[1]": "Success",
        "clean[2]": "Success",
        "load": "Success",
        "alarm": "TriggerFailed",
    }


def test_a_failure_goes_on_to_the_tasks_behind(etl: Flow) -> None:
    simulation = simulate(etl, fail="extract")

    assert simulation.state.is_failed()
    assert kinds(simulation) == {
        "extract": "Failed",
        "clean": "Failed",
        "load": "TriggerFailed",
        "alarm": "Success",
    }


def test_one_child_fails_alone(etl: Flow) -> None:
    simulation = simulate(etl, fail=("clean", 1))

    assert [type(child).__name__ for child in simulation["clean"].map_states] == ["Success", "Failed", "Success"]
    assert simulation.task_run("load").why == "all_successful: clean[1] is Failed"


@pytest.mark.parametrize("name", ["clean", "clean-1", "clean[1]", ("clean-1", 1)])
def test_tasks_and_children_go_by_name_and_slug(etl: Flow, name: Any) -> None:
    assert simulate(etl, fail=name)["clean[1]"].is_failed()
    assert simulate(etl, fail=[name])["clean", 1].is_failed()


def test_tasks_go_by_themselves(etl: Flow) -> None:
    [own] = etl.get_tasks(name="clean")

    assert simulate(etl, fail=own)[own, 2].is_failed()
    assert simulate(etl, fail=(own, 0))[own, 2].is_successful()


def test_a_task_that_skips_itself_takes_along_what_is_behind(etl: Flow) -> None:
    simulation = simulate(etl, skip="extract")

    assert simulation["load"].is_skipped()
    assert simulation.task_run("load").why == "clean is Skipped"
    assert simulation.state.is_successful()


def test_a_resource_is_cleaned_up_only_if_it_was_set_up() -> None:
    @resource_manager
    class Cluster:
        def __init__(self) -> None:
            never()

        def setup(self) -> None:
            never()

        def cleanup(self, cluster: Any) -> None:
            never()

    with Flow("with a resource") as flow, Cluster() as cluster:
        load(cluster)

    assert simulate(flow, fail="load")["Cluster.cleanup"].is_successful()
    assert simulate(flow, fail="Cluster.setup")["Cluster.cleanup"].is_skipped()


# --- retries and the clock --------------------------------------------------------------------------------------------


def retried(**settings: Any) -> Flow:
    with Flow("retried") as flow:
        stub("a", **settings)()
    return flow


def test_retries_take_virtual_time_alone() -> None:
    flow = retried(max_retries=2, retry_delay=[timedelta(hours=1), timedelta(days=30)])

    simulation = simulate(flow, fail="a")

    hour, month = 3600, 3600 + 30 * 86400
    assert path(simulation, "a") == [
        (0, "Running"),
        (0, "Failed"),
        (0, "Retrying"),
        (hour, "Running"),
        (hour, "Failed"),
        (hour, "Retrying"),
        (month, "Running"),
        (month, "Failed"),
    ]
    assert simulation.duration == timedelta(days=30, hours=1)


def test_a_task_can_fail_at_its_first_attempts_alone() -> None:
    flow = retried(max_retries=2, retry_delay=1)

    assert simulate(flow, fail={"a": 2})["a"].is_successful()
    assert simulate(flow, fail={"a": 3})["a"].is_failed()
    assert simulate(flow, fail={"a": 2}).task_run("a").attempts == 3


def test_a_failure_counts_as_one_that_is_retried_unless_an_error_is_given() -> None:
    flow = retried(max_retries=1, retry_delay=1, retry_on=KeyError)

    assert simulate(flow, fail="a").task_run("a").attempts == 2
    assert simulate(flow, fail={"a": LookupError("x")}).task_run("a").attempts == 1
    assert simulate(flow, fail={"a": KeyError("x")}).task_run("a").attempts == 2


def test_an_error_that_cannot_be_made_without_arguments_is_retried_all_the_same() -> None:
    class Odd(Exception):
        def __init__(self, first: int, second: int) -> None:
            never()

    flow = retried(max_retries=1, retry_delay=1, retry_on=Odd)

    assert isinstance(simulate(flow, fail="a")["a"].result, Odd)


def test_children_are_retried_on_their_own() -> None:
    with Flow("children") as flow:
        stub("a", max_retries=1, retry_delay=5).map([1, 2])

    simulation = simulate(flow, fail={"a[1]": 1})

    assert [simulation.task_run(("a", index)).attempts for index in (0, 1)] == [1, 2]
    assert simulation.state.is_successful()


def test_a_task_that_waits_for_a_person_is_resumed_at_once() -> None:
    with Flow("approval") as flow:
        load(stub("approve", trigger=manual_only)())

    simulation = simulate(flow)

    assert [state for _, state in path(simulation, "approve")] == ["Paused", "Resume", "Running", "Success"]
    assert simulation.state.is_successful()
    assert "approve-1 waited for a person" in str(simulation)


def test_children_that_wait_for_a_person_are_resumed_too() -> None:
    with Flow("approval") as flow:
        stub("approve", trigger=manual_only).map([1, 2])

    assert [state for _, state in path(simulate(flow), "approve[1]")] == ["Paused", "Resume", "Running", "Success"]


# --- values -----------------------------------------------------------------------------------------------------------


def test_a_map_over_an_unknown_value_has_as_many_children_as_one_says(etl: Flow) -> None:
    assert len(simulate(etl)["clean"].map_states) == 3
    assert len(simulate(etl, children=7)["clean"].map_states) == 7
    assert len(simulate(etl, returns={"extract": [1, 2]})["clean"].map_states) == 2


def test_constants_keep_their_length_also_beside_unknown_values() -> None:
    @task
    def both(x: Any, y: Any) -> None:
        never()

    with Flow("constants") as flow:
        clean.map(list(range(5)))
        both.map(list(range(10)), extract())

    simulation = simulate(flow)

    assert len(simulation["clean"].map_states) == 5
    assert len(simulation["both"].map_states) == 10


def test_results_of_several_tasks_that_are_put_into_a_list_can_be_counted() -> None:
    with Flow("list") as flow:
        clean.map([extract(), extract()])

    assert len(simulate(flow)["clean"].map_states) == 2


def test_a_flattened_map_has_a_child_for_each_element_of_each_child() -> None:
    with Flow("flatten") as flow:
        load.map(flatten(clean.map([1, 2])))

    assert len(simulate(flow, children=4)["load"].map_states) == 8


def test_an_iterator_is_left_for_the_real_run() -> None:
    def rows() -> Iterator[int]:
        yield from range(2)

    iterator = rows()
    with Flow("stream") as flow:
        clean.map(Constant(iterator))

    assert len(simulate(flow)["clean"].map_states) == 3
    assert list(iterator) == [0, 1]


def test_values_are_unknown_unless_somebody_says_them(etl: Flow) -> None:
    simulation = simulate(etl, returns={"load": None})

    assert isinstance(simulation["extract"].result, Unknown)
    assert simulation["load"].result is None


def test_parameters_have_their_values() -> None:
    with Flow("parameters") as flow:
        limit = Parameter("limit", default=3)
        with case(limit > 2, True):
            extract()
        load(Parameter("needed"))

    assert simulate(flow)["extract"].is_successful()
    assert simulate(flow, parameters={"limit": 1})["extract"].is_skipped()
    assert isinstance(simulate(flow)["needed"].result, Unknown)


# --- branches ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def branches() -> Flow:
    """weather ─▶ rain: umbrella | sun: hat ─▶ merge"""
    with Flow("branches") as flow:
        weather = stub("weather")()
        umbrella, hat = stub("umbrella"), stub("hat")
        switch(weather, {"rain": umbrella, "sun": hat})
        load(merge(umbrella, hat))
    return flow


def test_an_unknown_value_is_taken_for_the_first_that_it_is_compared_with(branches: Flow) -> None:
    simulation = simulate(branches)

    assert simulation["umbrella"].is_successful()
    assert simulation["hat"].is_skipped()
    assert simulation["load"].is_successful()
    assert simulation.assumed == {"weather-1": "rain"}
    assert "Assumed: weather-1 is 'rain'." in str(simulation)


def test_a_value_that_somebody_says_decides_the_branch(branches: Flow) -> None:
    simulation = simulate(branches, returns={"weather": "sun"})

    assert simulation["umbrella"].is_skipped()
    assert simulation["hat"].is_successful()
    assert not simulation.assumed


def test_a_value_that_fits_no_branch_skips_all(branches: Flow) -> None:
    assert simulate(branches, returns={"weather": "snow"})["load"].is_skipped()


def test_of_an_unknown_condition_the_true_branch_is_taken() -> None:
    with Flow("ifelse") as flow:
        ifelse(extract(), stub("yes")(), stub("no")())

    simulation = simulate(flow)

    assert simulation["yes"].is_successful()
    assert simulation["no"].is_skipped()


# --- nothing happens --------------------------------------------------------------------------------------------------


def test_no_handler_is_called_and_nothing_is_stored_cached_or_logged(
    tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Result(LocalResult):
        read = write = exists = never

    settings: dict[str, Any] = {
        "state_handlers": [never],
        "on_failure": never,
        "target": "there",
        "task_run_name": never,
        "log_stdout": True,
        "timeout": 1,
        "result": Result(dir=str(tmp_path)),
    }
    cached = {"cache_for": timedelta(days=1)}
    with Flow("loud", state_handlers=[never], on_failure=never, terminal_state_handler=never) as flow:
        stub("a", **settings)()
        stub("b", **cached).map([1, 2])
        load(PrefectSecret("PASSWORD")())

    level = get_logger().level
    simulation = simulate(flow, fail="a")

    assert simulation["a"].is_failed()
    assert simulation["b"].is_mapped()
    assert not caplog.records
    assert get_logger().level == level
    assert not list(tmp_path.iterdir())
    assert "State handlers were not called: of a, the flow." in simulation.notes


def test_a_flow_can_run_after_it_was_simulated() -> None:
    with Flow("real") as flow:
        one = task(lambda: 1, name="one")()

    simulate(flow, fail="one")

    assert flow.run().result[one].result == 1


def test_limits_do_not_hold_a_simulation_back() -> None:
    with Flow("limited") as flow:
        stub("slow", rate="1/hour", max_active=1).map(list(range(100)))

    assert simulate(flow).state.is_successful()


def test_triggers_of_the_user_are_asked() -> None:
    def picky(upstream_states: Any) -> bool:
        return any(isinstance(state, Failed) for state in upstream_states.values())

    with Flow("picky") as flow:
        stub("last", trigger=picky)(upstream_tasks=[extract()])

    assert simulate(flow)["last"].is_failed()
    assert simulate(flow, fail="extract")["last"].is_successful()


# --- mistakes ---------------------------------------------------------------------------------------------------------


def test_a_task_that_is_not_there_is_named_with_one_that_is_like_it(etl: Flow) -> None:
    with pytest.raises(GraphError, match="no task 'extrakt'. Did you mean 'extract'?"):
        simulate(etl, fail="extrakt")
    with pytest.raises(GraphError, match="is not a task of"):
        simulate(etl, skip=Task(name="other"))
    with pytest.raises(GraphError, match="is not mapped"):
        simulate(etl, fail="load[1]")


def test_a_child_that_is_not_there_is_told_in_a_note(etl: Flow) -> None:
    assert simulate(etl, fail="clean[9]").notes == ["clean-1[9] did not run, so it could not fail or skip."]


def test_a_task_that_does_not_run_is_told_in_a_note(etl: Flow) -> None:
    assert simulate(etl, fail="alarm").notes == ["alarm-1 did not run, so it could not fail or skip."]


def test_a_name_of_several_tasks_is_no_key_of_a_simulation() -> None:
    with Flow("twins") as flow:
        extract()
        extract()

    simulation = simulate(flow, fail="extract")

    assert simulation["extract-1"].is_failed()
    assert simulation["extract-2"].is_failed()
    with pytest.raises(GraphError, match="several tasks: extract-1, extract-2"):
        simulation["extract"]


def test_a_plain_value_cannot_fail() -> None:
    with Flow("constant") as flow:
        clean.map(Constant([1, 2], name="numbers"))

    with pytest.raises(GraphError, match="plain value"):
        simulate(flow, fail="numbers")


def test_unknown_parameters_are_refused(etl: Flow) -> None:
    with pytest.raises(ParameterError, match="'day'"):
        simulate(etl, parameters={"day": 1})


def test_a_circle_is_refused() -> None:
    flow = Flow("circle")
    a, b = Task(name="a"), Task(name="b")
    flow.add_edge(a, b)
    flow.add_edge(b, a)

    with pytest.raises(CycleError):
        simulate(flow)


# --- shown ------------------------------------------------------------------------------------------------------------


def test_a_simulation_prints_as_a_table() -> None:
    with Flow("etl") as flow:
        rows = stub("extract", max_retries=2, retry_delay=90)()
        loaded = load(clean.map(rows))
        stub("alarm", trigger=all_finished)(upstream_tasks=[loaded])
        flow.set_reference_tasks([loaded])

    assert str(simulate(flow, fail={"extract": 1, "clean[1]": 9})) == (
        "etl: Failed after 1 min 30 s of waiting\n"
        "1 of 1 reference tasks failed.\n"
        "\n"
        "extract  Success        1 retry, 1 min 30 s\n"
        "clean    Mapped                              3 children: 2 Success, 1 Failed\n"
        "  [1]    Failed                              made to fail\n"
        "load     TriggerFailed                       all_successful: clean[1] is Failed\n"
        "alarm    Success"
    )


def test_of_many_children_that_fail_only_the_first_are_shown() -> None:
    with Flow("many") as flow:
        clean.map(list(range(100)))

    shown = str(simulate(flow, fail="clean"))

    assert "  [4]" in shown
    assert "  [5]" not in shown
    assert "and 95 more" in shown


def test_a_trigger_that_wants_failures_is_told_with_what_it_saw() -> None:
    with Flow("picky") as flow:
        stub("last", trigger=all_failed)(upstream_tasks=[extract()])

    assert simulate(flow).task_run("last").why == "all_failed: extract is Success"


def test_a_simulation_is_a_document_of_plain_values(etl: Flow) -> None:
    document = json.loads(json.dumps(simulate(etl, fail="clean[1]").to_dict()))

    assert document["state"] == "Failed"
    [child] = [each for each in document["tasks"][1]["children"] if each["state"] == "Failed"]
    assert child["index"] == 1
    assert child["path"][0] == {"after": 0.0, "state": "Running", "message": None}


def test_an_unknown_value_is_a_list_of_unknown_elements() -> None:
    unknown = Unknown("load-1", 2)

    assert [each.name for each in unknown] == ["load-1[0]", "load-1[1]"]
    assert unknown[7].name == "load-1[7]"
    assert repr(unknown) == "<Unknown: value of load-1>"
