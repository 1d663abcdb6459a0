"""A file that cannot be trusted as a whole stays out as a whole, with a reason; others go on."""

from __future__ import annotations

import gzip
import zlib
from datetime import date

import pytest
from feed_site import (
    CSV_FEEDS,
    DAY,
    GZIP_FEEDS,
    JSON_FEEDS,
    NAMES,
    TOTALS,
    Site,
    age,
    before,
    contract_of,
    csv_lines,
    lines_of,
    make_file,
    make_rows,
    name_of,
    pack,
    trailer,
)


def expect_quarantined(site: Site, reasons: dict[str, str], rows: int | None = None) -> None:
    """Run, and find each feed's file quarantined for its reason, with nothing of it loaded."""
    report = site.run()
    assert report.exit_code == 1
    for feed, reason in reasons.items():
        assert site.state_of(name_of(feed)) == ("quarantined", reason), feed
        assert site.count(feed) == 0
        counts = report.feeds[feed].run
        assert (counts.loaded, counts.duplicate) == (0, 0)
        assert counts.rejected == counts.read
        if rows is not None:
            assert counts.read == rows, feed
        assert any(name_of(feed) in error for error in report.errors)
    assert site.ledger_types().count("file.quarantined") == len(reasons)


@pytest.mark.parametrize("stated", ["TRAILER,19", "TRAILER,21", "TRAILER,x", "TRAILER", "TRAILER,"])
def test_trailer_with_a_wrong_count(site: Site, stated: str) -> None:
    for feed in CSV_FEEDS:
        rows = make_rows(feed, 20)
        total = trailer(feed, rows).split(",")[2:]
        lines = [*lines_of(feed, rows)[:-1], ",".join([stated, *total])]
        site.put(feed, pack(feed, lines))
    expect_quarantined(site, dict.fromkeys(CSV_FEEDS, "trailer_row_count"), rows=20)


@pytest.mark.parametrize("total", ["0.01", "", "abc", "1e3"])
def test_trailer_with_a_wrong_total(site: Site, total: str) -> None:
    for feed in TOTALS:
        lines = lines_of(feed, make_rows(feed, 20))
        site.put(feed, pack(feed, [*lines[:-1], f"TRAILER,20,{total}"]))
    expect_quarantined(site, dict.fromkeys(TOTALS, "trailer_amount_total"), rows=20)


@pytest.mark.parametrize(
    ("total", "told"),
    [
        ("0.01", "states another amount total in its trailer than its rows add up to."),
        ("", "states no total of amount in its trailer."),
        ("12.345", "states a total of amount in its trailer that is no number with at most two "),
    ],
)
def test_what_is_wrong_with_a_total_is_told_without_it(site: Site, total: str, told: str) -> None:
    lines = lines_of("transactions", make_rows("transactions", 20))
    site.put("transactions", pack("transactions", [*lines[:-1], f"TRAILER,20,{total}"]))
    (error,) = site.run().errors
    assert error.startswith(f"{name_of('transactions')}: {told}")
    assert "It is quarantined: send it again under its name, corrected" in error
    assert not total or total not in error


def test_a_changed_amount_does_not_pass_the_total(site: Site) -> None:
    rows = make_rows("transactions", 20)
    lines = lines_of("transactions", rows)
    lines[3] = csv_lines([rows[2] | {"amount": "2.03"}])[0]
    site.put("transactions", pack("transactions", lines))
    expect_quarantined(site, {"transactions": "trailer_amount_total"})


def test_a_missing_trailer_means_a_cut_off_file(site: Site) -> None:
    for feed in CSV_FEEDS:
        site.put(feed, pack(feed, lines_of(feed, make_rows(feed, 20))[:-1]))
    expect_quarantined(site, dict.fromkeys(CSV_FEEDS, "trailer_missing"))


def test_a_missing_column(site: Site) -> None:
    for feed in CSV_FEEDS:
        rows = make_rows(feed, 20)
        for row in rows:
            row.popitem()
        header = ",".join(rows[0])
        site.put(feed, pack(feed, [header, *csv_lines(rows), trailer(feed, rows)]))
    expect_quarantined(site, dict.fromkeys(CSV_FEEDS, "missing_column"), rows=20)
    expected = "lacks reversal_of_transaction_id; expected transaction_id, version"
    assert any(expected in error for error in site.reports[0].errors)


def test_a_renamed_column(site: Site) -> None:
    rows = make_rows("transactions", 20)
    lines = lines_of("transactions", rows)
    lines[0] = lines[0].replace("mcc", "merchant_code")
    site.put("transactions", pack("transactions", lines))
    expect_quarantined(site, {"transactions": "missing_column"})
    assert "found instead merchant_code" in site.reports[0].errors[0]


def test_a_missing_header_is_not_taken_for_a_row(site: Site) -> None:
    for feed in CSV_FEEDS:
        site.put(feed, pack(feed, lines_of(feed, make_rows(feed, 20))[1:]))
    expect_quarantined(site, dict.fromkeys(CSV_FEEDS, "missing_column"), rows=20)
    assert all("Example" not in error for error in site.reports[0].errors)


