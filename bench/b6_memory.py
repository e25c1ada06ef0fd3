"""B6: what the driver of a map with a million children needs, and that its time grows as the number does."""

from __future__ import annotations

import json
import subprocess
import sys

from measure import Row, micro, save

SIZES = (10_000, 100_000, 1_000_000)

RUN = """
import json, resource, sys
from time import perf_counter
sys.path.insert(0, {here!r})
from flows import Flow, task

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

@task
def last_digit(x):
    return x % 10  # a value that exists already

with Flow("map") as flow:
    digits = last_digit.map(range({n}))
flow.run() if {n} < 20_000 else None  # what is imported at the first run is imported
before, begun = peak(), perf_counter()
state = flow.run()
seconds = perf_counter() - begun
assert len(state.result[digits].map_states) == {n}
print(json.dumps({{"bytes": (peak() - before) / {n}, "seconds": seconds / {n}}}))
"""


def measured(n: int) -> dict[str, float]:
    """Bytes and seconds a child, in a process of its own."""
    command = [sys.executable, "-c", RUN.format(here=str(__file__).rpartition("/")[0], n=n)]
    found: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def main() -> list[Row]:
    small, middle, large = (min((measured(n) for _ in range(3)), key=lambda each: each["seconds"]) for n in SIZES)
    growth = large["seconds"] / small["seconds"]
    return [
        Row("B6", f"memory of the driver: a map of {SIZES[-1]:,} children", f"{large['bytes']:,.0f} bytes a child",
            f"at {SIZES[1]:,}: {middle['bytes']:,.0f} bytes", "", "≤ 400 bytes a child", large["bytes"] <= 400),
        Row("B6g", f"time of {SIZES[-1]:,} children", micro(large["seconds"]) + " a child",
            f"{SIZES[0]:,} children {micro(small['seconds'])}", f"{growth:.2f} ×", "≤ 1.2 ×", growth <= 1.2),
    ]  # fmt: skip


if __name__ == "__main__":
    save(main())
