"""V1: values that are stored: what it costs beside writing the same bytes by hand, as safely."""

from __future__ import annotations

import os
import pickle
import tempfile
from uuid import uuid4

from flows import map_flow, run
from measure import Row, compare, micro, save, seconds

from prefect.engine.results import LocalResult
from prefect.utilities.configuration import set_temporary_config

N = 1_000


def by_hand(directory: str) -> None:
    """Pickle, write beside the place, move there."""
    for number in range(N):
        draft = os.path.join(directory, uuid4().hex)
        with open(draft, "xb") as file:
            file.write(pickle.dumps(number + 1))
        os.replace(draft, os.path.join(directory, f"{number}.pickle"))


def main() -> list[Row]:
    flow = map_flow(N)
    with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there:
        flow.result = LocalResult(dir=here, location="{task_name}-{map_index}.pickle")
        with set_temporary_config({"flows.checkpointing": True}):
            result = compare(lambda: seconds(lambda: run(flow)) / N, lambda: seconds(lambda: by_hand(there)) / N)
    return [
        Row("V1", f"a map of {N:,} children whose values are stored in files, atomically, with a digest",
            micro(result.work) + " a child", f"written by hand {micro(result.yardstick)}",
            f"{result.ratio:.1f} × by hand", "≤ 3 × by hand", result.ratio <= 3),
    ]  # fmt: skip


if __name__ == "__main__":
    save(main())
