"""Another institution's files load by writing other contracts, and nothing else."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from feed_site import (
    DAY,
    FEEDS,
    NAMES,
    Site,
    before,
    contract_of,
    csv_lines,
    make_file,
    make_rows,
    name_of,
)

from ingestion.conformance import load_contracts

PIPE_TRANSACTIONS = """
feed: transactions
title: Core system export
description: Pipe-delimited, cents, debits negative, local time.
file:
  pattern: CORE-TXN.{business_date:%m%d%y}.{sequence}.txt
  compression: none
  format: csv
  delimiter: "|"
  quote: null
  header: true
  ignored_columns: [TELLER]
  trim: true
  null_values: ["NULL", "N/A"]
  time_zone: America/New_York
  timestamp_format: "%m/%d/%Y %I:%M:%S %p"
  date_format: "%m/%d/%Y"
  trailer:
    marker: ENDFILE
    marker_position: 1
    row_count: 2
    counts_header_and_trailer: true
    amount_total: {position: 0, field: amount}
key: [transaction_id, version]
ordered_by: version
cadence: daily
late_after_hours: 36
maximum_shrink_ratio: 0.80
maximum_rejected_ratio: 0.02
empty_file: quarantine
fields:
  - {name: direction, from: AMT, type: text, by_sign: {negative: debit, positive: credit}}
  - {name: amount, from: AMT, type: decimal, scale: 2, sign: absolute}
  - {name: transaction_id, from: TRANID, type: text, required: true}
  - {name: version, from: REV, type: integer, required: true}
  - {name: member_id, from: CIF, type: text, required: true, token: member}
  - {name: account_id, from: ACCT, type: text, required: true, token: account}
  - {name: authorized_at, from: AUTH TIME, type: timestamp, required: true}
  - {name: posted_date, from: POST DATE, type: date}
  - {name: status, from: ST, type: text, mapping: {P: pending, X: posted}}
  - {name: currency, from: CCY, type: text, mapping: {"840": USD}}
  - {name: channel, from: CH, type: text, mapping: {POS: card_present, ECOM: card_not_present}}
  - {name: descriptor, from: DESC, type: text}
  - {name: teller_note, from: NOTE, type: text, maximum_length: 10}
"""
PIPE_FILE = """\
DESC|TRANID|REV|CIF|ACCT|AUTH TIME|POST DATE|ST|CCY|CH|AMT|NOTE|TELLER
 JOE'S "DINER" |T1|1|000012345|777|3/7/2026 11:05:00 PM|3/9/2026|X|840|POS|-1250| ok |T9
