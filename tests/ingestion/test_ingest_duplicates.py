"""Rows with the same key: the first stays, copies are duplicates, contradictions are rejected."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from feed_site import (
    DATABASE,
    DAY,
    JSON_FEEDS,
    NAMES,
    Row,
    Site,
    before,
    contract_of,
    lines_of,
    make_file,
    make_rows,
    name_of,
    pack,
)

OF_AN_ACCOUNT = (
    "account_number", "product_code", "product_type", "ownership_role", "opened_date",
    "account_status", "current_balance",
)  # fmt: skip


def changed(feed: str, row: Row) -> Row:
    """Return a row with the same key and other content."""
    row = {key: dict(value) if isinstance(value, dict) else value for key, value in row.items()}
    if feed in JSON_FEEDS:
        row["data"]["amount"] = 77.25
    elif feed == "consent_changes":
        row["action"] = "withdraw" if row["action"] == "grant" else "grant"
    else:
        column = {
            "account_snapshot": "available_balance",
            "transactions": "mcc",
            "contacts": "city",
        }
        row[column[feed]] = {"contacts": "Saint Paul"}.get(feed, "1234")
    return row


# A day's snapshot may be sent again, corrected.
CORRECTED = "account_snapshot"


def tolerant_contracts(site: Site):
    contracts = {feed: contract_of(feed) | {"maximum_rejected_ratio": 0.5} for feed in NAMES}
    return site.contracts(**contracts)


def run(site: Site, files: dict[tuple[str, int], list[Row]]):
    for (feed, days), rows in files.items():
        site.put(feed, pack(feed, lines_of(feed, rows)), before(days))
    return site.run(contracts=tolerant_contracts(site))


def test_in_one_file(site: Site) -> None:
    files = {}
    for feed in NAMES:
        rows = make_rows(feed, 20)
        files[feed, 0] = [*rows, rows[3], changed(feed, rows[4]), rows[3], changed(feed, rows[3])]
    report = run(site, files)
    for feed in NAMES:
        counts = report.feeds[feed].run
        assert (counts.read, counts.loaded, counts.rejected, counts.duplicate) == (24, 20, 2, 2)
        shift = 1 if feed in JSON_FEEDS else 2
        assert site.rejections(feed) == [
            (
                20 + shift + place,
                "conflicting_duplicate",
                ", ".join(contract_of(feed)["key"]),
                "key",
            )
            for place in (1, 3)
        ]


def test_against_what_is_loaded(site: Site) -> None:
    plain = Site(site.root / "plain")
    feeds = [feed for feed in NAMES if feed != CORRECTED]
    rows = {feed: make_rows(feed, 20) for feed in feeds}
    fresh = {feed: make_rows(feed, 20, start=500) for feed in feeds}
    for one in (site, plain):
        run(one, {(feed, 1): rows[feed] for feed in feeds})
    again = {
        (feed, 0): [*fresh[feed], rows[feed][0], changed(feed, rows[feed][1])] for feed in feeds
    }
    report = run(site, again)
    run(plain, {(feed, 0): fresh[feed] for feed in feeds})
    for feed in feeds:
        counts = report.feeds[feed].run
        assert (counts.read, counts.loaded, counts.rejected, counts.duplicate) == (22, 20, 1, 1)
        table = f"select * exclude (load_id, file_sha256) from raw.{feed} order by all"
        assert site.query(table, DATABASE[feed]) == plain.query(table, DATABASE[feed])


def test_what_an_earlier_day_told_too_is_loaded_whenever_it_comes(site: Site) -> None:
    feeds = [feed for feed in NAMES if feed != CORRECTED]
    rows = {feed: make_rows(feed, 20) for feed in feeds}
    run(site, {(feed, 1): rows[feed] for feed in feeds})
    report = run(
        site, {(feed, 3): [*rows[feed][:5], changed(feed, rows[feed][6])] for feed in feeds}
    )
    again = run(site, {(feed, 2): [*rows[feed][:7], rows[feed][8]] for feed in feeds})
    for feed in feeds:
        counts = report.feeds[feed].run
        assert (counts.loaded, counts.rejected, counts.duplicate) == (5, 1, 0)
        # Five were told of an earlier day by now, three were not.
        counts = again.feeds[feed].run
        assert (counts.loaded, counts.rejected, counts.duplicate) == (3, 0, 5)


def test_across_files_of_one_batch_the_earlier_day_wins(site: Site) -> None:
    feed = "transactions"
    rows = make_rows(feed, 10)
    first = [changed(feed, rows[0]), *make_rows(feed, 9, start=50)]
    report = run(site, {(feed, 0): rows, (feed, 2): first})
    assert report.feeds[feed].run.rejected == 1
    assert site.query("select mcc from raw.transactions where transaction_id like '%-0'") == [
        ("1234",)
    ]


RAW_TABLES = ("raw.loads", "raw.rejections", *(f"raw.{feed}" for feed in NAMES))


def everything(site: Site) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables but when they were loaded, which a second time is later."""
    return {
        table: site.query(
            f"select * exclude (loaded_at) from {table} order by all"
            if table != "raw.rejections"
            else f"select * from {table} order by all",
            "vault" if DATABASE.get(table.removeprefix("raw.")) == "vault" else "warehouse",
        )
        for table in RAW_TABLES
    }


