"""The commands that read the history, called in this process."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import time
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from click.testing import Result

from prefect.cli import main
from prefect.store import ownership
from prefect.store.base import Store
from prefect.store.records import UNOWNED, Batch, Event, FlowRun, FlowVersion, RunTask, TaskRun
from prefect.utilities.configuration import set_temporary_config

Call = Callable[..., Result]
File = Callable[[str, str], str]
Document = Callable[..., Any]

DEAD = f"{platform.node()}/99999999/0"
SECOND = 1_000_000


def unfinished(store: Store, owner: str, lease: int = 60) -> FlowRun:
    """A run of two tasks that is at work at the second one, as far as the history tells."""
    now = int(time() * SECOND)
    lease_until = now + lease * SECOND if lease else UNOWNED
    run = FlowRun(
        id="0b8e1d5e-0000-4000-8000-000000000001",
        flow="night",
        version="v",
        name="night",
        state="Running",
        created=now,
        started=now,
        source="nowhere.py",
        owner=owner,
        lease_until=lease_until,
    )
    batch = Batch(
        run=run.id,
        epoch=1,
        after=0,
        last_seq=2,
        lease_until=lease_until,
        begin=run,
        version=FlowVersion("v", "night", '{"flow": {"tasks": [], "edges": []}, "code": {}}', now),
        tasks={0: RunTask(0, "load-1", "load"), 1: RunTask(1, "clean-1", "clean", 3)},
        events=[Event(number, 0, -1, -1, 1, state, now, None) for number, state in ((1, "Running"), (2, "Success"))],
        task_runs={(0, -1): TaskRun(2, 0, -1, "Success", 1, now, now, None, None, None)},
    )
    assert store.commit([batch]) == []
    return run


# --- runs -------------------------------------------------------------------------------------------------------------


def test_runs_are_listed_the_newest_first(prefect: Call, document: Document, failed: FlowRun, etl: str) -> None:
    prefect("run", etl)

    lines = prefect("runs").stdout.splitlines()

    assert lines[0].split() == ["run", "flow", "state", "started", "took"]
    assert [line.split()[2] for line in lines[1:]] == ["Success", "Failed"]
    assert lines[2].startswith(f"{failed.id[:8]}  etl ")
    assert [each["state"] for each in document("runs")] == ["Success", "Failed"]


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--flow", "etl"], 2),
        (["--flow", "other"], 0),
        (["--state", "failed"], 1),
        (["--state", "Failed", "--state", "Success"], 2),
        (["--since", "1h"], 2),
        (["--since", "2020-01-01"], 2),
        (["--tag", "none"], 0),
        (["--tag", "nightly"], 1),
        (["--tag", "by hand"], 1),
        (["--limit", "1"], 1),
    ],
)
def test_runs_are_filtered(
    prefect: Call, document: Document, failed: FlowRun, etl: str, arguments: list[str], count: int
) -> None:
    prefect("run", etl, "--tag", "nightly", "--tag", "by hand")

    assert len(document("runs", *arguments)) == count


def test_without_runs_it_says_so(prefect: Call, history: Store) -> None:
    assert prefect("runs").stdout == "There are no runs.\n"
    assert prefect("runs", "--flow", "etl").stdout == "There are no such runs.\n"


def test_a_run_under_way_tells_how_far_it_is(prefect: Call, document: Document, history: Store) -> None:
    unfinished(history, ownership.this_process())

    [found] = document("runs")

    assert (found["condition"], found["progress"]) == ("Running", {"over": 1, "known": 4})
    assert "1 of 4" in prefect("runs").stdout


def test_a_run_whose_process_is_gone_died(prefect: Call, document: Document, history: Store) -> None:
    unfinished(history, DEAD)

    [found] = document("runs")

    assert (found["state"], found["condition"], found["progress"]) == ("Running", "died", None)
    assert [each["flow"] for each in document("runs", "--state", "died")] == ["night"]
    assert document("runs", "--state", "Running") == []


def test_a_run_that_was_let_go_without_an_end_stopped(document: Document, history: Store) -> None:
    unfinished(history, "", lease=0)

    assert document("runs", "--state", "stopped")[0]["condition"] == "stopped"


def test_runs_inside_of_others_are_shown_if_asked_for(
    document: Document, prefect: Call, history: Store, file: File
) -> None:
    code = """
        from prefect import Flow, task

        inner = Flow("inner")

        @task
        def inside():
            assert inner.run().is_successful()

        with Flow("outer") as flow:
            inside()
    """
    prefect("run", file("nested.py", code), "--flow", "outer")

    assert [each["flow"] for each in document("runs")] == ["outer"]
    assert {each["flow"] for each in document("runs", "--nested")} == {"outer", "inner"}


# --- show -------------------------------------------------------------------------------------------------------------


def test_a_run_is_shown_with_its_tasks_and_what_to_do_next(prefect: Call, failed: FlowRun) -> None:
    shown = prefect("show", "last").stdout

    assert shown.startswith("etl: Failed. 1 of 1 reference tasks failed.\n\nrun         " + failed.id)
    assert "parameters  limit = 5\n" in shown
    assert "clean    Failed         4 Success, 1 Failed" in shown
    assert "p50 " in shown
    assert "\nfailed\nclean[3]  Failed  Unexpected error: ZeroDivisionError" in shown
    assert f'prefect why {failed.id[:8]} "clean[3]"' in shown
    assert f"prefect resume {failed.id[:8]} " in shown


def test_after_a_success_there_is_nothing_to_do(prefect: Call, history: Store, etl: str) -> None:
    prefect("run", etl)

    shown = prefect("show", "last").stdout

    assert shown.startswith("etl: Success.")
    assert "prefect " not in shown


def test_a_run_is_a_document_too(document: Document, failed: FlowRun) -> None:
    found = document("show", failed.id[:6])

    assert (found["id"], found["state"], found["parameters"]) == (failed.id, "Failed", {"limit": "5"})
    [clean] = [each for each in found["tasks"] if each["name"] == "clean"]
    assert (clean["children"], clean["counts"]) == (5, {"Success": 4, "Failed": 1})
    assert clean["durations"].keys() == {"p50", "p95", "max"}
    assert [each["task"] for each in found["failures"]] == ["clean[3]"]


def test_values_are_shown_if_asked_for(prefect: Call, document: Document, failed: FlowRun) -> None:
    assert "[0, 1, 2, 3, 4]" not in prefect("show", "last").stdout
    assert "[0, 1, 2, 3, 4]" in prefect("show", "last", "--values").stdout
    assert document("show", "last", "--task", "clean[2]", "--values")["value"] == "12"


def test_of_many_failures_the_first_are_shown(prefect: Call, history: Store, etl: str) -> None:
    path = Path(etl)
    path.write_text(path.read_text().replace("12 // (3 - row)", "1 // 0"))
    prefect("run", etl, "-p", "limit=20")

    shown = prefect("show", "last").stdout

    assert "clean[4]" in shown
    assert "clean[5]" not in shown
    assert "and more: look at one task with --task NAME" in shown


def test_one_task_is_shown_with_its_children(prefect: Call, document: Document, failed: FlowRun) -> None:
    shown = prefect("show", "last", "--task", "clean").stdout

    assert "[3]    Failed" in shown
    assert "and 4 more children" in shown
    assert [each["index"] for each in document("show", "last", "--task", "clean")["told"]] == [3]
    assert len(document("show", "last", "--task", "clean", "--values")["told"]) == 5


def test_one_child_is_shown_with_what_happened_to_it(prefect: Call, document: Document, failed: FlowRun) -> None:
    shown = prefect("show", "last", "--task", "clean[3]").stdout

    assert shown.startswith("clean[3]: Failed. Unexpected error: ZeroDivisionError")
    assert prefect("show", "last", "--task", "clean[0]").stdout.startswith("clean[0]: Success\n")
    events = document("show", "last", "--task", "clean[3]")["events"]
    assert [each["state"] for each in events] == ["Running", "Failed"]


def test_a_run_that_died_says_which_process_did(prefect: Call, history: Store) -> None:
    unfinished(history, DEAD)

    shown = prefect("show", "last").stdout

    assert shown.startswith("night: died.\n")
    assert f"process 99999999 on {platform.node()}, which died" in shown
    assert "prefect resume 0b8e1d5e" in shown


def test_what_nobody_works_at_is_not_waited_for(prefect: Call, failed: FlowRun) -> None:
    assert prefect("show", "last", "--follow").stdout.startswith("etl: Failed.")


# --- logs -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def logged(history: Store, prefect: Call, file: File) -> None:
    code = """
        import prefect
        from prefect import Flow, task

        @task
        def speak(x):
            prefect.context.logger.warning("warned %s", x)
            prefect.context.logger.error("wrong %s", x)

        with Flow("speaks") as flow:
            speak.map([0, 1, 2])
            speak("alone")
    """
    assert prefect("run", file("speaks.py", code)).exit_code == 0


def messages(result: list[dict[str, Any]]) -> list[str]:
    return [each["message"] for each in result]


def test_the_log_of_a_run_is_printed(prefect: Call, document: Document, logged: None) -> None:
    lines = prefect("logs", "last").stdout.splitlines()

    assert len(lines) == 8
    assert any(line.endswith("WARNING  speak-1[2]  warned 2") for line in lines)
    assert set(messages(document("logs", "last"))) >= {"warned 0", "wrong alone"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--task", "speak-1[1]"], ["warned 1", "wrong 1"]),
        (["--task", "speak-2"], ["warned alone", "wrong alone"]),
        (["--task", "speak-1", "--level", "error"], ["wrong 0", "wrong 1", "wrong 2"]),
        (["--task", "speak-1", "--tail", "1"], ["wrong 2"]),
        (["--level", "critical"], []),
    ],
)
def test_lines_are_filtered(document: Document, logged: None, arguments: list[str], expected: list[str]) -> None:
    assert messages(document("logs", "last", *arguments)) == expected


def test_one_document_cannot_follow(prefect: Call, logged: None) -> None:
    assert prefect("logs", "last", "--follow", "--json").exit_code == 2
    assert prefect("logs", "last", "--follow").exit_code == 0


# --- why --------------------------------------------------------------------------------------------------------------


def test_the_chain_of_causes_is_a_tree(prefect: Call, failed: FlowRun) -> None:
    lines = prefect("why", "last", "load").stdout.splitlines()

    assert lines[0].startswith("load  TriggerFailed  The trigger 'all_successful' refused")
    assert lines[2].startswith("└── clean[3]  Failed  Unexpected error: ZeroDivisionError")
    assert lines[3].strip() == "its own code failed; nothing before it is to blame"


def test_the_chain_of_causes_is_a_nested_document(document: Document, failed: FlowRun) -> None:
    found = document("why", "last", "load")

    assert (found["name"], found["state"], found["index"]) == ("load", "TriggerFailed", None)
    [cause] = found["causes"]
    assert (cause["name"], cause["index"], cause["causes"]) == ("clean", 3, [])


# --- plan -------------------------------------------------------------------------------------------------------------


def plans(document: Document, *arguments: str) -> dict[str, tuple[int, int | None, str]]:
    return {each["name"]: (each["kept"], each["runs"], each["why"]) for each in document("plan", *arguments)["tasks"]}


def test_a_plan_tells_what_a_new_run_would_do(prefect: Call, document: Document, etl: str) -> None:
    assert plans(document, etl) == {
        "limit": (0, 0, "given"),
        "extract": (0, 1, ""),
        "clean": (0, None, "it has as many children as extract gives elements"),
        "load": (0, 1, ""),
        "alarm": (0, 1, "only if any_failed lets it"),
    }
    assert prefect("plan", etl).stdout.splitlines()[3].split()[:2] == ["clean", "?"]


def test_a_plan_runs_no_task(prefect: Call, file: File, history: Store) -> None:
    code = """
        from prefect import Flow, task
        with Flow("x") as flow:
            task(lambda: open("ran", "w"), name="run")()
    """

    assert prefect("plan", file("x.py", code)).exit_code == 0

    assert not Path("ran").exists()
    assert history.runs() == []


REUSE = """
    from datetime import timedelta
    from prefect import Flow, Parameter, task
    from prefect.engine.cache_validators import all_inputs
    from prefect.engine.results import LocalResult

    @task(result=LocalResult(dir="."))
    def greet(who):
        return f"hello {who}"

    @task(cache_for=timedelta(hours=1), cache_validator=all_inputs)
    def costly(x):
        return x

    with Flow("reuse") as flow:
        who = Parameter("who", default="you")
        greet.copy(name="fixed", target="fixed.pickle")("me")
        greet.copy(name="given", target="{parameters[who]}.pickle")(who)
        greet.copy(name="late", target="{flow_run_id}")(who)
        made = costly.copy(name="early")(who)
        costly.copy(name="after")(made)
        costly.copy(name="many").map([1, 2, 3])
