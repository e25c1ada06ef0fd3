"""The history of a process: every flow run is written down while it happens.

```
driver ── recording(flow, facts) ──▶ a Recorder listens ── run ──▶ its end: the rest is written, the lease given back
```
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import time
from typing import Any

from prefect.configuration import config
from prefect.core.graph import Graph
from prefect.engine.driver import run_flow
from prefect.engine.flow_runner import FlowRunner
from prefect.engine.reporting import SILENT, Reporter
from prefect.engine.state import State
from prefect.exceptions import ResumeError, StoreError
from prefect.store import ownership
from prefect.store.base import Store
from prefect.store.flow_versions import version_of
from prefect.store.log_capture import captured_logs
from prefect.store.opening import open_store
from prefect.store.recorder import Recorder
from prefect.store.records import FlowRun, FlowVersion, RunTask, Value, micros
from prefect.store.resuming import Resumption, resume
from prefect.store.retention import prune
from prefect.store.spool import spool_for
from prefect.store.values import Keeper
from prefect.store.writer import Writer, writer_of
from prefect.utilities.context import lookup
from prefect.utilities.files import write_file
from prefect.utilities.logging import get_logger

LOGGER = get_logger("History")
NOT_KEPT = frozenset({"caches", "flow_id", "flow_name", "flow_run_id", "flow_run_name", "parameters", "secrets"})
"""Keys of the context that are not written down: secrets, and what is known anyway."""
AT_FIRST = 1.0
"""For so many seconds a run waits until it is in the history; work that began can be found there, and gone on with."""

A_DAY = 86_400.0

REFUSED = frozenset({"flow_run_id", "flow_run_name", "state", "task_states"})
"""Options that a run which is resumed brings along itself."""


class RunHistory:
    """Writes down the runs of flows, as the settings `[store]` say.

    Args:
        resumption: a run to go on with, which this process owns.
    """

    def __init__(self, resumption: Resumption | None = None) -> None:
        self.resumption = resumption

    @contextmanager
    def recording(self, flow: Graph, facts: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[Reporter]:
        """Write down what happens inside the block.

        Args:
            flow: the flow that runs.
            facts: the context of the run.
            parameters: the values that were given.
        """
        try:
            store = self.resumption.store if self.resumption is not None else open_store()
            writer = writer_of(store, spool(store), config.store.on_error == "fail")
            recorder = self._recorder(flow, facts, parameters, writer)
        except Exception as error:  # whatever it is, it is no reason not to run
            if config.store.on_error == "fail":
                raise
            LOGGER.warning("This run is not written down: %s", error, exc_info=not isinstance(error, StoreError))
            yield SILENT
            return
        writer.tidy = tidying(store)
        writer.add(recorder)
        recorder.wait_for_begin(AT_FIRST)
        try:
            with captured_logs(recorder):
                yield recorder
        finally:
            recorder.close()
            writer.finish(recorder)

    def _recorder(
        self, flow: Graph, facts: Mapping[str, Any], parameters: Mapping[str, Any], writer: Writer
    ) -> Recorder:
        keeper = keeper_for(facts)
        version = version_of(flow)
        if self.resumption is not None:
            run, tasks, rows = self.resumption.run, numbered(flow, self.resumption.tasks), self.resumption.rows
        else:
            run, tasks, rows = new_run(facts, parameters, version, keeper), numbered(flow), None
        recorder = Recorder(
            run,
            version,
            tasks,
            keeper,
            writer.wake,
            each=config.store.durable == "each",
            new=self.resumption is None,
            rows=rows,
            lease=config.store.lease_seconds,
        )
        if self.resumption is not None:
            recorder.crashed(self.resumption.at_work)
        return recorder


def resume_flow(
    flow: Graph,
    which: str,
    runner_class: type[FlowRunner],
    parameters: Mapping[str, Any],
    options: Mapping[str, Any],
) -> State:
    """Go on with a run from the history.

    Args:
        flow: the flow, whose code may have changed.
        which: an id, the beginning of one, or `last`.
        runner_class: makes the runner of each pass.
        parameters: values that were given again; they have to be those of the run.
        options: passed on to the driver.

    Raises:
        RunMissing: there is no such run.
        RunHeld: a process works at it.
        ResumeError: it is a run of another flow, or one with other parameters.
    """
    refused = ", ".join(sorted(REFUSED & options.keys()))
    if refused:
        raise ResumeError(f"A run that is resumed has its own {refused}: leave that out, or start a new run.")
    store = open_store()
    writer_spool = spool(store)
    if writer_spool is not None:
        writer_spool.drain(store)
    now = time()
    until = micros(now + config.store.lease_seconds)
    found = resume(store, str(which), flow, until, micros(now), parameters)
    for line in told(found):
        LOGGER.warning(line)
    return run_flow(
        flow,
        runner_class,
        parameters=found.parameters,
        state=found.state,
        task_states=found.states,
        settled=found.settled,
        flow_run_id=found.run.id,
        flow_run_name=found.run.name,
        history=RunHistory(found),
        **{**options, "context": {**found.context, **(options.get("context") or {})}},
    )


def told(found: Resumption) -> Iterator[str]:
    """What people should know before a run goes on."""
    for line in found.changes.lines():
        yield f"The flow has changed since this run began: {line}"
    for rerun in found.reruns:
        yield f"Task '{rerun.slug}': {rerun.count} of its runs that were over run again, as {rerun.reason}"


def new_run(facts: Mapping[str, Any], parameters: Mapping[str, Any], version: FlowVersion, keeper: Keeper) -> FlowRun:
    """The record of a run that begins now, with the tags of the block (`with tags("nightly"): …`) it begins in."""
    now = time()
    inside = lookup("task_slug") is not None
    return FlowRun(
        id=facts["flow_run_id"],
        flow=version.flow,
        version=version.digest,
        name=str(facts["flow_run_name"]),
        state="Pending",
        parameters={name: keeper.keep(value) for name, value in parameters.items()},
        context=kept_facts(facts, keeper),
        tags=tuple(sorted(facts.get("tags") or lookup("tags") or ())),
        source=source_of_flow(),
        parent=str(lookup("flow_run_id")) if inside else None,
        created=micros(now),
        owner=ownership.this_process(),
        lease_until=micros(now + config.store.lease_seconds),
    )


def kept_facts(facts: Mapping[str, Any], keeper: Keeper) -> dict[str, Value]:
    """What of the context of a run is needed to go on with it some day."""
    return {name: keeper.keep(value) for name, value in facts.items() if name not in NOT_KEPT}


def keeper_for(facts: Mapping[str, Any]) -> Keeper:
    """Keeps the values of a run."""
    settings = config.store
    keeper = Keeper(
        inline=settings.inline_bytes,
        most=settings.value_bytes,
        directory=os.path.join(home(), "values", str(facts["flow_run_id"])),
    )
    keeper.learn_secret(dict(config.get("context", {}).get("secrets", {})))
    keeper.learn_secret(facts.get("secrets") or lookup("secrets") or {})
    return keeper


def numbered(flow: Graph, known: Mapping[str, RunTask] | None = None) -> dict[str, RunTask]:
    """The tasks of a flow with their numbers in a run; those that have one keep it."""
    tasks = dict(known or {})
    number = max((task.number for task in tasks.values()), default=-1)
    for task in flow.sorted_tasks():
        slug = flow.slugs[task]
        if slug not in tasks:
            number += 1
            tasks[slug] = RunTask(number, slug, task.name)
    return tasks


def tidying(store: Store) -> Callable[[], None] | None:
    """What deletes old runs; None if that was done within the last day."""
    settings, directory = config.store, home()
    mark = os.path.join(directory, "history.tidied")
    if store.url.startswith("memory:") or not (settings.keep_days or settings.keep_bytes) or age(mark) < A_DAY:
        return None

    def tidy() -> None:
        write_file(mark, b"", private=True)
        prune(store, directory, micros(time()), settings.keep_days, settings.keep_bytes)

    return tidy


def age(path: str) -> float:
    """How many seconds ago a file was written; endless if there is none."""
    try:
        return time() - os.stat(path).st_mtime
    except OSError:
        return float("inf")


def source_of_flow() -> str | None:
    """The file or module that the flow comes from, as far as that can be told."""
    told = lookup("flow_source")
    if told is not None:
        return str(told)
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    return None if path is None or not os.path.isfile(path) else os.path.abspath(path)


def spool(store: Store) -> Any:
    return None if store.url.startswith("memory:") else spool_for(store.url, home())


def home() -> str:
    return os.path.expanduser(str(config.home_dir))