def test_columns_in_another_order(site: Site) -> None:
    for feed in CSV_FEEDS:
        lines = lines_of(feed, make_rows(feed, 20))
        names = lines[0].split(",")
        names[-1], names[-2] = names[-2], names[-1]
        site.put(feed, pack(feed, [",".join(names), *lines[1:]]))
    expect_quarantined(site, dict.fromkeys(CSV_FEEDS, "column_order"))


def test_a_column_twice(site: Site) -> None:
    rows = make_rows("consent_changes", 5)
    lines = lines_of("consent_changes", rows)
    lines[0] += ",channel"
    lines[1:-1] = [f"{line},email" for line in lines[1:-1]]
    site.put("consent_changes", pack("consent_changes", lines))
    expect_quarantined(site, {"consent_changes": "duplicate_column"})


def test_a_new_column_is_told_and_left_out(site: Site) -> None:
    for feed in CSV_FEEDS:
        lines = lines_of(feed, make_rows(feed, 20))
        site.put(
            feed, pack(feed, [f"{lines[0]},loyalty", *(f"{li},9" for li in lines[1:-1]), lines[-1]])
        )
    report = site.run()
    assert report.exit_code == 0
    assert {report.feeds[feed].run.loaded for feed in CSV_FEEDS} == {20}
    assert sum("loyalty" in warning for warning in report.warnings) == len(CSV_FEEDS)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16(site: Site, encoding: str) -> None:
    for feed in NAMES:
        text = "".join(f"{line}\n" for line in lines_of(feed, make_rows(feed, 20)))
        site.put(feed, pack(feed, text.encode(encoding)))
    report = site.run()
    assert {site.state_of(name_of(feed))[0] for feed in NAMES} == {"quarantined"}
    assert report.exit_code == 1
    if encoding == "utf-16":
        assert sum("UTF-16 at byte 0" in error for error in report.errors) == len(NAMES)


def test_no_rows(site: Site) -> None:
    for feed in NAMES:
        site.put(feed, pack(feed, lines_of(feed, [])))
    report = site.run()
    states = {feed: site.state_of(name_of(feed)) for feed in NAMES}
    assert states == {
        feed: ("loaded", None)
        if contract_of(feed)["empty_file"] == "accept"
        else ("quarantined", "empty_file")
        for feed in NAMES
    }
    assert report.exit_code == 1


def test_no_bytes_at_all(site: Site) -> None:
    for feed in NAMES:
        site.put(feed, b"")
    report = site.run()
    assert report.exit_code == 1
    assert {feed: site.state_of(name_of(feed))[1] for feed in NAMES} == {
        "account_snapshot": "bad_compression",
        "transactions": "bad_compression",
        "contacts": "bad_compression",
        "digital_events": "bad_compression",
        "consent_changes": "missing_column",
        "onboarding_events": None,
    }


@pytest.mark.parametrize("feed", NAMES)
def test_too_many_bad_rows(site: Site, feed: str) -> None:
    limit = round(contract_of(feed)["maximum_rejected_ratio"] * 100)
    for days, bad in ((0, limit), (1, limit + 1)):
        rows = make_rows(feed, 100, before(days))
        key = (
            "timestamp"
            if feed in JSON_FEEDS
            else next(k for k in rows[0] if k.endswith(("_at", "_date")))
        )
        for row in rows[:bad]:
            row[key] = "2026-02-30"
        site.put(feed, pack(feed, lines_of(feed, rows)), before(days))
    report = site.run()
    assert site.state_of(name_of(feed)) == ("loaded", None)
    assert site.state_of(name_of(feed, before(1))) == ("quarantined", "rejected_ratio")
    counts = report.feeds[feed].run
    assert (counts.read, counts.loaded, counts.rejected) == (200, 100 - limit, 100 + limit)
    assert len(site.rejections(feed)) == 2 * limit + 1


def deflate_bomb() -> bytes:
    return gzip.compress(b"\0" * 20_000_000)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[: len(data) // 2], "bad_compression"),
        (lambda data: data[:-1], "bad_compression"),
        (lambda data: data[:-8], "bad_compression"),
        (lambda data: data[:5], "bad_compression"),
        (lambda data: data + b"garbage", "bad_compression"),
        (lambda data: data + b"\0" * 16, "bad_compression"),
        (lambda data: data[:40] + bytes([data[40] ^ 0xFF]) + data[41:], "bad_compression"),
        (gzip.decompress, "bad_compression"),
        (lambda data: zlib.compress(gzip.decompress(data)), "bad_compression"),
        (lambda data: b"PK\x03\x04" + data, "bad_compression"),
        (lambda data: data[:0] + deflate_bomb(), "compression_bomb"),
        (lambda data: data + gzip.compress(b"") * 10_001, "compression_bomb"),
    ],
)
def test_damaged_gzip(site: Site, damage, reason: str) -> None:
    for feed in GZIP_FEEDS:
        site.put(feed, damage(make_file(feed, 200)))
    expect_quarantined(site, dict.fromkeys(GZIP_FEEDS, reason))


