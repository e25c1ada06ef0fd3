"""The store in a file, and all that happens to files and processes: deaths, full disks and damage are real.

```
many writers      all at once, killed at any moment, forked
the disk          full, and with room again
the file          damaged, no database, somebody else's, older, newer, set aside by another process
```
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.test_stores import (
    LATER,
    NOW,
    OTHER,
    RUN,
    WHOLE,
    batch,
    begun,
    chunk,
    event,
    flow_run,
    stretch,
    task_run,
    version,
)
from tests.integration.test_full_disk import way_to_mount

from prefect.exceptions import StoreSettingError, StoreUnavailable, StoreUnreadable
from prefect.store import forks
from prefect.store import sqlite as sqlite_module
from prefect.store.damage import set_aside
from prefect.store.opening import open_store
from prefect.store.records import Batch, RunTask, Value
from prefect.store.sqlite import WAL_BYTES, SqliteStore

OLD = Path(__file__).with_name("history-v1.sql")

HEAD = """
import itertools, json, os, resource, sys
from prefect.exceptions import StoreUnavailable
from prefect.store.records import Batch, Event, FlowRun, FlowVersion, LogChunk
from prefect.store.sqlite import SqliteStore

store, run = SqliteStore(sys.argv[1]), sys.argv[2]
begin = FlowRun(id=run, flow="f", version="v", name="n", state="Running", created=1)
version = FlowVersion("v", "f", "{}", 1)

def write(after, count=5, logs=()):
    events = [Event(seq, 0, seq, seq, 1, "Running", seq, None) for seq in range(after + 1, after + count + 1)]
    return store.commit([Batch(
        run=run, epoch=1, after=after, last_seq=after + count, lease_until=0, begin=begin, version=version,
        events=events, logs=list(logs),
    )])
"""

WRITER = f"""{HEAD}
for number in range(int(sys.argv[3])):
    assert write(number * 5) == []
print(store.run(run).last_seq)
"""

ENDLESS = f"""{HEAD}
for number in itertools.count():
    assert write(number * 5) == []
    print(number * 5 + 5, flush=True)
"""

FILLER = f"""{HEAD}
limit = int(sys.argv[3])
assert write(0) == []
filler = os.path.join(os.path.dirname(sys.argv[1]), "filler")
open(filler, "wb").write(bytes(0 if limit else 500_000))
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
written, error = 5, None
for number in range(1, 100):
    try:
        assert write(number * 5, logs=[LogChunk(number, number, 1, os.urandom(50_000))]) == []
        written = number * 5 + 5
    except StoreUnavailable as caught:
        error = str(caught)
        break
before = [event.seq for event in store.events(run)]
os.unlink(filler)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
again = write(written)
store.close()
print(json.dumps({{
    "error": error,
    "kept": before == list(range(1, written + 1)),
    "refused": again,
    "events": len(store.events(run)) - written,
}}))
"""

MOUNT = 'mount -t tmpfs -o size=1500k none "$1" && exec "$2" -c "$3" "$1/history.db" run 0'
"""A megabyte and a half; it goes with the process."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(str(path))
    yield store
    store.close()


