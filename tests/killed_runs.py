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
from dataclasses import dataclass
from pathlib import Path

SCRIPT = '''
import json, os, sys, time
import prefect
from prefect import Flow, task
from prefect.executors import LocalExecutor, LocalDaskExecutor

settings = json.loads(sys.argv[1])
def begun(stage, x):
    with open(settings["log"], "a") as log:
        log.write(f"{stage} {x}\\n")
    if settings["seconds"]:
        time.sleep(settings["seconds"])

@task
def first(x):
    begun(1, x)
    return x + EDIT

@task
def second(x):
    begun(2, x - EDIT)
    return x * 2

@task
def third(x):
    begun(3, x // 2 - EDIT)
    return x

with Flow("lanes") as flow:
    done = third.map(second.map(first.map(list(range(settings["lanes"])))))

if __name__ == "__main__":
    executors = {
        "local": LocalExecutor,
        "threads": lambda: LocalDaskExecutor(scheduler="threads", num_workers=2),
        "processes": lambda: LocalDaskExecutor(scheduler="processes", num_workers=2),
    }
    options = {"resume": "last"} if settings["resume"] else {}
    state = flow.run(executor=executors[settings["executor"]](), **options)
    value = state.result[done].result
    with open(settings["out"], "w") as file:
        json.dump([type(state).__name__, value], file)
'''


@dataclass
class Killed:
    """A flow of three maps behind each other, run in processes that are killed.

    Args:
        directory: where everything goes.
        lanes: how many children each map has.
        executor: `local`, `threads` or `processes`.
        durable: the setting of the store.
        seconds: how long each child takes.
        url: of the store; by default a file in the directory.
        edits: the code of the tasks changes before each attempt.
    """

    directory: Path
    lanes: int
    executor: str = "local"
    durable: str = "each"
    seconds: float = 0.0
    url: str = ""
    edits: bool = False
    attempts: int = 0

    def start(self) -> subprocess.Popen[bytes]:
        script = self.directory / "lanes.py"
        comment = f"    note = {self.attempts}\n" if self.edits else ""
        script.write_text(SCRIPT.replace("EDIT", "0").replace("    begun(1, x)\n", f"{comment}    begun(1, x)\n"))
        settings = {
            "log": str(self.directory / "executions.log"),
            "out": str(self.directory / "out.json"),
            "lanes": self.lanes,
            "seconds": self.seconds,
            "executor": self.executor,
            "resume": self.attempts > 0,
        }
        environment = {
            **os.environ,
            "PREFECT__HOME_DIR": str(self.directory / "home"),
            "PREFECT__STORE__ENABLED": "true",
            "PREFECT__STORE__URL": self.url,
            "PREFECT__STORE__DURABLE": self.durable,
            "PREFECT__LOGGING__LEVEL": "WARNING",
        }
        self.attempts += 1
        with open(self.directory / "stderr.txt", "ab") as errors:
            return subprocess.Popen(
                [sys.executable, str(script), json.dumps(settings)],
                env=environment,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )

    def executions(self) -> Counter[tuple[int, int]]:
        """How often each child began, by stage and index."""
        path = self.directory / "executions.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return Counter((int(stage), int(index)) for stage, index in (line.split() for line in lines))

    def begun(self) -> int:
        """How many children began so far, as bytes of the file tell."""
        path = self.directory / "executions.log"
        return path.stat().st_size if path.exists() else 0

    def kill_sometime(self, rng: random.Random, longest: float) -> bool:
        """Start the run, wait until it does something, and then a random while; kill it. False if it ended before."""
        before = self.begun()
        process = self.start()
        while self.begun() == before and process.poll() is None:
            time.sleep(0.005)
        time.sleep(rng.random() * longest)
        if process.poll() is not None:
            return False
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True

    def finish(self, timeout: float = 300) -> tuple[str, list[int]]:
        """Let it go on to its end; the type of its last state, and the values of the last map."""
        out = self.directory / "out.json"
        if not out.exists():
            process = self.start()
            assert process.wait(timeout) == 0, (self.directory / "stderr.txt").read_text()[-3000:]
        name, values = json.loads(out.read_text())
        return name, values
