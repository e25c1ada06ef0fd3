"""Flow runs in processes of their own that are killed at random moments, and go on.

```
process 1: flow.run() ── kill -9 ──▶ process 2: flow.run(resume="last") ── kill -9 ──▶ … ──▶ process n: Success
```

Each start of a child appends a line to a file, so that nobody has to believe the history to know what ran how often.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCRIPT = """
import json, os, signal, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import prefect
from prefect import Flow, task
from prefect.executors import DaskExecutor, LocalDaskExecutor, LocalExecutor

settings = json.loads(sys.argv[1])
directory = settings["directory"]
resume, start = settings.pop("resume"), settings.pop("start")  # tasks that use what differs count as edited

def begun(stage, x):
    with open(f"{directory}/{prefect.context.flow_name}.log", "a") as log:
        log.write(f"{stage} {x}\\n")
    if settings["seconds"]:
        time.sleep(settings["seconds"])

@task
def first(x):
    begun(1, x)
    return x

@task
def second(x):
    begun(2, x)
    return x * 2

@task
def third(x):
    begun(3, x // 2)
    return x

def lanes(name):
    with Flow(name) as flow:
        third.map(second.map(first.map(list(range(settings["lanes"])))))
    return flow

EXECUTORS = {
    "local": LocalExecutor,
    "threads": lambda: LocalDaskExecutor(scheduler="threads", num_workers=2),
    "processes": lambda: LocalDaskExecutor(scheduler="processes", num_workers=2),
    "dask": lambda: DaskExecutor(cluster_kwargs={"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}),
}

def run(flow):
    options = {"resume": "last"} if resume else {}
    state = flow.run(executor=EXECUTORS[settings["executor"]](), **options)
    [done] = flow.terminal_tasks()
    value = state.result[done].result if state.is_successful() else None
    draft = Path(f"{directory}/{flow.name}.draft")
    draft.write_text(json.dumps([type(state).__name__, str(state.message), value]))
    draft.rename(f"{directory}/{flow.name}.json")

def wait_for_start():
    Path(f"{directory}/ready-{os.getpid()}").touch()
    while not os.path.exists(start):
        time.sleep(0.001)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it runs in the background
    flows = [lanes(name) for name in settings["names"]]
    if start:
        wait_for_start()
    if len(flows) == 1:
        run(flows[0])
    else:
        with ThreadPoolExecutor(len(flows)) as threads:
            list(threads.map(run, flows))
"""


@dataclass
class Killed:
    """Flows of three maps behind each other, run in processes that are killed.

    Args:
        directory: where everything goes.
        lanes: how many children each map has.
        executor: `local`, `threads`, `processes` or `dask`.
        durable: the setting of the store.
        seconds: how long each child takes.
        url: of the store; by default a file in the home directory.
        edits: the code of the tasks changes before each attempt.
        names: of the flows; they run in threads of one process.
        environment: more variables for the processes.

    Attributes:
        attempts: how many processes were started.
    """

    directory: Path
    lanes: int
    executor: str = "local"
    durable: str = "each"
    seconds: float = 0.0
    url: str = ""
    edits: bool = False
    names: tuple[str, ...] = ("lanes",)
    environment: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 0

    # --- one process -------------------------------------------------------------------------------------------------

    def start(self, resume: bool | None = None, wait_for: str = "") -> subprocess.Popen[bytes]:
        """Start a process that runs the flows; by default all but the first one go on with the runs of the first.

        With `wait_for`, it gets ready, touches `ready-<pid>`, and waits until there is such a file.
        """
        script = self._script()
        settings = {
            "directory": str(self.directory),
            "names": self.names,
            "lanes": self.lanes,
            "seconds": self.seconds,
            "executor": self.executor,
            "resume": self.attempts > 0 if resume is None else resume,
            "start": wait_for,
        }
        self.attempts += 1
        with open(self.directory / "stderr.txt", "ab") as errors:
            return subprocess.Popen(
                [sys.executable, str(script), json.dumps(settings)],
                env=self._environment(),
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )

    def _script(self) -> Path:
        script = self.directory / "lanes.py"
        comment = f"    note = {self.attempts}\n" if self.edits else ""
        script.write_text(SCRIPT.replace("    begun(1, x)\n", f"{comment}    begun(1, x)\n"))
        return script

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PREFECT__HOME_DIR": str(self.home),
            "PREFECT__STORE__ENABLED": "true",
            "PREFECT__STORE__URL": self.url,
            "PREFECT__STORE__DURABLE": self.durable,
            "PREFECT__LOGGING__LEVEL": "WARNING",
            **self.environment,
        }

    @property
    def home(self) -> Path:
        """The home directory, where the history is unless a URL says otherwise."""
        return self.directory / "home"

    @property
    def errors(self) -> str:
        """What the processes wrote to their terminals."""
        return (self.directory / "stderr.txt").read_text()

    # --- what ran ----------------------------------------------------------------------------------------------------

    def executions(self, name: str = "lanes") -> Counter[tuple[int, int]]:
        """How often each child began, by stage and index."""
        path = self.directory / f"{name}.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return Counter((int(stage), int(index)) for stage, index in (line.split() for line in lines))

    def begun(self) -> int:
        """How many children began so far, as bytes of the files tell."""
        paths = [self.directory / f"{name}.log" for name in self.names]
        return sum(path.stat().st_size for path in paths if path.exists())

    @property
    def whole(self) -> int:
        """What `begun` will be when every child ran once."""
        return len(self.names) * 3 * sum(len(f"1 {index}\n") for index in range(self.lanes))

    # --- killing -----------------------------------------------------------------------------------------------------

    def kill_sometime(self, rng: random.Random, longest: float) -> bool:
        """Start the run, wait until it does something, and then a random while; kill it. False if it ended before."""
        process = self.start()
        self.wait_until_begun(process, self.begun() + 1)
        time.sleep(rng.random() * longest)
        return kill(process)

    def kill_often(self, rng: random.Random, kills: int, start_up: float = 2.0) -> int:
        """Start the run so many times, and kill it at random moments; how many of them hit it.

        Most moments are spread over the whole work, however quick the machine is; every fifth is one while a process
        starts, and looks for where it was.
        """
        moments = sorted(rng.randrange(1, self.whole * 98 // 100) for _ in range(kills))
        return sum(self.kill_at(moment, rng, start_up if rng.random() < 0.2 else None) for moment in moments)

    def kill_at(self, moment: int, rng: random.Random, start_up: float | None = None) -> bool:
        """Start the run, and kill it when so much has begun, or a random while after its start."""
        early = start_up is not None and self.attempts > 0
        process = self.start()
        if early:
            time.sleep(rng.random() * (start_up or 0))
        else:
            self.wait_until_begun(process, max(moment, self.begun() + 1))
        return kill(process)

    def wait_until_begun(self, process: subprocess.Popen[bytes], moment: int) -> None:
        """Wait until as much as `begun` tells has begun, or the process has ended."""
        while self.begun() < moment and process.poll() is None:
            time.sleep(0.002)

    # --- the end -----------------------------------------------------------------------------------------------------

    def finish(self, timeout: float = 300) -> tuple[str, list[int]]:
        """Let it go on to its end; the type of its last state, and the values of the last map."""
        if any(self.outcome(name)[0] != "Success" for name in self.names):
            process = self.start()
            assert process.wait(timeout) == 0, self.errors[-3000:]
        name, _, values = self.outcome(self.names[0])
        return name, values

    def outcome(self, name: str = "lanes") -> tuple[str, str, Any]:
        """The type of the last state of a run, its message, and the values of its last map if it succeeded."""
        path = self.directory / f"{name}.json"
        return tuple(json.loads(path.read_text())) if path.exists() else ("", "", None)


def kill(process: subprocess.Popen[bytes], signum: int = signal.SIGKILL) -> bool:
    """Kill a process with all that it started; False if it had ended before."""
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signum)
    process.wait()
    return True
