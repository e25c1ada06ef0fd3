"""Executor: the hands. It calls functions, here or elsewhere; what the outcome means is not its business.

```
                 inline      distant     stops_work
LocalExecutor    yes         no          no            the calling thread does the work at once
threads          no          no          no            values are handed over as they are
processes        no          yes         yes           arguments and values are pickled; a call can be killed
Dask             no          yes         yes           the same, on a cluster
```

Hands may die. Then a `Lost` comes back in place of the value, and the engine decides whether to try again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from prefect.utilities.logging import get_logger


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What comes back instead of a value when the hands died over a call.

    Attributes:
        reason: what happened, such as "the worker was killed by SIGKILL".
        done: what a generator function had yielded before; None if that is not known.
        timed_out: was the call stopped because it took longer than its timeout?
        stack: where the call was at that moment, if it is known.
        certain: were the hands at this very call? A cluster may only know that it was with a worker that died.
    """

    reason: str
    done: Sequence[Any] | None = None
    timed_out: bool = False
    stack: str | None = None
    certain: bool = True


class Executor:
    """Calls functions and hands back their values.

    A subclass writes `submit` and `wait`, and `start` if it needs something around a run. It must be picklable
    before and after use.

    Attributes:
        inline: `submit` itself does the work, in the calling thread, and returns the value.
        distant: the work is done in other processes, so that functions, arguments and values are pickled.
        stops_work: work under way can be stopped, by a timeout and by `cancel`.
        chunk_seconds: how much work of a map to give out in one call: the more a call costs, the more.
    """

    inline: ClassVar[bool] = False
    distant: ClassVar[bool] = False
    stops_work: ClassVar[bool] = False
    chunk_seconds: ClassVar[float] = 0.02

    def __init__(self) -> None:
        self.logger = get_logger(type(self).__name__)

    def __repr__(self) -> str:
        return f"<Executor: {type(self).__name__}>"

    @property
    def slots(self) -> int | None:
        """How many calls may be under way at once; None for as many as wanted."""
        return None

    @property
    def hands(self) -> int | None:
        """How many calls really go on at once; the other slots are for calls that wait for their turn."""
        return self.slots

    @contextmanager
    def start(self) -> Iterator[None]:
        """Be ready for work in this block."""
        yield

    def submit(
        self, fn: Callable[..., Any], *args: Any, extra_context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """Begin a call and return its future, which only this executor understands.

        Args:
            fn: the function; of a generator function, the value is the list of what it yields.
            *args: its arguments; those that `share` returned are put in their place.
            extra_context: what the call is for: `task_name`, `task_tags` and `task_index`; and the `timeout` in
                seconds after which an executor that `stops_work` stops it.
            **kwargs: its arguments by name.
        """
        raise NotImplementedError(f"{type(self).__name__} has to write `submit`.")

    def places(self, tags: Collection[str]) -> bool:
        """Do these tags of a task say where its calls go? Then they are not joined with calls of other tasks."""
        return False

    def wait(self, futures: Any) -> Any:
        """The values of futures, in the same nesting of lists, tuples, sets and dicts."""
        raise NotImplementedError(f"{type(self).__name__} has to write `wait`.")

    def next_done(self, futures: Mapping[int, Any], timeout: float | None = None) -> tuple[int, Any] | None:
        """Wait for one of several futures, given by number; the number of one that is done, and its value or `Lost`.

        An executor that can tell which is done first should say so, and return None if none is done within `timeout`
        seconds; this one waits for the oldest.
        """
        number = next(iter(futures))
        return number, self.wait(futures[number])

    def share(self, value: bytes) -> Any:
        """Get ready to hand a value to many calls: what is returned stands for it among the arguments of `submit`.

        An executor with distant hands should send it to each of them only once.
        """
        return value

    def cancel(self) -> Collection[Any]:
        """Stop what is under way, as far as that is possible; nothing more will be submitted.

        Returns:
            The futures of calls that could not be stopped and may go on, as far as that is known.
        """
        return ()
