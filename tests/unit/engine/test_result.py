"""The base result: templates, copies, and a NoResult that there is only one of."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import cloudpickle
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.engine.result import NoResult, NoResultType, Result
from prefect.engine.serializers import JSONSerializer, PickleSerializer
from prefect.exceptions import ResultNotImplementedError, TaskSettingError

names = st.from_regex("[a-z]{1,8}", fullmatch=True)


class Bucket(Result):
    """A result with settings of its own and a client that does not travel."""

    def __init__(self, bucket: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self._client: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_client": None}


class Slotted(Result):
    __slots__ = ("size",)

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size


def by_task(**values: Any) -> str:
    return f"by/{values['task_name']}"


def test_a_result_knows_what_it_was_given() -> None:
    result = Result(3, "there", JSONSerializer())
    assert (result.value, result.location, result.serializer) == (3, "there", JSONSerializer())


def test_a_result_pickles_by_default() -> None:
    assert Result().serializer == PickleSerializer()


@given(st.dictionaries(names, st.text() | st.integers(), min_size=1))
def test_a_template_takes_the_values_of_its_keys(values: dict[str, Any]) -> None:
    template = Result(location="/".join(f"{{{name}}}" for name in values))
    assert template.format(**values, unused=1).location == "/".join(str(value) for value in values.values())


def test_a_template_may_ask_for_parts_and_formats() -> None:
    moment = datetime(2024, 2, 29, tzinfo=UTC)
    template = Result(location="{date:%A}/{date.year}/{config[dir]}/{map_index:03}/{{kept}}")
    formatted = template.format(date=moment, config={"dir": "x"}, map_index=7)
    assert formatted.location == "Thursday/2024/x/007/{kept}"


def test_formatting_leaves_the_template_alone() -> None:
    template = Result(location="{x}")
    template.format(x=1)
    assert template.location == "{x}"


def test_a_function_makes_the_location() -> None:
    result = Result(location=by_task)
    assert result.location is None
    assert result.format(task_name="add", other=1).location == "by/add"


def test_a_path_is_a_location() -> None:
    assert Result(location=PurePosixPath("a/b")).location == "a/b"
    assert Result(location=lambda **_: PurePosixPath("a/c")).format().location == "a/c"  # type: ignore[arg-type]


@pytest.mark.parametrize("template", ["{taks_name}/x", "{taks_name.lower}", "{taks_name[0]}", "{taks_name:%Y}"])
def test_an_unknown_key_is_named_together_with_those_that_exist(template: str) -> None:
    with pytest.raises(TaskSettingError) as caught:
        Result(location=template).format(task_name="add", map_index=1)
    assert "'taks_name'" in str(caught.value)
    assert "map_index, task_name" in str(caught.value)
    assert template in str(caught.value)


@pytest.mark.parametrize("template", ["{", "{x.colour}", "{x[a]}", "{x:%Q"])
def test_a_template_that_cannot_be_filled_is_shown(template: str) -> None:
    with pytest.raises(ValueError, match="cannot be filled") as caught:
        Result(location=template).format(x=1)
    assert repr(template) in str(caught.value)


@pytest.mark.parametrize("location", [3, b"bytes", ["list"]])
def test_a_location_of_another_type_is_refused(location: Any) -> None:
    with pytest.raises(TypeError, match="location"):
        Result(location=location)


def test_a_function_that_returns_no_text_is_named() -> None:
    def broken(**values: Any) -> Any:
        return None

    with pytest.raises(TypeError, match="'broken' returned None"):
        Result(location=broken).format()


def test_default_locations_start_with_the_day_and_never_repeat() -> None:
    now = datetime.now(UTC)
    locations = {Result().format().location or "" for _ in range(100)}
    assert len(locations) == 100
    year, month, day, name = locations.pop().split("/")
    assert (now.date() - datetime(int(year), int(month), int(day), tzinfo=UTC).date()).days <= 0
    assert name.endswith(".prefect_result")


def test_a_copy_with_another_value_is_stored_nowhere() -> None:
    first = Bucket("b", value=1, location="there", serializer=JSONSerializer())
    second = first.from_value(2)
    assert (second.value, second.location) == (2, None)
    assert (second.serializer, type(second)) == (JSONSerializer(), Bucket)
    assert (first.value, first.location) == (1, "there")


def test_a_copy_keeps_a_location_function() -> None:
    assert Result(location=by_task).from_value(2).format(task_name="add").location == "by/add"


def test_a_copy_can_go_elsewhere() -> None:
    template = Result(1, "{x}")
    assert template.at(by_task).format(task_name="add").location == "by/add"
    assert template.at(by_task).at("{y}").format(y=2).location == "2"
    assert template.location == "{x}"


def test_a_result_without_a_place_says_so() -> None:
    with pytest.raises(ResultNotImplementedError, match="Result cannot read"):
        Result().read("there")
    with pytest.raises(NotImplementedError, match="Bucket cannot write"):
        Bucket("b").write(1)
    with pytest.raises(ResultNotImplementedError):
        Result().exists("there")


def test_only_what_stores_knows_what_is_stored() -> None:
    assert Result(1, "there").stored is None
    assert NoResult.stored is None
    assert Bucket("b", value=1).stored is None


def test_what_another_result_knows_is_read_at_its_location() -> None:
    class Echo(Result):
        def read(self, location: str) -> Result:
            return Result(f"read from {location}", location)

    assert Echo().read_again(Result(location="there")).value == "read from there"


def test_equal_results_share_type_and_public_attributes() -> None:
    assert Result(1, "a") == Result(1, "a")
    assert Result(1, "a") != Result(2, "a")
    assert Result(1, "a") != Result(1, "b")
    assert Result(1) != Result(1, serializer=JSONSerializer())
    assert Result(location=by_task) != Result(location=lambda **_: "x")
    assert Bucket("a", value=1) != Result(1)
    assert Bucket("a") != Bucket("b")
    assert Result(1) != 1


def test_private_attributes_do_not_count() -> None:
    busy = Bucket("a")
    busy._client = object()
    assert busy == Bucket("a")


def test_results_that_hold_arrays_can_be_compared() -> None:
    assert Result(numpy.arange(3)) == Result(numpy.arange(3))
    assert Result(numpy.arange(3)) != Result(numpy.array([0, 1, 3]))
    assert Result([numpy.arange(3)]) == Result([numpy.arange(3)])


def test_the_picture_of_a_result_shows_its_type_and_value() -> None:
    assert repr(Result("x")) == "<Result: 'x'>"
    assert repr(Bucket("b", value=3)) == "<Bucket: 3>"


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, Result.copy, lambda it: pickle.loads(pickle.dumps(it))])
@pytest.mark.parametrize("make", [Result, lambda *args: Bucket("b", value=args[0]), lambda *args: Slotted(3)])
def test_copies_and_pickles_are_equal(make: Any, again: Any) -> None:
    result = make({"a": [1]}, "{x}", JSONSerializer())
    twin = again(result)
    assert twin == result
    assert twin is not result
    assert getattr(twin, "size", None) == getattr(result, "size", None)


def test_a_location_function_survives_pickling() -> None:
    again = cloudpickle.loads(cloudpickle.dumps(Result(location=by_task)))
    assert again.format(task_name="add").location == "by/add"


def test_a_client_stays_behind() -> None:
    result = Bucket("b", value=1, location="there")
    result._client = object()
    again = pickle.loads(pickle.dumps(result))
    assert (again.bucket, again.value, again.location, again._client) == ("b", 1, "there", None)


def test_a_result_has_no_dictionary() -> None:
    assert not hasattr(Result(), "__dict__")


def test_there_is_one_no_result() -> None:
    assert NoResult.value is None
    assert NoResultType() is NoResult
    assert isinstance(NoResult, Result)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_result_survives_pickling_as_the_same_object(protocol: int) -> None:
    assert pickle.loads(pickle.dumps([NoResult], protocol))[0] is NoResult
    assert cloudpickle.loads(cloudpickle.dumps(NoResult)) is NoResult


def test_no_result_survives_copying_as_the_same_object() -> None:
    assert copy.copy(NoResult) is copy.deepcopy([NoResult])[0] is NoResult.copy() is NoResult.format(x=1) is NoResult


def test_no_result_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        NoResult.value = 3  # type: ignore[assignment]
    with pytest.raises(TaskSettingError):
        NoResult.at("there")
    assert NoResult.from_value(3) == Result(3)
    assert NoResult.value is None


def test_no_result_is_not_a_result_of_none() -> None:
    assert NoResult != Result(None)
    assert Result(None) != NoResult
    assert repr(NoResult) == "<NoResult>"
