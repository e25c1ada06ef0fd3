"""What every result that stores values has to keep to, wherever it stores them."""

from __future__ import annotations

import pickle
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.conftest import Directory, Store

from prefect.engine.result import Stored, StoredResult
from prefect.engine.serializers import CompressedSerializer, JSONSerializer, PickleSerializer, Serializer
from prefect.engine.state import State, Success
from prefect.exceptions import (
    PrefectException,
    ResultMissing,
    ResultStoreError,
    ResultUnreadable,
    TaskSettingError,
    TaskSettingTypeError,
)

few = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


class Text(Serializer):
    """Returns text where bytes are asked for."""

    def serialize(self, value: Any) -> Any:
        return str(value)


def located(result: Any) -> str:
    assert isinstance(result.location, str)
    return result.location


# --- there and back ---------------------------------------------------------------------------------------------------


@few
@given(value=values)
def test_a_value_comes_back(store: Store, value: Any) -> None:
    written = store.result(location="x").write(value)

    again = store.result().read(located(written))

    assert (written.value, again.value, again.location) == (value, value, written.location)


def test_what_is_stored_is_what_the_serializer_made(store: Store) -> None:
    store.result(location="table.json", serializer=JSONSerializer()).write({"a": [1, 2]})

    assert store.get("table.json") == b'{"a": [1, 2]}'


@pytest.mark.parametrize("data", [b"", b"\x00\xff\r\n", bytes(range(256)) * 400])
def test_any_bytes_can_be_stored(store: Store, data: bytes) -> None:
    result = store.result()

    result.put("data", data)

    assert result.fetch("data") == data == store.get("data")


@pytest.mark.parametrize("name", ["a b/ü/日本.pkl", "100%/a+b&c=d.pkl", "#1?.pkl"])
def test_a_location_may_be_any_text(store: Store, name: str) -> None:
    written = store.result(location=lambda **_: name).write(1)

    assert written.read(located(written)).value == 1
    assert store.get(name)


def test_values_may_be_compressed(store: Store) -> None:
    result = store.result(location="x", serializer=CompressedSerializer(PickleSerializer(), format="gzip"))
    written = result.write("x" * 10_000)

    assert len(store.get("x")) < 1000
    assert result.read(located(written)).value == "x" * 10_000


def test_writing_leaves_the_result_alone_and_makes_a_new_one(store: Store) -> None:
    template = store.result(location="{name}", serializer=JSONSerializer())

    written = template.write(1, name="a")

    assert (template.value, template.location, template.stored) == (None, "{name}", None)
    assert (type(written), written.value, written.serializer) == (type(template), 1, JSONSerializer())


def test_a_value_can_be_overwritten(store: Store) -> None:
    result = store.result(location="x")
    first, second = result.write("a long first value"), result.write("short")

    assert located(first) == located(second)
    assert result.read(located(first)).value == "short"


# --- locations --------------------------------------------------------------------------------------------------------


def test_a_template_is_filled(store: Store) -> None:
    store.result(location="{date:%Y}/{task_name}/{map_index:02}").write(
        1, date=datetime(2030, 1, 1), task_name="add", map_index=3
    )

    assert store.get("2030/add/03")


def test_an_unknown_key_of_a_template_is_named_and_nothing_is_written(store: Store) -> None:
    with pytest.raises(TaskSettingError, match=r"'tsak_name'.*task_name"):
        store.result(location="{tsak_name}").write(1, task_name="add")
    with pytest.raises(TaskSettingError, match="'tsak_name'"):
        store.result().exists("{tsak_name}", task_name="add")


def test_a_function_may_tell_the_location(store: Store) -> None:
    store.result(location=lambda **values: f"by/{values['task_name']}").write(1, task_name="add")

    assert store.get("by/add")


