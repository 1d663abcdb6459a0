"""A process killed at any step, and run again, leaves what one undisturbed run leaves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from feed_site import NAMES, Row, Site, before, lines_of, make_file, make_rows, pack
from processes import warehouse_processes

from tellerline.consent_journal import ConsentJournal
from tellerline.errors import RunStoppedError

SCRIPT = Path(__file__).with_name("kill_points.py")
POINTS = 8
# The process of the warehouse outlives the one that was killed for a moment.
WAIT_SECONDS = 60.0


def spoil(feed: str, rows: list[Row]) -> list[Row]:
    rows[3]["type" if "type" in rows[3] else next(iter(rows[3]))] = ""
    return [*rows, rows[5]]


def prepare(site: Site) -> None:
    """Land two days of every feed: bad rows, copies, a bad file, and one that stops its feed."""
    for feed in NAMES:
        bad = feed not in ("consent_changes", "account_snapshot", "transactions")
        for days in (2, 1):
            rows = make_rows(feed, 60, before(days), start=100 * days)
            site.put(
                feed, pack(feed, lines_of(feed, spoil(feed, rows) if bad else rows)), before(days)
            )
    site.put("contacts", b"no gzip")
    site.put("transactions", make_file("transactions", 3, before(0), start=900))
    site.put("transactions", make_file("transactions", 60, date(2026, 3, 10)), date(2026, 3, 10))
    site.put("", b"?", name="unknown.bin")


def tables(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every raw table, its rows in a stable order."""
    with duckdb.connect(str(database), read_only=True) as connection:
        names = connection.execute("select table_name from duckdb_tables()").fetchall()
        return {
            name: connection.execute(f"from raw.{name} order by all").fetchall()
            for (name,) in names
        }


def outcome(site: Site) -> dict[str, Any]:
    """Return everything that a run leaves, apart from ids drawn at random."""
    journal = ConsentJournal(site.settings.consent_journal).entries()
    ledger = Counter(
        (entry["type"], entry["body"].get("load", entry["body"].get("name")), str(entry["refs"]))
        for entry in site.ledger()
        if not entry["type"].startswith("run.")
    )
    return {
        **tables(site.settings.warehouse),
        **tables(site.settings.vault),
        "journal": sorted((entry.source_sha256, entry.rows) for entry in journal),
        "ledger": ledger,
        "store": sorted(
            str(path.relative_to(site.settings.store))
            for path in site.settings.store.rglob("*")
            if path.is_file()
        ),
    }


def script(*arguments: str) -> str:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.breadth
@pytest.mark.parametrize("victim", ["ingestion", "warehouse"])
def test_kill_at_every_stage_and_run_again(tmp_path: Path, victim: str) -> None:
    calm = Site(tmp_path / "calm")
    prepare(calm)
    steps = int(script(str(calm.root)))
    expected = outcome(calm)
    assert {row[8] for row in expected["loads"]} == {"loaded", "quarantined", "stopped"}
    points = [1 + steps * number // POINTS for number in range(POINTS)]
    for point in points:
        shutil.copytree(calm.landing, tmp_path / f"calm-{point}" / "landing")
    lines = script(str(calm.root), victim, *map(str, points)).splitlines()
    told = [line.removeprefix(f"{point} ") for line, point in zip(lines, points, strict=True)]
    if victim == "ingestion":
        assert told == ["killed"] * POINTS
    else:
        # At the first steps and the last it does not live.
        assert set(told) == {"stopped", "done"}
        assert told.count("stopped") > POINTS // 2
    for point in points:
        site = Site(tmp_path / f"calm-{point}")
        site.run(lock_wait_seconds=WAIT_SECONDS)
        assert outcome(site) == expected, f"killed at step {point} of {steps}"


@pytest.mark.parametrize("feed", ["transactions", "contacts"])
def test_the_process_of_the_warehouse_is_killed(tmp_path: Path, feed: str) -> None:
    calm, site = Site(tmp_path / "calm"), Site(tmp_path / "killed")
    prepare(calm)
    calm.run()
    prepare(site)
    killed = []

    def kill(name: str, _done: int, _total: int) -> None:
        if name == feed:
            killed.extend(warehouse_processes())
            for process in killed:
                os.kill(process, signal.SIGKILL)

    with pytest.raises(RunStoppedError, match=r"the warehouse: ended .* \(SIGKILL\)"):
        site.run(progress=kill)
    assert len(killed) == 1
    report = site.run()
    assert not [error for error in report.errors if "process of the warehouse" in error]
    assert outcome(site) == outcome(calm)
