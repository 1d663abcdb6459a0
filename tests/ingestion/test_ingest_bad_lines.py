"""One bad line costs one line: the rest is loaded, and every row is accounted for."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from feed_site import (
    CSV_FEEDS,
    DATABASE,
    DAY,
    JSON_FEEDS,
    NAMES,
    Site,
    csv_lines,
    lines_of,
    make_file,
    make_rows,
    name_of,
    pack,
    trailer,
)

ROWS = 120
BAD = 60  # The line number of the bad line.


def tolerant(feed: str) -> bool:
    """Return whether the feed's contract lets a file with one bad row pass."""
    return feed != "consent_changes"


def expect_one_rejected(site: Site, reason: str, feeds: Iterable[str] = NAMES) -> None:
    report = site.run()
    for feed in feeds:
        counts = report.feeds[feed].run
        assert site.rejections(feed) == [(BAD, reason, None, "line")], feed
        if tolerant(feed):
            assert (counts.read, counts.loaded, counts.rejected) == (ROWS, ROWS - 1, 1), feed
            assert site.count(feed) == ROWS - 1
        else:
            assert (counts.read, counts.loaded, counts.rejected) == (ROWS, 0, ROWS), feed
            assert site.state_of(name_of(feed)) == ("quarantined", "rejected_ratio")
    quarantined = [feed for feed in feeds if not tolerant(feed)]
    assert [name_of(feed) in " ".join(report.errors) for feed in quarantined] == [True] * len(
        quarantined
    )
    assert report.exit_code == (1 if quarantined else 0)


def damaged(feed: str, line: bytes) -> bytes:
    """Return a good file in which one line is another."""
    lines = [text.encode() for text in lines_of(feed, make_rows(feed, ROWS))]
    lines[BAD - 1] = line
    return pack(feed, b"".join(text + b"\n" for text in lines))


def good_line(feed: str) -> bytes:
    return lines_of(feed, make_rows(feed, ROWS))[BAD - 1].encode()


def test_unterminated_quote(site: Site) -> None:
    for feed in CSV_FEEDS:
        cells = good_line(feed).split(b",")
        cells[1] = b'"' + cells[1]
        site.put(feed, damaged(feed, b",".join(cells)))
    expect_one_rejected(site, "unterminated_quote", CSV_FEEDS)


def test_quote_in_the_middle_of_a_cell(site: Site) -> None:
    for feed in CSV_FEEDS:
        cells = good_line(feed).split(b",")
        cells[1] += b'"x"'
        site.put(feed, damaged(feed, b",".join(cells)))
    expect_one_rejected(site, "misplaced_quote", CSV_FEEDS)


def test_unterminated_string(site: Site) -> None:
    for feed in JSON_FEEDS:
        site.put(feed, damaged(feed, good_line(feed).replace(b'"data"', b'"data', 1)))
    expect_one_rejected(site, "not_json", JSON_FEEDS)


def test_invalid_utf8(site: Site) -> None:
    for feed in NAMES:
        site.put(feed, damaged(feed, good_line(feed)[:-3] + b"\xc3\x28" + good_line(feed)[-3:]))
    expect_one_rejected(site, "invalid_utf8")


def test_latin1(site: Site) -> None:
    for feed in NAMES:
        site.put(feed, damaged(feed, good_line(feed)[:-3] + "é".encode("latin-1") + b"xx"))
    expect_one_rejected(site, "invalid_utf8")


@pytest.mark.parametrize("character", [b"\x00", b"\x1f", b"\x1e", b"\x7f", b"\r"])
def test_control_characters(site: Site, character: bytes) -> None:
    for feed in NAMES:
        line = good_line(feed)
        site.put(feed, damaged(feed, line[:9] + character + line[9:]))
    expect_one_rejected(site, "control_character")


def test_a_line_of_three_megabytes(site: Site) -> None:
    for feed in NAMES:
        site.put(feed, damaged(feed, b"x" * 3_000_000))
    expect_one_rejected(site, "line_too_long")


@pytest.mark.parametrize("cells", [b"", b",extra", b"," * 5000])
def test_too_few_and_too_many_columns(site: Site, cells: bytes) -> None:
    for feed in CSV_FEEDS:
        line = good_line(feed).split(b",")
        site.put(
            feed, damaged(feed, b",".join(line[:-1]) if not cells else b",".join(line) + cells)
        )
    expect_one_rejected(site, "column_count", CSV_FEEDS)


def test_blank_line_in_the_middle_is_a_rejected_row(site: Site) -> None:
    for feed in NAMES:
        rows = make_rows(feed, ROWS - 1)
        lines = lines_of(feed, rows)
        lines.insert(BAD - 1, "")
        site.put(feed, pack(feed, lines))
    expect_one_rejected(site, "blank_line")


def test_blank_lines_at_the_end_are_no_rows(site: Site) -> None:
    for feed in NAMES:
        site.put(feed, pack(feed, [*lines_of(feed, make_rows(feed, 10)), "", "", ""]))
    report = site.run()
    assert {counts.run.loaded for counts in report.feeds.values()} == {10}


def test_mixed_line_ends_and_byte_order_mark(site: Site) -> None:
    plain = Site(site.root / "plain")
    for feed in NAMES:
        lines = lines_of(feed, make_rows(feed, 10))
        ends = ["\r\n" if i % 2 else "\n" for i in range(len(lines))]
        text = "".join(line + end for line, end in zip(lines, ends, strict=True))
        site.put(feed, pack(feed, b"\xef\xbb\xbf" + text.encode()))
        plain.put(feed, make_file(feed, 10))
    site.run()
    plain.run()
    for feed in NAMES:
        table = f"select * exclude (load_id, file_sha256) from raw.{feed} order by all"
        found = site.query(table, DATABASE[feed])
        assert len(found) == 10
        assert found == plain.query(table, DATABASE[feed])