def test_values_without_a_location_get_one_each(store: Store) -> None:
    result = store.result()
    written = {located(result.write(number)): number for number in range(5)}

    assert len(written) == 5
    assert all(result.read(location).value == number for location, number in written.items())


def test_in_the_cloud_the_location_begins_with_the_day(store: Store) -> None:
    if isinstance(store, Directory):
        pytest.skip("The files of a machine are named by their time.")
    before = datetime.now(UTC)
    location = located(store.result().write(1))
    after = datetime.now(UTC)

    assert re.fullmatch(r"\d{4}/\d{1,2}/\d{1,2}/[0-9a-f-]{36}\.prefect_result", location)
    assert location.rpartition("/")[0] in {f"{day.year}/{day.month}/{day.day}" for day in (before, after)}


def test_a_value_exists_once_it_is_written(store: Store) -> None:
    result = store.result(location="{name}/x")
    assert not result.exists("a/x")

    written = result.write(1, name="a")

    assert result.exists("a/x")
    assert result.exists(located(written))
    assert result.exists("{name}/x", name="a")
    assert not result.exists("{name}/x", name="b")
    assert not result.exists("a")


# --- what is wrong with a value ---------------------------------------------------------------------------------------


def test_a_missing_value_is_named(store: Store) -> None:
    with pytest.raises(ResultMissing, match=r"No result is stored at '.*missing'.*check the location") as caught:
        store.result().read("missing")
    assert isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize("data", [b"", b"garbage", pickle.dumps([1, 2, 3])[:-3], pickle.dumps([1, 2, 3]) + b"\n"])
def test_a_foreign_or_corrupt_value_is_named(store: Store, data: bytes) -> None:
    store.put("foreign", data)

    with pytest.raises(
        ResultUnreadable, match=r"foreign' does not hold a value.*PickleSerializer.*delete it"
    ) as caught:
        store.result().read("foreign")
    assert isinstance(caught.value, ValueError)
    assert caught.value.__cause__ is not None


def test_a_truncated_value_is_named_with_both_sizes(store: Store) -> None:
    written = store.result(location="x", serializer=JSONSerializer()).write(1234)
    store.put("x", b"123")  # which is JSON, too

    with pytest.raises(ResultUnreadable, match=r"x' holds 3 bytes, 4 were written.*Delete it"):
        written.read(located(written))


def test_a_changed_value_is_named(store: Store) -> None:
    written = store.result(location="x", serializer=JSONSerializer()).write(1234)
    store.put("x", b"1235")

    with pytest.raises(ResultUnreadable, match="x' holds other bytes than were written.*digest"):
        written.read(located(written))


def test_who_did_not_write_the_value_takes_what_is_there(store: Store) -> None:
    written = store.result(location="x", serializer=JSONSerializer()).write(1234)
    store.put("x", b"1235")

    assert store.result(serializer=JSONSerializer()).read(located(written)).value == 1235


@few
@given(data=st.data())
def test_no_damage_goes_unnoticed(store: Store, data: st.DataObject) -> None:
    written = store.result(location="x").write(data.draw(values))
    good = store.get("x")
    start = data.draw(st.integers(0, len(good)))
    bad = good[:start] + data.draw(st.binary(max_size=5)) + good[data.draw(st.integers(start, len(good))) :]
    store.put("x", bad)

    if bad == good:
        assert written.read(located(written)).value == written.value
    else:
        with pytest.raises(ResultUnreadable):
            written.read(located(written))


# --- what travels -----------------------------------------------------------------------------------------------------


def test_size_and_digest_are_known_after_writing_and_after_reading(store: Store) -> None:
    written = store.result(location="x", serializer=JSONSerializer()).write([1])
    read = store.result(serializer=JSONSerializer()).read(located(written))

    assert isinstance(written.stored, Stored)
    assert written.stored.size == 3
    assert re.fullmatch("[0-9a-f]{32}", written.stored.digest)
    assert read.stored == written.stored


