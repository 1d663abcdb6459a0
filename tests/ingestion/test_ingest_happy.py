"""What is good goes in once, typed, tokenised and accounted for."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from feed_site import DATABASE, DAY, KEY, NAMES, Site, before, make_file, make_rows, name_of


def token(kind: str, number: str) -> str:
    return hmac.new(bytes.fromhex(KEY), f"{kind}:{number}".encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("feed", NAMES)
def test_a_good_file_is_loaded_whole(site: Site, feed: str) -> None:
    site.put(feed, make_file(feed, 40))
    report = site.run()
    assert report.exit_code == 0
    assert report.errors == []
    assert vars_of(report.feeds[feed].run) == (40, 40, 0, 0)
    assert site.count(feed) == 40
    assert site.loads() == [(feed, name_of(feed), "loaded", None, 40, 40, 0, 0)]
    assert site.ledger_types() == ["file.received", "file.accepted"]


def vars_of(counts) -> tuple[int, int, int, int]:
    return counts.read, counts.loaded, counts.rejected, counts.duplicate


@pytest.mark.parametrize("feed", NAMES)
def test_files_may_lie_flat(site: Site, feed: str) -> None:
    site.put(feed, make_file(feed, 3), folder="")
    assert site.run().feeds[feed].run.loaded == 3


def test_all_feeds_of_several_days_in_one_run(site: Site) -> None:
    for feed in NAMES:
        for days in range(4):
            site.put(feed, make_file(feed, 20, before(days), start=100 * days), before(days))
    report = site.run()
    assert report.errors == []
    assert {feed: counts.total.loaded for feed, counts in report.feeds.items()} == dict.fromkeys(
        NAMES, 80
    )
    assert report.feeds["transactions"].latest_business_date == DAY.isoformat()


def test_values_arrive_typed_and_exact(site: Site) -> None:
    site.put("transactions", make_file("transactions", 6))
    site.run()
    ((row,),) = site.query("select t from raw.transactions t where transaction_id like '%-5'")
    assert row["amount"] == Decimal("5.05")
    assert row["version"] == 1
    assert row["authorized_at"] == datetime(2026, 3, 9, 10, 5, tzinfo=UTC).replace(tzinfo=None)
    assert row["posted_date"] == date(2026, 3, 9)
    assert row["descriptor"] == "STARBUCKS #0005, SEATTLE WA"
    assert row["ach_company_name"] is None
    assert row["business_date"] == DAY
    assert row["line_number"] == 7
    assert row["load_id"] == site.query("select load_id from raw.loads")[0][0]


def test_columns_and_types_of_a_raw_table(site: Site) -> None:
    site.put("transactions", make_file("transactions", 1))
    site.run()
    found = site.query(
        "select column_name, data_type from duckdb_columns() "
        "where table_name = 'transactions' order by column_index"
    )
    assert found[:5] == [
        ("transaction_id", "VARCHAR"),
        ("version", "BIGINT"),
        ("member_id", "VARCHAR"),
        ("account_id", "VARCHAR"),
        ("authorized_at", "TIMESTAMP"),
    ]
    assert found[-5:] == [
        ("business_date", "DATE"),
        ("load_id", "VARCHAR"),
        ("file_sha256", "VARCHAR"),
        ("line_number", "BIGINT"),
        ("loaded_at", "TIMESTAMP"),
    ]
    assert ("amount", "DECIMAL(18,2)") in found


def test_tokens_are_hmac_and_numbers_are_in_the_vault_alone(site: Site) -> None:
    for feed in NAMES:
        site.put(feed, make_file(feed, 3))
    site.run()
    rows = make_rows("transactions", 3)
    expected = [
        (token("member", row["member_number"]), token("account", row["account_number"]))
        for row in rows
    ]
    found = site.query("select member_id, account_id from raw.transactions order by transaction_id")
    assert found == expected
    assert site.query("select device_id from raw.digital_events order by event_id") == [
        (token("device", f"device-{n}"),) for n in range(3)
    ]
    key_id = hashlib.sha256(b"tellerline-member-key-id:" + bytes.fromhex(KEY)).hexdigest()[:8]
    assert site.query("from raw.member_numbers order by member_number", "vault") == [
        (token("member", f"70000000{n}"), f"70000000{n}", key_id) for n in range(3)
    ]
    assert site.query("from raw.account_numbers order by account_number", "vault") == [
        (token("account", f"880000000{n}"), f"880000000{n}", key_id) for n in range(3)
    ]


def test_contacts_live_in_the_vault(site: Site) -> None:
    site.put("contacts", make_file("contacts", 2))
    site.run()
    assert site.query(
        "select email, phone, member_id from raw.contacts order by email", "vault"
    ) == [
        (f"ada{n}@example.org", f"+1612555000{n}", token("member", f"70000000{n}"))
        for n in range(2)
    ]
    tables = {row[0] for row in site.query("select table_name from duckdb_tables()")}
    assert "contacts" not in tables
    assert DATABASE["contacts"] == "vault"


def test_received_content_is_kept_unchanged_under_its_hash(site: Site) -> None:
    content = make_file("transactions", 5)
    path = site.put("transactions", content)
    site.run()
    digest = hashlib.sha256(content).hexdigest()
    kept = site.settings.store / digest[:2] / digest
    assert kept.read_bytes() == content
    assert kept.stat().st_mode & 0o077 == 0
    assert path.read_bytes() == content
    assert site.query("select file_sha256, byte_count from raw.loads") == [(digest, len(content))]


def test_a_run_without_a_landing_reports_nothing(site: Site) -> None:
    report = site.run()
    assert report.exit_code == 0
    assert set(report.feeds) == set(NAMES)


def test_the_ledger_has_the_beginning_and_the_end_of_every_run_with_news(site: Site) -> None:
    site.put("transactions", make_file("transactions", 3, before(1)), before(1))
    site.put("consent_changes", make_file("consent_changes", 2))
    first = site.run()
    site.run()
    site.put("transactions", b"no gzip")
    second = site.run()
    entries = site.ledger()
    assert {entry["run"] for entry in entries} == {first.run_id, second.run_id}
    for report in (first, second):
        types = [entry["type"] for entry in entries if entry["run"] == report.run_id]
        assert (types[0], types[-1]) == ("run.started", "run.finished")
        assert types.count("run.started") == types.count("run.finished") == 1
    ends = [entry["body"] for entry in entries if entry["type"] == "run.finished"]
    assert [end["errors"] for end in ends] == [0, 1]
    assert ends[0]["rows"]["transactions"] == {
        "read": 3, "loaded": 3, "rejected": 0, "duplicate": 0,
    }  # fmt: skip


def test_a_warehouse_that_is_lost_is_loaded_again_under_a_run_of_its_own(site: Site) -> None:
    site.put("transactions", make_file("transactions", 3))
    site.run()
    site.settings.warehouse.unlink()
    again = site.run()
    types = [entry["type"] for entry in site.ledger() if entry["run"] == again.run_id]
    assert types == ["run.started", "file.accepted", "run.finished"]