def test_last_line_without_line_feed(site: Site) -> None:
    for feed in NAMES:
        text = "\n".join(lines_of(feed, make_rows(feed, 10)))
        site.put(feed, pack(feed, text.encode()))
    report = site.run()
    assert {counts.run.loaded for counts in report.feeds.values()} == {10}


def test_line_feed_inside_quotes_is_not_supported(site: Site) -> None:
    rows = make_rows("transactions", ROWS)
    rows[7]["descriptor"] = "TWO\nLINES"
    lines = lines_of("transactions", rows)
    site.put("transactions", pack("transactions", lines))
    report = site.run()
    # The trailer counts one row where the file has two lines.
    assert site.state_of(name_of("transactions")) == ("quarantined", "trailer_row_count")
    assert report.feeds["transactions"].run.rejected == ROWS + 1
    lines[-1] = trailer("transactions", [*rows, make_rows("transactions", 1)[0]])
    again = Site(site.root / "again")
    again.put("transactions", pack("transactions", lines))
    counts = again.run().feeds["transactions"].run
    assert (counts.read, counts.loaded, counts.rejected) == (ROWS + 1, ROWS - 1, 2)
    assert [row[:2] for row in again.rejections("transactions")] == [
        (9, "unterminated_quote"),
        (10, "unterminated_quote"),
    ]


def test_quoted_cells_are_read_as_csv_says(site: Site) -> None:
    texts = ['A "B" C', "A, B", '""', '"', ',",', "", "plain", "tab\there", "'single'"]
    rows = make_rows("transactions", len(texts))
    for row, text in zip(rows, texts, strict=True):
        row["descriptor"] = text
    header, *_, end = lines_of("transactions", rows)
    everything_quoted = [
        ",".join('"' + cell.replace('"', '""') + '"' for cell in row.values()) for row in rows[:3]
    ]
    lines = [header, *everything_quoted, *csv_lines(rows[3:]), end]
    site.put("transactions", pack("transactions", lines))
    assert site.run().feeds["transactions"].run.loaded == len(texts)
    found = site.query("select descriptor from raw.transactions order by line_number")
    assert [row[0] for row in found] == [text or None for text in texts]


def json_file(site: Site, lines: list[str]) -> None:
    good = lines_of("digital_events", make_rows("digital_events", ROWS - len(lines), start=1000))
    site.put("digital_events", pack("digital_events", [*lines, *good]))


def event(**changes: object) -> str:
    row = make_rows("digital_events", 1)[0]
    row["data"] |= changes
    return json.dumps(row)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id":"a","id":"b"}', "duplicate_json_key"),
        (
            event(success=True).replace('"success"', '"success": false, "success"'),
            "duplicate_json_key",
        ),
        (event().replace('"data": {', '"data": {}, "data": {'), "duplicate_json_key"),
        (event(amount=float("nan")), "not_json"),
        (event(amount=float("inf")), "not_json"),
        (event().replace("}}", ",}}"), "not_json"),
        ("[1, 2]", "not_json"),
        ('"text"', "not_json"),
        ("{", "not_json"),
        (event() + event(), "not_json"),
        (event().replace("null", "0.1234567890123456789", 1), "too_many_digits"),
        (event(extra="E").replace('"E"', "[" * 40 + "]" * 40), "nested_too_deep"),
        (event(extra="E").replace('"E"', '{"a":' * 40 + "1" + "}" * 40), "nested_too_deep"),
        (event(page="a\u0000b"), "control_character"),
        (event(page="a\nb"), "control_character"),
        (event(page="X").replace('"X"', '"\\ud800"'), "not_json"),
    ],
)
def test_json_that_parsers_read_differently(site: Site, line: str, reason: str) -> None:
    json_file(site, [line])
    counts = site.run().feeds["digital_events"].run
    assert (counts.read, counts.loaded, counts.rejected) == (ROWS, ROWS - 1, 1)
    ((number, found, column, _),) = site.rejections("digital_events")
    assert (number, found, column) == (1, reason, None)


@pytest.mark.parametrize(
    "line",
    [
        event(page="nan, inf,}"),
        event(page="0.12345678901234567890"),
        event(page='quote " and [[[ {{{'),
        event(extra={"deep": {"deeper": [1, 2, {"x": None}]}}),
        event(amount=1e3),
        event(extra=12345678901234567),
        " " + event() + " ",
    ],
)
def test_unusual_json_that_is_right(site: Site, line: str) -> None:
    json_file(site, [line])
    counts = site.run().feeds["digital_events"].run
    assert (counts.read, counts.loaded) == (ROWS, ROWS), site.rejections("digital_events")


def test_a_hundred_thousand_levels(site: Site) -> None:
    json_file(site, ['{"id":' + "[" * 100_000 + "]" * 100_000 + "}"])
    assert site.run().feeds["digital_events"].run.rejected == 1
    assert site.rejections("digital_events")[0][:2] == (1, "line_too_long")


def test_new_keys_are_told_and_loaded(site: Site) -> None:
    json_file(site, [event(brand_new=1)])
    report = site.run()
    assert report.feeds["digital_events"].run.loaded == ROWS
    assert any("brand_new" in warning for warning in report.warnings)
    assert DAY.isoformat() == report.feeds["digital_events"].latest_business_date
