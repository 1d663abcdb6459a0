"""A feed that stops: what waits, what goes on, and how a person lets it go on."""

from __future__ import annotations

import hashlib
from datetime import date

import pytest
from feed_site import (
    NAMES,
    Site,
    before,
    contract_of,
    lines_of,
    make_file,
    make_rows,
    name_of,
    pack,
)

from tellerline.errors import UsageError

FEED = "account_snapshot"
NEXT = date(2026, 3, 10)


def shrink(site: Site) -> str:
    """Load a day, then a much smaller one with a day after it, and return the small file's name."""
    site.put(FEED, make_file(FEED, 100, before(1)), before(1))
    site.run()
    site.put(FEED, make_file(FEED, 10))
    site.put(FEED, make_file(FEED, 100, NEXT), NEXT)
    site.put("contacts", make_file("contacts", 4))
    return name_of(FEED)


def test_later_files_of_a_stopped_feed_wait_and_other_feeds_go_on(site: Site) -> None:
    name = shrink(site)
    report = site.run()
    assert report.exit_code == 1
    assert report.feeds[FEED].files == {"stopped": 1, "waiting": 1}
    assert report.feeds["contacts"].run.loaded == 4
    (error,) = report.errors
    assert name in error
    assert "--release" in error
    assert "10 rows" in error
    assert site.count(FEED) == 100
    assert [row[2] for row in site.loads() if row[0] == FEED] == ["loaded", "stopped"]


def test_a_stopped_feed_stays_stopped(site: Site) -> None:
    name = shrink(site)
    site.run()
    site.put(
        FEED,
        make_file(FEED, 100, NEXT, start=5),
        date(2026, 3, 11),
        name=f"account_snapshot_{date(2026, 3, 11):%Y%m%d}.csv.gz",
    )
    report = site.run()
    assert report.exit_code == 1
    assert name in report.errors[0]
    assert report.feeds[FEED].is_stopped
    assert report.feeds[FEED].files == {"waiting": 2}
    assert site.count(FEED) == 100
    assert site.ledger_types().count("feed.stopped") == 1


@pytest.mark.parametrize("how", ["name", "sha256", "feed"])
def test_releasing_loads_the_file_and_what_waits(site: Site, how: str) -> None:
    name = shrink(site)
    site.run()
    digest = hashlib.sha256(make_file(FEED, 10)).hexdigest()
    what = {"name": name, "sha256": digest, "feed": FEED}[how]
    report = site.run(release=frozenset({what}))
    assert report.exit_code == 0
    assert report.feeds[FEED].files == {"loaded": 2}
    assert site.count(FEED) == 210
    assert [row[2] for row in site.loads() if row[0] == FEED] == ["loaded"] * 3
    released = [entry for entry in site.ledger() if entry["body"].get("released")]
    assert [entry["type"] for entry in released] == ["file.accepted"]
    assert site.run().exit_code == 0


def test_discarding_keeps_the_file_out_and_loads_what_waits(site: Site) -> None:
    name = shrink(site)
    site.run()
    report = site.run(discard=frozenset({name}))
    assert site.state_of(name) == ("quarantined", "discarded")
    assert site.count(FEED) == 200
    counts = report.feeds[FEED].total
    assert (counts.read, counts.loaded, counts.rejected) == (210, 200, 10)
    assert site.run().exit_code == 0


def test_naming_a_file_that_stops_nothing(site: Site) -> None:
    shrink(site)
    site.run()
    before_that = site.loads()
    for options in ({"release": frozenset({"x"})}, {"discard": frozenset({name_of(FEED, NEXT)})}):
        with pytest.raises(UsageError, match="no file that stopped its feed"):
            site.run(**options)
    assert site.loads() == before_that


def test_the_same_name_with_other_content_stops_that_feed_alone(site: Site) -> None:
    for feed in NAMES:
        site.put(feed, make_file(feed, 20))
    site.run()
    for feed in NAMES:
        site.put(feed, make_file(feed, 20, NEXT, start=50), NEXT)
    site.put("transactions", make_file("transactions", 20, start=20))
    report = site.run()
    assert report.exit_code == 1
    assert report.feeds["transactions"].files == {"stopped": 1, "waiting": 1}
    assert {report.feeds[f].run.loaded for f in NAMES if f != "transactions"} == {20}
    assert name_of("transactions") in report.errors[0]
    assert site.count("transactions") == 20
    types = site.ledger_types()
    assert types.count("feed.stopped") == 1
    assert types.count("file.quarantined") == 1
    states = [row[2:4] for row in site.loads() if row[1] == name_of("transactions")]
    assert sorted(states, key=str) == [("loaded", None), ("stopped", "name_reused")]
    report = site.run(release=frozenset({name_of("transactions")}))
    assert report.exit_code == 0
    assert site.count("transactions") == 60


def test_the_same_name_twice_in_one_run(site: Site) -> None:
    site.put("transactions", make_file("transactions", 20), folder="")
    site.put("transactions", make_file("transactions", 20, start=20))
    report = site.run()
    assert report.feeds["transactions"].files == {"loaded": 1, "stopped": 1}
    assert site.count("transactions") == 20


def test_a_quarantined_file_is_judged_once_more_under_a_mended_contract(site: Site) -> None:
    rows = make_rows("transactions", 10)
    for row in rows:
        row["currency"] = "CAD"
    site.put("transactions", pack("transactions", lines_of("transactions", rows)))
    site.run()
    assert site.state_of(name_of("transactions")) == ("quarantined", "rejected_ratio")
    contract = contract_of("transactions")
    for field in contract["fields"]:
        if field["name"] == "currency":
            field["mapping"] = {"CAD": "USD"}
    folder = site.contracts(transactions=contract)
    assert site.run(contracts=folder).feeds["transactions"].run.read == 0
    report = site.run(contracts=folder, release=frozenset({name_of("transactions")}))
    assert report.feeds["transactions"].run.loaded == 10
    assert site.state_of(name_of("transactions")) == ("loaded", None)
    assert site.rejections("transactions") == []
