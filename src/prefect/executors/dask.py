"""DaskExecutor: hands on a Dask cluster, which lives as long as the run or was there before.

```
DaskExecutor()                                        a LocalCluster of its own for each run
DaskExecutor(cluster_class=…, cluster_kwargs={…})     another kind of cluster of its own
DaskExecutor(address="tcp://…")                       a cluster that is there already
```

Dask decides which worker makes a call; whether it is made again is for the engine to decide. So a cluster of our own
reports a dead worker at once instead of trying again elsewhere. One that is there already keeps its own setting,
`distributed.scheduler.allowed-failures`. On both, a call is made again if its worker dies between the end of the call
and the moment the driver has its value.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from prefect.configuration import config
from prefect.exceptions import ExecutorError, ExecutorUsageError
from prefect.executors import dask_processes
from prefect.executors.base import Executor
from prefect.executors.calls import GRACE, label_of, values_of
from prefect.executors.dask_pool import DaskPool
from prefect.executors.local_dask import LocalDaskExecutor as LocalDaskExecutor  # flows import it from here too
from prefect.utilities.logging import get_logger

if TYPE_CHECKING:
    from distributed import Client

RESOURCE = "dask-resource:"
ROUNDS = 3  # calls under way for each thread: one at work, one at hand, one on the way
BACKLOG = 16  # calls under way at least: a cluster that adapts grows when it sees work, and small calls travel together
STARTING = threading.Lock()
LOGGER = get_logger("DaskExecutor")
CHANGES = {"add-worker": "add", "remove-worker": "remove"}


class DaskExecutor(Executor):
    """Calls functions on a Dask cluster.

    Args:
        address: of the scheduler of a cluster that is there already; by default that of the configuration, if any.
        cluster_class: what makes a cluster for each run: a class, another callable, or the dotted name of one; by
            default that of the configuration, `distributed.LocalCluster`.
        cluster_kwargs: its arguments.
        adapt_kwargs: let that cluster grow and shrink within these limits, such as `{"minimum": 1, "maximum": 10}`.
        client_kwargs: arguments of `distributed.Client`.
        debug: let a cluster of our own log more than errors; by default as the configuration says.
        performance_report_path: write Dask's performance report of each run to this file.
        disable_cancellation_event: when a run is cancelled, do not tell the workers. Then only the scheduler takes
            calls back, and generators on a cluster that stays go on.
        watch_worker_status: call `on_worker_status_changed`; by default if a subclass defines it and the cluster does
            not adapt.

    A task with the tag `dask-resource:GPU=1` runs only on workers that offer one `GPU`, each for one task at a time.
    """

    distant = True
    stops_work = True
    chunk_seconds = 0.2

    def __init__(
        self,
        address: str | None = None,
        cluster_class: str | Callable[..., Any] | None = None,
        cluster_kwargs: Mapping[str, Any] | None = None,
        adapt_kwargs: Mapping[str, Any] | None = None,
        client_kwargs: Mapping[str, Any] | None = None,
        debug: bool | None = None,
        performance_report_path: str | PathLike[str] | None = None,
        disable_cancellation_event: bool = False,
        watch_worker_status: bool | None = None,
    ) -> None:
        super().__init__()
        own = [cluster_class, cluster_kwargs, adapt_kwargs]
        if address and any(each is not None for each in own):
            raise ExecutorUsageError(
                "`address` names a cluster that is there already, but `cluster_class`, `cluster_kwargs` and "
                "`adapt_kwargs` are for one that is made for the run: give the one or the others."
            )
        configured = config.engine.executor.dask
        self.address = address or (None if any(each is not None for each in own) else configured.address or None)
        self.cluster_class = cluster_class or configured.cluster_class
        self.cluster_kwargs = dict(cluster_kwargs or {})
        self.adapt_kwargs = dict(adapt_kwargs or {})
        self.client_kwargs = {"set_as_default": False, **(client_kwargs or {})}
        self.debug = bool(config.debug) if debug is None else debug
        self.performance_report_path = performance_report_path
        self.disable_cancellation_event = disable_cancellation_event
        listens = type(self).on_worker_status_changed is not DaskExecutor.on_worker_status_changed
        self.watch_worker_status = listens and not adapt_kwargs if watch_worker_status is None else watch_worker_status
        self._here = Here()

    def __repr__(self) -> str:
        return f"<Executor: {type(self).__name__}{f', {self.address}' if self.address else ''}>"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_here": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _here=Here())

    # --- a run -------------------------------------------------------------------------------------------------------

    @contextmanager
    def start(self) -> Iterator[None]:
        """Have a cluster in this block, for this thread: another one that starts the executor gets one of its own."""
        before = self._here.run
        with ExitStack() as stack:
            cluster = None if self.address else stack.enter_context(self._cluster())
            client = stack.enter_context(self._client(cluster))
            stack.enter_context(self._watched(client))
            stack.enter_context(self._reported(client))
            pool = stack.enter_context(DaskPool(client, not self.disable_cancellation_event))
            self._here.run = Run(pool, cluster)
            try:
                yield
            except BaseException:
                self.cancel()
                raise
            finally:
                self._here.run = before

    @contextmanager
    def _cluster(self) -> Iterator[Any]:
        """A cluster of our own."""
        import dask

        dask_processes.end_in_a_copy_of_the_script()
        make = found(self.cluster_class)
        settings: dict[str, Any] = {"distributed.scheduler.allowed-failures": 0}
        kwargs, hint = self.cluster_kwargs, ""
        with ExitStack() as stack:
            with STARTING:  # settings of Dask are those of the whole process: two starts would put back each other's
                if is_local(make):
                    kwargs = {"silence_logs": logging.WARNING if self.debug else logging.CRITICAL, **kwargs}
                    kwargs["preload"] = [*preloads(kwargs.get("preload")), dask_processes.__name__]
                    settings["temporary-directory"] = stack.enter_context(scratch_space())
                    make = partial(dask_processes.deaf, make)
                    hint = f" If this is a script without a guard, {dask_processes.GUARD}."
                with dask.config.set(settings), warnings.catch_warnings():
                    warnings.filterwarnings("ignore", "(?s)Port .* is already in use")  # the dashboard takes another
                    cluster = stack.enter_context(made(make, kwargs, hint))
            if self.adapt_kwargs:
                cluster.adapt(**self.adapt_kwargs)
            yield cluster

    @contextmanager
    def _client(self, cluster: Any) -> Iterator[Client]:
        """The way to the cluster."""
        from distributed import Client
        from distributed.utils import silence_logging_cmgr

        try:
            client = Client(cluster or self.address, **self.client_kwargs)
        except OSError as error:
            where = self.address or repr(cluster)
            raise ExecutorError(f"No Dask scheduler answers at {where}: start it, or correct the address.") from error
        with ExitStack() as stack:
            stack.enter_context(client)
            try:
                yield client
            except ExecutorError:  # it says that the scheduler is gone; the client need not say so at length
                stack.enter_context(silence_logging_cmgr(logging.CRITICAL, "distributed.client"))
                client.close()
                raise

    @property
    def _pool(self) -> DaskPool:
        if self._here.run is None:
            raise ExecutorUsageError(f"{self!r} was not started in this thread: use it in `with executor.start():`.")
        return self._here.run.pool

    # --- calls -------------------------------------------------------------------------------------------------------

    @property
    def slots(self) -> int:
        """A few calls for each thread of the cluster as it is now, so that no worker waits for the driver."""
        return max(BACKLOG, ROUNDS * self._pool.threads)

    @property
    def hands(self) -> int:
        """The threads of the cluster as it is now."""
        return max(1, self._pool.threads)

    def submit(
        self, fn: Callable[..., Any], *args: Any, extra_context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """Begin a call."""
        about = extra_context or {}
        name, index = about.get("task_name") or label_of(fn), about.get("task_index")
        label = name if index is None else f"{name}-{index}"
        needs, timeout = resources(about.get("task_tags") or ()), about.get("timeout")
        return self._pool.submit(fn, args, kwargs, timeout=timeout, label=label, resources=needs)

    def places(self, tags: Collection[str]) -> bool:
        """Calls with a tag `dask-resource:` go where that resource is."""
        return any(tag.startswith(RESOURCE) for tag in tags)

    def wait(self, futures: Any) -> Any:
        """The values of futures, in the same nesting of lists, tuples, sets and dicts."""
        return values_of(futures, lambda call: self._pool.result(call))

    def next_done(self, futures: Mapping[int, Any], timeout: float | None = None) -> tuple[int, Any] | None:
        """Wait for whichever is done first."""
        return self._pool.next_done(futures, timeout)

    def share(self, value: bytes) -> Any:
        """Send a value to the cluster only once; workers pass it on among themselves."""
        return self._pool.share(value)

    def cancel(self) -> Collection[Any]:
        """Take back what has not begun. What is at work ends with a cluster of our own, and goes on in another."""
        run = self._here.run
        if run is not None:
            run.pool.cancel()
        if run is not None and hasattr(run.cluster, "workers"):
            run.cluster.sync(dismiss, list(run.cluster.workers.values()))
        return ()

    # --- what there is to see ----------------------------------------------------------------------------------------

    async def on_worker_status_changed(self, op: str, message: Mapping[str, Any]) -> None:
        """A worker came or went; for subclasses. It runs in the thread of the Dask client, so it must not block.

        Args:
            op: "add" or "remove".
            message: what the scheduler says of it; `message["worker"]` is its address.
        """

    @contextmanager
    def _watched(self, client: Client) -> Iterator[None]:
        if not self.watch_worker_status:
            yield
            return
        client.subscribe_topic("all", self._happened)
        try:
            yield
        finally:
            client.unsubscribe_topic("all")

    async def _happened(self, event: tuple[float, Any]) -> None:
        _, message = event
        op = CHANGES.get(str(message.get("action"))) if isinstance(message, dict) else None
        if op is not None:
            await self.on_worker_status_changed(op, message)

    @property
    def performance_report(self) -> str | None:
        """The HTML text of the performance report of the last run, if there is one."""
        path = Path(self.performance_report_path or "")
        return path.read_text(encoding="utf-8") if path.is_file() else None

    @contextmanager
    def _reported(self, client: Client) -> Iterator[None]:
        """Write the performance report at the end of this block, unless it breaks."""
        from distributed import performance_report

        if self.performance_report_path is None:
            yield
            return
        if find_spec("bokeh") is None:
            raise ExecutorUsageError("A performance report needs the package bokeh: install it, or ask for no report.")
        with client.as_current():
            report = performance_report(filename=fspath(self.performance_report_path))
            report.__enter__()
            yield
            report.__exit__(None, None, None)


class Run(NamedTuple):
    """What a run works with: the hands, and the cluster that was made for it."""

    pool: DaskPool
    cluster: Any


class Here(threading.local):
    """What a thread has started."""

    run: Run | None = None


async def dismiss(workers: Iterable[Any]) -> None:
    """Close workers on this machine without waiting for what they are at."""
    from distributed import Nanny, Worker

    nannies = [each.close(timeout=GRACE) for each in workers if isinstance(each, Nanny)]
    threads = [each.close(timeout=GRACE, executor_wait=False) for each in workers if isinstance(each, Worker)]
    await asyncio.gather(*nannies, *threads, return_exceptions=True)


def found(cluster_class: str | Callable[..., Any]) -> Callable[..., Any]:
    """What makes a cluster, looked up if it is a dotted name."""
    if not isinstance(cluster_class, str):
        return cluster_class
    module, _, name = cluster_class.rpartition(".")
    try:
        make: Callable[..., Any] = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ExecutorUsageError(f"`cluster_class` is {cluster_class!r}, which cannot be imported: {error}.") from error
    return make


def is_local(make: Callable[..., Any]) -> bool:
    """Are these processes or threads of this machine?"""
    from distributed import LocalCluster

    return isinstance(make, type) and issubclass(make, LocalCluster)


@contextmanager
def scratch_space() -> Iterator[str]:
    """A directory for what scheduler and workers write, of which they leave something behind."""
    from tempfile import TemporaryDirectory

    import dask

    place = dask.config.get("temporary-directory", None)
    with ExitStack() as stack:
        directory = TemporaryDirectory(prefix="prefect-dask-", dir=place, ignore_cleanup_errors=True)
        stack.enter_context(dask_processes.removed_at_the_end(directory.name))
        yield stack.enter_context(directory)


def preloads(own: str | Sequence[str] | None) -> Sequence[str]:
    """What workers load before their work, as far as it is not ours."""
    import dask

    found: str | Sequence[str] = own or dask.config.get("distributed.worker.preload", ())
    return (found,) if isinstance(found, str) else found


def made(make: Callable[..., Any], kwargs: Mapping[str, Any], hint: str) -> Any:
    """A cluster. It is made in a thread, which Ctrl-C does not reach: a cluster that is half made cannot be closed."""
    making: Future[Any] = Future()
    work = partial(copy_context().run, make, **kwargs)
    try:
        threading.Thread(target=fulfil, args=(making, work), name="prefect-dask", daemon=True).start()
        return making.result()
    except KeyboardInterrupt:
        if not making.cancel():  # it has begun
            LOGGER.warning("Interrupted while the Dask cluster starts: it is closed as soon as it is up.")
            with suppress(Exception):
                making.result().close()
        raise
    except (OSError, RuntimeError) as error:
        root = root_of(error)
        why = f"{error}" if root is error else f"{error} ({type(root).__name__}: {root})"
        raise ExecutorError(f"The Dask cluster for this run could not be started: {why}{hint}") from error


def root_of(error: BaseException) -> BaseException:
    """What an error goes back to: Dask tells of it in several layers."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def fulfil(future: Future[Any], work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)


def resources(tags: Iterable[str]) -> dict[str, float]:
    """What the tags of a task ask of a worker: `dask-resource:GPU=1`."""
    wanted = [tag.removeprefix(RESOURCE) for tag in tags if tag.startswith(RESOURCE)]
    return {name: amount(name, number) for name, _, number in (each.partition("=") for each in wanted)}


def amount(name: str, number: str) -> float:
    try:
        return float(number)
    except ValueError as error:
        raise ExecutorUsageError(
            f"The tag '{RESOURCE}{name}={number}' asks for no amount: write '{RESOURCE}{name or 'GPU'}=1'."
        ) from error
