"""Settings come from defaults, the user's file and the environment, in this order."""

from __future__ import annotations

import copy
import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect import configuration
from prefect.configuration import Config, load_configuration, to_environment_variables
from prefect.exceptions import ConfigurationError
from prefect.utilities.configuration import set_temporary_config

NOWHERE = "/does/not/exist.toml"


def load(**env: str) -> Config:
    """The packaged defaults with these environment variables, and no user's file."""
    return load_configuration(user_config_path=NOWHERE, env=env)


def load_user_file(tmp_path: Path, content: str, **env: str) -> Config:
    file = tmp_path / "config.toml"
    file.write_text(content)
    return load_configuration(env={"PREFECT__USER_CONFIG_PATH": str(file), **env})


# Sources


def test_the_defaults_are_those_of_the_package():
    config = load()
    assert config.logging.level == "INFO"
    assert config.flows.checkpointing is False
    assert config.engine.executor.default_class == "prefect.executors.LocalExecutor"
    assert config.context.secrets == {}


def test_the_users_file_beats_the_defaults_and_the_environment_beats_both(tmp_path):
    config = load_user_file(
        tmp_path,
        '[logging]\nlevel = "DEBUG"\ndatefmt = "%H:%M"\n[mine]\nx = 1',
        PREFECT__LOGGING__LEVEL="ERROR",
    )
    assert (config.logging.level, config.logging.datefmt, config.mine.x) == ("ERROR", "%H:%M", 1)
    assert config.logging.format == load().logging.format


def test_an_argument_names_the_users_file_too(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("debug = true")
    assert load_configuration(user_config_path=file, env={}).debug is True


def test_the_path_of_the_users_file_is_no_setting(tmp_path):
    assert "user_config_path" not in load_user_file(tmp_path, "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("3", 3),
        ("-1.5", -1.5),
        ("None", None),
        ("['a', 'b']", ["a", "b"]),
        ("{'a': 1}", {"a": 1}),
        ("'3'", "3"),
        ("plain words", "plain words"),
        ("2020-01-01", "2020-01-01"),
        ("", ""),
    ],
)
def test_the_text_of_a_variable_becomes_the_value_it_looks_like(text, value):
    assert load(PREFECT__NEW__KEY=text).new.key == value


def test_variables_without_the_prefix_are_ignored():
    assert load(PREFECTX__DEBUG="true", PREFECT_DEBUG="true", DEBUG="true") == load()


def test_the_name_of_a_secret_keeps_case_and_underscores():
    config = load(PREFECT__CONTEXT__SECRETS__My_KEY__a="x")
    assert config.context.secrets == {"My_KEY__a": "x"}


# Names in values


def test_environment_variables_and_the_home_directory_are_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    config = load_user_file(tmp_path, '[x]\na = "~/$SUB/${SUB}"\nb = "$NOT_SET"\nc = ["$SUB"]', SUB="data", HOME="/h")
    assert (config.x.a, config.x.b, config.x.c) == ("/home/ada/data/data", "$NOT_SET", ["data"])


def test_a_variable_that_names_a_variable_is_followed():
    assert load(PREFECT__X__A="$FIRST", FIRST="$SECOND/x", SECOND="end").x.a == "end/x"


def test_a_value_of_one_name_takes_the_type_of_what_it_names(tmp_path):
    config = load_user_file(tmp_path, '[x]\na = "$N"\nb = "${x.a}"\nc = "${flows.checkpointing}"\nd = "n$N"', N="7")
    assert config.x == {"a": 7, "b": 7, "c": False, "d": "n7"}


def test_references_may_be_nested(tmp_path):
    config = load_user_file(tmp_path, 'which = "blue"\nurl = "http://${hosts.${which}}/"\n[hosts]\nblue = "b.example"')
    assert config.url == "http://b.example/"


def test_references_in_a_circle_are_an_error_that_names_the_setting(tmp_path):
    with pytest.raises(ConfigurationError, match="'[ab]'.*circle"):
        load_user_file(tmp_path, 'a = "x${b}"\nb = "y${a}"')


@pytest.mark.parametrize(("name", "problem"), [("logging.levle", "neither"), ("logging", "a section")])
def test_a_reference_to_nothing_is_an_error_that_names_both_sides(tmp_path, name, problem):
    with pytest.raises(ConfigurationError, match=rf"'x.a'.*\$\{{{name}\}}.*{problem}"):
        load_user_file(tmp_path, f'[x]\na = "${{{name}}}"')


def test_a_secret_may_look_like_a_reference():
    assert load(PREFECT__CONTEXT__SECRETS__PASSWORD="pa${ss}$word").context.secrets.PASSWORD == "pa${ss}$word"


# Mistakes


