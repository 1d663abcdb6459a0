"""What identifies a member is found in the landing, the store and the vault, and nowhere else."""

from __future__ import annotations

import logging
import re

import duckdb
import pytest
from feed_site import JSON_FEEDS, NAMES, Row, Site, before, lines_of, make_rows, pack

from tellerline.consent_journal import ConsentJournal
from tellerline.errors import TellerlineError

# Every number planted holds these digits, every text one of these words, in some way of writing.
TRACES = re.compile(
    rb"736[-. )]{0,2}190|7361 90|quillfeather|quill\.example|plumage|mariacanary",
    re.IGNORECASE,
)


def canaries(number: int) -> dict[str, str]:
    """Return what must not be found: member, account, card and telephone number, email, name."""
    return {
        "member": f"41736190{number:04d}",
        "account": f"97736190{number:05d}",
        "card": f"40007361905{number:05d}",
        "phone": f"736190{number:04d}",
        "email": f"canary{number}@quill.example",
        "name": f"Quillfeather{number}",
        "device": f"dev736190{number:04d}",
        "street": f"{number} Plumage Crescent",
    }


def plant(feed: str, row: Row, bird: dict[str, str], number: int) -> None:
    data = row["data"] if feed in JSON_FEEDS else row
    for key, kind in (("member_number", "member"), ("account_number", "account"),
                      ("device_id", "device"), ("email", "email"), ("phone", "phone"),
                      ("last_name", "name"), ("street_address", "street")):  # fmt: skip
        if key in data:
            data[key] = bird[kind]
    card, phone, name = bird["card"], bird["phone"], bird["name"]
    spaced = " ".join(card[i : i + 4] for i in range(0, 16, 4))
    if feed == "transactions":
        row["descriptor"] = [
            f"ZELLE TO MARIACANARY {name}",
            f"VENMO PAYMENT {name} S",
            f"{name} VENMO CASHOUT",
            f"CARD {card} SHELL OIL",
            f"PMT {spaced} AUSTIN TX",
            f"PAYPAL *SHOP {phone}",
            f"SHOP {phone[:3]}-{phone[3:6]}-{phone[6:]} WA",
            f"SHOP ({phone[:3]}) {phone[3:6]}-{phone[6:]}",
            f"XFER {bird['account']} TO SAVINGS",
            f"INV {bird['email']}",
            f"MEMBER {bird['member']}",
            f"CASH APP*{name}",
        ][number % 12]
        row["ach_company_name"] = bird["phone"]
        row["ach_entry_description"] = bird["phone"]
    if feed == "digital_events":
        data["page"] = [f"/accounts/{bird['account']}", f"/mail/{bird['email']}"][number % 2]


# What makes a row bad; its values must not be told.
SPOIL = {
    "account_snapshot": ("birth_year", "phone"),
    "transactions": ("currency", "name"),
    "consent_changes": ("channel", "email"),
    "contacts": ("updated_at", "name"),
    "digital_events": ("type", "email"),
    "onboarding_events": ("type", "name"),
}


# A warehouse is full of hashes, and in one of two hundred those digits stand by chance within one.
HASHES = re.compile(rb"[0-9a-f]{64,}")


def traces(data: bytes) -> set[bytes]:
    """Return the traces in `data`, also where it is UTF-16 or names are broken up by NULs."""
    return found_in(data) | found_in(data.replace(b"\0", b""))


def found_in(data: bytes) -> set[bytes]:
    """Return the traces in `data`: within what may be a hash, only with the digits that follow."""
    hashes = [match.span() for match in HASHES.finditer(data)]
    return {
        trace[0]
        for trace in TRACES.finditer(data)
        if data[trace.end() : trace.end() + 4].isdigit()
        or not any(start <= trace.start() and trace.end() <= end for start, end in hashes)
    }


@pytest.mark.parametrize("beside", [b"", b"ab" * 32])
def test_a_whole_number_is_found_beside_a_hash_too(beside: bytes) -> None:
    for kind, number in canaries(7).items():
        assert found_in(beside + number.encode() + beside), kind
    assert found_in(b"736190,") == {b"736190"}
    assert found_in(b"ab" * 20 + b"736190" + b"cd" * 20) == set()


def write_days(site: Site, feed: str) -> None:
    """Put a day with good rows and one bad one, and a day that is quarantined whole."""
    for days in (1, 0):
        rows = make_rows(feed, 120, before(days), start=1000 * days)
        for number, row in enumerate(rows):
            plant(feed, row, canaries(number + 1000 * days), number)
        if feed != "consent_changes":
            column, kind = SPOIL[feed]
            rows[7][column] = canaries(5)[kind]
        lines = lines_of(feed, rows)
        if days == 0:
            lines = [line[:-1] for line in lines] if feed in JSON_FEEDS else lines[1:]
        site.put(feed, pack(feed, lines), before(days))


def test_canaries_stay_in_the_vault(
    site: Site, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for feed in NAMES:
        write_days(site, feed)
    first = site.run()
    assert {counts.files["quarantined"] for counts in first.feeds.values()} == {1}
    assert {counts.files["loaded"] for counts in first.feeds.values()} == {1}
    for feed in NAMES:
        rows = make_rows(feed, 3, before(1), start=5000)
        for number, row in enumerate(rows):
            plant(feed, row, canaries(number), number)
        site.put(feed, pack(feed, lines_of(feed, rows)), before(1))
    second = site.run()
    assert {counts.is_stopped for counts in second.feeds.values()} == {True}

    home = site.settings.home
    elsewhere = [
        path
        for path in home.rglob("*")
        if path.is_file()
        and home / "received" not in path.parents
        and not path.name.startswith("vault.duckdb")
    ]
    assert {path.name for path in elsewhere} >= {"warehouse.duckdb", "state.sqlite", "INDEX"}
    assert any(path.suffix == ".parquet" for path in elsewhere)
    assert {path.name: traces(path.read_bytes()) for path in elsewhere} == {
        path.name: set() for path in elsewhere
    }
    told = [str(first.to_dict()), str(second.to_dict()), str(site.ledger()), caplog.text]
    assert traces("".join([*told, *capfd.readouterr()]).encode()) == set()
    # Files may be compressed: look at what they say, too.
    for (table,) in site.query("select table_name from duckdb_tables()"):
        assert traces(str(site.query(f"from raw.{table}")).encode()) == set(), table
    entries = ConsentJournal(site.settings.consent_journal).entries()
    for entry in entries:
        found = duckdb.execute("from read_parquet(?)", [str(entry.path)]).fetchall()
        assert traces(str(found).encode()) == set()
    # The search can find: this is what the vault is for.
    assert traces(str(site.query("from raw.contacts", "vault")).encode())
    assert traces(str(site.query("from raw.member_numbers", "vault")).encode())


def test_errors_of_the_database_do_not_quote_rows(site: Site) -> None:
    """A table changed behind our back makes the insert fail with a text that quotes the value."""
    site.put(
        "transactions", pack("transactions", lines_of("transactions", make_rows("transactions", 1)))
    )
    site.run()
    with duckdb.connect(str(site.settings.warehouse)) as connection:
        connection.execute("create unique index one on raw.transactions (descriptor)")
    rows = make_rows("transactions", 3, start=70)
    for row in rows:
        row["descriptor"] = "QUILLFEATHER SHOP"
    site.put(
        "transactions",
        pack("transactions", lines_of("transactions", rows)),
        before(0).replace(day=10),
    )
    try:
        told = str(site.run().to_dict())
    except TellerlineError as error:
        told = str(error)
    assert "QUILLFEATHER" not in told
    assert "refused a step" in told