def test_a_lost_warehouse_is_loaded_again_in_the_order_of_the_first_time(site: Site) -> None:
    """The later business day came first, and a file that a person let in came last."""
    others = [feed for feed in NAMES if feed != CORRECTED]
    rows = {feed: make_rows(feed, 20) for feed in NAMES}
    run(site, {(feed, 0): rows[feed] for feed in NAMES})
    site.now += timedelta(hours=1)
    early = {
        (feed, 2): [changed(feed, rows[feed][0]), *make_rows(feed, 9, start=50)] for feed in others
    }
    run(site, early)
    site.now += timedelta(hours=1)
    again = [changed(CORRECTED, rows[CORRECTED][0]), *rows[CORRECTED][1:]]
    run(site, {(CORRECTED, 0): again, ("transactions", 3): rows["transactions"]})
    site.now += timedelta(hours=1)
    site.run(contracts=tolerant_contracts(site), release=frozenset({CORRECTED}))
    first = everything(site)
    states = [state for _, _, state, *_ in site.loads()]
    assert (states.count("loaded"), states.count("duplicate")) == (len(NAMES) + len(others) + 1, 1)
    site.settings.warehouse.unlink()
    site.now += timedelta(days=1)
    report = site.run(contracts=tolerant_contracts(site))
    assert everything(site) == first, report.errors
    # A second loss makes no difference, nor does what arrives in the same run.
    site.settings.warehouse.unlink()
    site.now += timedelta(days=1)
    new = [
        changed("transactions", rows["transactions"][5]),
        *make_rows("transactions", 20, start=200),
    ]
    run(site, {("transactions", 9): new})
    held = site.query("select mcc from raw.transactions where transaction_id like '%-5'")
    assert held == [("5812",)]


@pytest.mark.parametrize("feed", sorted(set(NAMES) - {CORRECTED, "consent_changes"}))
@pytest.mark.parametrize("is_loaded_before", [True, False])
def test_the_rows_that_a_file_is_quarantined_for_are_listed(
    site: Site, feed: str, is_loaded_before: bool
) -> None:
    rows = make_rows(feed, 20)
    contradicting = [*(changed(feed, row) for row in rows[:3]), *make_rows(feed, 17, start=50)]
    site.put(feed, pack(feed, lines_of(feed, rows)), before(1))
    if is_loaded_before:
        site.run()
    site.put(feed, pack(feed, lines_of(feed, contradicting)))
    (error,) = site.run().errors
    assert f"{name_of(feed)}: has 3 bad rows of 20" in error
    assert "see raw.rejections" in error
    first = 1 if feed in JSON_FEEDS else 2
    key = ", ".join(contract_of(feed)["key"])
    assert site.rejections(feed) == [
        (first + place, "conflicting_duplicate", key, "key") for place in range(3)
    ]
    assert site.count(feed) == 20