def test_a_broken_file_is_named_with_line_and_column(tmp_path):
    with pytest.raises(ConfigurationError, match=r"config\.toml .*line 2, column 9") as error:
        load_user_file(tmp_path, "[logging]\nlevel = DEBUG\n")
    assert "(at line" not in str(error.value)


def test_a_file_that_ends_too_early_is_named_with_its_last_line(tmp_path):
    with pytest.raises(ConfigurationError, match="line 2, column 4"):
        load_user_file(tmp_path, "debug = true\n[lo")


def test_a_file_that_is_no_text_is_named_with_line_and_column(tmp_path):
    file = tmp_path / "config.toml"
    file.write_bytes(b"debug = true\nx = '\xff'")
    with pytest.raises(ConfigurationError, match="line 2, column 6.*UTF-8"):
        load_configuration(user_config_path=file, env={})


def test_a_file_that_cannot_be_read_is_named_with_the_remedy(tmp_path):
    with pytest.raises(ConfigurationError, match=f"{tmp_path}.*PREFECT__USER_CONFIG_PATH"):
        load_configuration(user_config_path=tmp_path, env={})


@pytest.mark.parametrize("key", ["items", "copy", "merged", "_path"])
def test_a_key_that_would_hide_a_method_is_refused(tmp_path, key):
    with pytest.raises(ConfigurationError, match=f"'x.{key}'"):
        load_user_file(tmp_path, f"[x]\n{key} = 1")


def test_a_section_cannot_become_a_single_value():
    with pytest.raises(ConfigurationError, match=r"'tasks.defaults'.*tasks.defaults.max_retries"):
        load(PREFECT__TASKS__DEFAULTS="3")


def test_two_variables_cannot_make_a_key_both_section_and_value():
    with pytest.raises(ConfigurationError, match="PREFECT__X__Y"):
        load(PREFECT__X="1", PREFECT__X__Y="2")


@pytest.mark.parametrize("variable", ["PREFECT__", "PREFECT__A__", "PREFECT____A"])
def test_a_variable_without_a_key_is_refused(variable):
    with pytest.raises(ConfigurationError, match=f"{variable} names no setting"):
        load(**{variable: "1"})


# Defaults of tasks


def test_no_defaults_of_tasks_have_the_types_that_tasks_take():
    assert load().tasks.defaults == {"max_retries": 0, "retry_delay": None, "timeout": None}


def test_defaults_of_tasks_are_numbers_of_seconds():
    config = load(
        PREFECT__TASKS__DEFAULTS__MAX_RETRIES="3",
        PREFECT__TASKS__DEFAULTS__RETRY_DELAY="10",
        PREFECT__TASKS__DEFAULTS__TIMEOUT="5",
    )
    assert config.tasks.defaults == {"max_retries": 3, "retry_delay": timedelta(seconds=10), "timeout": 5}


@pytest.mark.parametrize("key", ["max_retries", "retry_delay", "timeout"])
@pytest.mark.parametrize("text", ["true", "often"])
def test_defaults_of_tasks_that_are_no_numbers_are_refused(key, text):
    with pytest.raises(ConfigurationError, match=f"tasks.defaults.{key}"):
        load(**{f"PREFECT__TASKS__DEFAULTS__{key.upper()}": text})


# The object


def test_attributes_can_be_set_and_deleted_at_every_level():
    config = load()
    config.flows.checkpointing = True
    config.new = {"table": {"x": 1}}
    config.new.table.y = 2
    del config.new.table.x
    assert config["flows"]["checkpointing"] is True
    assert config["new"] == {"table": {"y": 2}}


@pytest.mark.parametrize(
    "add",
    [
        lambda config, table: config.update(t=table),
        lambda config, table: config.update([("t", table)]),
        lambda config, table: config.setdefault("t", table),
        lambda config, table: config.__ior__({"t": table}),
        lambda config, table: config.__init__({"t": table}),
    ],
)
def test_tables_have_attributes_however_they_come_in(add):
    config = Config()
    add(config, {"a": {"b": 1}})
    assert config.t.a.b == 1


def test_a_missing_attribute_is_an_attribute_error_with_the_full_key_and_its_neighbours():
    with pytest.raises(AttributeError, match=r"'flows.checkpointin'.*'flows.checkpointing'"):
        _ = load().flows.checkpointin
    with pytest.raises(AttributeError, match=r"'flows.zzz'.*eager_edge_validation"):
        _ = load().flows.zzz
    assert not hasattr(load(), "flow_s")


def test_merging_changes_only_the_copy():
    config = load()
    merged = config.merged({"logging": {"level": "DEBUG"}, "mine": {"x": 1}})
    merged.logging.log_attributes.append("y")
    merged.engine.executor.default_class = "other"
    assert (merged.logging.level, merged.mine.x) == ("DEBUG", 1)
    assert merged.logging.format == config.logging.format
    assert config == load()


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, Config.copy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_copy_is_equal_and_independent(clone):
    config = load()
    other = clone(config)
    assert other == config
    other.logging.level = "other"
    assert config.logging.level == "INFO"


