"""Secrets: found in the context, the configuration or the environment, and shown nowhere."""

from __future__ import annotations

import cloudpickle
import pytest

import prefect
from prefect import Flow, task
from prefect.client import Secret
from prefect.configuration import load_configuration
from prefect.engine.results import LocalResult, SecretResult
from prefect.exceptions import FlowContextMissing, GraphError, SecretMissing, TaskSettingError
from prefect.tasks.secrets import EnvVarSecret, PrefectSecret, SecretBase
from prefect.utilities.configuration import set_temporary_config


@task
def length(x):
    return len(x)


# Secret


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        ("plain text", "plain text"),
        ("42", 42),
        ('{"user": "me"}', {"user": "me"}),
        ("[1, 2]", [1, 2]),
        ("007", "007"),
        ("", ""),
        (7, 7),
        (None, None),
        (b"raw", b"raw"),
    ],
)
def test_text_that_is_json_is_read_as_such(stored, value):
    with prefect.context(secrets={"KEY": stored}):
        assert Secret("KEY").get() == value


def test_a_secret_is_looked_up_when_it_is_asked_for():
    secret = Secret("KEY")
    with prefect.context(secrets={"KEY": "old"}):
        assert secret.get() == "old"
        with prefect.context(secrets={"KEY": "new"}):
            assert secret.get() == "new"
    assert not secret.exists()


def test_a_secret_of_the_configuration():
    with set_temporary_config({"context.secrets.KEY": "configured"}):
        assert Secret("KEY").exists()
        assert Secret("KEY").get() == "configured"


def test_the_context_goes_before_the_configuration_and_does_not_hide_it():
    configured = {"context.secrets.A": "configured", "context.secrets.B": "configured"}
    with set_temporary_config(configured), prefect.context(secrets={"A": "from context"}):
        assert (Secret("A").get(), Secret("B").get()) == ("from context", "configured")


def test_a_missing_secret_is_an_error_that_says_where_to_set_it():
    assert not Secret("NO_SUCH").exists()
    with pytest.raises(SecretMissing, match="PREFECT__CONTEXT__SECRETS__NO_SUCH") as raised:
        Secret("NO_SUCH").get()
    assert isinstance(raised.value, ValueError)


def test_the_remedy_in_the_message_works():
    loaded = load_configuration(user_config_path="/none.toml", env={"PREFECT__CONTEXT__SECRETS__NO_SUCH": "found"})

    assert loaded.context.secrets == {"NO_SUCH": "found"}


def test_a_secret_is_not_read_while_a_flow_is_being_built():
    with prefect.context(secrets={"KEY": "value"}):
        with Flow("f"), pytest.raises(GraphError, match=r"PrefectSecret\('KEY'\)"):
            Secret("KEY").get()
        assert Secret("KEY").get() == "value"


def test_a_task_may_read_a_secret():
    @task
    def read():
        return Secret("KEY").get()

    with Flow("f") as flow:
        value = read()

    with prefect.context(secrets={"KEY": "value"}):
        assert flow.run().result[value].result == "value"


def test_what_is_printed_does_not_show_the_value():
    with prefect.context(secrets={"KEY": "hunter2"}):
        secret = Secret("KEY")
        secret.get()
        assert repr(secret) == "<Secret: KEY>"
        assert "hunter2" not in str(vars(secret))


# PrefectSecret


def test_prefect_secret_reads_its_secret_in_every_run():
    """PrefectSecret(KEY) ─▶ length"""
    with Flow("f") as flow:
        size = length(PrefectSecret("KEY"))

    for value in ("four", "seven"):
        with prefect.context(secrets={"KEY": value}):
            assert flow.run().result[size].result == len(value)
    state = flow.run()
    assert state.is_failed()
    [secret] = flow.get_tasks(name="KEY")
    assert isinstance(state.result[secret].result, SecretMissing)


def test_the_name_of_the_secret_may_be_given_to_the_call():
    with Flow("f") as flow:
        secret = PrefectSecret()(name="KEY")

    with prefect.context(secrets={"KEY": "value"}):
        assert flow.run().result[secret].result == "value"
        assert PrefectSecret("OTHER").run(name="KEY") == "value"


