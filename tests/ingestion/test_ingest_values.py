"""Nothing is rounded, cut or guessed; a refused row tells its reason, but not its value."""

from __future__ import annotations

import gzip
from decimal import Decimal
from typing import Any

import pytest
from feed_site import Site, contract_of, csv_lines, lines_of, make_rows, name_of, pack

ROWS = 200

BAD_SNAPSHOTS = [
    # column, value, reason, value class
    ("member_number", "", "required_missing", "empty"),
    ("snapshot_date", "", "required_missing", "empty"),
    # Of an account, or of none: half of one would vanish, or stop the build.
    ("account_number", "", "required_missing", "empty"),
    ("product_type", "", "required_missing", "empty"),
    ("ownership_role", "", "required_missing", "empty"),
    ("opened_date", "", "required_missing", "empty"),
    ("account_status", "", "required_missing", "empty"),
    ("current_balance", "", "required_missing", "empty"),
    # With a blank it would be another member: what is written of one would reach nobody.
    ("member_number", "700000001 ", "padded", "number"),
    ("member_number", "\u00a0700000001", "padded", "number"),
    ("member_number", "700000001\u200b", "padded", "text(10)"),
    ("member_number", "   ", "padded", "empty"),
    ("account_number", "900000001 ", "padded", "number"),
    ("snapshot_date", "2026-3-9", "wrong_type", "text(8)"),
    ("snapshot_date", "09.03.2026", "wrong_type", "text(10)"),
    ("snapshot_date", "2026-02-30", "wrong_type", "date"),
    ("snapshot_date", "infinity", "wrong_type", "text(8)"),
    ("opened_date", "-infinity", "wrong_type", "text(9)"),
    ("opened_date", "0044-03-15 (BC)", "wrong_type", "date"),
    ("snapshot_date", "epoch", "wrong_type", "text(5)"),
    ("snapshot_date", " 2026-03-09", "wrong_type", "date"),
    ("snapshot_date", "2026-03-12", "in_the_future", "date"),
    ("opened_date", "9999-12-31", "in_the_future", "date"),
    ("snapshot_date", "2026-03-08", "other_day", "date"),
    ("member_type", "person", "not_allowed", "text(6)"),
    ("member_type", "Individual", "not_allowed", "text(10)"),
    ("member_type", "individual ", "not_allowed", "text(10)"),
    ("birth_year", "1980.0", "wrong_type", "number"),
    ("birth_year", "1e3", "wrong_type", "text(3)"),
    ("birth_year", "1_980", "wrong_type", "text(5)"),
    ("birth_year", "0x7bc", "wrong_type", "text(5)"),
    ("birth_year", "9999999999999999999", "out_of_range", "number"),
    ("birth_year", "1879", "below_minimum", "number"),
    ("birth_year", "6125550100", "above_maximum", "number"),
    ("is_minor", "yes", "wrong_type", "text(3)"),
    ("is_minor", "1", "wrong_type", "number"),
    ("is_minor", "TRUE", "wrong_type", "text(4)"),
    ("home_zip", "5540", "pattern_mismatch", "number"),
    ("home_zip", "55401-1234", "pattern_mismatch", "text(10)"),
    ("branch_code", "B" * 17, "too_long", "text(17)"),
    ("current_balance", "2.005", "too_many_decimals", "number"),
    ("current_balance", "2.000", "too_many_decimals", "number"),
    ("current_balance", "12345678901234567.00", "out_of_range", "number"),
    ("current_balance", "100000000000.01", "above_maximum", "number"),
    ("current_balance", "-100000000000.01", "below_minimum", "number"),
    ("current_balance", "1,000.00", "wrong_type", "text(8)"),
    ("current_balance", "$5.00", "wrong_type", "text(5)"),
    ("current_balance", "1e2", "wrong_type", "text(3)"),
    ("current_balance", "NaN", "wrong_type", "text(3)"),
    ("current_balance", ".5", "wrong_type", "text(2)"),
    ("current_balance", "5.", "wrong_type", "text(2)"),
    ("current_balance", "--5", "wrong_type", "text(3)"),
    ("current_balance", "\uff15.00", "wrong_type", "text(4)"),
    ("interest_rate", "0.0125001", "too_many_decimals", "number"),
    ("interest_rate", "1000.0", "out_of_range", "number"),
    ("interest_rate", "1.25%", "wrong_type", "text(5)"),
]

