"""How long the history is kept, and the files of its values with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect import Flow, task
from prefect.store.records import UNOWNED, Batch, FlowRun, FlowVersion
from prefect.store.retention import DAY, directory, prune
from prefect.utilities.configuration import set_temporary_config

NOW = 1_800_000_000_000_000


@pytest.fixture
def home(tmp_path):
    return str(tmp_path)


@pytest.fixture
def add(store, home):
    """Let there be a run that ended so many days ago, with a file of its values; None for one without an end."""

    def add(id, days):
        ended = None if days is None else NOW - days * DAY
        run = FlowRun(id=id, flow="f", version="v", name="f", state="Failed", created=NOW, ended=ended)
        version = FlowVersion("v", "f", "{}", NOW)
        batch = Batch(run=id, epoch=1, after=0, last_seq=0, lease_until=UNOWNED, begin=run, version=version)
        assert store.commit([batch]) == []
        leave_file(home, id)

    return add


def leave_file(home, id):
    Path(directory(home, id)).mkdir(parents=True)
    Path(directory(home, id), "value.pickle").write_bytes(b"value")


def kept(store, home):
    """The runs that are there, and those that have files."""
    values = Path(home, "values")
    return {run.id for run in store.runs()}, {each.name for each in values.iterdir()} if values.exists() else set()


def test_runs_that_ended_long_ago_are_deleted_with_their_files(store, home, add):
    add("old", 31)
    add("new", 29)

    assert prune(store, home, NOW, 30, 0) == 1

    assert kept(store, home) == ({"new"}, {"new"})


def test_runs_without_an_end_stay_as_somebody_may_go_on_with_them(store, home, add):
    add("open", None)

    assert prune(store, home, NOW, 1, 1) == 0
    assert kept(store, home) == ({"open"}, {"open"})


def test_nothing_is_deleted_if_nobody_set_a_limit(store, home, add):
    add("old", 1000)

    assert prune(store, home, NOW, 0, 0) == 0


def test_the_oldest_are_deleted_until_the_store_is_small_enough(store, home, add):
    for number in range(10):
        add(f"run-{number}", number)

    deleted = prune(store, home, NOW, 0, store.size() // 2)

    runs, files = kept(store, home)
    assert deleted == 5
    assert runs == files == {f"run-{number}" for number in range(5)}


def test_files_of_runs_that_another_store_knows_stay(store, home, add):
    add("old", 31)
    leave_file(home, "of another store")

    prune(store, home, NOW, 30, 0)

    assert kept(store, home)[1] == {"of another store"}


def test_without_files_there_is_nothing_to_forget(store, home):
    assert prune(store, home, NOW, 30, 0) == 0
    assert kept(store, home) == (set(), set())


def test_the_files_of_a_real_run_go_with_it(store, home, recorded):
    with set_temporary_config({"home_dir": home, "store.inline_bytes": 10}), Flow("large") as flow:
        task(lambda: "x" * 1000, name="large")()
    with set_temporary_config({"home_dir": home, "store.inline_bytes": 10}):
        run = recorded(flow).run
    assert kept(store, home) == ({run.id}, {run.id})

    assert prune(store, home, run.ended + 2 * DAY, 1, 0) == 1

    assert kept(store, home) == (set(), set())
