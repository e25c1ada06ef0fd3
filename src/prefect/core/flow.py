"""Flow: tasks joined to one piece of work, which can run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Self

from prefect.configuration import config
from prefect.core import settings
from prefect.core.check import Finding, check
from prefect.core.edge import Edge
from prefect.core.graph import Graph
from prefect.core.handlers import failure_handler
from prefect.core.task import Task
from prefect.core.visualize import draw, notebook_pictures
from prefect.engine.driver import run_flow
from prefect.engine.flow_runner import FlowRunner
from prefect.engine.reporting import NO_HISTORY
from prefect.engine.result.base import Result
from prefect.engine.state import State
from prefect.exceptions import FlowContextActive, RunnerError, TaskSettingTypeError
from prefect.executors.base import Executor
from prefect.serialization.flow import flow_document, flow_from, hash_of
from prefect.serialization.flow_file import load_flow, save_flow
from prefect.store.history import RunHistory, resume_flow
from prefect.utilities.context import lookup
from prefect.utilities.importing import named_class
from prefect.utilities.logging import get_logger

RUN_OPTIONS = frozenset(
    {
        "context",
        "executor",
        "flow_run_id",
        "flow_run_name",
        "resume",
        "state",
        "task_contexts",
        "task_runner_state_handlers",
        "task_states",
    }
)


class Flow(Graph):
    """Tasks joined to one piece of work. Build it in a `with` block, then run it.

    ```python
    with Flow("add") as flow:
        x = Parameter("x", default=1)
        total = add(x, 2)

    state = flow.run(x=40)
    state.result[total].result  # 42
    ```

    Args:
        name: what people call it.
        schedule: when it runs.
        executor: where its tasks run.
        run_config: kept for deployments.
        storage: kept for deployments.
        tasks: tasks to begin with.
        edges: edges to begin with.
        reference_tasks: the tasks whose states decide the state of a run.
        state_handlers: functions `(flow, old_state, new_state) -> state or None`, called in order at every change.
        on_failure: function `(flow, state)` called when a run fails.
        validate: look for cycles now rather than before the first run.
        result: where tasks store their values, if they do not say themselves.
        terminal_state_handler: function `(flow, state, reference_task_states) -> state or None` that may replace the
            last state of a run.
    """

    def __init__(
        self,
        name: str,
        schedule: Any = None,
        executor: Executor | None = None,
        run_config: Any = None,
        storage: Any = None,
        tasks: Iterable[Task] | None = None,
        edges: Iterable[Edge] | None = None,
        reference_tasks: Iterable[Task] | None = None,
        state_handlers: Sequence[Callable[..., Any]] | None = None,
        on_failure: Callable[..., Any] | None = None,
        validate: bool | None = None,
        result: Result | None = None,
        terminal_state_handler: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(name, tasks=tasks, edges=edges)
        owner = repr(self)
        if executor is not None and not isinstance(executor, Executor):
            raise TaskSettingTypeError(f"{owner}: executor must be one, such as LocalExecutor(), not {executor!r}.")
        if isinstance(schedule, str | int | float):
            raise TaskSettingTypeError(f"{owner}: schedule must be a Schedule, not {schedule!r}.")
        self.schedule = schedule
        self.executor = executor
        self.run_config = run_config
        self.storage = storage
        self.result = result
        self.logger = get_logger(name)
        self.terminal_state_handler = settings.function(terminal_state_handler, "terminal_state_handler", owner)
        self.state_handlers = settings.state_handlers(state_handlers, owner)
        if on_failure is not None:
            self.state_handlers.append(failure_handler(settings.function(on_failure, "on_failure", owner)))
        self._blocks: list[AbstractContextManager[Graph]] = []
        if reference_tasks is not None:
            self.set_reference_tasks(reference_tasks)
        self._validate_if(validate)

    def __enter__(self) -> Self:
        block = self.building()
        block.__enter__()
        self._blocks.append(block)
        return self

    def __exit__(self, *error: Any) -> None:
        self._blocks.pop().__exit__(*error)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_blocks": []}

    def copy(self) -> Self:
        """A flow with the same tasks, edges, constants and settings that can be changed on its own."""
        new = super().copy()
        new._blocks = []
        new.state_handlers = list(self.state_handlers)
        return new

    # --- running -----------------------------------------------------------------------------------------------------

    def run(
        self,
        parameters: Mapping[str, Any] | None = None,
        run_on_schedule: bool | None = None,
        runner_cls: type[FlowRunner] | None = None,
        **kwargs: Any,
    ) -> State:
        """Run the flow, here and now, and wait for its end.

        Args:
            parameters: values of its parameters.
            run_on_schedule: run at every time of its schedule; by default yes if it has one.
            runner_cls: the class that runs it.
            **kwargs: further values of parameters by name; and the options `executor`, `state`, `task_states`,
                `context`, `task_contexts`, `task_runner_state_handlers`, `flow_run_id`, `flow_run_name` and `resume`:
                the id of a run in the history to go on with, the beginning of one, or `"last"`.

        Returns:
            The state of the run; its result is `{task: state}` for all tasks. Errors of tasks are in their states.

        Raises:
            ParameterError: parameters are unknown or missing.
            RunnerError: an option is unknown.
            RunMissing: there is no such run to go on with.
            RunHeld: another process works at it.
            FlowContextActive: the flow is still being built.
            CycleError: its tasks wait for each other.
        """
        if lookup("flow") is self:
            raise FlowContextActive(f"{self!r} is still being built: leave its `with` block before you run it.")
        if lookup("loading_flow"):
            self.logger.warning("%r is being loaded, so its `run()` is passed over.", self)
            return None  # type: ignore[return-value]
        names = {parameter.name for parameter in self.parameters()}
        given = {**(parameters or {}), **{key: value for key, value in kwargs.items() if key in names}}
        options = {key: value for key, value in kwargs.items() if key not in names}
        self._check_options(options)
        runner_class = runner_cls or named_class(config.engine.flow_runner.default_class, FlowRunner)
        which = options.pop("resume", None)
        if which is not None:
            return resume_flow(self, which, runner_class, given, options)
        scheduled = config.flows.run_on_schedule if run_on_schedule is None else run_on_schedule
        return run_flow(
            self,
            runner_class,
            parameters=given,
            schedule=self.schedule if scheduled else None,
            history=RunHistory() if config.store.enabled else NO_HISTORY,
            **options,
        )

    def _check_options(self, options: Mapping[str, Any]) -> None:
        if "return_tasks" in options:
            raise RunnerError("`flow.run` always returns the states of all tasks: leave `return_tasks` out.")
        unknown = ", ".join(repr(key) for key in options if key not in RUN_OPTIONS)
        if unknown:
            parameters = ", ".join(sorted(parameter.name for parameter in self.parameters())) or "none"
            raise RunnerError(
                f"`flow.run` does not take {unknown}, which is neither a parameter of {self!r} ({parameters}) "
                f"nor an option ({', '.join(sorted(RUN_OPTIONS))})."
            )

    # --- showing -----------------------------------------------------------------------------------------------------

    def visualize(
        self,
        flow_state: State | None = None,
        filename: str | None = None,
        format: str | None = None,
        horizontal: bool = False,
    ) -> Any:
        """Draw the flow.

        Args:
            flow_state: the state of a run, to colour the tasks by their states.
            filename: where to write the picture; by default it is shown.
            format: of the picture: `pdf` by default, `png`, `svg` …; `mermaid` returns text that needs no extra.
            horizontal: draw from left to right.

        Returns:
            A graphviz `Digraph`, or the mermaid text.

        Raises:
            ImportError: graphviz is not installed.
        """
        return draw(self, flow_state, filename=filename, format=format, horizontal=horizontal)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows for a flow: its picture."""
        return notebook_pictures(self)

    def check(self, executor: Executor | None = None) -> list[Finding]:
        """What the tasks will stumble over when they run in other processes, without running them.

        Args:
            executor: where they are to run; by default that of the flow, or else the configured one.

        Returns:
            One finding for each, in the order of the tasks; print the list to read it. It is empty if all is well.
        """
        executor = executor or self.executor or named_class(config.engine.executor.default_class, Executor)()
        return check(self, executor)

    # --- saving and describing ---------------------------------------------------------------------------------------

    def save(self, fpath: str | os.PathLike[str] | None = None) -> str:
        """Write the flow, with its code, to a file.

        Args:
            fpath: the file; by default one of the flow's name in the folder `flows` of the home directory.

        Returns:
            The absolute path of the file.

        Raises:
            FlowFileError: something in the flow cannot be pickled, or the file cannot be written.
        """
        return save_flow(self, fpath)

    @classmethod
    def load(cls, fpath: str | os.PathLike[str]) -> Self:
        """Read a flow that `save` wrote. This runs code from the file: load only files that you trust.

        Args:
            fpath: the file, or the name of a flow that was saved without a path.

        Raises:
            FlowFileMissing: there is no such file.
            FlowFileError: the file is none that `save` wrote, was damaged, or needs a module that is not here.
        """
        return load_flow(fpath, cls, stacklevel=2)

    def serialize(self, build: bool = False) -> dict[str, Any]:
        """The flow as a document of plain values: its tasks, edges, parameters and settings, without their code."""
        self.validate()
        return flow_document(self)

    @classmethod
    def deserialize(cls, document: Mapping[str, Any]) -> Self:
        """The flow that a document of `serialize` describes: it can be looked at and drawn, but has no code to run.

        Raises:
            DocumentError: the document is broken, or of a newer format; the message names the path of the culprit.
        """
        return flow_from(document, cls, stacklevel=2)

    def serialized_hash(self, build: bool = False) -> str:
        """A digest of the document, the same in every process."""
        return hash_of(self.serialize(build))
