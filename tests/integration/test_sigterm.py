"""SIGTERM to a process that runs a flow."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

SCRIPT = """
    import sys, time
    from pathlib import Path
    from prefect import Flow, resource_manager, task

    notes = Path(sys.argv[1])

    def note(text):
        with notes.open("a") as file:
            print(text, file=file)

    @resource_manager
    class Database:
        def setup(self):
            note("opened")

        def cleanup(self, value):
            note("closed")

    @task
    def work(x):
        note("at work")
        time.sleep(60)

    def tell(flow, old, new):
        note(type(new).__name__)

    with Flow("flow", state_handlers=[tell]) as flow:
        with Database():
            work(1)

    flow.run()
    note("not reached")
"""


def test_sigterm_ends_the_run_cleanly_and_then_the_process(tmp_path: Path) -> None:
    """a resource around a long task ─▶ SIGTERM"""
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    notes = tmp_path / "notes"
    process = subprocess.Popen([sys.executable, str(tmp_path / "script.py"), str(notes)], stdout=subprocess.DEVNULL)
    try:
        while not notes.exists() or "at work" not in notes.read_text():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == -signal.SIGTERM
    finally:
        process.kill()
    assert notes.read_text().split("\n") == ["Running", "opened", "at work", "closed", "Cancelled", ""]
