"""The whole way: the demo, a day later, the same again, and a night that a gate ends."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import requests

from sandbox.destinations.process import SandboxProcess, running_sandbox
from tests.activation.ledger.stranger import open_checkpoint, verify_log
from tests.sandbox.destinations.portal_client import PortalClient

PROJECT = Path(__file__).parents[2]
MEMBERS, DAYS = "900", "100"
WRITES = ("/batch/upsert", "/memberships/add", "/memberships/remove", "/batch/write")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class Played:
    """One demo: its summary and how many record requests the portal saw."""

    summary: dict[str, Any]
    writes: int
    output: str


@dataclass
class Demo:
    """A demo in a folder with a space in its name, and the portal that it sends to."""

    folder: Path
    portal: SandboxProcess
    first: Played

    def published(self) -> str:
        return (self.folder / "state" / "published" / "CURRENT").read_text()


def run_demo(folder: Path, portal: SandboxProcess, *options: str) -> CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo", "--folder", str(folder), "--members", MEMBERS,
         "--days", DAYS, *options],
        cwd=PROJECT,
        env={**os.environ, "TELLERLINE_HUBSPOT_BASE_URL": portal.base_url},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def play(folder: Path, portal: SandboxProcess, *options: str) -> Played:
    before = count_writes(portal)
    result = run_demo(folder, portal, *options)
    assert result.returncode == 0, (result.stdout + result.stderr)[-3000:]
    summary = json.loads((folder / "summary.json").read_text())
    return Played(summary, count_writes(portal) - before, result.stdout + result.stderr)


def count_writes(portal: SandboxProcess) -> int:
    log = portal.show("requests")["log"]
    return sum(any(part in entry["path"] for part in WRITES) for entry in log)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("a demo") / ".demo"
    # A portal of the test stands where a checking proxy would.
    with running_sandbox(limits=False) as portal:
        yield Demo(folder, portal, play(folder, portal))


@pytest.fixture(scope="module")
def next_day(demo: Demo) -> Played:
    return play(demo.folder, demo.portal, "--next-day")


@pytest.fixture(scope="module")
def again(demo: Demo, next_day: Played) -> Played:
    return play(demo.folder, demo.portal)


def assert_every_row_is_accounted_for(played: Played) -> None:
    assert len(played.summary["feeds"]) >= 5
    for counts in played.summary["feeds"].values():
        assert counts["read"] == counts["loaded"] + counts["rejected"] + counts["duplicate"]


def assert_every_member_is_accounted_for(played: Played) -> None:
    for item in played.summary["deliveries"]:
        members = played.summary["segments"][item["segment"]]["members"]
        excluded = sum(item["excluded"].values())
        assert members == item["add"] + item["update"] + item["unchanged"] + excluded
        changes = item["add"] + item["update"] + item["remove"]
        outcomes = ("confirmed", "accepted", "rejected", "unknown")
        assert changes == sum(item[name] for name in outcomes)


def assert_a_stranger_accepts_the_ledger(folder: Path, played: Played) -> None:
    state = folder / "state"
    vkey = (state / "ledger.vkey").read_text()
    entries = verify_log(state / "ledger", vkey)
    size, root = open_checkpoint((state / "ledger" / "checkpoint").read_bytes(), vkey)
    ledger = played.summary["ledger"]
    assert len(entries) == size == ledger["size"]
    assert base64.b64encode(root).decode() == ledger["root"]
    assert ledger["verified"]


def test_every_row_of_every_feed_is_accounted_for(demo: Demo) -> None:
    assert_every_row_is_accounted_for(demo.first)


def test_every_member_of_every_audience_is_accounted_for(demo: Demo) -> None:
    assert_every_member_is_accounted_for(demo.first)


def test_destinations_hold_what_was_confirmed(demo: Demo) -> None:
    assert demo.first.writes > 0
    deliveries = demo.first.summary["deliveries"]
    assert {item["destination"] for item in deliveries} == {"hubspot", "mailhouse"}
    for item in deliveries:
        assert item["confirmed"] == item["add"] == item["destination_count"]
    assert sum(item["confirmed"] for item in deliveries) > 0


def test_no_address_stands_anywhere_in_the_file_of_the_warehouse(demo: Demo) -> None:
    """Nor what memory of the processes that wrote it would leave between its rows."""
    endings = (b"@example.com", b".example.net")  # Of every address that the feeds hold.
    files = {path.name: path.read_bytes() for path in (demo.folder / "state").glob("*.duckdb*")}
    held = {name: sum(data.count(ending) for ending in endings) for name, data in files.items()}
    assert held.pop("vault.duckdb") > 0
    assert held == dict.fromkeys(held, 0)
    assert "warehouse.duckdb" in held


def test_a_stranger_accepts_the_ledger(demo: Demo) -> None:
    assert_a_stranger_accepts_the_ledger(demo.folder, demo.first)


def test_the_demo_says_that_its_keys_are_for_the_demo(demo: Demo) -> None:
    assert "for this demo only" in demo.first.output


# From here on later plays add to what the first one left: the order of the tests is theirs.
@pytest.mark.breadth
def test_a_day_later_only_changes_leave(demo: Demo, next_day: Played) -> None:
    for before, after in zip(
        demo.first.summary["deliveries"], next_day.summary["deliveries"], strict=True
    ):
        held = after["add"] + after["update"] + after["unchanged"]
        assert after["destination_count"] == held
        assert (
            after["destination_count"]
            == before["destination_count"] + after["add"] - after["remove"]
        )
    changes = sum(
        item["add"] + item["update"] + item["remove"] for item in next_day.summary["deliveries"]
    )
    assert 0 < changes < sum(item["add"] for item in demo.first.summary["deliveries"])
    assert_every_row_is_accounted_for(next_day)
    assert_every_member_is_accounted_for(next_day)
    assert_a_stranger_accepts_the_ledger(demo.folder, next_day)


@pytest.mark.breadth
def test_the_same_feeds_again_send_nothing(demo: Demo, next_day: Played, again: Played) -> None:
    assert next_day.writes > 0
    assert again.writes == 0
    for item in again.summary["deliveries"]:
        assert item["add"] == item["update"] == item["remove"] == 0
    assert_every_row_is_accounted_for(again)
    assert_every_member_is_accounted_for(again)
    assert_a_stranger_accepts_the_ledger(demo.folder, again)


@pytest.mark.breadth
@pytest.mark.usefixtures("again")
def test_a_destination_that_holds_one_fewer_is_told_and_fails(demo: Demo) -> None:
    held = next(item for item in demo.portal.show("lists")["lists"] if item["members"])
    one = held["members"][:1]
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {demo.portal.token}"
        portal = PortalClient(demo.portal, session)
        memberships = f"{portal.path('lists')}/{held['listId']}/memberships"
        assert portal.call("PUT", f"{memberships}/remove", one).ok
        result = run_demo(demo.folder, demo.portal)
        assert portal.call("PUT", f"{memberships}/add", one).ok
    said = " ".join((result.stdout + result.stderr).split())
    assert result.returncode == 1
    assert "The demo did not end as planned." in said
    count = len(held["members"])
    assert f"at hubspot: {count} members expected, {count - 1} counted there." in said
    assert "Traceback" not in said


@pytest.mark.breadth
@pytest.mark.usefixtures("again")
def test_a_gate_that_refuses_ends_the_night_before_anything_leaves(demo: Demo) -> None:
    feed = demo.folder / "landing" / "consent_changes"
    last = max(feed.glob("*.csv"))
    day = date.fromisoformat(last.stem[-8:]) + timedelta(days=1)
    header, *rows, _ = last.read_text().splitlines()
    member = rows[0].split(",")[1]
    wave = [
        f"cns_wave{n},{member},email,service,grant,{day}T12:00:00Z,{day}T12:00:00Z,branch,2026-01"
        for n in range(400)
    ]
    file = feed / f"consent_changes_{day:%Y%m%d}.csv"
    file.write_text("\n".join([header, *wave, "TRAILER,400", ""]))
    file.with_name(f"{file.name}.done").touch()
    before = demo.published(), count_writes(demo.portal)
    result = run_demo(demo.folder, demo.portal)
    said = " ".join((result.stdout + result.stderr).split())
    assert result.returncode != 0
    assert "A gate refused." in said
    assert f"feed consent_changes brought 400 rows on {day}, expected 0 to" in said
    assert "Traceback" not in said
    assert (demo.published(), count_writes(demo.portal)) == before