def start(code: str, path: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, str(path), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def healthy(path: Path) -> bool:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    finally:
        connection.close()


# --- many writers -----------------------------------------------------------------------------------------------------


def write_at_once(path: Path, processes: int, commits: int) -> None:
    """Many processes write, each its own run; nobody finds the database locked, and everything is there."""
    writers = [start(WRITER, path, f"run-{number}", commits) for number in range(processes)]
    answers = [writer.communicate() for writer in writers]

    assert [answer for answer in answers if answer[1]] == []
    assert [int(out) for out, _ in answers] == [commits * 5] * processes
    store = SqliteStore(str(path))
    for number in range(processes):
        assert [each.seq for each in store.events(f"run-{number}")] == list(range(1, commits * 5 + 1))
    store.close()
    assert healthy(path)


@pytest.mark.slow
def test_many_processes_write_at_once(path: Path) -> None:
    write_at_once(path, processes=8, commits=60)


@pytest.mark.slow
def test_a_process_that_is_killed_at_any_moment_leaves_a_prefix_of_what_it_wrote(path: Path) -> None:
    """writes and says how far it is ── SIGKILL ──▶ what it said is there, without a gap; again and again"""
    for number in range(10):
        with start(ENDLESS, path, f"run-{number}") as writer:
            assert writer.stdout is not None
            first = int(writer.stdout.readline())
            time.sleep(random.uniform(0, 0.1))
            writer.kill()
            said = [first, *map(int, writer.stdout.read().split("\n")[:-1])]
        assert writer.returncode == -signal.SIGKILL
        store = SqliteStore(str(path))
        seqs = [each.seq for each in store.events(f"run-{number}")]
        assert seqs == list(range(1, store.run(f"run-{number}").last_seq + 1))
        assert said[-1] <= len(seqs) <= said[-1] + 5
        store.close()

    assert healthy(path)


def test_a_forked_process_and_its_parent_use_the_same_store(store: SqliteStore) -> None:
    begun(store)
    store.events(RUN)

    child = in_fork(lambda: begun(store, OTHER))

    assert child == 0
    assert store.run(OTHER).id == OTHER
    assert store.commit([batch(last_seq=1, events=[event(1)])]) == []
    assert healthy(Path(store.path))


def test_a_process_that_is_forked_while_a_thread_writes_can_write_too(store: SqliteStore) -> None:
    begun(store)
    writing = threading.Event()

    def write() -> None:
        with store.transaction() as execute:
            execute("update run set name = 'renamed'")
            writing.set()
            time.sleep(0.1)

    thread = threading.Thread(target=write)
    thread.start()
    writing.wait()
    child = in_fork(lambda: begun(store, OTHER))
    thread.join()

    assert child == 0
    assert store.run(RUN).name == "renamed"
    assert store.run(OTHER).id == OTHER
    assert healthy(Path(store.path))


def test_a_process_that_is_forked_in_the_middle_of_a_write_leaves_the_store_alone(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(store)
    monkeypatch.setattr(forks, "PATIENCE", 0.01)

    def try_to_write() -> None:
        with pytest.raises(StoreUnavailable, match="forked while"):
            begun(store, OTHER)

    with store.transaction() as execute:
        execute("update run set name = 'renamed'")
        child = in_fork(try_to_write)

    assert child == 0
    assert [run.name for run in store.runs()] == ["renamed"]


def test_a_forked_process_opens_stores_of_its_own(path: Path) -> None:
    url = f"sqlite:///{path}"
    ours = open_store(url)

    def look() -> None:
        assert open_store(url) is not ours
        begun(open_store(url))

    assert in_fork(look) == 0
    assert open_store(url) is ours
    assert ours.run(RUN).id == RUN


def in_fork(work: Callable[[], None]) -> int:
    """What a forked process ends with: 0 if all went well."""
    child = os.fork()
    if child == 0:
        leave(work)
    return os.waitpid(child, 0)[1]


def leave(work: Callable[[], None]) -> None:
    """Work, and end the process without the duties of its parent."""
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def test_a_program_that_keeps_the_file_locked_makes_the_store_unavailable(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(store)
    store.close()
    monkeypatch.setattr(sqlite_module, "PATIENCE", 0.01)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("begin immediate")

    with pytest.raises(StoreUnavailable, match="close that program"):
        store.commit([batch(last_seq=1, events=[event(1)])])

    other.execute("rollback")
    other.close()
    assert store.commit([batch(last_seq=1, events=[event(1)])]) == []


def test_whoever_reads_for_long_keeps_nobody_from_writing(store: SqliteStore) -> None:
    begun(store)
    reader = sqlite3.connect(store.path, isolation_level=None)
    reader.execute("begin")
    assert reader.execute("select last_seq from run").fetchall() == [(0,)]

    for number in range(12):
        big = chunk(number)._replace(data=os.urandom(1_000_000))
        assert store.commit([batch(number, number + 1, events=[event(number + 1)], logs=[big])]) == []

    assert reader.execute("select last_seq from run").fetchall() == [(0,)]
    reader.execute("rollback")
    reader.close()


def test_the_log_of_the_database_does_not_grow_without_end(store: SqliteStore) -> None:
    begun(store)

    for number in range(20):
        store.commit([batch(logs=[chunk(number)._replace(data=os.urandom(1_000_000))])])

    assert os.path.getsize(f"{store.path}-wal") < 2 * WAL_BYTES


def test_deleted_runs_make_the_file_smaller(store: SqliteStore) -> None:
    begun(store, ended=NOW)
    store.commit([batch(logs=[chunk()._replace(data=os.urandom(10_000_000))], lease_until=0)])
    store.close()
    before = os.path.getsize(store.path)

    assert store.prune(LATER, None, NOW) == 1
    store.close()

    assert before > 10_000_000
    assert os.path.getsize(store.path) < 1_000_000


# --- the disk ---------------------------------------------------------------------------------------------------------


def outcome(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_full_disk_makes_the_store_unavailable_until_there_is_room(tmp_path: Path) -> None:
    way = way_to_mount(tmp_path)
    if way is None:
        pytest.skip("This system lets nobody mount a small disk; the test below stands in.")

    answer = outcome([*way, "sh", "-c", MOUNT, "sh", str(tmp_path), sys.executable, FILLER])

    assert "no room left: free some" in answer["error"]
    assert (answer["kept"], answer["refused"], answer["events"]) == (True, [], 5)


def test_a_limit_on_the_size_of_files_makes_the_store_unavailable_until_it_is_lifted(path: Path) -> None:
    answer = outcome([sys.executable, "-c", FILLER, str(path), "run", "400000"])

    assert "cannot be used" in answer["error"]
    assert (answer["kept"], answer["refused"], answer["events"]) == (True, [], 5)


def test_a_network_file_system_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "network_file_system", lambda path: "nfs4")

    with pytest.raises(StoreSettingError, match=r"network file system \(nfs4\).*Set `store.url`"):
        open_store(f"sqlite:///{path}")

    assert not path.exists()


def test_a_place_where_no_file_can_be_makes_the_store_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    store = open_store(f"sqlite:///{tmp_path}/file/history.db")

    with pytest.raises(StoreUnavailable, match="cannot be used"):
        store.runs()


# --- the file ---------------------------------------------------------------------------------------------------------


def test_only_its_user_can_read_the_file_and_what_lies_beside_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = SqliteStore(str(tmp_path / "new" / "history.db"))
        begun(store)
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "new").iterdir()}
    finally:
        os.umask(before)

    assert modes == dict.fromkeys(["history.db", "history.db-wal", "history.db-shm", "history.db-lock"], 0o600)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    store.close()


def test_what_is_no_database_is_set_aside_and_a_new_one_begun(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_text("Dear diary, today I ran a flow.\n" * 100)

    with caplog.at_level(logging.WARNING):
        store = open_store(f"sqlite:///{path}")
    begun(store)

    (aside,) = set_aside_beside(path)
    assert aside.read_text().startswith("Dear diary")
    assert f"{path} is damaged. It was set aside as {aside}" in caplog.text
    assert store.run(RUN).id == RUN


def damaged(path: Path) -> None:
    """Write over the middle of a history."""
    store = SqliteStore(str(path))
    begun(store)
    store.commit([batch(last_seq=3_000, events=[event(seq, message="m" * 100) for seq in range(1, 3_001)])])
    store.close()
    with open(path, "r+b") as file:
        file.seek(8 * 4096)
        file.write(os.urandom(path.stat().st_size - 16 * 4096))


def test_damage_that_shows_only_later_is_set_aside_when_the_store_is_opened_again(path: Path) -> None:
    url = f"sqlite:///{path}"
    damaged(path)
    store = open_store(url)

    with pytest.raises(StoreUnreadable, match="damaged"):
        store.events(RUN)
    again = open_store(url)

    begun(again)
    assert again.events(RUN) == []
    assert len(set_aside_beside(path)) == 1
    assert healthy(path)


def set_aside_beside(path: Path) -> list[Path]:
    """The databases that were set aside, without what SQLite keeps beside them."""
    return [each for each in path.parent.glob("history.db.damaged-*") if not each.name.endswith(("-wal", "-shm"))]


def test_a_damaged_file_that_another_process_set_aside_is_not_set_aside_again(path: Path) -> None:
    damaged(path)

    assert set_aside(str(path)) is not None
    begun(SqliteStore(str(path)))

    assert set_aside(str(path)) is None
    assert healthy(path)


def test_a_store_goes_on_in_the_new_file_when_another_process_set_the_old_one_aside(store: SqliteStore) -> None:
    begun(store)
    store.runs()
    for ending in ("", "-wal", "-shm"):
        os.rename(store.path + ending, f"{store.path}.aside{ending}")

    begun(store, OTHER)

    assert [run.id for run in store.runs()] == [OTHER]
    store.close()
    assert healthy(Path(store.path))
    assert [run.id for run in SqliteStore(f"{store.path}.aside").runs()] == [RUN]


def test_a_store_of_a_newer_version_is_left_alone(path: Path) -> None:
    begun(SqliteStore(str(path)))
    with sqlite3.connect(path) as connection:
        connection.execute("update meta set value = '99' where key = 'schema'")
    connection.close()

    with pytest.raises(StoreUnreadable, match=r"version 99.*Upgrade prefect-core"):
        open_store(f"sqlite:///{path}")

    assert set_aside_beside(path) == []


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("create table cookies (host text)")
    connection.close()

    with pytest.raises(StoreUnreadable, match="belongs to another program"):
        open_store(f"sqlite:///{path}")

    with sqlite3.connect(path) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == [("cookies",)]
    connection.close()


def test_a_store_of_the_first_version_is_brought_up_to_date_with_all_that_is_in_it(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD.read_text())
    connection.close()

    store = open_store(f"sqlite:///{path}")

    run = store.run(RUN)
    assert (run.message, run.tags, run.parameters) == ("It broke", ("daily", "x"), {"x": Value("json", "[1, 2]")})
    assert store.version("v1") == version()
    assert store.tasks(RUN) == [RunTask(0, "extract-1", "extract", None), RunTask(1, "load-1", "load", 10)]
    assert store.events(RUN) == [event(1), event(2, state="Failed", message="It broke")]
    assert store.task_runs(RUN) == [task_run(2, WHOLE, message="It broke", value=Value("json", "1"))]
    assert list(store.stretches(RUN)) == [stretch(3, 0, 4, task=1), stretch(4, 5, 9, task=1)]
    assert store.commit([batch(4, logs=[chunk()])]) == []
    assert list(store.logs(RUN)) == [chunk()]
    assert schema(path) == schema(fresh(path.with_name("fresh.db")))


def fresh(path: Path) -> Path:
    SqliteStore(str(path)).open()
    return path


def schema(path: Path) -> set[tuple[str, str]]:
    connection = sqlite3.connect(path)
    found = set(connection.execute("select name, sql from sqlite_master where sql is not null"))
    connection.close()
    return found


def test_many_processes_may_bring_a_store_up_to_date_at_once(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD.read_text())
    connection.close()

    writers = [start(WRITER, path, f"run-{number}", 3) for number in range(4)]

    assert [writer.communicate() for writer in writers] == [("15\n", "")] * 4


def test_a_batch_survives_the_process_that_wrote_it(path: Path) -> None:
    made: Batch = batch(last_seq=1, begin=flow_run(), version=version(), events=[event(1)])

    def write_and_die() -> None:
        SqliteStore(str(path)).commit([made])
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_fork(write_and_die) == signal.SIGKILL
    assert SqliteStore(str(path)).events(RUN) == [event(1)]
