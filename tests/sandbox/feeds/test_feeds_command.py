"""The command line, and what a run needs of the machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from written_feeds import FEEDS, ROOT

PEAK = """
import re, sys
from pathlib import Path
from sandbox.feeds.plan import Plan
from sandbox.feeds.simulation import run
run(Plan(members=int(sys.argv[1]), days=3, seed=7), Path(sys.argv[2]))
# Not getrusage: its peak counts the process that started this one.
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def feeds(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sandbox", "feeds", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_summary_for_machines_says_what_was_written(tmp_path: Path) -> None:
    done = feeds("--members", 80, "--days", 3, "--out", tmp_path, "--canaries", 2, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["feeds"].keys() == set(FEEDS)
    assert summary["last_date"] == "2026-05-07"
    assert summary["canaries"] == 2
    for feed, counts in summary["feeds"].items():
        assert counts["files"] == 3
        sizes = [path.stat().st_size for path in (tmp_path / feed).iterdir()]
        assert counts["bytes"] == sum(sizes)


def test_180_days_end_with_october(tmp_path: Path) -> None:
    done = feeds("--members", 1, "--from-day", 180, "--out", tmp_path, "--json")
    assert json.loads(done.stdout)["last_date"] == "2026-10-31"
    assert [path.name for path in (tmp_path / "transactions").glob("*.gz")] == [
        "transactions_20261031.csv.gz"
    ]


def test_month_end_snapshots_are_those_of_month_ends_and_the_last_week(tmp_path: Path) -> None:
    done = feeds("--members", 30, "--days", 70, "--snapshots", "month-end", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    stamps = sorted(path.name[17:25] for path in (tmp_path / "account_snapshot").glob("*.gz"))
    last = [f"202607{day:02d}" for day in range(7, 14)]
    assert stamps == ["20260531", "20260630", *last]
    assert len(list((tmp_path / "transactions").glob("*.gz"))) == 70


def test_density_scales_the_transactions(tmp_path: Path) -> None:
    rows = {}
    for density in (0.5, 2.0):
        out = tmp_path / str(density)
        done = feeds("--members", 150, "--days", 12, "--out", out, "--json",
                     "--transactions-per-member-day", density)  # fmt: skip
        rows[density] = json.loads(done.stdout)["feeds"]["transactions"]["rows"]
    assert rows[2.0] > 2.5 * rows[0.5]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--members", "0"],
        ["--days", "5", "--from-day", "6"],
        ["--snapshots", "weekly"],
        ["--start", "yesterday"],
    ],
)
def test_wrong_usage_ends_with_2_and_writes_nothing(arguments: list[str], tmp_path: Path) -> None:
    assert feeds("--out", tmp_path / "out", *arguments).returncode == 2
    assert not (tmp_path / "out").exists()


def test_failures_end_with_1_and_name_the_folder(tmp_path: Path) -> None:
    feeds("--members", 10, "--days", 1, "--out", tmp_path)
    other = feeds("--members", 10, "--days", 1, "--seed", 8, "--out", tmp_path)
    assert other.returncode == 1
    assert tmp_path.name in re.sub(r"\s", "", other.stderr)
    (tmp_path / "file").write_text("")
    assert feeds("--members", 10, "--days", 1, "--out", tmp_path / "file").returncode == 1


def test_help_shows_an_example() -> None:
    assert "python -m sandbox feeds --members 5000" in re.sub(r"\s+", " ", feeds("--help").stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.breadth
def test_memory_does_not_grow_with_the_members(tmp_path: Path) -> None:
    peaks = []
    for members in (1_000, 5_000):
        command = [sys.executable, "-c", PEAK, str(members), str(tmp_path / str(members))]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.15 * peaks[0]
    assert peaks[1] < 200
