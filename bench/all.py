"""Run every benchmark, each in a process of its own, and put the table into the documentation."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PAGES = [HERE.parent / "README.md", HERE.parent / "docs" / "reference" / "benchmarks.md"]


def table() -> str:
    rows = [json.loads(path.read_text()) for path in sorted((HERE / "results").glob("*.json"), key=place)]
    lines = [
        f"Python {platform.python_version()}, {platform.machine()}; medians, ratios taken in one process.",
        "",
        "| | what | measured | yardstick | ratio | target | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        met = "met" if row["met"] else "**missed**"
        cells = [row[key] for key in ("id", "what", "figure", "against", "ratio", "target")]
        lines.append(f"| {' | '.join(cells)} | {met} |")
    return "\n".join(lines)


def place(path: Path) -> tuple[str, int, str]:
    """Where a row stands: B9 before B10."""
    parts = re.fullmatch(r"([A-Z]+)(\d+)(.*)", path.stem)
    assert parts is not None
    return parts[1], int(parts[2]), parts[3]


def put_into(page: Path, text: str) -> None:
    """Replace what stands between the two markers of a page."""
    old = page.read_text()
    new = re.sub(r"(<!-- bench -->\n).*(\n<!-- /bench -->)", lambda m: m[1] + text + m[2], old, flags=re.DOTALL)
    page.write_text(new)


def main() -> int:
    scripts = sorted(HERE.glob("[bv][0-9]*.py"), key=lambda path: path.stem)
    for script in scripts:
        subprocess.run([sys.executable, str(script)], check=True)
    for page in PAGES:
        put_into(page, table())
    return 0 if "**missed**" not in table() else 1


if __name__ == "__main__":
    sys.exit(main())