ZELLE TO MARIA GOMEZ|T2|1|000012346|778|03/08/2026 03:30:00 AM|NULL|P|840|ECOM|99|N/A|
-1151|ENDFILE|4
"""

TAB_SNAPSHOT_COLUMNS = [
    "bal",
    "unused",
    "asof",
    "cif",
    "kind",
    "status",
    "since",
    "minor",
    "staff",
    "acct",
    "role",
    "product",
    "opened",
    "state",
]
TAB_SNAPSHOT: dict[str, Any] = {
    "feed": "account_snapshot",
    "title": "Tab-delimited, no header, no trailer",
    "description": "",
    "file": {
        "pattern": "{business_date:%Y-%m-%d}.accounts.tsv",
        "compression": "none",
        "format": "csv",
        "delimiter": "\t",
        "header": False,
        "columns": TAB_SNAPSHOT_COLUMNS,
        "date_format": "%d%b%Y",
        "true_values": ["Y", "1"],
        "false_values": ["N", "0"],
    },
    "key": ["snapshot_date", "member_id", "account_id"],
    "cadence": "daily",
    "late_after_hours": 36,
    "maximum_shrink_ratio": 0.3,
    "maximum_rejected_ratio": 0.02,
    "empty_file": "quarantine",
    "fields": [
        {"name": "snapshot_date", "from": "asof", "type": "date"},
        {"name": "member_id", "from": "cif", "type": "text", "token": "member"},
        {
            "name": "member_type",
            "from": "kind",
            "type": "text",
            "mapping": {"I": "individual", "B": "business"},
        },
        {"name": "member_status", "from": "status", "type": "text", "mapping": {"A": "active"}},
        {"name": "member_since_date", "from": "since", "type": "date"},
        {"name": "is_minor", "from": "minor", "type": "boolean"},
        {"name": "is_employee", "from": "staff", "type": "boolean"},
        {"name": "account_id", "from": "acct", "type": "text", "token": "account"},
        {
            "name": "ownership_role",
            "from": "role",
            "type": "text",
            "mapping": {"P": "primary", "J": "joint"},
        },
        {
            "name": "product_type",
            "from": "product",
            "type": "text",
            "mapping": {"DDA": "checking"},
        },
        {"name": "opened_date", "from": "opened", "type": "date"},
        {"name": "account_status", "from": "state", "type": "text", "mapping": {"O": "open"}},
        {"name": "current_balance", "from": "bal", "type": "decimal"},
    ],
}


def nested_events() -> dict[str, Any]:
    contract = contract_of("digital_events")
    contract["file"] |= {
        "pattern": "events-{business_date:%Y%j}.json",
        "compression": "none",
        "timestamp_format": "%Y-%m-%dT%H:%M:%S%z",
        "true_values": ["OK"],
        "false_values": ["FAILED"],
    }
    paths = {
        "event_id": "meta.event.id",
        "event_type": "meta.event.name",
        "occurred_at": "meta.time",
        "member_id": "who.cif",
        "device_id": "who.device",
        "is_successful": "result",
        "amount": "cents",
    }
    contract["fields"] = [
        field | {"from": paths[field["name"]]}
        for field in contract["fields"]
        if field["name"] in paths
    ]
    for field in contract["fields"]:
        if field["name"] == "event_type":
            field["mapping"] = {"LOGON": "login", "7": "p2p"}
        if field["name"] == "amount":
            field["scale"] = 2
    return contract


def test_files_of_another_shape_load_with_contracts_alone(site: Site) -> None:
    site.put("transactions", PIPE_FILE.encode(), name="CORE-TXN.030926.01.txt")
    rows = [
        ["12.50", "x", "09Mar2026", "000012345", "I", "A", "02Jan2001", "N", "Y", "777", "P", "DDA",
         "03Jan2001", "O"],
        ["", "", "09MAR2026", "000012346", "B", "A", "2Jan2001", "0", "N", "", "", "", "", ""],
    ]  # fmt: skip
    text = "".join("\t".join(row) + "\r\n" for row in rows)
    site.put("account_snapshot", text.encode(), name="2026-03-09.accounts.tsv")
    event = {
        "meta": {"event": {"id": "e1", "name": 7}, "time": "2026-03-09T10:00:00-0500"},
        "who": {"cif": "000012345", "device": "d"},
        "result": "OK",
        "cents": 1999,
    }
    site.put("digital_events", json.dumps(event).encode(), name="events-2026068.json")
    folder = site.contracts(
        transactions=yaml.safe_load(PIPE_TRANSACTIONS),
        account_snapshot=TAB_SNAPSHOT,
        digital_events=nested_events(),
    )
    report = site.run(contracts=folder)
    assert report.errors == []
    assert {feed: counts.run.loaded for feed, counts in report.feeds.items()} == {
        "transactions": 2,
        "account_snapshot": 2,
        "digital_events": 1,
    }
    assert site.query(
        "select transaction_id, version, authorized_at::varchar, posted_date::varchar, status, "
        "amount, currency, direction, channel, mcc, descriptor, teller_note, business_date::text "
        "from raw.transactions order by 1"
    ) == [
        ("T1", 1, "2026-03-08 04:05:00", "2026-03-09", "posted", Decimal("12.50"), "USD", "debit",
         "card_present", None, 'JOE\'S "DINER"', "ok", "2026-03-09"),
        ("T2", 1, "2026-03-08 07:30:00", None, "pending", Decimal("0.99"), "USD", "credit",
         "card_not_present", None, "ZELLE TO", None, "2026-03-09"),
    ]  # fmt: skip
    assert site.query(
        "select snapshot_date::varchar, member_type, member_since_date::varchar, is_minor, "
        "is_employee, account_id is null, ownership_role, current_balance, product_type, "
        "product_code "
        "from raw.account_snapshot order by line_number"
    ) == [
        ("2026-03-09", "individual", "2001-01-02", False, True, False, "primary", Decimal("12.50"),
         "checking", None),
        ("2026-03-09", "business", "2001-01-02", False, False, True, None, None, None, None),
    ]  # fmt: skip
    assert site.query(
        "select event_type, occurred_at, amount, is_successful, page from raw.digital_events"
    ) == [
        ("p2p", datetime.fromisoformat("2026-03-09T15:00:00"), Decimal("19.99"), True, None)
    ]  # fmt: skip
    shipped = [field["name"] for field in contract_of("transactions")["fields"]]
    columns = site.query(
        "select column_name from duckdb_columns() where table_name = 'transactions' "
        "order by column_index"
    )
    assert [name for (name,) in columns][: len(shipped)] == shipped


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("A|T1|1|1|7|3/7/2026 13:05:00 PM|3/9/2026|X|840|POS|-1250|a|", "wrong_type"),
        ("A|T1|1|1|7|3/7/2026 11:05:00 PM|13/9/2026|X|840|POS|-1250|a|", "wrong_type"),
        ("A|T1|1|1|7|3/7/2026 11:05:00 PM|3/9/26|X|840|POS|-1250|a|", "wrong_type"),
        ("A|T1|1|1|7|3/7/2026 11:05:00 PM|3/9/2026|Z|840|POS|-1250|a|", "not_allowed"),
        ("A|T1|1|1|7|3/7/2026 11:05:00 PM|3/9/2026|X|840|POS|-12.50|a|", "wrong_type"),
        ("A|T1|1|1|7|3/7/2026 11:05:00 PM|3/9/2026|X|840|POS||a|", "required_missing"),
        ("A|T1|1|1|7|3/7/2026 11:05:00 PM|3/9/2026|X|840|POS|-1250|a", "column_count"),
        ("A|T1|1|NULL|7|3/7/2026 11:05:00 PM|3/9/2026|X|840|POS|-1250|a|", "required_missing"),
    ],
)
def test_their_bad_rows_are_refused_too(site: Site, line: str, reason: str) -> None:
    contract = yaml.safe_load(PIPE_TRANSACTIONS) | {"maximum_rejected_ratio": 0.9}
    lines = PIPE_FILE.replace("ENDFILE|4", "ENDFILE|5").splitlines()
    lines.insert(3, line)
    total = -1151 + (-1250 if reason != "wrong_type" or "-12.50" not in line else 0)
    lines[-1] = f"{total}|ENDFILE|5"
    site.put("transactions", "\n".join(lines).encode(), name="CORE-TXN.030926.01.txt")
    report = site.run(contracts=site.contracts(transactions=contract))
    if reason == "required_missing" and "POS||" in line:
        assert site.loads()[0][3] == "trailer_amount_total"
        return
    assert report.feeds["transactions"].run.rejected == 1, report.errors
    assert site.rejections("transactions")[0][:2] == (4, reason)


def altered(feed: str, **changes: Any) -> dict[str, Any]:
    return contract_of(feed) | changes


def without_field(feed: str, name: str) -> dict[str, Any]:
    contract = contract_of(feed)
    contract["fields"] = [field for field in contract["fields"] if field["name"] != name]
    return contract


def with_field(feed: str, name: str, **changes: Any) -> dict[str, Any]:
    contract = contract_of(feed)
    contract["fields"] = [
        {key: value for key, value in (field | changes).items() if value is not None}
        if field["name"] == name
        else field
        for field in contract["fields"]
    ]
    return contract


def with_file(feed: str, **changes: Any) -> dict[str, Any]:
    contract = contract_of(feed)
    contract["file"] |= changes
    return contract


@pytest.mark.parametrize(
    ("contract", "problem"),
    [
        (without_field("transactions", "amount"), "amount is no decimal field"),
        (without_field("transactions", "status"), "status is required"),
        (without_field("contacts", "last_name"), "last_name is required"),
        (with_field("transactions", "mcc", type="integer", pattern=None), "must be of type text"),
        (with_field("transactions", "member_id", token=None), "member_id must have token member"),
        (with_field("transactions", "status", allowed=["pending", "open"]), "may not become open"),
        (with_field("transactions", "status", mapping={"Q": "queued"}), "may not become queued"),
        (altered("transactions", key=["transaction_id"]), "key must be"),
        (altered("contacts", destination="warehouse"), "destination must be vault"),
        (altered("transactions", colour="red"), "colour"),
        (with_field("transactions", "mcc", pattern="("), "does not understand"),
        (with_field("transactions", "mcc", token="card"), "token"),
        (with_field("transactions", "mcc", maximum_length="x"), "maximum_length"),
        (with_field("transactions", "amount", allowed=["1"]), "allowed goes with type text"),
        (with_field("transactions", "descriptor", scrub=[{"pattern": "[", "replacement": "x"}]),
         "12.scrub"),
        (with_field("transactions", "posted_date", date_format="%Q"), "date_format"),
        (with_file("transactions", pattern="transactions.csv"), "needs {business_date"),
        (with_file("transactions", pattern="../{business_date:%Y%m%d}"), "letters, digits"),
        (with_file("transactions", pattern="{business_date:%Y%Q}"), "knows"),
        (with_file("transactions", delimiter=";;"), "one ASCII character"),
        (with_file("transactions", delimiter="a"), "neither letter"),
        (with_file("transactions", time_zone="Mars/Olympus"), "time zone"),
        (with_file("transactions", columns=["a"]), "only when header is false"),
        (with_file("digital_events", trailer={"marker": "T", "row_count": 1}), "has no trailer"),
        (with_field("digital_events", "page", **{"from": 'data."page"'}), "dotted path"),
    ],
)  # fmt: skip
def test_contracts_that_cannot_be(site: Site, contract: dict[str, Any], problem: str) -> None:
    folder = site.contracts(**{contract["feed"]: contract})
    found = load_contracts(folder, FEEDS)
    (fault,) = found.faults
    assert problem in str(fault)
    assert contract["feed"] in str(fault)
    assert found.feeds == {}


def test_what_a_contract_does_not_say_of_corrections_holds_as_shipped(site: Site) -> None:
    for told, expected in (({}, "replace_day"), ({"corrections": "refuse"}, "refuse")):
        folder = site.contracts(account_snapshot=TAB_SNAPSHOT | told)
        found = load_contracts(folder, FEEDS)
        assert found.feeds["account_snapshot"].corrections == expected
        days = [f for f in found.feeds["account_snapshot"].fields if f.is_business_date]
        assert [field.name for field in days] == ["snapshot_date"]


def test_days_are_whole_only_where_the_project_reads_them_so(site: Site) -> None:
    for feed in NAMES:
        folder = site.contracts(**{feed: contract_of(feed) | {"corrections": "replace_day"}})
        faults = load_contracts(folder, FEEDS).faults
        if feed == "account_snapshot":
            assert faults == ()
        else:
            assert "corrections must be refuse" in str(faults[0])


def test_a_faulty_contract_does_not_stop_the_other_feeds(site: Site) -> None:
    contracts = {feed: contract_of(feed) for feed in NAMES}
    contracts["transactions"] = without_field("transactions", "status")
    for feed in NAMES:
        site.put(feed, make_file(feed, 10), folder="")
    report = site.run(contracts=site.contracts(**contracts))
    assert report.exit_code == 1
    assert {counts.run.loaded for counts in report.feeds.values()} == {10}
    assert set(report.feeds) == set(NAMES) - {"transactions"}
    assert "transactions.yml" in report.errors[0]
    # The files that nobody could read are still there when the contract is mended.
    report = site.run()
    assert report.feeds["transactions"].run.loaded == 10
    assert report.exit_code == 0


def test_a_contract_that_gains_a_field_adds_a_column(site: Site) -> None:
    site.put("consent_changes", make_file("consent_changes", 3))
    site.run()
    contract = contract_of("consent_changes")
    contract["fields"].append({"name": "campaign_code", "type": "text"})
    rows = make_rows("consent_changes", 2, start=50)
    for row in rows:
        row["campaign_code"] = "spring"
    lines = [",".join(rows[0]), *csv_lines(rows), "TRAILER,2"]
    path = site.put("consent_changes", "\n".join(lines).encode(), DAY.replace(day=10))
    assert path.name != name_of("consent_changes")
    report = site.run(contracts=site.contracts(consent_changes=contract))
    assert report.errors == []
    assert site.query(
        "select campaign_code, count(*) from raw.consent_changes group by 1 order by 1"
    ) == [("spring", 2), (None, 3)]


def test_a_column_of_another_type_is_refused(site: Site) -> None:
    site.put("digital_events", make_file("digital_events", 3))
    site.run(contracts=site.contracts(digital_events=contract_of("digital_events")))
    own = Path(site.root / "contracts" / "extra.yml")
    extra = {**contract_of("digital_events"), "feed": "visits"}
    extra["file"] = extra["file"] | {"pattern": "visits_{business_date:%Y%m%d}.ndjson.gz"}
    own.write_text(yaml.safe_dump(extra), "utf-8")
    assert site.run(contracts=own.parent).errors == []
    extra["fields"][-1]["type"] = "text"
    own.write_text(yaml.safe_dump(extra), "utf-8")
    site.put("digital_events", make_file("digital_events", 3, before(1)), before(1))
    report = site.run(contracts=own.parent)
    assert report.exit_code == 1
    assert "visits: has the column is_successful as boolean" in report.errors[0]
    assert report.feeds["digital_events"].run.loaded == 3