GOOD_SNAPSHOTS = [
    ("current_balance", "-12.5", Decimal("-12.50")),
    ("current_balance", "+3", Decimal("3.00")),
    ("current_balance", "99999999999.99", Decimal("99999999999.99")),
    ("available_balance", "", None),
    ("interest_rate", "999.999999", Decimal("999.999999")),
    ("birth_year", "", None),
    ("birth_year", "0001980", 1980),
    ("branch_code", "Ä" * 16, "Ä" * 16),
    ("product_code", "select 'x'; --", "select 'x'; --"),
]

BAD_TRANSACTIONS = [
    ("authorized_at", "2026-03-09", "wrong_type", "date"),
    ("authorized_at", "2026-03-09T25:00:00Z", "wrong_type", "date"),
    ("authorized_at", "2026-03-09T24:00:00Z", "wrong_type", "date"),
    ("authorized_at", "2026-03-09T10:00:60Z", "wrong_type", "date"),
    ("authorized_at", "2026-03-09T10:00:00.1234567Z", "wrong_type", "date"),
    ("authorized_at", "2026-02-29T10:00:00Z", "wrong_type", "date"),
    ("authorized_at", "2026-03-09T10:00:00 America/Chicago", "wrong_type", "date"),
    ("authorized_at", "2026-03-09T10:00:00-15:00", "wrong_type", "date"),
    ("authorized_at", "2026-03-09T10:00:00+99:00", "wrong_type", "date"),
    ("authorized_at", "2026-03-09T10:00:00+05:75", "wrong_type", "date"),
    ("authorized_at", "1773050400", "wrong_type", "number"),
    ("authorized_at", "now", "wrong_type", "text(3)"),
    ("authorized_at", "2026-03-11T12:00:01Z", "in_the_future", "date"),
    ("amount", "-0.01", "below_minimum", "number"),
    ("amount", "1000000000.01", "above_maximum", "number"),
    ("version", "-", "wrong_type", "text(1)"),
    ("mcc", "58120", "pattern_mismatch", "number"),
    ("mcc", "5812\t", "pattern_mismatch", "text(5)"),
    ("descriptor", "D" * 121, "too_long", "text(121)"),
    ("currency", "usd", "not_allowed", "text(3)"),
]

GOOD_TRANSACTIONS = [
    ("authorized_at", "2026-03-09T10:00:00Z", "2026-03-09 10:00:00"),
    ("authorized_at", "2026-03-09 10:00:00", "2026-03-09 10:00:00"),
    ("authorized_at", "2026-03-09T10:00:00.123456Z", "2026-03-09 10:00:00.123456"),
    ("authorized_at", "2026-03-09T10:00:00+02:00", "2026-03-09 08:00:00"),
    ("authorized_at", "2026-03-09T10:00:00-0530", "2026-03-09 15:30:00"),
    ("authorized_at", "2026-03-09T10:00:00+14:00", "2026-03-08 20:00:00"),
    ("authorized_at", "2026-03-11T12:00:00Z", "2026-03-11 12:00:00"),
    ("amount", "0", "0.00"),
]

BAD_EVENTS = [
    (("data", "amount"), 2.005, "too_many_decimals", "number"),
    (("data", "amount"), -0.01, "below_minimum", "number"),
    (("data", "amount"), "abc", "wrong_type", "text(3)"),
    (("data", "amount"), True, "wrong_type", "text(4)"),
    (("data", "amount"), [1], "not_scalar", "text(3)"),
    (("data", "success"), "maybe", "wrong_type", "text(5)"),
    (("data", "success"), 1, "wrong_type", "number"),
    (("data", "success"), None, "required_missing", "empty"),
    (("data", "member_number"), {"a": 1}, "not_scalar", "text(7)"),
    (("data", "member_number"), "", "required_missing", "empty"),
    (("data", "member_number"), 700000001, "not_text", "number"),
    (("data", "member_number"), 7000.5, "not_text", "number"),
    (("data", "member_number"), True, "not_text", "text(4)"),
    (("data", "device_id"), -30, "not_text", "number"),
    (("data", "page"), False, "not_text", "text(5)"),
    (("data", "page"), {}, "not_scalar", "text(2)"),
    (("data", "device_type"), 1, "not_allowed", "number"),
    (("id",), None, "required_missing", "empty"),
    (("timestamp",), 1773050400, "wrong_type", "number"),
]