def test_a_key_with_no_value_is_a_key(site: Site) -> None:
    feed = "account_snapshot"
    rows = make_rows(feed, 20)
    for row in rows:
        row.update(dict.fromkeys(OF_AN_ACCOUNT, ""))
    report = run(site, {(feed, 0): [*rows, rows[5]]})
    assert (report.feeds[feed].run.loaded, report.feeds[feed].run.duplicate) == (20, 1)


def test_a_rejected_row_casts_no_shadow(site: Site) -> None:
    feed = "transactions"
    rows = make_rows(feed, 20)
    bad = rows[0] | {"currency": "EUR"}
    report = run(site, {(feed, 0): [bad, *rows]})
    assert (report.feeds[feed].run.loaded, report.feeds[feed].run.rejected) == (20, 1)
    assert site.rejections(feed)[0][:2] == (2, "not_allowed")


def test_a_quarantined_file_casts_no_shadow(site: Site) -> None:
    """A file that falls for its contradictions frees the rows that contradicted it."""
    feed = "transactions"
    base = make_rows(feed, 10)
    # Six of ten rows contradict the first file: more than the half that is allowed.
    second = [changed(feed, row) for row in base[:6]] + make_rows(feed, 4, start=100)
    # Contradicts only the second file, which does not count.
    third = [changed(feed, row) for row in make_rows(feed, 4, start=100)]
    report = run(site, {(feed, 2): base, (feed, 1): second, (feed, 0): third})
    states = [site.state_of(name_of(feed, before(days))) for days in (2, 1, 0)]
    assert states == [("loaded", None), ("quarantined", "rejected_ratio"), ("loaded", None)]
    counts = report.feeds[feed].run
    assert (counts.read, counts.loaded, counts.rejected, counts.duplicate) == (24, 14, 10, 0)


def test_a_stopped_file_casts_no_shadow(site: Site) -> None:
    feed = "transactions"
    rows = make_rows(feed, 50, before(2))
    run(site, {(feed, 2): rows})
    small = make_rows(feed, 2, DAY, start=200)
    for days, part in ((1, small[:1]), (0, small)):
        site.put(feed, pack(feed, lines_of(feed, part)), before(days))
    report = site.run(contracts=tolerant_contracts(site))
    assert report.feeds[feed].files == {"stopped": 1, "waiting": 1}
    assert site.count(feed) == 50


def release(site: Site, name: str):
    """Run once, so that the file stops its feed, then let it in."""
    folder = site.root / "contracts"
    report = site.run(contracts=folder)
    assert report.feeds[CORRECTED].is_stopped
    assert "the one received last counts, as a whole" in report.errors[0]
    return site.run(contracts=folder, release=frozenset({name}))


def lines_of_day(site: Site) -> list[tuple[Any, ...]]:
    """Return of each loaded file how many rows stand in the raw table, in order of loading."""
    return site.query(
        f"select count(*) from raw.{CORRECTED} group by loaded_at, load_id order by loaded_at"
    )


