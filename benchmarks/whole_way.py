"""Time of the demo from landing to confirmed, against reading the same files and nothing else.

The baseline lets DuckDB count the lines of every landed file: no checks, no models, no sending.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from benchmarks.figure import Figure
from demo.stage import PROJECT

MEMBERS = 5_000
DAYS = 180
GOAL_SECONDS = 90.0


def measure(members: int) -> Iterator[Figure]:
    """Yield the figure for so many members; 0 for 5,000. The feeds are simulated beforehand."""
    with tempfile.TemporaryDirectory(dir=PROJECT) as folder:
        path = Path(folder)
        _simulate(path, members or MEMBERS)
        started = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "demo", "--folder", str(path)],
            cwd=PROJECT, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        seconds = time.monotonic() - started
        baseline = _read_everything(path / "landing")
    yield Figure(
        "landing to confirmed",
        seconds,
        "s",
        baseline,
        seconds / baseline,
        f"at most {GOAL_SECONDS:.0f} s",
        seconds <= GOAL_SECONDS,
    )


def _simulate(path: Path, members: int) -> None:
    subprocess.run(
        [
            sys.executable, "-m", "sandbox", "feeds", "--members", str(members),
            "--days", str(DAYS), "--seed", "7", "--out", str(path / "landing"), "--json",
        ],
        cwd=PROJECT, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    feeds = {"members": members, "days": DAYS, "seed": 7, "written": DAYS}
    (path / "feeds.json").write_text(json.dumps(feeds))


def _read_everything(landing: Path) -> float:
    started = time.monotonic()
    with duckdb.connect() as connection:
        for folder in sorted(landing.iterdir()):
            files = [
                str(path) for path in folder.iterdir() if path.suffix in {".gz", ".csv", ".ndjson"}
            ]
            if files:
                connection.execute(
                    "select count(*) from read_csv($1, delim = '\x1f', quote = '', escape = '', "
                    "header = false, auto_detect = false, columns = {'line': 'varchar'}, "
                    "max_line_size = 1000000, ignore_errors = true)",
                    [files],
                ).fetchone()
    return time.monotonic() - started
