"""What arrives is found when complete, kept under its hash, told once; hostile things stay out."""

from __future__ import annotations

import hashlib
import os
from datetime import date
from pathlib import Path

import pytest
from feed_site import DAY, NAMES, NOW, Site, age, before, make_file, name_of

from ingestion.landing import look, sightings
from ingestion.store import ContentStore, Copy, Refusal
from tellerline.errors import UsageError
from tellerline.state import State

HOSTILE = [
    "transactions 20260309.csv.gz",
    "-rf",
    "transactions_20260309.csv.gz;rm -rf x",
    "$(touch x)",
    "x..csv\\..\\x",
    "C:\\transactions.csv",
    "transactions_20260309.csv\n.gz",
    "\u202etransactions.csv",
    "tränsactions_20260309.csv.gz",
    "\uff54ransactions_20260309.csv.gz",
    "a" * 122,
    "a" * 240,
    "name@example.org",
    "*.csv",
    "[a]",
    "'; drop table x; --",
]


def only(site: Site, name: str) -> tuple[str, str | None]:
    return site.state_of(name)


@pytest.mark.parametrize("folder", ["", "transactions"])
def test_hostile_names_are_quarantined_under_another_name(site: Site, folder: str) -> None:
    names = [*map(os.fsencode, HOSTILE), b"\xff\xfe.csv", b"tab\there"]
    place = site.landing / folder
    place.mkdir(parents=True)
    for number, name in enumerate(names):
        Path(os.fsdecode(os.fsencode(place) + b"/" + name)).write_bytes(b"x%d" % number)
        Path(os.fsdecode(os.fsencode(place) + b"/" + name + b".done")).touch()
    site.put("transactions", make_file("transactions", 5))
    report = site.run()
    assert report.exit_code == 1
    assert report.feeds["transactions"].run.loaded == 5
    refused = [row for row in site.loads() if row[0] == "unknown"]
    assert len(refused) == len(names) == report.unknown
    assert {row[2:4] for row in refused} == {("quarantined", "hostile_name")}
    assert all(row[1].startswith("unnamed-") and row[1].isascii() for row in refused)
    for number in range(len(names)):
        digest = hashlib.sha256(b"x%d" % number).hexdigest()
        assert (site.settings.store / digest[:2] / digest).read_bytes() == b"x%d" % number
    told = str(report.to_dict()) + str(site.ledger())
    assert not any(name in told for name in HOSTILE if len(name) > 4)
    assert site.run().exit_code == 0


def test_links_pipes_and_second_names_are_refused(site: Site) -> None:
    secret = site.root / "secret.csv"
    secret.write_bytes(make_file("consent_changes", 2))
    place = site.landing / "consent_changes"
    place.mkdir(parents=True)
    names = [name_of("consent_changes", before(days)) for days in range(4)]
    (place / names[0]).symlink_to(secret)
    os.mkfifo(place / names[1])
    (place / names[2]).hardlink_to(secret)
    (place / names[3]).symlink_to(site.root / "nowhere")
    for name in names:
        (place / f"{name}.done").touch()
    (site.landing / "contacts").symlink_to(site.root)
    (site.landing / "contacts.done").touch()
    report = site.run()
    assert len(report.errors) == 5
    assert all("no plain file" in error for error in report.errors)
    assert site.loads() == []
    assert site.ledger_types() == ["file.quarantined"] * 5
    assert not any(path.is_file() for path in site.settings.store.rglob("*"))
    assert site.run().errors == []
    assert site.ledger_types() == ["file.quarantined"] * 5


@pytest.mark.parametrize(
    ("name", "folder", "feed", "reason"),
    [
        ("readme.txt", "", "unknown", "unknown_name"),
        ("transactions_2026.csv.gz", "transactions", "unknown", "unknown_name"),
        ("transactions_20261399.csv.gz", "transactions", "transactions", "bad_business_date"),
        ("transactions_20260230.csv.gz", "", "transactions", "bad_business_date"),
        ("transactions_20260312.csv.gz", "", "transactions", "future_business_date"),
        ("transactions_20260309.csv.gz", "contacts", "transactions", "wrong_folder"),
    ],
)
def test_names_that_speak_of_nothing_known(
    site: Site, name: str, folder: str, feed: str, reason: str
) -> None:
    site.put("transactions", make_file("transactions", 5), name=name, folder=folder)
    report = site.run()
    assert site.loads() == [(feed, name, "quarantined", reason, 0, 0, 0, 0)]
    assert report.exit_code == 1
    assert any(name in error for error in report.errors)


def test_other_folders_are_left_alone(site: Site) -> None:
    site.put("transactions", make_file("transactions", 5), folder="archive")
    site.put("transactions", make_file("transactions", 5), folder="transactions/deeper")
    report = site.run()
    assert report.exit_code == 0
    assert site.loads() == []
    assert any("archive" in warning for warning in report.warnings)