def test_gzip_of_several_members_is_one_file(site: Site) -> None:
    for feed in GZIP_FEEDS:
        data = gzip.decompress(make_file(feed, 50))
        third = len(data) // 3
        parts = (data[:third], data[third : 2 * third], b"", data[2 * third :])
        site.put(feed, b"".join(gzip.compress(part) for part in parts))
    report = site.run()
    assert {report.feeds[feed].run.loaded for feed in GZIP_FEEDS} == {50}


def test_a_file_beyond_its_bound(site: Site) -> None:
    contract = contract_of("transactions")
    contract["file"]["maximum_decompressed_bytes"] = 10_000
    site.put("transactions", make_file("transactions", 200))
    site.run(contracts=site.contracts(transactions=contract))
    assert site.state_of(name_of("transactions")) == ("quarantined", "file_too_large")


@pytest.mark.parametrize("feed", NAMES)
def test_a_tenth_of_yesterdays_rows(site: Site, feed: str) -> None:
    site.put(feed, make_file(feed, 300, before(1)), before(1))
    site.run()
    site.put(feed, make_file(feed, 30, start=1000))
    report = site.run()
    stops = contract_of(feed)["maximum_shrink_ratio"] < 0.9
    assert site.state_of(name_of(feed)) == (("stopped", "shrunk") if stops else ("loaded", None))
    assert site.count(feed) == (300 if stops else 330)
    assert report.exit_code == int(stops)
    assert ("feed.stopped" in site.ledger_types()) == stops
    assert report.feeds[feed].is_stopped == stops


def test_shrinkage_is_held_against_the_median_of_the_last_seven(site: Site) -> None:
    feed = "account_snapshot"  # May shrink by 30 %.
    for days, rows in enumerate([100, 100, 100, 100, 1000, 1000, 1000, 1000, 1000, 1000], start=1):
        site.put(feed, make_file(feed, rows, before(11 - days)), before(11 - days))
    assert site.run().errors == []
    site.put(feed, make_file(feed, 700))
    assert site.run().errors == []
    site.put(feed, make_file(feed, 699, date(2026, 3, 10)), date(2026, 3, 10))
    site.run()
    assert site.state_of(name_of(feed, date(2026, 3, 10))) == ("stopped", "shrunk")


def test_a_half_uploaded_file_is_not_touched(site: Site) -> None:
    whole = {feed: make_file(feed, 50) for feed in NAMES}
    paths = {
        feed: site.put(feed, data[: len(data) // 2], is_done=False) for feed, data in whole.items()
    }
    for path in paths.values():
        age(path, 59)
    report = site.run()
    assert report.incomplete == len(NAMES)
    assert site.loads() == []
    for feed, path in paths.items():
        path.write_bytes(whole[feed])
        age(path, 60)
    report = site.run()
    assert {feed: counts.run.loaded for feed, counts in report.feeds.items()} == dict.fromkeys(
        NAMES, 50
    )


@pytest.mark.parametrize("suffix", [".part", ".tmp", ".done"])
def test_names_of_unfinished_files_are_ignored(site: Site, suffix: str) -> None:
    for prefix, end in (("", suffix), (".", "")):
        path = site.put(
            "transactions",
            make_file("transactions", 5),
            name=prefix + name_of("transactions") + end,
        )
        age(path, 1000)
    assert site.run().feeds["transactions"].run.read == 0
    assert site.ledger_types() == []


def test_half_a_file_with_its_marker_is_quarantined_and_its_correction_is_loaded(
    site: Site,
) -> None:
    for feed in CSV_FEEDS + GZIP_FEEDS:
        data = make_file(feed, 50)
        site.put(feed, data[: len(data) // 2])
    site.run()
    feeds = dict.fromkeys(CSV_FEEDS + GZIP_FEEDS)
    assert {site.state_of(name_of(feed))[0] for feed in feeds} == {"quarantined"}
    for feed in feeds:
        site.put(feed, make_file(feed, 50))
    report = site.run()
    assert {report.feeds[feed].run.loaded for feed in feeds} == {50}
    assert report.errors == []


def test_late_files_are_loaded_in_the_order_of_their_days(site: Site) -> None:
    site.put("digital_events", make_file("digital_events", 10))
    site.run()
    site.put("digital_events", make_file("digital_events", 1, before(3), start=50), before(3))
    report = site.run()
    assert report.errors == []
    assert report.feeds["digital_events"].missing_business_dates == [
        before(2).isoformat(),
        before(1).isoformat(),
    ]
    named = f"{before(2).isoformat()}, {before(1).isoformat()}"
    assert f"digital_events: has no file for {named}." in report.warnings
    assert report.feeds["digital_events"].latest_business_date == DAY.isoformat()
    assert not report.feeds["digital_events"].is_late
    site.now = site.now.replace(day=14)
    assert site.run().feeds["digital_events"].is_late