def test_size_and_digest_do_not_count_for_equality(store: Store) -> None:
    written = store.result(location="x").write([1])
    twin = store.result(location=located(written), value=[1])

    assert (written.stored is None, twin.stored is None) == (False, True)
    assert written == twin


def test_size_and_digest_belong_to_their_location(store: Store) -> None:
    written = store.result(location="x").write(1)
    store.put("y", pickle.dumps(2))

    assert written.copy().stored == written.stored
    assert written.at("y").stored is None
    assert written.from_value(2).stored is None
    assert written.read("y").value == 2


def test_a_pickled_result_reads_again(store: Store) -> None:
    written = store.result(location="x").write({"a": 1})
    written.read(located(written))  # with a client that is in use

    again = pickle.loads(pickle.dumps(written))

    assert (again, again.stored) == (written, written.stored)
    assert again.read(located(again)).value == {"a": 1}
    store.put("x", b"broken")
    with pytest.raises(ResultUnreadable, match="6 bytes"):
        again.read(located(again))


def remembered(result: Any) -> State:
    """A state that knows only where its value is, in another process."""
    state = Success(result=result)
    state._result.value = None
    travelled: State = pickle.loads(pickle.dumps(state))
    return travelled


def test_a_state_loads_its_value_and_notices_damage(store: Store) -> None:
    state = remembered(store.result(location="x").write([1, 2]))
    assert state.load_result().result == [1, 2]

    state = remembered(state._result)
    store.put("x", pickle.dumps([1, 3]))
    with pytest.raises(ResultUnreadable):
        state.load_result()


def test_another_result_reads_what_a_result_knows(store: Store) -> None:
    written = store.result(location="x").write([1])
    reader = store.result(location="{template}")

    assert reader.read_again(written).value == [1]
    store.put("x", pickle.dumps([2]))
    with pytest.raises(ResultUnreadable):
        reader.read_again(written)


# --- what is wrong with the store -------------------------------------------------------------------------------------


def test_a_write_that_fails_is_explained_and_leaves_the_old_value(store: Store) -> None:
    result = store.result(location="x")
    old = result.write("old")

    with store.refusing(), pytest.raises(ResultStoreError, match="x' could not be written") as caught:
        result.write("new" * 100)

    assert isinstance(caught.value, OSError)
    assert caught.value.__cause__ is not None
    assert old.read(located(old)).value == "old"


def test_a_first_write_that_fails_leaves_nothing(store: Store) -> None:
    with store.refusing(), pytest.raises(ResultStoreError):
        store.result(location="x").write("new" * 100)

    assert not store.result().exists("x")


def test_a_store_that_is_not_there_is_an_error_that_tells_what_to_do(store: Store) -> None:
    with pytest.raises(ResultStoreError, match="x' could not be written.*(Create the|A file is where)"):
        store.misplaced(location="x").write(1)


def test_a_value_that_cannot_be_serialized_touches_nothing(store: Store) -> None:
    old = store.result(location="x").write("old")

    with pytest.raises(TypeError):
        store.result(location="x", serializer=JSONSerializer()).write({1, 2})
    with pytest.raises(TaskSettingTypeError, match="bytes.*Text.*str"):
        store.result(location="x", serializer=Text()).write(1)

    assert old.read(located(old)).value == "old"


def test_errors_travel(store: Store) -> None:
    with pytest.raises(PrefectException) as caught:
        store.result().read("missing")

    again = pickle.loads(pickle.dumps(caught.value))

    assert (type(again), str(again)) == (ResultMissing, str(caught.value))


# --- the port ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["fetch", "put", "holds"])
def test_a_store_that_lacks_a_method_says_which(call: str) -> None:
    arguments = {"fetch": ("x",), "put": ("x", b""), "holds": ("x",)}[call]
    with pytest.raises(NotImplementedError, match=f"StoredResult has to define {call}"):
        getattr(StoredResult(), call)(*arguments)