def check_refused(site: Site, feed: str, cases: list[tuple[Any, Any, str, str]]) -> None:
    """Load a file with one row a case among many good ones, and compare what is told of each."""
    rows = make_rows(feed, ROWS * len(cases) // 3)
    names = {}
    for number, (column, value, _, _) in enumerate(cases):
        path = column if isinstance(column, tuple) else (column,)
        place = rows[number]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        names[number] = path[-1]
    lines = lines_of(feed, rows) if feed == "digital_events" else header_and_rows(feed, rows)
    site.put(feed, pack(feed, lines))
    report = site.run()
    assert site.state_of(name_of(feed)) == ("loaded", None), report.errors
    first = 1 if feed == "digital_events" else 2
    told = {line - first: rest for line, *rest in site.rejections(feed)}
    expected = {
        number: [reason, COLUMNS.get(names[number], names[number]), kind]
        for number, (_, _, reason, kind) in enumerate(cases)
    }
    assert told == expected
    assert report.feeds[feed].run.loaded == len(rows) - len(cases)


# The columns that are called otherwise in the files.
COLUMNS = {
    "member_number": "member_id",
    "account_number": "account_id",
    "success": "is_successful",
    "id": "event_id",
    "timestamp": "occurred_at",
}


def header_and_rows(feed: str, rows: list[dict[str, str]]) -> list[str]:
    """Return a file whose trailer does not sum: some amounts cannot be."""
    good = make_rows(feed, 1)
    return [*lines_of(feed, good)[:1], *csv_lines(rows), f"TRAILER,{len(rows)},0.00"]


def test_snapshot_values_that_are_refused(site: Site) -> None:
    check_refused(site, "account_snapshot", BAD_SNAPSHOTS)


def test_transaction_values_that_are_refused(site: Site) -> None:
    check_refused(
        site, "transactions", [*BAD_TRANSACTIONS, ("amount", "x", "wrong_type", "text(1)")]
    )


def test_event_values_that_are_refused(site: Site) -> None:
    check_refused(site, "digital_events", BAD_EVENTS)


@pytest.mark.parametrize(
    ("feed", "cases"),
    [("account_snapshot", GOOD_SNAPSHOTS), ("transactions", GOOD_TRANSACTIONS)],
)
def test_values_that_are_right(site: Site, feed: str, cases: list[tuple[str, str, Any]]) -> None:
    rows = make_rows(feed, len(cases) + 1)
    for row, (column, value, _) in zip(rows, cases, strict=False):
        row[column] = value
    rows[-1]["descriptor" if feed == "transactions" else "current_balance"] = "x"
    rows[-1]["amount" if feed == "transactions" else "current_balance"] = "x"
    contract = contract_of(feed)
    contract["maximum_rejected_ratio"] = 0.5
    site.put(feed, pack(feed, header_and_rows(feed, rows)))
    site.run(contracts=site.contracts(**{feed: contract}))
    for number, (column, _, expected) in enumerate(cases):
        text = f"select {column} from raw.{feed} where line_number = {number + 2}"
        ((found,),) = site.query(text)
        assert (str(found) if feed == "transactions" else found) == expected


def test_rejected_lines_can_be_found_again(site: Site) -> None:
    rows = make_rows("transactions", 100)
    rows[42]["currency"] = "EUR"
    lines = lines_of("transactions", rows)
    site.put("transactions", pack("transactions", lines))
    site.run()
    ((digest, line),) = site.query(
        "select file_sha256, line_number from raw.rejections join raw.loads using (load_id)"
    )
    content = gzip.decompress((site.settings.store / digest[:2] / digest).read_bytes())
    assert content.decode().splitlines()[line - 1] == lines[43]