# Environment variables for another process

keys = st.from_regex(r"[a-z][a-z0-9]{0,5}(_[a-z0-9]{1,3})?", fullmatch=True).filter(lambda key: key not in dir(Config))
texts = st.text(st.characters(exclude_characters="$~\0", exclude_categories=["Cs"]), max_size=8)
values = st.one_of(st.booleans(), st.integers(), st.none(), texts, st.lists(st.integers(), max_size=3))
tables = st.dictionaries(keys, values | st.dictionaries(keys, values, min_size=1, max_size=3), max_size=4)


@given(tables=tables, secrets=st.dictionaries(st.from_regex(r"[A-Z][A-Za-z_]{0,6}[A-Z]", fullmatch=True), values))
def test_another_process_reads_the_same_settings_from_the_variables(tables: dict[str, Any], secrets: dict[str, Any]):
    config = load().merged({"mine": tables, "context": {"secrets": secrets}, "tasks": {"defaults": {"retry_delay": 3}}})
    reread = load(**to_environment_variables(config.merged({"tasks": {"defaults": {"retry_delay": timedelta(0, 3)}}})))
    assert reread.get("mine", {}) == config.mine
    assert reread.context == config.context
    assert reread.tasks.defaults.retry_delay == timedelta(seconds=3)


def test_only_the_settings_that_were_asked_for_become_variables():
    config = load(PREFECT__LOGGING__LEVEL="DEBUG", PREFECT__CONTEXT__SECRETS__Key="x", PREFECT__FLOWS_OF_MINE="1")
    assert to_environment_variables(config, ["logging.level", "flows", "unknown"], prefix="P") == {
        "P__LOGGING__LEVEL": "DEBUG",
        "P__FLOWS__EAGER_EDGE_VALIDATION": "False",
        "P__FLOWS__RUN_ON_SCHEDULE": "True",
        "P__FLOWS__CHECKPOINTING": "False",
    }
    assert to_environment_variables(config, ["context"]) == {"PREFECT__CONTEXT__SECRETS__Key": "x"}


# Temporary settings


def test_temporary_settings_last_as_long_as_the_block():
    config = configuration.config
    before, flows = config.copy(), config.flows
    with set_temporary_config({"flows.checkpointing": "x", "flows.new": 1, "a.b.c": {"d": 1}, "logging": {"x": 1}}):
        assert (config.flows.checkpointing, config.flows.new, config.a.b.c.d) == ("x", 1, 1)
        assert config.logging == {"x": 1}
    assert config == before
    assert list(config) == list(before)
    assert config.flows is flows


def test_temporary_settings_end_with_an_error_too():
    before = configuration.config.copy()
    with pytest.raises(ConfigurationError, match="'debug' is a setting"), set_temporary_config({"x": 1, "debug.y": 2}):
        pass
    with pytest.raises(ZeroDivisionError), set_temporary_config({"debug": True}):
        _ = 1 / 0
    assert configuration.config == before


@pytest.mark.parametrize(
    ("text", "on"),
    [("no", False), ("off", False), ("0", False), ("False", False), ("yes", True), ("on", True), ("1", True)],
)
def test_a_switch_understands_what_people_write(text, on):
    assert load(PREFECT__STORE__ENABLED=text).store.enabled is on


def test_a_switch_that_is_neither_on_nor_off_is_refused():
    with pytest.raises(ConfigurationError, match="'flows.checkpointing' is 'maybe'. Set it to true or false"):
        load(PREFECT__FLOWS__CHECKPOINTING="maybe")


def test_a_number_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="'store.lease_seconds' is 'long'. Set it to a number"):
        load_user_file(tmp_path, '[store]\nlease_seconds = "long"')


def test_a_key_that_is_almost_a_setting_is_told(tmp_path):
    with pytest.warns(UserWarning, match=r"the environment sets 'store\.enabld'.* Did you mean 'store\.enabled'\?"):
        load(PREFECT__STORE__ENABLD="false")
    with pytest.warns(UserWarning, match=r"config\.toml sets 'loging'.* Did you mean 'logging'\?"):
        load_user_file(tmp_path, "[loging]\nlevel = 'DEBUG'")


def test_keys_of_ones_own_are_welcome(tmp_path, recwarn):
    settings = load_user_file(tmp_path, "[mine]\nlevel = 1\n[store]\nteam = 'a'\n[engine.limits]\ndatabase = 2")

    assert (settings.mine.level, settings.store.team, settings.engine.limits.database) == (1, "a", 2)
    assert not recwarn