def test_a_corrected_file_that_a_person_releases_is_loaded_in_full(site: Site) -> None:
    rows = make_rows(CORRECTED, 20)
    first, again = changed(CORRECTED, rows[3]), changed(CORRECTED, rows[4])
    run(site, {(CORRECTED, 0): rows})
    for sent, expected in (
        ([*rows[:3], first, *rows[4:]], (20, 20, 0, 0)),
        # The same key twice in one file is a fault, or a copy.
        ([*rows[:3], first, again, rows[5], *rows[4:]], (22, 20, 1, 1)),
        # What was right after all is a correction too.
        (rows[::-1], (20, 20, 0, 0)),
        # Rows are taken back, and nothing is new.
        (rows[2:], (18, 18, 0, 0)),
    ):
        site.now += timedelta(hours=1)
        site.put(CORRECTED, pack(CORRECTED, lines_of(CORRECTED, sent)))
        counts = release(site, name_of(CORRECTED)).feeds[CORRECTED].run
        assert (counts.read, counts.loaded, counts.rejected, counts.duplicate) == expected
    assert lines_of_day(site) == [(20,), (20,), (20,), (20,), (18,)]
    assert site.query("select distinct feed, is_whole_day from raw.loads") == [(CORRECTED, True)]
    # Neither a lost warehouse nor the same bytes once more change what counts.
    held = everything(site)
    site.settings.warehouse.unlink()
    site.now += timedelta(hours=1)
    site.put(CORRECTED, pack(CORRECTED, lines_of(CORRECTED, rows)))
    assert site.run(contracts=tolerant_contracts(site)).exit_code == 0
    assert everything(site) == held


def numbered_contract(site: Site, **told: Any):
    """Return contracts by which files of a day have numbers."""
    contract = contract_of(CORRECTED) | told
    contract["file"] |= {"pattern": "members_{business_date:%Y%m%d}_{sequence}.csv.gz"}
    return site.contracts(**{CORRECTED: contract})


def put_parts(site: Site, *parts: list[Row]) -> list[str]:
    names = [f"members_{DAY:%Y%m%d}_{number}.csv.gz" for number in range(len(parts))]
    for name, rows in zip(names, parts, strict=True):
        site.put(CORRECTED, pack(CORRECTED, lines_of(CORRECTED, rows)), name=name)
    return names


@pytest.mark.parametrize("is_at_once", [True, False])
def test_a_second_file_of_a_whole_day_stops_the_feed_under_any_name(
    site: Site, is_at_once: bool
) -> None:
    folder = numbered_contract(site)
    rows = make_rows(CORRECTED, 20)
    if not is_at_once:
        put_parts(site, rows)
        site.run(contracts=folder)
    first, second = put_parts(site, rows, rows[:15])
    report = site.run(contracts=folder)
    assert (site.state_of(first), site.state_of(second)) == (
        ("loaded", None),
        ("stopped", "day_repeated"),
    )
    assert f"{second}: is one more file of a business day that is loaded." in report.errors[0]
    assert report.feeds[CORRECTED].is_stopped
    assert site.ledger_types()[-1] == "feed.stopped"
    # Another day is none of that.
    site.put(
        CORRECTED,
        make_file(CORRECTED, 20, before(-1)),
        name=f"members_{before(-1):%Y%m%d}_0.csv.gz",
    )
    site.now += timedelta(days=1)
    counts = site.run(contracts=folder, release=frozenset({second})).feeds[CORRECTED].run
    assert (counts.read, counts.loaded) == (35, 35)


def test_days_in_several_files_add_up_where_the_contract_says_so(site: Site) -> None:
    folder = numbered_contract(site, corrections="refuse", maximum_shrink_ratio=1.0)
    rows = make_rows(CORRECTED, 20)
    put_parts(site, rows[:12], rows[10:])
    report = site.run(contracts=folder)
    counts = report.feeds[CORRECTED].run
    assert (counts.read, counts.loaded, counts.duplicate) == (22, 20, 2)
    assert site.query("select distinct is_whole_day from raw.loads") == [(False,)]


def test_a_file_of_another_day_is_refused_and_loads_under_its_own_name(site: Site) -> None:
    yesterday = pack(CORRECTED, lines_of(CORRECTED, make_rows(CORRECTED, 20, before(1))))
    site.put(CORRECTED, yesterday, DAY)
    site.run()
    assert site.state_of(name_of(CORRECTED)) == ("quarantined", "rejected_ratio")
    assert {reason for _, reason, *_ in site.rejections(CORRECTED)} == {"other_day"}
    site.put(CORRECTED, yesterday, before(1))
    site.run()
    assert site.state_of(name_of(CORRECTED, before(1))) == ("loaded", None)
    assert site.count(CORRECTED) == 20
