"""A PostgreSQL server that is cut off again and again while somebody writes to it: stopped, halted, or started anew."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.contract.postgres import Server


def stop_for_a_while(server: Server, seconds: float) -> None:
    """It crashes, and somebody starts it again later."""
    server.stop()
    time.sleep(seconds)
    server.start()


def halt_for_a_while(server: Server, seconds: float) -> None:
    """It gives no answer for a while; nobody is told."""
    server.pause()
    time.sleep(seconds)
    server.go_on()


def start_anew(server: Server, seconds: float) -> None:
    """It crashes and is there again at once."""
    server.stop()
    server.start()


WAYS: list[Callable[[Server, float], None]] = [stop_for_a_while, halt_for_a_while, start_anew]


@contextmanager
def cutting(server: Server, rng: random.Random, every: float, longest: float) -> Iterator[Counter[str]]:
    """Cut a server off at random moments; how often in which way. Behind the block it runs.

    Args:
        server: the server.
        rng: where chance comes from.
        every: seconds between two cuts, on average.
        longest: for how many seconds it is away, at most.
    """
    over, cuts = threading.Event(), Counter[str]()

    def cut() -> None:
        while not over.wait(rng.random() * 2 * every):
            way = rng.choice(WAYS)
            way(server, rng.random() * longest)
            cuts[way.__name__] += 1

    thread = threading.Thread(target=cut, daemon=True)
    thread.start()
    try:
        yield cuts
    finally:
        over.set()
        thread.join()
