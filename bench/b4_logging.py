"""B4: the map of B1 with logging to a file.

At INFO neighbours that end alike within a chunk share a line; at DEBUG each child has two lines.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from flows import map_flow, run_time
from measure import Row, compare, micro, save

from prefect import Flow
from prefect.utilities.logging import formatter, get_logger

N = 10_000


def logged_run_time(flow: Flow, path: Path, level: int) -> float:
    logger = get_logger()
    handler = logging.FileHandler(path, mode="w")
    handler.setFormatter(formatter())
    before, logger.handlers = logger.handlers, [handler]
    logger.setLevel(level)
    try:
        return run_time(flow, N)
    finally:
        logger.setLevel(logging.WARNING)
        logger.handlers = before
        handler.close()


def main() -> list[Row]:
    flow = map_flow(N)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.log"
        info = compare(lambda: logged_run_time(flow, path, logging.INFO), lambda: run_time(flow, N))
        info_lines = path.read_text().count("\n")
        debug = compare(lambda: logged_run_time(flow, path, logging.DEBUG), lambda: run_time(flow, N), repeats=5)
        debug_lines = path.read_text().count("\n")
    return [
        Row("B4", f"B1 with INFO logging to a file, {info_lines:,} lines", micro(info.work) + " a child",
            f"B1 {micro(info.yardstick)}", f"{info.ratio:.1f} × B1", "≤ 2.5 × B1", info.ratio <= 2.5),
        Row("B4d", f"B1 with DEBUG logging to a file, {debug_lines:,} lines", micro(debug.work) + " a child",
            f"B1 {micro(debug.yardstick)}", f"{debug.ratio:.1f} × B1", "none", True),
    ]  # fmt: skip


if __name__ == "__main__":
    save(main())
