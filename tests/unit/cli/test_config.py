"""prefect config: the settings, and where each comes from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from prefect.cli.commands.config import hidden
from prefect.utilities.configuration import set_temporary_config

Call = Callable[..., Result]
Document = Callable[..., Any]


def test_one_setting_is_its_value_alone(prefect: Call) -> None:
    assert prefect("config", "engine.crash_retries").stdout == "2\n"
    assert prefect("config", "flows.eager_edge_validation").stdout == "false\n"
    assert prefect("config", "logging.datefmt").stdout == '""\n'


def test_a_section_has_a_line_for_each_setting(prefect: Call) -> None:
    lines = prefect("config", "engine.executor").stdout.splitlines()

    assert lines[0].split() == ["setting", "value", "from"]
    assert [line.split()[0] for line in lines[1:]] == [
        "engine.executor.default_class",
        "engine.executor.dask.address",
        "engine.executor.dask.cluster_class",
    ]


def test_each_setting_says_where_it_comes_from(
    document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[engine]\nprogress = false\n[logging]\nlevel = "DEBUG"\n')
    monkeypatch.setenv("PREFECT__USER_CONFIG_PATH", str(file))
    monkeypatch.setenv("PREFECT__LOGGING__LEVEL", "ERROR")

    sources = {each["key"]: each["source"] for each in document("config")}

    assert sources["engine.progress"] == str(file)
    assert sources["logging.level"] == "PREFECT__LOGGING__LEVEL"
    assert sources["engine.crash_retries"] == "default"


def test_secrets_are_hidden(prefect: Call) -> None:
    with set_temporary_config({"context.secrets.TOKEN": "abracadabra", "context.secrets.MORE": {"x": "abracadabra"}}):
        for arguments in (["config"], ["config", "--json"], ["config", "context.secrets.TOKEN"], ["config", "context"]):
            assert "abracadabra" not in prefect(*arguments).stdout
        assert "context.secrets.TOKEN" in prefect("config", "context").stdout


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("postgresql://me:abracadabra@host/db", "postgresql://me:••••••••@host/db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("sqlite:///history.db", "sqlite:///history.db"),
        (7, 7),
    ],
)
def test_passwords_in_addresses_are_hidden(value: Any, shown: Any) -> None:
    assert hidden(("store", "url"), value) == shown


@pytest.mark.parametrize("name", ["password", "api_key", "slack_token", "SECRET"])
def test_settings_that_are_called_like_secrets_are_hidden(name: str) -> None:
    assert hidden(("mine", name), "abracadabra") == "••••••••"
    assert hidden(("mine", name), "") == ""


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("logging.lvl", "There is no setting 'logging.lvl'. Did you mean 'logging.level'?"),
        ("nothing", "There is no setting 'nothing'"),
        ("logging.level.x", "There is no setting 'logging.level.x'"),
    ],
)
def test_a_key_that_does_not_exist_is_a_mistake_of_usage(prefect: Call, key: str, message: str) -> None:
    result = prefect("config", key)

    assert result.exit_code == 2
    assert message in result.stderr
