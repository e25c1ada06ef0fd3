"""How values become bytes and come back."""

from __future__ import annotations

import base64
import pickle
import subprocess
import sys
import zlib
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.engine.results import LocalResult
from prefect.engine.serializers import (
    CompressedSerializer,
    DateTimeSerializer,
    JSONSerializer,
    PandasSerializer,
    PickleSerializer,
    Serializer,
)
from prefect.exceptions import ResultUnreadable, TaskSettingError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
table = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})


class Upper(Serializer):
    def serialize(self, value: str) -> bytes:
        return value.upper().encode()


@given(json_values)
def test_json_and_pickles_bring_every_value_back(value: Any) -> None:
    for serializer in (JSONSerializer(), PickleSerializer()):
        assert serializer.deserialize(serializer.serialize(value)) == value


@given(json_values, st.sampled_from(range(2, pickle.HIGHEST_PROTOCOL + 1)))
def test_pickles_in_base64_are_read_whatever_their_protocol(value: Any, protocol: int) -> None:
    assert PickleSerializer().deserialize(base64.b64encode(pickle.dumps(value, protocol))) == value


def test_a_function_can_be_pickled() -> None:
    serializer = PickleSerializer()
    assert serializer.deserialize(serializer.serialize(lambda: 42))() == 42


def test_plain_values_are_pickled_as_python_pickles_them() -> None:
    value = {"a": [1, 2.0, "x", None], "b": date(2030, 1, 1)}
    assert PickleSerializer().serialize(value) == pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def test_cloudpickle_is_loaded_only_for_what_plain_pickles_cannot_hold() -> None:
    code = """
import sys
from prefect.engine.serializers import PickleSerializer

def mine(): return 42

data = PickleSerializer().serialize({"a": [1, "x", ValueError("plain"), len]})
PickleSerializer().deserialize(data)
print("cloudpickle" in sys.modules)
PickleSerializer().serialize(mine)
print("cloudpickle" in sys.modules)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["False", "True"]


@given(json_values, st.data())
def test_a_pickle_that_was_cut_or_has_something_behind_it_is_refused(value: Any, data: st.DataObject) -> None:
    good = PickleSerializer().serialize(value)
    cut = good[: data.draw(st.integers(0, len(good) - 1))]
    for bad in (cut, good + b"\0", good + b"\n"):
        with pytest.raises(Exception, match=r".*"):
            PickleSerializer().deserialize(bad)


SERIALIZERS: dict[str, tuple[Serializer, Any]] = {
    "pickle": (PickleSerializer(), {"a": 1}),
    "json": (JSONSerializer(), {"a": 1}),
    "datetime": (DateTimeSerializer(), datetime(2030, 1, 1, tzinfo=UTC)),
    "csv": (PandasSerializer("csv"), table),
    "pandas pickle": (PandasSerializer("pickle"), table),
    **{
        format: (CompressedSerializer(JSONSerializer(), format=format), {"a": 1})
        for format in ("bz2", "gzip", "lzma", "zlib")
    },
}


@pytest.mark.parametrize("name", SERIALIZERS)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00garbage", bytes(100)], ids=["nothing", "garbage", "zeros"])
def test_foreign_bytes_are_no_value_of_any_serializer(tmp_path: Path, name: str, content: bytes) -> None:
    if (name, content) == ("csv", bytes(100)):
        pytest.skip("A line of zeros is the head of a table without rows.")
    (tmp_path / "x").write_bytes(content)

    with pytest.raises(ResultUnreadable, match=f"{tmp_path}/x"):
        LocalResult(tmp_path, serializer=SERIALIZERS[name][0]).read("x")


@pytest.mark.parametrize("name", SERIALIZERS)
@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:5] + b"?" + data[6:]], ids=["cut", "changed"]
)
def test_damaged_bytes_are_noticed_whatever_the_serializer(tmp_path: Path, name: str, damage: Any) -> None:
    serializer, value = SERIALIZERS[name]
    written = LocalResult(tmp_path, location="x", serializer=serializer).write(value)
    (tmp_path / "x").write_bytes(damage((tmp_path / "x").read_bytes()))

    with pytest.raises(ResultUnreadable):
        written.read(str(written.location))


def test_json_refuses_other_values() -> None:
    with pytest.raises(TypeError):
        JSONSerializer().serialize({1, 2})


@given(st.datetimes(timezones=zones))
def test_moments_come_back_in_their_zone(moment: datetime) -> None:
    again = DateTimeSerializer().deserialize(DateTimeSerializer().serialize(moment))
    assert (again, again.utcoffset()) == (moment, moment.utcoffset())


def test_a_moment_without_a_zone_is_in_utc() -> None:
    serializer = DateTimeSerializer()
    assert serializer.serialize(datetime(2024, 5, 6)) == b"2024-05-06T00:00:00+00:00"
    assert serializer.deserialize(b"2024-05-06T00:00:00") == datetime(2024, 5, 6, tzinfo=UTC)
    assert serializer.deserialize(b"2024-05-06T00:00:00Z") == datetime(2024, 5, 6, tzinfo=UTC)


def test_only_moments_are_moments() -> None:
    with pytest.raises(TypeError, match="'today'"):
        DateTimeSerializer().serialize("today")  # type: ignore[arg-type]


@pytest.mark.parametrize("file_type", ["csv", "json", "pickle"])
def test_tables_come_back_from_binary_and_text_files(file_type: str) -> None:
    kwargs = {"index": False} if file_type == "csv" else {}
    serializer = PandasSerializer(file_type, serialize_kwargs=kwargs)
    pandas.testing.assert_frame_equal(serializer.deserialize(serializer.serialize(table)), table)


def test_options_for_reading_tables_are_used() -> None:
    serializer = PandasSerializer("csv", deserialize_kwargs={"usecols": ["b"]})
    assert list(serializer.deserialize(serializer.serialize(table)).columns) == ["b"]


def test_a_wrong_option_is_reported_as_pandas_reports_it() -> None:
    with pytest.raises(TypeError, match="colour"):
        PandasSerializer("csv", serialize_kwargs={"colour": 1}).serialize(table)


def test_file_types_that_pandas_lacks_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"'hologram'.* csv, "):
        PandasSerializer("hologram")


@pytest.mark.parametrize("format", ["bz2", "gzip", "lzma", "zlib"])
def test_compressed_values_come_back(format: str) -> None:
    serializer = CompressedSerializer(JSONSerializer(), format=format)
    data = serializer.serialize("x" * 1000)
    assert len(data) < 200
    assert serializer.deserialize(data) == "x" * 1000


def test_functions_and_options_of_ones_own_compress() -> None:
    serializer = CompressedSerializer(
        JSONSerializer(),
        compress=zlib.compress,
        decompress=zlib.decompress,
        compress_kwargs={"level": 0},
        decompress_kwargs={"bufsize": 10},
    )
    data = serializer.serialize("x" * 1000)
    assert len(data) > 1000  # level 0 stores
    assert serializer.deserialize(data) == "x" * 1000


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"format": "zlib", "compress": zlib.compress, "decompress": zlib.decompress},
        {"format": "zlib", "compress": zlib.compress},
        {"compress": zlib.compress},
        {"decompress": zlib.decompress},
        {"format": "math"},
    ],
)
def test_a_compression_is_named_once_and_completely(settings: dict[str, Any]) -> None:
    with pytest.raises(TaskSettingError):
        CompressedSerializer(JSONSerializer(), **settings)


def test_a_format_that_is_not_installed_is_an_import_error() -> None:
    with pytest.raises(ImportError, match="no_such_format"):
        CompressedSerializer(JSONSerializer(), format="no_such_format")


def test_serializers_of_one_type_and_settings_are_equal() -> None:
    assert PickleSerializer() == PickleSerializer() != JSONSerializer()
    assert PandasSerializer("csv") == PandasSerializer("csv") != PandasSerializer("json")
    gzip = CompressedSerializer(JSONSerializer(), format="gzip")
    assert gzip == CompressedSerializer(JSONSerializer(), format="gzip")
    assert gzip != CompressedSerializer(PickleSerializer(), format="gzip")
    assert gzip != CompressedSerializer(JSONSerializer(), format="bz2")
    assert len({PickleSerializer(), PickleSerializer(), JSONSerializer()}) == 2


def test_serializers_can_be_pickled() -> None:
    for serializer in (PandasSerializer("csv"), CompressedSerializer(JSONSerializer(), format="gzip")):
        assert pickle.loads(pickle.dumps(serializer)) == serializer


def test_a_serializer_that_lacks_a_direction_says_which() -> None:
    assert Upper().serialize("a") == b"A"
    with pytest.raises(NotImplementedError, match="Upper has to define deserialize"):
        Upper().deserialize(b"A")
