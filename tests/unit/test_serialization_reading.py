"""Flows from their documents: the same graph and settings, and never anything that the document smuggles in."""

from __future__ import annotations

import copy
import json
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect import DateTimeParameter, Flow, Parameter, Task, case, flatten, tags, task, triggers, unmapped
from prefect.core.graph import Graph
from prefect.engine import cache_validators
from prefect.exceptions import CycleError
from prefect.schedules import CronSchedule, IntervalSchedule, RRuleSchedule, Schedule, adjustments, filters
from prefect.schedules.clocks import DatesClock, IntervalClock
from prefect.serialization.flow import flow_document, flow_from
from prefect.tasks.core import FunctionTask
from prefect.utilities.configuration import set_temporary_config
from prefect.utilities.documents import DocumentError


def through_json(document: Any) -> Any:
    return json.loads(json.dumps(document, allow_nan=False))


def back(flow: Flow) -> Flow:
    """The flow that comes back, which must not cost a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return Flow.deserialize(through_json(flow.serialize()))


# --- what is drawn ----------------------------------------------------------------------------------------------------

texts = st.text(min_size=1, max_size=5)
seconds = st.timedeltas(timedelta(0), timedelta(days=400))
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=3,
)
bounds = {
    "at_least": st.none() | st.floats(0, 5),
    "at_most": st.none() | st.integers(0, 5),
}
known_triggers = st.one_of(
    st.sampled_from([getattr(triggers, name) for name in vars(triggers) if name.startswith(("all_", "any_", "not_"))]),
    st.just(triggers.manual_only),
    st.builds(triggers.some_failed, **bounds),
    st.builds(triggers.some_successful, **bounds),
)
names = st.sets(texts, max_size=3)
known_validators = st.one_of(
    st.sampled_from([cache_validators.all_inputs, cache_validators.duration_only, cache_validators.all_parameters]),
    st.builds(cache_validators.partial_inputs_only, names),
    st.builds(cache_validators.partial_parameters_only, names),
)
retries = st.just({}) | st.fixed_dictionaries(
    {
        "max_retries": st.integers(1, 3),
        "retry_delay": seconds | st.lists(seconds, min_size=1, max_size=3),
        "retry_on": st.none() | st.sets(st.sampled_from([ValueError, OSError, CycleError])),
    }
)
caching = st.just({}) | st.fixed_dictionaries({"cache_for": seconds, "cache_validator": known_validators})
others = st.fixed_dictionaries(
    {
        "name": texts,
        "tags": st.sets(texts, max_size=3),
        "timeout": st.none() | st.integers(1, 9) | st.floats(0.1, 9),
        "trigger": known_triggers,
        "skip_on_upstream_skip": st.booleans(),
        "cache_key": st.none() | texts,
    }
)


def work(a: int, b: list[str] | None = None, *, c: Any = 3) -> dict[str, float]:
    return {}


class Shout(Task):
    def run(self, a, b=1, **more) -> str:
        return ""


@st.composite
def tasks(draw: st.DrawFn, number: int) -> Task:
    options = {**draw(others), **draw(retries), **draw(caching)}
    kind = draw(st.sampled_from(["function", "class", "bare", "parameter", "moment"]))
    if kind == "parameter":
        default = draw(st.just({}) | st.fixed_dictionaries({"default": plain}))
        return Parameter(f"p{number}", required=draw(st.none() | st.booleans()), tags=options["tags"], **default)
    if kind == "moment":
        default = draw(st.none() | st.datetimes(timezones=st.just(UTC)))
        return DateTimeParameter(f"p{number}", default=default, required=draw(st.booleans()))
    slug = draw(st.none() | st.just(f"slug {number}"))
    makers = {"function": lambda **given: FunctionTask(work, **given), "class": Shout, "bare": Task}
    return makers[kind](slug=slug, **options)


@st.composite
def edges_of(draw: st.DrawFn, flow: Flow, made: list[Task]) -> None:
    """Join tasks to earlier ones, under keys of which each is taken once."""
    for number, each in enumerate(made):
        keys: list[str | None] = [None] if type(each) is Task else [None, "a", "b"]
        for key in (
            [] if isinstance(each, Parameter) or not number else draw(st.lists(st.sampled_from(keys), unique=True))
        ):
            upstream = made[draw(st.integers(0, number - 1))]
            flow.add_edge(upstream, each, key, mapped=draw(st.booleans()), flattened=draw(st.booleans()))


berlin = ZoneInfo("Europe/Berlin")
moments = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.sampled_from([UTC, berlin]))


def rules() -> list[Any]:
    from dateutil.rrule import DAILY, MONTHLY, rrule

    return [
        rrule(DAILY, dtstart=datetime(2030, 1, 1, tzinfo=berlin)),
        rrule(MONTHLY, dtstart=datetime(2030, 1, 1), count=5),
    ]


clocks = st.one_of(
    st.builds(IntervalClock, st.timedeltas(timedelta(hours=1), timedelta(9)), parameter_defaults=st.just({"p1": [1]})),
    st.builds(DatesClock, st.lists(moments, min_size=1, max_size=3), labels=st.none() | st.just(["a"])),
)
schedules = st.one_of(
    st.none(),
    st.builds(CronSchedule, st.sampled_from(["@daily", "0 9 * * mon-fri"]), start_date=st.none() | moments),
    st.builds(IntervalSchedule, interval=st.timedeltas(timedelta(hours=1), timedelta(9))),
    st.builds(RRuleSchedule, st.sampled_from(rules())),
    st.builds(
        Schedule,
        st.lists(clocks, min_size=1, max_size=2),
        filters=st.just([filters.is_weekday]),
        or_filters=st.just([filters.is_day_of_week(2), filters.is_month_end]),
        adjustments=st.builds(lambda delta: [adjustments.add(delta)], seconds),
    ),
)


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    flow = Flow(draw(texts), schedule=draw(schedules))
    made = [draw(tasks(number)) for number in range(draw(st.integers(0, 5)))]
    for each in draw(st.permutations(made)):
        flow.add_task(each)
    draw(edges_of(flow, made))
    if made and draw(st.booleans()):
        flow.set_reference_tasks(draw(st.lists(st.sampled_from(made), min_size=1)))
    return flow


# --- coming back ------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(flows())
def test_a_flow_from_a_document_has_the_same_document(flow: Flow) -> None:
    document = flow.serialize()

    copy = back(flow)

    assert copy.serialize() == document == through_json(document)
    assert copy.serialized_hash() == flow.serialized_hash()
    assert back(copy).serialize() == document


SETTINGS = [
    "name",
    "tags",
    "max_retries",
    "retry_delay",
    "retry_on",
    "timeout",
    "skip_on_upstream_skip",
    "cache_for",
    "cache_key",
    "auto_generated",
]


@settings(max_examples=20)
@given(flows())
def test_a_flow_from_a_document_has_the_same_tasks_and_edges(flow: Flow) -> None:
    copy = back(flow)

    assert list(copy.slugs.values()) == list(flow.slugs.values())
    for mine, theirs in zip(copy.tasks, flow.tasks, strict=True):
        assert [getattr(mine, each) for each in SETTINGS] == [getattr(theirs, each) for each in SETTINGS]
        assert isinstance(mine, Parameter) == isinstance(theirs, Parameter)
        assert type(mine) in (Task, Parameter, DateTimeParameter)
    assert [joined(copy, edge) for edge in copy.edges] == [joined(flow, edge) for edge in flow.edges]
    assert {copy.slugs[each] for each in copy.reference_tasks()} == {
        flow.slugs[each] for each in flow.reference_tasks()
    }
    assert [copy.slugs[each] for each in copy.sorted_tasks()] == [flow.slugs[each] for each in flow.sorted_tasks()]


def joined(flow: Flow, edge: Any) -> tuple[Any, ...]:
    return flow.slugs[edge.upstream_task], flow.slugs[edge.downstream_task], *edge[2:]


@task
def add(x: int, y: int = 1) -> int:
    return x + y


def etl() -> Flow:
    """numbers ─▶ add.map ─▶ add, in a case"""
    with Flow("etl", schedule=CronSchedule("@daily")) as flow:
        numbers = Parameter("numbers", default=[1, 2])
        added = add.map(numbers, unmapped(3))
        with case(numbers, [1, 2]):
            add(flatten(added), task_args={"name": "last"})
    return flow


def test_a_flow_with_a_case_and_a_map_comes_back() -> None:
    flow = etl()

    copy = back(flow)

    assert copy.serialize() == flow.serialize()
    assert copy.visualize(format="mermaid") == flow.visualize(format="mermaid")
    assert copy.schedule.next(3) == flow.schedule.next(3)


def test_the_reference_tasks_are_only_kept_if_they_were_chosen() -> None:
    flow, later = back(etl()), Task("later")

    flow.add_edge(next(iter(flow.reference_tasks())), later)

    assert flow.reference_tasks() == {later}


def test_parameters_have_their_defaults_and_run() -> None:
    when = datetime(2030, 1, 31, 9, tzinfo=UTC)
    flow = Flow("f", tasks=[Parameter("x", default={"a": [1]}), DateTimeParameter("when", when, required=False)])

    copy = back(flow)
    state = copy.run()

    assert [each.name for each in copy.parameters()] == ["x", "when"]
    assert sorted(map(str, (each.result for each in state.result.values()))) == [str(when), "{'a': [1]}"]


def test_a_task_without_its_code_fails_and_says_why() -> None:
    flow = back(etl())

    state = flow.run(run_on_schedule=False, parameters={"numbers": [1]})

    [mapped] = [each for each in state.result.values() if each.is_mapped()]
    assert [str(child.result) for child in mapped.map_states] == [
        "The task 'add' comes from a document, which tells that it is a prefect.tasks.core.function.FunctionTask, but "
        "not what it does. To run the flow, load it with its code: `flow.save()` where it was made, then "
        "`Flow.load(...)`."
    ]


def test_bare_tasks_do_nothing_as_ever() -> None:
    flow = Flow("f")
    flow.chain(Task("a"), Task("b"))

    assert back(flow).run().is_successful()


def test_a_graph_can_be_made_as_well_as_a_flow() -> None:
    graph = flow_from(flow_document(etl()), lambda name, **parts: Graph(name))

    assert type(graph) is Graph
    assert flow_document(graph)["tasks"] == flow_document(etl())["tasks"]


def test_a_flow_of_your_own_class_remembers_it() -> None:
    class OwnFlow(Flow):
        pass

    document = OwnFlow("f").serialize()

    assert type(Flow.deserialize(document)) is Flow
    assert Flow.deserialize(document).serialize() == document
    assert type(OwnFlow.deserialize(document)) is OwnFlow
    assert OwnFlow.deserialize(document).serialize() == document


def test_run_configurations_and_storages_are_kept_as_documents() -> None:
    class Part:
        def serialize(self) -> dict[str, Any]:
            return {"type": "own", "labels": ["a"]}

    document = Flow("f", run_config=Part(), storage=Part()).serialize()

    assert Flow.deserialize(document).serialize() == document


def test_a_flow_does_not_depend_on_where_it_is_read() -> None:
    document = etl().serialize()

    defaults = {f"tasks.defaults.{name}": 3 for name in ("timeout", "max_retries", "retry_delay")}
    with tags("other"), set_temporary_config(defaults), Flow("around") as around, case(Task("x")(), 1):
        flow = Flow.deserialize(document)

    assert flow.serialize() == document
    assert [each.name for each in around.tasks] == ["x"]


def test_a_document_is_neither_changed_nor_shared() -> None:
    flow = Flow("f", tasks=[Parameter("x", default=[1])])
    document = flow.serialize()
    before = copy.deepcopy(document)

    new = Flow.deserialize(document)
    next(iter(new.parameters())).default.append(2)
    new.serialize()["tasks"][0]["trigger"]["kwargs"]["x"] = 1

    assert document == before


# --- what cannot come back --------------------------------------------------------------------------------------------


def own_trigger(upstream_states: Any) -> bool:
    return True


def own_validator(state: Any, inputs: Any, parameters: Any) -> bool:
    return True


def own_delay(run_count: int) -> timedelta:
    return timedelta(run_count)


class OwnError(Exception):
    pass


LOST = [
    ({"trigger": own_trigger}, "trigger", "own_trigger", triggers.all_successful),
    ({"cache_for": timedelta(1), "cache_validator": own_validator}, "cache_validator", "own_validator", None),
    ({"max_retries": 1, "retry_delay": own_delay}, "retry_delay", "own_delay", timedelta(0)),
    ({"max_retries": 1, "retry_delay": 1, "retry_on": [OwnError, ValueError]}, "retry_on", "OwnError", None),
    ({"trigger": triggers.some_failed(at_least=Fraction(1, 2))}, "trigger", "some_failed", triggers.all_successful),
]


@pytest.mark.parametrize(("options", "setting", "name", "default"), LOST, ids=[each[1] for each in LOST])
def test_what_is_not_of_the_package_is_replaced_by_the_default_with_a_warning(
    options: dict[str, Any], setting: str, name: str, default: Any
) -> None:
    flow = Flow("f", tasks=[Task("a", **options), Task("b", **options)])
    document = flow.serialize()

    with pytest.warns(UserWarning, match="cannot be restored from a document") as caught:
        new = Flow.deserialize(document)

    [warning] = caught
    assert warning.filename == __file__
    for word in ("'f'", setting, name, "a-1, b-1"):
        assert word in str(warning.message)
    expected = cache_validators.duration_only if setting == "cache_validator" else default
    assert [getattr(each, setting) for each in new.tasks] == [expected] * 2
    assert new.serialize() == document


def test_a_setting_that_is_changed_after_reading_is_described_as_it_is() -> None:
    flow = Flow("f", tasks=[Task("a", trigger=own_trigger)])
    with pytest.warns(UserWarning, match="own_trigger"):
        [made] = (new := Flow.deserialize(flow.serialize())).tasks

    made.trigger = triggers.any_failed

    [document] = new.serialize()["tasks"]
    assert document["trigger"]["name"] == "prefect.triggers.any_failed"


@pytest.mark.parametrize("name", ["os.system", "antigravity.geohash", "prefect.triggers.counted", "builtins.eval"])
def test_a_name_in_a_document_is_never_imported_or_called(name: str) -> None:
    document = Flow("f", tasks=[Task("a", max_retries=1, retry_delay=1)]).serialize()
    [described] = document["tasks"]
    described["trigger"] = {"name": name, "kwargs": {"command": "exit"}}
    described["cache_validator"] = {"name": name, "kwargs": {}}
    described["type"] = described["retry_delay"] = name
    described["retry_on"] = [name]

    with pytest.warns(UserWarning, match="cannot be restored from a document"):
        [made] = Flow.deserialize(document).tasks

    assert (made.trigger, made.cache_validator) == (triggers.all_successful, cache_validators.never_use)
    assert "antigravity" not in sys.modules


# --- broken documents -------------------------------------------------------------------------------------------------

CHANGES: list[tuple[list[Any], Any, str]] = [
    (["edges", 0, "upstream_task"], "x", r"edges[0].upstream_task: no task with the slug 'x'"),
    (["edges", 1, "downstream_task"], "y", r"edges[1].downstream_task: no task with the slug 'y'"),
    (["edges", 0, "mapped"], 1, "edges[0].mapped: 1 is not true or false"),
    (["edges", 0], "x", "edges[0]: 'x' is no object"),
    (["tasks", 2, "slug"], "numbers", "tasks[2].slug: "),
    (["tasks", 0, "name"], None, "tasks[0].name: None is not text"),
    (["tasks", 0, "max_retries"], -1, "tasks[0].max_retries: -1 is less than 0"),
    (["tasks", 0, "retry_delay"], ["soon"], "tasks[0].retry_delay: 'soon' is no length of time"),
    (["tasks", 0, "cache_for"], 1e300, "tasks[0].cache_for: 1e+300 seconds"),
    (["tasks", 0, "trigger"], "all_failed", "tasks[0].trigger: 'all_failed' is no object"),
    (["tasks", 0, "tags"], ["a", 1], "tasks[0].tags[1]: 1 is no text"),
    (["tasks", 0, "inputs"], {"x": {"type": "int"}}, "tasks[0].inputs.x.required: is missing"),
    (["tasks", 0, "inputs"], {"not a name": {"type": "int", "required": True}}, "tasks[0].inputs.not a name: "),
    (["parameters", 0, "slug"], "gone", "parameters[0].slug: no task with the slug 'gone'"),
    (["parameters", 0, "required"], "yes", "parameters[0].required: 'yes' is not true or false"),
    (["reference_tasks"], ["x"], "reference_tasks[0]: no task with the slug 'x'"),
    (["schedule", "clocks"], [{"type": "sundial"}], "schedule: There is no clock 'sundial'"),
    (["schedule"], {"type": "os.system"}, "schedule: "),
    (["name"], "", "name: A flow needs a name"),
    (["name"], 5, "name: 5 is not text"),
    (["tasks"], {}, "tasks: {} is not a list"),
    (["format"], 2, "format: this document has the format 2, and prefect-core"),
]


@pytest.mark.parametrize(("path", "value", "message"), CHANGES, ids=[each[-1][:40] for each in CHANGES])
def test_a_broken_document_is_refused_with_the_path_of_the_culprit(path: list[Any], value: Any, message: str) -> None:
    document = through_json(etl().serialize())
    *way, last = path
    place = document
    for step in way:
        place = place[step]
    place[last] = value

    with pytest.raises(DocumentError) as caught:
        Flow.deserialize(document)

    assert str(caught.value).startswith(message)


def test_whatever_a_document_lacks_is_named() -> None:
    document = through_json(etl().serialize())
    needed = {key for key in document if key not in ("__version__",)}

    for key in needed:
        with pytest.raises(DocumentError, match=f"^{key}: is missing"):
            Flow.deserialize({name: value for name, value in document.items() if name != key})


def test_an_edge_that_cannot_be_is_refused() -> None:
    document = etl().serialize()
    edge = document["edges"][0]

    for change in ({"upstream_task": edge["downstream_task"]}, {"downstream_task": "numbers"}, {}):
        broken = {**document, "edges": [*document["edges"], {**edge, **change}]}
        with pytest.raises(DocumentError, match=rf"^edges\[{len(document['edges'])}\]: "):
            Flow.deserialize(broken)


def test_a_cycle_is_refused() -> None:
    flow = Flow("f")
    flow.chain(Task("a"), Task("b"))
    document = flow.serialize()
    [edge] = document["edges"]
    document["edges"].append({**edge, "upstream_task": "b-1", "downstream_task": "a-1"})

    with pytest.raises(DocumentError, match="^edges: The tasks of .* wait for each other in a cycle: a → b → a"):
        Flow.deserialize(document)


@pytest.mark.parametrize("document", [None, [], "flow", b"{}"])
def test_what_is_no_document_is_refused(document: Any) -> None:
    with pytest.raises(DocumentError, match="^the document: .* is no object"):
        Flow.deserialize(document)


def places(part: Any) -> Iterator[tuple[Any, Any]]:
    """All the places of a document where a value stands."""
    inside = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in inside:
        yield part, key
        yield from places(value)


@settings(max_examples=60)
@given(flow=flows(), data=st.data())
def test_a_document_that_was_tampered_with_is_read_or_refused(flow: Flow, data: st.DataObject) -> None:
    document = through_json(flow.serialize())
    place, key = data.draw(st.sampled_from(list(places(document))))
    place[key] = data.draw(plain)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            new = Flow.deserialize(document)
        except DocumentError:
            return
        assert Flow.deserialize(new.serialize()).serialize() == new.serialize()