def test_a_second_look_at_the_same_landing_is_nothing_new(site: Site) -> None:
    for feed in NAMES:
        site.put(feed, make_file(feed, 20))
    site.run()
    loads, entries = site.loads(), site.ledger()
    rows = {feed: site.rows(feed) for feed in NAMES}
    for _ in range(2):
        report = site.run()
        assert report.exit_code == 0
        assert {counts.run.read for counts in report.feeds.values()} == {0}
        assert {counts.total.loaded for counts in report.feeds.values()} == {20}
    assert (site.loads(), site.ledger()) == (loads, entries)
    assert {feed: site.rows(feed) for feed in NAMES} == rows


def test_the_same_files_in_another_landing_load_nothing_twice(site: Site, tmp_path: Path) -> None:
    for feed in NAMES:
        site.put(feed, make_file(feed, 20))
    site.run()
    rows = {feed: site.rows(feed) for feed in NAMES}
    other = Site(tmp_path / "other")
    for feed in NAMES:
        other.put(feed, make_file(feed, 20))
    report = site.run(landing=other.landing)
    assert report.repeated == len(NAMES)
    assert {str(counts.files) for counts in report.feeds.values()} == {"{'duplicate': 1}"}
    assert report.exit_code == 0
    assert {feed: site.rows(feed) for feed in NAMES} == rows
    assert site.ledger_types().count("file.duplicate") == len(NAMES)


def test_the_same_content_under_another_name_has_no_effect(site: Site) -> None:
    for feed in NAMES:
        site.put(feed, make_file(feed, 20))
    site.run()
    rows = {feed: site.rows(feed) for feed in NAMES}
    for feed in NAMES:
        site.put(feed, make_file(feed, 20), date(2026, 3, 10))
    report = site.run()
    assert report.exit_code == 0
    for feed in NAMES:
        counts = report.feeds[feed].run
        assert (counts.read, counts.loaded, counts.duplicate) == (20, 0, 20)
        assert site.state_of(name_of(feed, date(2026, 3, 10))) == ("duplicate", "same_content")
        assert site.rows(feed) == rows[feed]
    assert site.ledger_types().count("file.duplicate") == len(NAMES)


def test_the_same_content_twice_in_one_run(site: Site) -> None:
    for feed in NAMES:
        for day in (before(1), DAY):
            site.put(feed, make_file(feed, 20), day)
    report = site.run()
    for feed in NAMES:
        counts = report.feeds[feed].run
        # A snapshot says of which day it is: under another one it is no copy, but wrong.
        duplicate = 0 if feed == "account_snapshot" else 20
        assert (counts.read, counts.loaded, counts.duplicate) == (40, 20, duplicate)


def test_a_changed_file_is_noticed_even_if_its_time_is_put_back(site: Site) -> None:
    first, second = (make_file("consent_changes", 5, start=start) for start in (0, 4))
    assert len(first) == len(second)
    path = site.put("consent_changes", first)
    site.run()
    with State(site.settings.state) as state, state.transaction() as connection:
        # As if the first look had been long after the file was written.
        connection.execute(sightings.update().values(is_settled=1))
    status = path.stat()
    path.write_bytes(second)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert site.run().feeds["consent_changes"].is_stopped


def test_a_file_that_changes_while_it_is_read_waits(site: Site) -> None:
    path = site.put("transactions", b"before")
    with State(site.settings.state) as state, state.reading() as connection:
        found = look(site.landing, frozenset(NAMES), NOW, connection)
    (candidate,) = found.candidates
    store = ContentStore(site.settings.store)
    store.open()
    assert isinstance(store.copy(candidate, 0), Copy)
    path.write_bytes(b"after!")
    assert store.copy(candidate, 0) is Refusal.RESTLESS
    path.unlink()
    assert store.copy(candidate, 0) is Refusal.UNREADABLE


def test_a_quiet_file_without_marker_is_complete_after_a_minute(site: Site) -> None:
    path = site.put("transactions", make_file("transactions", 20), is_done=False)
    age(path, 59.5)
    assert site.run().incomplete == 1
    age(path, 60)
    assert site.run().feeds["transactions"].run.loaded == 20


def test_an_empty_file_every_day_is_loaded_every_day(site: Site) -> None:
    for feed in ("consent_changes", "contacts", "onboarding_events"):
        for days in range(3):
            site.put(feed, make_file(feed, 0), before(days))
    report = site.run()
    assert report.errors == []
    assert [row[2] for row in site.loads()] == ["loaded"] * 9


def test_a_landing_that_is_not_there(site: Site) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        site.run(landing=site.root / "missing")


def test_a_home_with_unusual_characters(tmp_path: Path) -> None:
    site = Site(tmp_path / 'it\'s a [home] *with "all" {of} ünïts')
    for feed in NAMES:
        site.put(feed, make_file(feed, 20))
    report = site.run()
    assert {counts.run.loaded for counts in report.feeds.values()} == {20}