@pytest.mark.parametrize("kind", [PrefectSecret, EnvVarSecret])
def test_a_secret_without_a_name_is_an_error(kind):
    assert kind().name == kind.__name__
    with pytest.raises(TaskSettingError, match="which secret"):
        kind().run()


def test_a_secret_task_is_a_task():
    secret = PrefectSecret("KEY", tags=["x"], max_retries=1, retry_delay=0)

    assert (secret.name, secret.tags, secret.max_retries) == ("KEY", {"x"}, 1)
    with pytest.raises(FlowContextMissing):
        secret()


# EnvVarSecret


def test_env_var_secret_reads_a_variable(monkeypatch):
    monkeypatch.setenv("TOKEN", "42")

    assert EnvVarSecret("TOKEN").run() == "42"
    assert EnvVarSecret("TOKEN", cast=int).run() == 42
    assert EnvVarSecret("OTHER").run(name="TOKEN") == "42"
    monkeypatch.setenv("TOKEN", "")
    assert EnvVarSecret("TOKEN", raise_if_missing=True).run() == ""


def test_a_variable_that_is_not_set_is_none_or_an_error(monkeypatch):
    monkeypatch.delenv("TOKEN", raising=False)

    assert EnvVarSecret("TOKEN").run() is None
    assert EnvVarSecret("TOKEN", cast=int).run() is None
    with pytest.raises(SecretMissing, match="TOKEN"):
        EnvVarSecret("TOKEN", raise_if_missing=True).run()


# Never stored


def test_where_a_secret_is_stored_cannot_be_chosen(tmp_path):
    with pytest.raises(TaskSettingError, match="never stored"):
        PrefectSecret("KEY", result=LocalResult(tmp_path))
    with pytest.raises(ValueError, match="target"):
        EnvVarSecret("KEY", target="key.txt")
    with pytest.raises(TaskSettingError, match="result"), Flow("f"):
        PrefectSecret("KEY")(task_args={"result": LocalResult(tmp_path)})


def test_a_secret_is_not_stored_even_if_the_flow_stores_its_values(tmp_path):
    with Flow("f", result=LocalResult(tmp_path, location="{task_name}.txt")) as flow:
        secret = PrefectSecret("KEY", checkpoint=True)
        length(secret)

    with set_temporary_config({"flows.checkpointing": True}), prefect.context(secrets={"KEY": "hunter2"}):
        state = flow.run()

    assert secret.checkpoint is False
    assert state.result[secret].result == "hunter2"
    assert [path.name for path in tmp_path.iterdir()] == ["length.txt"]
    assert "hunter2" not in repr(state.result[secret]) + repr(state.result[secret]._result) + str(state)


def test_the_result_of_a_secret_asks_for_it_again():
    secret = PrefectSecret("KEY")

    assert isinstance(secret.result, SecretResult)
    with prefect.context(secrets={"KEY": "now"}):
        assert secret.result.read("KEY").value == "now"


def test_a_copy_asks_for_its_own_secret():
    class Own(SecretBase):
        def run(self):
            return self.name

    first = Own(name="first")
    second = first.copy(name="second", checkpoint=True)

    assert first.result.read("").value == "first"
    assert second.result.read("").value == "second"
    assert second.checkpoint is False


def test_a_run_that_is_continued_fetches_secrets_again():
    """PrefectSecret(KEY) ─▶ length"""
    with Flow("f") as flow:
        secret = PrefectSecret("KEY")
        size = length(secret)
    with prefect.context(secrets={"KEY": "old"}):
        first = flow.run()

    with prefect.context(secrets={"KEY": "renewed"}):
        again = flow.run(task_states={secret: first.result[secret]})

    assert again.result[size].result == len("renewed")


def test_a_flow_takes_no_secret_along_to_another_process():
    with Flow("f") as flow:
        size = length(PrefectSecret("KEY"))
    with prefect.context(secrets={"KEY": "hunter2"}):
        flow.run()
        data = cloudpickle.dumps(flow)

    assert b"hunter2" not in data
    with prefect.context(secrets={"KEY": "four"}):
        sent = cloudpickle.loads(data)
        [state] = [state for each, state in sent.run().result.items() if each.name == size.name]
        assert state.result == 4
