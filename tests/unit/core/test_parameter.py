"""Parameters: values given to each run of a flow."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from prefect import DateTimeParameter, Flow, Parameter, Task, context, task
from prefect.engine.results import PrefectResult
from prefect.engine.signals import FAIL
from prefect.exceptions import GraphError, ParameterError


@task
def echo(x):
    return x


@pytest.mark.parametrize(
    ("settings", "required", "default"),
    [
        ({}, True, None),
        ({"default": 1}, False, 1),
        ({"default": None}, False, None),
        ({"required": False}, False, None),
        ({"required": True, "default": 1}, True, 1),
    ],
    ids=str,
)
def test_a_parameter_is_required_if_it_has_no_default_unless_it_says_otherwise(settings, required, default):
    parameter = Parameter("x", **settings)

    assert (parameter.required, parameter.default) == (required, default)


def test_a_parameter_goes_by_its_name():
    parameter = Parameter("x", tags=["t"])

    assert (parameter.name, parameter.slug, parameter.tags, repr(parameter)) == ("x", "x", {"t"}, "<Parameter: x>")
    assert isinstance(parameter.result, PrefectResult)
    assert parameter.checkpoint is True


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_parameter_without_a_name_is_refused(name):
    with pytest.raises(ParameterError, match=r"needs a name.*Parameter\('x'"):
        Parameter(name)


def test_calling_a_parameter_adds_itself():
    with Flow("f") as flow:
        x = Parameter("x")
        assert x() is x

    assert [*flow.tasks] == [x]
    other = Flow("g")
    assert x(flow=other) is x
    assert other.parameters() == {x}


def test_two_parameters_of_the_same_name_are_refused():
    flow = Flow("f", tasks=[Parameter("x")])

    with pytest.raises(ParameterError, match=r"<Flow: name=\"f\">.*'x'.*another name"):
        Parameter("x")(flow=flow)


def test_a_copy_needs_a_name_of_its_own():
    x = Parameter("x", default=1, tags=["t"])

    y = x.copy("y")

    assert (y.name, y.slug, y.default, y.tags, y.required) == ("y", "y", 1, {"t"}, False)
    with pytest.raises(TypeError, match="name"):
        x.copy()


def test_a_parameter_cannot_run_after_another_task():
    """Task ─▶ x"""
    flow, x = Flow("f"), Parameter("x")

    with pytest.raises(GraphError, match="<Parameter: x> cannot run after another task"):
        flow.add_edge(Task(), x)
    with pytest.raises(GraphError, match="<Parameter: x> cannot run after another task"):
        x.set_upstream(Task(), flow=flow)


def test_a_missing_parameter_is_named_before_anything_runs():
    ran = []
    with Flow("f") as flow:
        task(lambda: ran.append(1))()
        echo(Parameter("x"))
        echo(Parameter("y", default=1))
        echo(Parameter("z", required=True, default=1))

    with pytest.raises(ParameterError, match="needs a value for the parameter 'x', 'z'"):
        flow.run()
    assert not ran


def test_an_unknown_parameter_is_named_and_so_are_the_known_ones():
    with Flow("f") as flow:
        echo(Parameter("x", default=1))

    with pytest.raises(ParameterError, match="has no parameter 'y'; it has 'x'"):
        flow.run(parameters={"y": 1})


def test_a_value_by_name_wins_and_the_callers_dict_stays_as_it_is(value):
    with Flow("f") as flow:
        x = Parameter("x")()
    given = {"x": 1}

    state = flow.run(parameters=given, x=2)

    assert state.result[x].result == 2
    assert given == {"x": 1}


@pytest.mark.parametrize("given", [0, None, "", [1], object], ids=repr)
def test_any_value_can_be_given(given, value):
    with Flow("f") as flow:
        x = Parameter("x", default=5)()

    assert value(flow, x, x=given) is given


def test_by_itself_a_parameter_reads_the_context():
    with context(parameters={"x": 3}):
        assert Parameter("x").run() == 3
        assert Parameter("y", default=4).run() == 4
        with pytest.raises(FAIL, match="'y' is required"):
            Parameter("y").run()
    assert Parameter("x", default=4).run() == 4


# Points in time


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2026-01-31T09:30:00+00:00", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T09:30:00+02:00", datetime(2026, 1, 31, 7, 30, tzinfo=UTC)),
        (datetime(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC)),
        (None, None),
    ],
    ids=str,
)
def test_a_datetime_parameter_gives_aware_datetimes(given, moment, value):
    with Flow("f") as flow:
        when = DateTimeParameter("when")()

    found = value(flow, when, when=given)

    assert found == moment
    assert found is None or found.tzinfo is not None


def test_a_datetime_parameter_is_required_unless_it_says_otherwise(value):
    assert DateTimeParameter("when", default="2026-01-01").required
    with Flow("f") as flow:
        when = DateTimeParameter("when", default="2026-01-01", required=False)()

    assert value(flow, when) == datetime(2026, 1, 1, tzinfo=UTC)


def test_text_that_is_no_time_fails_the_parameter_and_says_what_a_time_is():
    with Flow("f") as flow:
        when = DateTimeParameter("when")()

    state = flow.run(when="soon").result[when]

    assert isinstance(state.result, ParameterError)
    assert "'when' was given 'soon'" in str(state.result)
    assert "2026-01-31T09:30:00+00:00" in str(state.result)
