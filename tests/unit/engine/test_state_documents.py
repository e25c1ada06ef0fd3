"""States as documents: every class comes back with its fields, and with all of its result but the value."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import prefect
from prefect import Flow, Parameter, task
from prefect.engine.result import NoResult, Result, Stored
from prefect.engine.results import (
    AzureResult,
    ConstantResult,
    GCSResult,
    LocalResult,
    PrefectResult,
    S3Result,
    SecretResult,
)
from prefect.engine.serializers import (
    CompressedSerializer,
    DateTimeSerializer,
    JSONSerializer,
    PandasSerializer,
    PickleSerializer,
    Serializer,
)
from prefect.engine.state import (
    Cached,
    Failed,
    Looped,
    Mapped,
    Paused,
    Pending,
    Queued,
    Retrying,
    Scheduled,
    State,
    Submitted,
    Success,
    _MetaState,
)
from prefect.exceptions import DocumentError, ResultUnreadable

ALL = [State, *State.children()]


class OwnResult(Result):
    """A result that somebody wrote for a store of theirs."""

    def __init__(self, password: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.password = password


class OwnSerializer(Serializer):
    pass


def through_json(document: Any) -> Any:
    return json.loads(json.dumps(document, allow_nan=False))


def back(state: State) -> State:
    return State.deserialize(through_json(state.serialize()))


# --- what is drawn ----------------------------------------------------------------------------------------------------

texts = st.text(max_size=5)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=3,
)
facts = st.dictionaries(texts, plain, max_size=3)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=zones)

compressed = st.builds(
    CompressedSerializer,
    st.sampled_from([PickleSerializer(), JSONSerializer()]),
    format=st.sampled_from(["bz2", "gzip", "lzma", "zlib"]),
)
serializers = st.sampled_from([PickleSerializer(), JSONSerializer(), DateTimeSerializer()]) | compressed
options = {"location": st.none() | texts, "serializer": serializers}
stored = st.builds(Stored, st.integers(0), st.text("0123456789abcdef", min_size=32, max_size=32))


@st.composite
def stored_results(draw: st.DrawFn) -> Result:
    """A result of one of the stores, which may know what it has stored."""
    kinds = [
        st.builds(LocalResult, dir=texts, validate_dir=st.booleans(), **options),
        st.builds(S3Result, bucket=texts, **options),
        st.builds(GCSResult, bucket=st.none() | texts, **options),
        st.builds(AzureResult, container=texts, connection_string_secret=st.none() | texts, **options),
    ]
    result = draw(st.one_of(kinds))
    result.stored = draw(st.none() | stored)
    result.value = draw(st.none() | st.just("a value"))
    return result


results = st.one_of(
    st.just(NoResult),
    st.builds(Result, plain, **options),
    stored_results(),
    st.builds(ConstantResult, value=plain, location=options["location"]),
    st.builds(PrefectResult, value=plain, location=options["location"]),
)
held = st.none() | plain.filter(lambda value: value is not None) | results

common: dict[str, Any] = {"message": st.none() | texts, "result": held, "context": facts}
own: dict[str, dict[str, Any]] = {
    "start_time": {"start_time": st.none() | moments},
    "run_count": {"run_count": st.integers(0, 9)},
    "loop_count": {"loop_count": st.integers(1, 9)},
    "hashed_inputs": {
        "cached_parameters": st.none() | facts,
        "cached_result_expiration": st.none() | moments,
        "hashed_inputs": st.none() | st.dictionaries(texts, st.none() | texts),
    },
}


def states_of(kind: type[State], inner: st.SearchStrategy[Any]) -> st.SearchStrategy[State]:
    """States of one class; `inner` are the states that they may hold."""
    fields = dict(common)
    for name, more in own.items():
        if hasattr(kind, name):
            fields.update(more)
    if issubclass(kind, _MetaState):
        fields["state"] = inner
    if issubclass(kind, Mapped):
        fields["map_states"] = st.lists(st.none() | inner, max_size=3)
        fields["n_map_states"] = st.none() | st.integers(0, 5)
    return st.builds(kind, **fields)


def any_state(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[State]:
    return st.one_of(states_of(kind, inner) for kind in ALL)


states = st.recursive(st.none(), any_state, max_leaves=3)


def without_value(held: Any) -> Result | None:
    if held is None or held is NoResult:
        return None
    result = held.copy() if isinstance(held, Result) else Result()
    result.value = None
    return result


def stripped(state: State | None) -> State | None:
    """A copy as a document keeps it: without values."""
    if state is None:
        return None
    new = copy.copy(state)
    new._held = without_value(new._held)
    if isinstance(new, Mapped):
        new.map_states = [stripped(each) for each in new.map_states]
    if isinstance(new, _MetaState):
        new.state = stripped(new.state)
    return new


def shown(state: State | None) -> Any:
    """Everything about a state, also what `==` passes over."""
    if state is None:
        return None
    inside = [shown(each) for each in getattr(state, "map_states", [])]
    return type(state), state.message, state.context, state._result.stored, inside, shown(getattr(state, "state", None))


# --- every class ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
@settings(max_examples=15)
@given(data=st.data())
def test_a_state_of_every_class_comes_back_from_its_document(kind: type[State], data: st.DataObject) -> None:
    state = data.draw(states_of(kind, states))

    document = state.serialize()
    copy = State.deserialize(through_json(document))

    assert copy == stripped(state)
    assert shown(copy) == shown(stripped(state))
    assert copy.serialize() == document == through_json(document)


@pytest.mark.parametrize("kind", ALL)
def test_a_state_without_anything_comes_back(kind: type[State]) -> None:
    copy = back(kind())

    assert type(copy) is kind
    assert copy.message is None
    assert copy._result is NoResult or kind is Mapped


def test_the_document_of_a_state_is_plain() -> None:
    when = datetime(2030, 1, 1, 9, tzinfo=UTC)

    assert Retrying("again", start_time=when, run_count=2, context={"tags": ["a"]}).serialize() == {
        "type": "Retrying",
        "message": "again",
        "context": {"tags": ["a"]},
        "result": None,
        "start_time": "2030-01-01T09:00:00+00:00",
        "run_count": 2,
        "format": 1,
        "__version__": prefect.__version__,
    }


def test_the_document_of_a_stored_result_tells_where_the_value_is_and_how_to_read_it(tmp_path: Path) -> None:
    written = LocalResult(dir=tmp_path, location="x.json", serializer=JSONSerializer()).write({"a": 1})

    assert Success(result=written).serialize()["result"] == {
        "type": "prefect.engine.results.LocalResult",
        "location": str(tmp_path / "x.json"),
        "stored": {"size": 8, "digest": written.stored.digest},
        "settings": {"dir": str(tmp_path)},
        "serializer": {"type": "prefect.engine.serializers.JSONSerializer"},
    }


def test_states_from_documents_do_not_take_from_the_context() -> None:
    documents = [Scheduled().serialize(), Retrying(run_count=1).serialize(), Looped(loop_count=1).serialize()]

    with prefect.context(task_run_count=7, task_loop_count=7, task_tags=["other"]):
        copies = [State.deserialize(document) for document in documents]

    assert [copy.serialize() for copy in copies] == documents


def test_the_states_of_a_real_run_come_back() -> None:
    """Parameter ─▶ half.map ─▶ collect"""

    @task(tags=["t"])
    def half(x: int) -> float:
        return 1 / x

    with Flow("f") as flow:
        half.map(Parameter("xs", default=[1, 0]))
    run = flow.run()

    for state in [run, *run.result.values()]:
        assert back(state).serialize() == state.serialize()
    [mapped] = [state for state in run.result.values() if state.is_mapped()]
    assert [type(child).__name__ for child in back(mapped).map_states] == ["Success", "Failed"]


def test_a_state_without_its_own_time_stays_so() -> None:
    assert back(Paused()).start_time is None


def test_a_state_of_your_own_comes_back_where_its_class_exists() -> None:
    class Blessed(Success):
        """Nothing else."""

    copy = back(Blessed("amen", result=Result(location="x")))

    assert type(copy) is Blessed
    assert copy._result.location == "x"


# --- values -----------------------------------------------------------------------------------------------------------


@given(data=st.data())
def test_a_value_is_never_in_a_document(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(ALL))
    value = "VALUE"
    result = data.draw(st.sampled_from([value, Result(value), LocalResult(value=value), OwnResult("", value=value)]))

    assert value not in json.dumps(kind(result=result).serialize())


def test_a_value_that_its_location_holds_is_there_all_the_same() -> None:
    copy = back(Success(result=PrefectResult().write([1, 2])))

    assert copy.result is None
    assert copy.load_result().result == [1, 2]


@pytest.mark.parametrize(
    "serializer",
    [PickleSerializer(), JSONSerializer(), CompressedSerializer(JSONSerializer(), format="lzma")],
    ids=repr,
)
def test_a_stored_value_is_read_with_the_same_serializer(serializer: Serializer, tmp_path: Path) -> None:
    state = Success(result=LocalResult(dir=tmp_path, serializer=serializer).write({"a": [1]}))

    assert back(state).load_result().result == {"a": [1]}


def test_a_table_is_read_with_the_options_it_needs(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"x": [1, 2]}, index=["a", "b"])
    serializer = PandasSerializer("csv", deserialize_kwargs={"index_col": 0})
    state = Success(result=LocalResult(dir=tmp_path, serializer=serializer).write(table))

    assert back(state).load_result().result.equals(table)


def test_a_stored_value_that_was_changed_is_found_out(tmp_path: Path) -> None:
    state = Success(result=LocalResult(dir=tmp_path, location="x").write([1, 2]))
    document = through_json(state.serialize())
    (tmp_path / "x").write_bytes(pickle.dumps([1, 3]))

    with pytest.raises(ResultUnreadable):
        State.deserialize(document).load_result()


def test_the_children_of_a_map_are_read_from_where_they_are_stored(tmp_path: Path) -> None:
    children = [Success(result=LocalResult(dir=tmp_path).write(n)) for n in range(3)]

    copy = back(Mapped(map_states=children))

    assert copy.load_result().result == [0, 1, 2]


# --- what does not come back ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "result",
    [
        OwnResult("s3cret", location="place"),
        Result(location="place", serializer=OwnSerializer()),
        LocalResult(location="place", serializer=CompressedSerializer(JSONSerializer(), compress=len, decompress=len)),
        LocalResult(location="place", serializer=CompressedSerializer(OwnSerializer(), format="gzip")),
    ],
    ids=repr,
)
def test_a_result_that_is_not_known_comes_back_plain_with_its_location(result: Result) -> None:
    copy = back(Success(result=result))._result

    assert type(copy) is Result
    assert copy == Result(location="place")
    assert back(Success(result=copy))._result == copy


def test_options_of_a_serializer_that_are_not_plain_are_not_guessed() -> None:
    pytest.importorskip("pandas")
    result = LocalResult(location="x", serializer=PandasSerializer("csv", deserialize_kwargs={"dtype": {"a": int}}))

    assert back(Success(result=result))._result == Result(location="x")


def test_a_subclass_of_a_known_result_is_not_taken_for_it() -> None:
    class LocalResult2(LocalResult):
        """Keeps its values somewhere else."""

    LocalResult2.__name__ = "LocalResult"

    assert type(back(Success(result=LocalResult2(location="x")))._result) is Result


def test_what_is_not_plain_is_left_out_of_the_context() -> None:
    context = {"tags": ["a"], "lock": object(), "nested": {"x": 1, "y": {2}}, 3: "three", "nan": float("nan")}

    assert back(Failed(context=context)).context == {"tags": ["a"], "nested": {"x": 1}}


def test_cached_inputs_of_old_code_come_back_as_locations() -> None:
    copy = back(Pending(cached_inputs={"x": PrefectResult(location="1"), "y": 2, "z": None}))

    assert copy.cached_inputs["x"].read("1").value == 1
    assert (copy.cached_inputs["y"], copy.cached_inputs["z"]) == (Result(), None)


# --- secrets ----------------------------------------------------------------------------------------------------------


class Vault:
    name = "DB"

    def run(self) -> str:
        return "s3cret"


@pytest.mark.parametrize(
    "state",
    [
        Success(result=SecretResult(Vault(), value="s3cret")),
        Success(result=S3Result("b", boto3_kwargs={"aws_secret_access_key": "s3cret"}, upload_options={"x": "s3cret"})),
        Success(result=AzureResult("c", connection_string="AccountKey=s3cret", connection_string_secret="NAME")),
        Success(result=OwnResult("s3cret", value="s3cret")),
        Failed(result=ValueError("s3cret")),
        Failed(context={"secrets": {"DB": "s3cret"}, "config": {"context": {"secrets": {"DB": "s3cret"}}}}),
        Cached(cached_parameters={"secrets": "s3cret"}),
    ],
    ids=repr,
)
def test_no_secret_is_in_a_document(state: State) -> None:
    assert "s3cret" not in json.dumps(state.serialize())


def test_a_secret_comes_back_as_a_name_only() -> None:
    copy = back(Success(result=SecretResult(Vault(), value="s3cret")))._result

    assert copy == Result(location="DB")


# --- broken documents -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "Sucess"}, "type: there is no state 'Sucess'; there are Cached, .*Success"),
        ({"type": "os.system"}, "type: there is no state 'os.system'"),
        ({"type": 5}, "type: 5 is not text"),
        ({"start_time": "tomorrow"}, "start_time: Invalid isoformat string: 'tomorrow'"),
        ({"run_count": "2"}, "run_count: '2' is not a whole number"),
        ({"context": []}, r"context: \[\] is no object"),
        ({"message": 5}, "message: 5 is not text"),
        ({"result": {"type": "x"}}, r"result\.location: is missing"),
        ({"format": 2}, "format: this document has the format 2, .* Update prefect-core"),
    ],
)
def test_a_broken_document_is_refused_with_the_path(change: dict[str, Any], message: str) -> None:
    document = {**Retrying(run_count=1).serialize(), **change}

    with pytest.raises(DocumentError, match=f"^{message}"):
        State.deserialize(document)


@pytest.mark.parametrize("key", ["type", "message", "context", "result", "start_time", "run_count", "format"])
def test_a_document_that_lacks_something_is_refused(key: str) -> None:
    document = Retrying(run_count=1).serialize()
    del document[key]

    with pytest.raises(DocumentError, match=f"^{key}: is missing"):
        State.deserialize(document)


def test_the_path_of_a_culprit_leads_into_the_states_inside() -> None:
    document = Mapped(map_states=[None, Submitted(state=Queued(state=Looped(loop_count=1)))]).serialize()
    document["map_states"][1]["state"]["loop_count"] = "two"

    with pytest.raises(DocumentError, match=r"^map_states\[1\]\.state\.loop_count: 'two'"):
        State.deserialize(document)


@pytest.mark.parametrize("document", [None, [], "Success", 5])
def test_what_is_no_document_is_refused(document: Any) -> None:
    with pytest.raises(DocumentError, match="^the document: .* is no object"):
        State.deserialize(document)


@given(state=any_state(states), data=st.data())
def test_a_document_that_was_tampered_with_is_read_or_refused(state: State, data: st.DataObject) -> None:
    document = through_json(state.serialize())
    place, key = data.draw(st.sampled_from(list(places(document))))
    place[key] = data.draw(plain)

    try:
        copy = State.deserialize(document)
    except DocumentError:
        return
    assert back(copy).serialize() == copy.serialize()


def places(part: Any) -> Any:
    """All the places of a document where a value stands."""
    inside = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in inside:
        yield part, key
        yield from places(value)
