"""The hands of a Dask cluster: calls set out together, and come home one by one.

```
thread of the driver    submit ─▶ leaving ┐                      ┌─▶ home ─▶ advance
                                          │                      │
thread of the client                      └▶ graph      gather ──┘
                                               │          ▲
cluster                                        └▶ perform ┘
```

A graph costs Dask about as much as a call in it. While the client's thread is busy, calls gather in `leaving`, so they
share a graph just when time is short. For the same reason results are not asked for one after the other: the client
fetches in one go what is done at about the same time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from prefect.exceptions import ExecutorError
from prefect.executors.base import Lost
from prefect.executors.calls import CANCELLED, Call, Pool, label_of
from prefect.executors.dask_worker import Place, in_time, packed, perform, same, stop, unpacked
from prefect.utilities.logging import get_logger

if TYPE_CHECKING:
    from distributed import Client, Future

LOOKS_EVERY = 0.5  # seconds between two looks at the size of the cluster
LOOKS_IN_VAIN = 20  # looks without an outcome after which somebody may want to know why
TOGETHER = 0.1  # seconds after which those that are fetched together hold up the next ones no longer
PATIENCE = 2.0  # seconds that the cluster has to answer when a run is cancelled
LOGGER = get_logger("DaskExecutor")
SPOILT = ("cancelled", "error")  # states of a future from which nothing more will come


class Shared:
    """A value that lies on the cluster as long as somebody holds this."""

    __slots__ = ("future", "value")

    def __init__(self, value: bytes) -> None:
        self.value = value
        self.future: Future[bytes] | None = None


class DaskCall(Call):
    """A call on a cluster.

    Attributes:
        key: its name there.
        load: function and arguments, packed.
        shared: the shared values among its arguments.
        resources: what a worker has to offer for it.
        future: stands for its outcome, once it was sent.
    """

    def __init__(self, label: str, load: bytes, shared: Sequence[Shared], resources: Mapping[str, float]) -> None:
        super().__init__(label)
        self.key = f"{label}-{uuid4()}"
        self.load = load
        self.shared = shared
        self.resources = resources
        self.future: Future[bytes] | None = None


Homecoming = tuple[DaskCall, bytes | Lost | ExecutorError]


class DaskPool(Pool[DaskCall]):
    """Calls functions on a cluster.

    Args:
        client: the way to the cluster.
        telling: does `cancel` tell the workers too?

    Attributes:
        threads: how many calls the cluster can make at once; looked up all the time.
    """

    def __init__(self, client: Client, telling: bool) -> None:
        super().__init__()
        self.client = client
        self.telling = telling
        self.run = uuid4().hex
        self.threads = 0
        self._leaving: deque[DaskCall] = deque()
        self._announced = False
        self._home: SimpleQueue[Homecoming | None] = SimpleQueue()  # None: the cluster is gone
        self._done: list[tuple[DaskCall, Future[bytes]]] = []
        self._broken = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_vain = 0
        self._told: set[str] = set()

    def __enter__(self) -> DaskPool:
        self.client.sync(self._begin)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.sync(self._end)

    # --- in the thread of the driver ---------------------------------------------------------------------------------

    def submit(
        self,
        fn: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        label: str | None = None,
        resources: Mapping[str, float] | None = None,
    ) -> DaskCall:
        """Begin a call; one with a timeout is made in a process of its own on its worker."""
        if self._broken:
            raise ExecutorError(self._broken)
        name = label or label_of(fn)
        shared: list[Shared] = []
        places = [placed(each, shared) for each in args]
        named = {key: placed(each, shared) for key, each in (kwargs or {}).items()}
        if timeout:
            fn, places = in_time, [self.run, timeout, fn, *places]
        call = DaskCall(name, packed(fn, places, named, name), shared, resources or {})
        self.under_way[call] = None
        self._leaving.append(call)
        if not self._announced:
            self._announced = True
            self._loop.call_soon_threadsafe(self._depart)
        return call

    def share(self, value: bytes) -> Shared:
        """Get ready to hand a value to many calls; workers get it from each other, and each of them only once."""
        return Shared(value)

    def advance(self, timeout: float | None = None) -> None:
        """Wait until a call is home.

        Raises:
            ExecutorError: the cluster is gone.
        """
        with suppress(Empty):
            self._take_in(self._home.get(timeout=timeout))

    def _take_in(self, home: Homecoming | None) -> None:
        if home is None:
            self._home.put(None)  # for whoever asks next
            raise ExecutorError(self._broken)
        call, outcome = home
        if isinstance(outcome, bytes):
            call.end(*unpacked(outcome))
        elif isinstance(outcome, Lost):
            call.end(outcome)
        else:
            call.end(error=outcome)
        self._note(call)

    def cancel(self) -> Collection[DaskCall]:
        """Take back what has not begun; generators end at their next item, other calls go on to their end."""
        self._leaving.clear()
        with suppress(OSError):  # a cluster that does not answer has nothing left to cancel
            self.client.sync(self._cancel, callback_timeout=PATIENCE)
        for call in list(self.under_way):
            call.end(Lost(reason=CANCELLED))
            self._note(call)
        return ()

    # --- in the thread of the client ---------------------------------------------------------------------------------

    async def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._some_done = asyncio.Event()
        await self._look()
        self._keep(self._watch())
        self._keep(self._fetch())

    async def _end(self) -> None:
        """Let go of all calls, and stop what follows them."""
        self._broken = self._broken or "The run is over."
        with suppress(OSError):
            await self.client.cancel([call.future for call in self.under_way if call.future], asynchronous=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _cancel(self) -> None:
        await self._end()
        if self.telling:
            await self.client.run(stop, self.run, wait=False, on_error="ignore", asynchronous=True)

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin some work, and hold on to it, which asyncio itself does not."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _depart(self) -> None:
        """Send all calls that are leaving, those that need the same resources together."""
        self._announced = False  # before anything else, so that no call is left behind
        groups: dict[frozenset[tuple[str, float]], list[DaskCall]] = {}
        while self._leaving:
            call = self._leaving.popleft()
            groups.setdefault(frozenset(call.resources.items()), []).append(call)
        for calls in groups.values():
            self._send(calls)

    def _send(self, calls: Sequence[DaskCall]) -> None:
        try:
            futures = self._futures(calls)
        except Exception as error:  # of Dask: what travels is bytes
            self._break(f"Calls could not be sent to the Dask cluster ({error!r}).")
            return
        for call, future in zip(calls, futures, strict=True):
            call.future = future
            self._keep(self._follow(call, future))

    def _futures(self, calls: Sequence[DaskCall]) -> Sequence[Future[bytes]]:
        """Send calls as one graph."""
        import dask

        # Dask warns of large values in a graph and wants them scattered instead. But what was scattered is lost with
        # the worker that holds it, together with all calls that need it; what is in the graph can be made again.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 PB"}):
            futures: Sequence[Future[bytes]] = self.client.map(
                perform,
                [self.run] * len(calls),
                [call.load for call in calls],
                [[self._future_of(each) for each in call.shared] for call in calls],
                key=[call.key for call in calls],
                pure=False,
                resources=dict(calls[0].resources) or None,
            )
        return futures

    def _future_of(self, shared: Shared) -> Future[bytes]:
        """A shared value on the cluster."""
        if shared.future is None or shared.future.status in SPOILT:
            # The key is a pair, which is a group of its own: Dask's queue is for calls that need few other groups.
            shared.future = self.client.submit(same, shared.value, key=(f"shared-{uuid4()}", 0), pure=False)
        return shared.future

    async def _follow(self, call: DaskCall, future: Future[bytes]) -> None:
        """Wait until the cluster is done with a call."""
        state = future._state  # what is public would take a thread, or a task for each, to tell this
        assert state is not None
        await state.wait()
        self._done.append((call, future))
        self._some_done.set()

    async def _fetch(self) -> None:
        """Fetch what is done, all that is there in one go."""
        while True:
            await self._some_done.wait()
            self._some_done.clear()
            fetching = [self._keep(self._bring_home(*each)) for each in self._done]
            self._done.clear()
            # They come together, but for those that were lost with their worker and are made again.
            await asyncio.wait(fetching, timeout=TOGETHER, return_when=asyncio.FIRST_COMPLETED)

    async def _bring_home(self, call: DaskCall, future: Future[bytes]) -> None:
        """Fetch the outcome of a call."""
        from distributed import CancelledError, KilledWorker

        outcome: bytes | Lost | ExecutorError
        try:
            outcome = await self.client.gather(future, asynchronous=True)
        except KilledWorker as death:
            if death.task != call.key:  # the worker died over a shared value, so the call has not begun
                self._send([call])
                return
            outcome = Lost(reason=epitaph(death), certain=False)  # others were with that worker, too
        except (CancelledError, OSError) as error:
            self._break(f"The Dask cluster is gone, and with it what was under way: {brief(error)}")
            return
        except Exception as error:  # errors of the function itself are outcomes
            outcome = ExecutorError(f"Dask could not make the call {call.key}: {error!r}.")
            outcome.__cause__ = error
        self._in_vain = 0
        call.future = None
        future.release()  # at once, even if an error still refers to it, so that the cluster forgets the call
        self._home.put((call, outcome))

    def _break(self, reason: str) -> None:
        if not self._broken:
            self._broken = f"{reason} Look into the log of its scheduler, and run the flow again when it is up."
            self._home.put(None)

    async def _watch(self) -> None:
        """Follow the size of the cluster, and see to it that it stays."""
        while True:
            await asyncio.sleep(LOOKS_EVERY)
            with suppress(OSError):  # if it is gone, the calls tell
                await self._look()
                await self._tell_why_nothing_happens()
            revive(self.client.cluster)

    async def _look(self) -> None:
        self.threads = sum((await self.client.nthreads(asynchronous=True)).values())

    async def _tell_why_nothing_happens(self) -> None:
        """Say, once for each reason, why calls cannot even begin."""
        self._in_vain = self._in_vain + 1 if self.under_way else 0
        if self._in_vain < LOOKS_IN_VAIN:
            return
        self._in_vain = 0
        for reason in [each async for each in self._reasons() if each not in self._told]:
            self._told.add(reason)
            LOGGER.warning("%s", reason)

    async def _reasons(self) -> AsyncIterator[str]:
        if not self.threads:
            yield "The Dask cluster has no worker; the tasks wait for one."
            return
        wanted = [call for call in list(self.under_way) if call.resources]
        if not wanted:
            return
        offers = await self.client.run_on_scheduler(offered, asynchronous=True)
        for call in wanted:
            for name, amount in call.resources.items():
                if amount > offers.get(name, 0):
                    yield f"No worker of the Dask cluster offers {name}={amount:g}; '{call.label}' waits for one."


def offered(dask_scheduler: Any) -> dict[str, float]:
    """The most that any worker offers of each resource; asked of the scheduler."""
    most: dict[str, float] = {}
    for worker in dask_scheduler.workers.values():
        for name, amount in worker.resources.items():
            most[name] = max(amount, most.get(name, 0))
    return most


def placed(argument: Any, shared: list[Shared]) -> Any:
    """An argument as it is packed: a shared value is listed, and a place is kept for it."""
    if not isinstance(argument, Shared):
        return argument
    shared.append(argument)
    return Place(len(shared) - 1)


def revive(cluster: Any) -> None:
    """Dask gives up a worker of ours that dies while it starts: ask for it again."""
    wanted = getattr(cluster, "worker_spec", None)
    if not wanted:
        return
    for name, worker in list(cluster.workers.items()):
        if worker.status.name == "failed":
            del cluster.workers[name]
    if len(cluster.workers) < len(wanted):
        cluster.scale(len(wanted))


def brief(error: Exception) -> str:
    return str(error).partition("\n")[0] or repr(error)


def epitaph(death: Any) -> str:
    worker, times = death.last_worker, death.allowed_failures + 1
    others = f", the last of {times} that tried" if times > 1 else ""
    return f"the Dask worker {worker.name} ({worker.address}) died over it{others}"
