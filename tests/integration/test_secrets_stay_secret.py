"""A secret is used by tasks, and is afterwards in no file, no line of the log, no document and no repr."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SECRET = "correct-horse-battery-staple"

SCRIPT = """
    import json, sys
    from datetime import timedelta
    from prefect import Flow, Parameter, task
    from prefect.client import Secret
    from prefect.engine.cache_validators import all_inputs
    from prefect.engine.results import LocalResult
    from prefect.tasks.secrets import EnvVarSecret, PrefectSecret

    home = sys.argv[1]

    @task(cache_for=timedelta(hours=1), cache_validator=all_inputs, log_stdout=True)
    def log_in(password, user, many):
        assert password == many[0] == Secret("PASSWORD").get()
        print("logged in as", user)
        return "session of " + user

    @task(max_retries=1, retry_delay=0)
    def fails(password):
        raise ValueError("the server refused")

    @task(timeout=5, task_run_name="look for {user}")
    def look(session, password, user):
        return {"rows": 3}

    with Flow("flow", result=LocalResult(dir=home + "/values")) as flow:
        user = Parameter("user", default="me")
        password, other = PrefectSecret("PASSWORD"), EnvVarSecret("FROM_ENVIRONMENT")
        session = log_in(password, user, [password, other])
        look(session, {"p": password, "q": [other]}, user)
        look.map([1, 2], password=[password, other], user=["a", "b"])
        fails(password)

    for _ in range(2):
        state = flow.run()
    flow.save(home + "/flow")
    documents = [flow.serialize(), state.serialize(), [each.serialize() for each in state.result.values()]]
    (open(home + "/documents.json", "w")).write(json.dumps(documents))
    print(flow, state, state.result, flow.tasks, flow.edges, [each.__dict__ for each in flow.tasks])
    print([each._result for each in state.result.values() if type(each._result).__name__ == "SecretResult"])
    flow.visualize(state, format="mermaid")
    assert state.result[session].is_cached()
"""


@pytest.mark.slow
def test_a_secret_is_in_no_file_and_no_line_that_a_run_leaves_behind(tmp_path: Path) -> None:
    """secrets of the configuration and of the environment ─▶ tasks that are cached, retried, mapped and stored"""
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "PREFECT__HOME_DIR": str(home),
        "PREFECT__FLOWS__CHECKPOINTING": "true",
        "PREFECT__LOGGING__LEVEL": "DEBUG",
        "PREFECT__CONTEXT__SECRETS__PASSWORD": SECRET,
        "FROM_ENVIRONMENT": SECRET,
    }

    command = [sys.executable, str(tmp_path / "script.py"), str(home)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout
    assert SECRET not in done.stderr
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".json", ".jsonl"}
    assert len(files) > 5
    for path in files:
        assert SECRET.encode() not in path.read_bytes(), path