"""


def test_a_plan_tells_what_would_be_reused_as_far_as_that_is_known(
    prefect: Call, document: Document, file: File
) -> None:
    path = file("reuse.py", REUSE)

    with set_temporary_config({"flows.checkpointing": True}):
        before = plans(document, path)
        assert prefect("run", path).exit_code == 0
        after = plans(document, path)

    assert before["fixed"] == (0, 1, "nothing is at its target 'fixed.pickle'")
    assert after["fixed"] == (0, 0, "a value is at its target 'fixed.pickle'")
    assert after["given"] == (0, 0, "a value is at its target 'you.pickle'")
    assert after["late"] == (0, 1, "whether its target is there is decided when its inputs are known")
    assert before["early"] == (0, 1, "as nothing was cached yet")
    assert after["early"] == (0, 0, "a cached value fits: it was made from the same inputs and code")
    assert after["after"] == (0, 1, "whether a cached value fits is decided when its inputs are known")
    assert after["many"] == (0, 3, "whether a cached value fits is decided when its inputs are known")
    assert plans(document, path, "--param", "who=others")["early"] == (0, 1, "although cached: input `x` changed")


def test_a_plan_for_going_on_tells_what_is_kept_and_what_runs_and_why(
    prefect: Call, document: Document, failed: FlowRun, etl: str
) -> None:
    assert plans(document, etl, "--resume", "last") == {
        "limit": (1, 0, ""),
        "extract": (1, 0, ""),
        "clean": (4, 1, "1 failed"),
        "load": (0, 1, "refused by its trigger"),
        "alarm": (0, 1, "again, as something before it did not succeed"),
    }
    assert "clean    4 of 5  1     1 failed\n" in prefect("plan", etl, "--resume", "last").stdout


def test_a_plan_tells_what_changed_in_the_code(
    prefect: Call, document: Document, failed: FlowRun, etl: str, mend: Callable[[], None]
) -> None:
    mend()

    assert "clean-1" in document("plan", etl, "--resume", "last")["changes"]["edited"]
    assert prefect("plan", etl, "--resume", "last").stdout.startswith("The code has changed since the run began:\n")


# --- resume -----------------------------------------------------------------------------------------------------------


def test_a_run_goes_on_with_mended_code(
    prefect: Call, failed: FlowRun, history: Store, mend: Callable[[], None]
) -> None:
    mend()

    result = prefect("resume", "last", "--yes")

    assert result.exit_code == 0
    assert "  edited: clean-1" in result.stdout
    assert "clean    4 of 5  1     1 failed" in result.stdout
    assert "cleaned 3\n" in result.stdout
    assert "cleaned 2" not in result.stdout
    assert result.stdout.endswith("etl: Success. All reference tasks succeeded.\n")
    assert (history.run(failed.id).state, history.run(failed.id).attempts) == ("Success", 2)


def test_changed_code_has_to_be_agreed_to(
    prefect: Call, failed: FlowRun, history: Store, mend: Callable[[], None]
) -> None:
    mend()

    result = prefect("resume", "last")

    assert result.exit_code == 2
    assert "The code has changed since the run began (edited: clean-1" in result.stderr
    assert "add --yes" in result.stderr
    assert history.run(failed.id).attempts == 1


def test_without_a_change_nobody_is_asked(prefect: Call, failed: FlowRun, history: Store) -> None:
    result = prefect("resume", "last")

    assert result.exit_code == 1  # it fails again
    assert "The code has changed" not in result.stdout
    assert history.run(failed.id).attempts == 2
    assert "prefect show last" in result.stdout


def test_what_came_of_it_is_a_document_too(document: Document, failed: FlowRun, mend: Callable[[], None]) -> None:
    mend()

    found = document("resume", failed.id, "--yes", "--executor", "local")

    assert (found["flow_run_id"], found["state"]) == (failed.id, "Success")


def test_of_a_run_that_succeeded_nothing_is_left_to_do(
    prefect: Call, document: Document, history: Store, etl: str
) -> None:
    code = "from prefect import Flow, task\nwith Flow('done') as flow:\n    task(lambda: 1, name='one')()\n"
    Path("done.py").write_text(code)
    prefect("run", "done.py")

    result = prefect("resume", "last")

    assert result.exit_code == 0
    assert result.stdout.endswith("Nothing is left to do.\n")
    assert document("resume", "last")["state"] == "Success"
    assert history.runs()[0].attempts == 1


def test_a_run_goes_on_with_a_flow_that_was_moved(
    prefect: Call, failed: FlowRun, etl: str, mend: Callable[[], None]
) -> None:
    mend()
    Path(etl).rename("moved.py")

    assert prefect("resume", "last", "--yes").exit_code == 2
    assert prefect("resume", "last", "moved.py", "--yes").exit_code == 0


def test_a_run_that_somebody_works_at_is_left_to_them(prefect: Call, history: Store) -> None:
    unfinished(history, ownership.this_process())

    result = prefect("resume", "last")

    assert result.exit_code == 1
    assert "works at the flow run" in result.stderr


def test_a_run_knows_the_file_or_module_it_comes_from(prefect: Call, history: Store, etl: str, folder: Path) -> None:
    prefect("run", etl)
    prefect("run", "etl:flow")

    assert [run.source for run in history.runs()] == ["etl", str(folder / "etl.py")]


def test_a_run_that_failed_tells_how_to_go_on(prefect: Call, history: Store, etl: str) -> None:
    shown = prefect("run", etl, "-p", "limit=5").stdout

    assert shown.splitlines()[-2:] == [
        "prefect show last    see what happened",
        "prefect resume last  go on, with what succeeded kept",
    ]


def test_a_run_that_was_not_written_down_cannot_be_gone_on_with(prefect: Call, etl: str) -> None:
    with set_temporary_config({"store.enabled": False}):
        assert "prefect resume" not in prefect("run", etl, "-p", "limit=5").stdout


# --- replay -----------------------------------------------------------------------------------------------------------


def test_a_child_runs_again_with_its_inputs(prefect: Call, document: Document, failed: FlowRun) -> None:
    result = prefect("replay", "last", "clean[3]")

    assert result.exit_code == 1
    assert result.stdout.startswith("clean[3]\n  row  3\n")
    assert "\nclean[3]: Failed. Unexpected error: ZeroDivisionError" in result.stdout
    assert 'etl.py", line 12, in clean' in result.stdout
    assert "Traceback" not in result.stderr  # it is told once
    found = document("replay", "last", "clean[3]")
    assert (found["inputs"], found["state"], found["promoted"]) == ({"row": "3"}, "Failed", False)
    assert "ZeroDivisionError" in found["traceback"]


def test_a_success_shows_its_value(prefect: Call, document: Document, failed: FlowRun) -> None:
    result = prefect("replay", "last", "clean[1]")

    assert result.exit_code == 0
    assert result.stdout.endswith("clean[1]: Success. The task succeeded.\n  value  6\n")
    assert document("replay", "last", "clean[1]")["value"] == "6"


def test_a_value_is_written_back_and_the_run_goes_on_from_there(
    prefect: Call, failed: FlowRun, history: Store, mend: Callable[[], None]
) -> None:
    mend()

    result = prefect("replay", "last", "clean[3]", "--promote")

    assert result.exit_code == 0
    assert result.stdout.endswith(f"Go on from there:\n  prefect resume {failed.id[:8]}\n")
    resumed = prefect("resume", "last", "--yes")
    assert resumed.exit_code == 0
    assert "cleaned" not in resumed.stdout


def test_a_failure_is_not_written_back(prefect: Call, failed: FlowRun, history: Store) -> None:
    result = prefect("replay", "last", "clean[3]", "--promote")

    assert result.exit_code == 1
    assert result.stdout.endswith("Nothing was written into the run: only a success can be.\n")
    assert history.run(failed.id) == failed


def test_without_an_error_there_is_nothing_to_debug(prefect: Call, failed: FlowRun) -> None:
    result = prefect("replay", "last", "clean[1]", "--pdb")

    assert "There is nothing to look at in the debugger" in result.stdout
    assert prefect("replay", "last", "clean[1]", "--pdb", "--json").exit_code == 2


# --- history ----------------------------------------------------------------------------------------------------------


def test_the_history_tells_where_it_is_and_what_is_in_it(prefect: Call, document: Document, failed: FlowRun) -> None:
    found = document("history", "info")

    assert found["store"].startswith("memory://")
    assert (found["runs"], found["recording"], found["schema"]) == (1, True, None)
    assert document("history", "path") == found["store"]
    assert "runs       1\n" in prefect("history", "info").stdout


def test_a_file_tells_its_version_too(prefect: Call, document: Document, etl: str, folder: Path) -> None:
    url = f"sqlite:///{folder}/history.db"
    with set_temporary_config({"store.enabled": True, "store.url": url}):
        prefect("run", etl)

    found = document("history", "info", "--store", url)

    assert found["schema"] >= 2
    assert found["sqlite"].startswith("3.")
    assert prefect("history", "path", "--store", url).stdout == f"{folder}/history.db\n"


def test_old_runs_are_deleted(prefect: Call, document: Document, failed: FlowRun, history: Store) -> None:
    assert document("history", "prune", "--before", "1d", "--yes")["deleted"] == 0
    assert prefect("history", "prune", "--before", "0s", "--yes").stdout.startswith("1 run was deleted;")
    assert history.runs() == []


def test_too_much_is_deleted(prefect: Call, document: Document, failed: FlowRun) -> None:
    assert document("history", "prune", "--keep-bytes", "1GB", "--yes")["deleted"] == 0
    assert document("history", "prune", "--keep-bytes", "10", "--yes")["deleted"] == 1


def test_without_limits_those_of_the_settings_count(document: Document, failed: FlowRun) -> None:
    assert document("history", "prune", "--yes")["deleted"] == 0


def test_deleting_has_to_be_agreed_to(prefect: Call, failed: FlowRun, history: Store) -> None:
    result = prefect("history", "prune", "--before", "0s")

    assert result.exit_code == 2
    assert "This deletes runs that ended before" in result.stderr
    assert history.runs() == [failed]


def test_what_waits_is_written(prefect: Call, document: Document, history: Store, folder: Path) -> None:
    assert prefect("history", "drain").stdout == "Nothing waits.\n"
    assert document("history", "drain") == {"written": 0}


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "nothing"], "There is no flow run 'nothing' in the history"),
        (["show", "last", "--task", "nothing"], "There is no task 'nothing'"),
        (["show", "last", "--task", "clean[99]"], "There is no child 99 of 'clean-1', which has 5 children"),
        (["logs", "last", "--task", "nothing"], "There is no task 'nothing'"),
        (["logs", "last", "--level", "loud"], "'loud' is not one of"),
        (["why", "last", "load[1]"], "'load-1' is not mapped"),
        (["runs", "--since", "soon"], "'soon' is no time"),
        (["runs", "--state", "sleepy"], "'sleepy' is not one of"),
        (["runs", "--store", "mysql://x"], "There is no store of the kind 'mysql'"),
        (["runs", "--store", "sqlite:///none.db"], "There is no history at 'sqlite:///none.db'"),
        (["resume", "last", "nowhere.py"], "There is no file 'nowhere.py'"),
        (["resume", "last", "other.py"], "No flow in 'other.py' is called 'etl'"),
        (["resume", "last", "other.py:flow"], "is one of the flow 'etl', not of 'other'"),
        (["replay", "last", "clean"], "clean-1 is mapped: say which of its children"),
        (["plan", "etl.py", "--resume", "last", "-p", "limit=1"], "has its own parameters"),
        (["plan", "etl.py", "-p", "other=1"], "has no parameter 'other'"),
        (["history", "prune", "--keep-bytes", "much"], "'much' is no size"),
    ],
)
def test_mistakes_are_told_on_stderr_with_exit_code_2(
    prefect: Call, failed: FlowRun, file: File, arguments: list[str], message: str
) -> None:
    file("other.py", "from prefect import Flow\nflow = Flow('other')\n")

    result = prefect(*arguments)

    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_without_runs_there_is_no_last_one(prefect: Call, history: Store) -> None:
    result = prefect("show", "last")

    assert result.exit_code == 2
    assert "There is no run in the history at memory://" in result.stderr


def test_a_run_without_a_file_needs_one(prefect: Call, history: Store) -> None:
    run = unfinished(history, DEAD)
    other = replace(run, id="1b8e1d5e-0000-4000-8000-000000000001", source=None, version="v")
    history.commit([Batch(run=other.id, epoch=1, after=0, last_seq=0, lease_until=UNOWNED, begin=other)])

    result = prefect("resume", other.id)

    assert result.exit_code == 2
    assert "does not know its file" in result.stderr


def test_another_store_can_be_named(prefect: Call, document: Document, etl: str, folder: Path, history: Store) -> None:
    url = f"sqlite:///{folder}/history.db"
    with set_temporary_config({"store.url": url}):
        prefect("run", etl, "-p", "limit=5")

    assert document("runs") == []
    [run] = document("runs", "--store", url)
    assert document("show", "last", "--store", url)["id"] == run["id"]
    assert prefect("resume", "last", "--store", url).exit_code == 1
    assert document("runs", "--store", url)[0]["attempts"] == 2


def test_the_ids_of_runs_are_completed(failed: FlowRun) -> None:
    completion = ShellComplete(main, {}, "prefect", "_PREFECT_COMPLETE")

    def completed(*words: str) -> list[str]:
        return [each.value for each in completion.get_completions([*words[:-1]], words[-1])]

    assert completed("show", "") == ["last", failed.id[:8]]
    assert completed("show", "la") == ["last"]
    assert completed("plan", "etl.py", "--resume", failed.id[:3]) == [failed.id[:8]]
