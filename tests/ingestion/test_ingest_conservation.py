"""Dirty files drawn at random, against a reader in plain Python written here: the same by row."""

from __future__ import annotations

import csv
import json
import re
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from feed_site import DAY, NOW, Site, before, contract_of, make_rows, name_of, pack, quote
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

FUTURE = NOW + timedelta(days=1)
NUMBERED = "consent_changes"


@dataclass
class Reading:
    """What the reader in this file makes of the files of one feed."""

    loaded: dict[Any, tuple[Any, ...]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    reasons: list[tuple[int, int, str]] = field(default_factory=list)


def text_of(line: bytes) -> tuple[str, str]:
    """Return a line as text, or the reason why it is none."""
    if not line:
        return "", "blank_line"
    if len(line) > 65_536:
        return "", "line_too_long"
    if any((byte < 32 and byte != 9) or byte == 127 for byte in line):
        return "", "control_character"
    try:
        return line.decode("utf-8"), ""
    except UnicodeDecodeError:
        return "", "invalid_utf8"


def is_rfc4180(text: str) -> bool:
    cell = r'(?:"(?:[^"]|"")*"|[^,"]*)'
    return re.fullmatch(f"{cell}(?:,{cell})*", text) is not None


def cells_of(text: str) -> tuple[list[str], str]:
    if not is_rfc4180(text):
        return [], "unterminated_quote" if text.count('"') % 2 else "misplaced_quote"
    return next(csv.reader([text], strict=True)), ""


def stamp(text: str) -> datetime | None:
    shape = r"[12]\d{3}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)?"
    if not re.fullmatch(shape, text, re.ASCII):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def judge(rules: list[dict[str, Any]], values: dict[str, str]) -> tuple[tuple[Any, ...], str]:
    """Return the row of a CSV line, or the first reason to refuse it, field by field."""
    row = []
    for rule in rules:
        text = values[rule.get("from", rule["name"])]
        value = stamp(text) if rule["type"] == "timestamp" else text or None
        reason = fault_of(rule, text, value)
        if reason:
            return (), reason
        row.append(value)
    return tuple(row), ""


def fault_of(rule: dict[str, Any], text: str, value: Any) -> str:
    """Return the first reason to refuse one value of a text or timestamp field."""
    if not text:
        return "required_missing" if rule.get("required") else ""
    faults = {
        "padded": rule["name"].endswith("_id") and text != text.strip(),
        "wrong_type": value is None,
        "not_allowed": "allowed" in rule and text not in rule["allowed"],
        "pattern_mismatch": "pattern" in rule and not re.fullmatch(rule["pattern"], text),
        "too_long": len(text) > rule.get("maximum_length", len(text)),
        "in_the_future": isinstance(value, datetime) and value > FUTURE,
    }
    return next((reason for reason, holds in faults.items() if holds), "")


def take(
    reading: Reading, place: tuple[int, int], key: Any, row: tuple[Any, ...], reason: str
) -> None:
    """Account for the row at `place`: file and line number."""
    reading.counts["read"] += 1
    if not reason and key in reading.loaded:
        if reading.loaded[key] == row:
            reading.counts["duplicate"] += 1
            return
        reason = "conflicting_duplicate"
    if reason:
        reading.counts["rejected"] += 1
        reading.reasons.append((*place, reason))
        return
    reading.counts["loaded"] += 1
    reading.loaded[key] = row


def read_csv_files(feed: str, files: list[list[bytes]]) -> Reading:
    rules = contract_of(feed)["fields"]
    names = [rule.get("from", rule["name"]) for rule in rules]
    keys = [rule["name"] for rule in rules]
    reading = Reading()
    for file, lines in enumerate(files):
        for number, line in enumerate(lines, start=2):
            text, reason = text_of(line)
            cells: list[str] = []
            if not reason:
                cells, reason = cells_of(text)
            if not reason and len(cells) != len(names):
                reason = "column_count"
            row: tuple[Any, ...] = ()
            if not reason:
                row, reason = judge(rules, dict(zip(names, cells, strict=True)))
            key = tuple(row[keys.index(name)] for name in contract_of(feed)["key"]) if row else ()
            take(reading, (file, number), key, row, reason)
    return reading


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise KeyError
    return dict(pairs)


def refuse(_name: str) -> None:
    raise ValueError


def read_json_files(files: list[list[bytes]]) -> Reading:
    """Read onboarding events: only what this test spoils is judged."""
    reading = Reading()
    types = contract_of("onboarding_events")["fields"][1]["allowed"]
    for file, lines in enumerate(files):
        for number, line in enumerate(lines, start=1):
            text, reason = text_of(line)
            event: Any = None
            if not reason:
                try:
                    event = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
                except KeyError:
                    reason = "duplicate_json_key"
                except ValueError:
                    reason = "not_json"
            if not reason and not isinstance(event, dict):
                reason = "not_json"
            row: tuple[Any, ...] = ()
            if not reason:
                row, reason = judge_event(event, types)
            take(reading, (file, number), row[:1], row, reason)
    return reading


def judge_event(event: dict[str, Any], types: list[str]) -> tuple[tuple[Any, ...], str]:
    if not event.get("id"):
        return (), "required_missing"
    if event["type"] not in types:
        return (), "not_allowed"
    amount = event["data"]["amount"]
    if isinstance(amount, str) or round(amount, 2) != amount:
        return (), "wrong_type" if isinstance(amount, str) else "too_many_decimals"
    return (event["id"], event["type"], Decimal(str(amount))), ""


SPOILS = st.sampled_from(
    [
        lambda line: line[:0],
        lambda line: line + b",x",
        lambda line: line[: len(line) // 2],
        lambda line: line + b'"',
        lambda line: b'"' + line,
        lambda line: line.replace(b",", b',"', 1),
        lambda line: line[:5] + b"\xff" + line[5:],
        lambda line: line[:5] + b"\x00" + line[5:],
        lambda line: line + b"\r\r",
        lambda line: line.replace(b"-", b"/"),
        lambda line: line.replace(b"2026", b"2027"),
        lambda line: line.replace(b"Z", b"+01:00", 1),
        lambda line: line.replace(b"grant", b"GRANT").replace(b"Ada", b""),
        lambda line: line.replace(b",", b";", 1),
        lambda line: line * 2,
        lambda line: line + b"y" * 70_000,
        lambda line: line.replace(b"email", b'"email"').replace(b"Ada", b'"A""d,a"'),
    ]
)
JSON_SPOILS = st.sampled_from(
    [
        lambda line: line[:0],
        lambda line: line[:-1],
        lambda line: line + line,
        lambda line: line.replace(b'"id"', b'"id": "z", "id"'),
        lambda line: line.replace(b"25.5", b"2.005"),
        lambda line: line.replace(b"25.5", b'"x"'),
        lambda line: line.replace(b"25.5", b"NaN"),
        lambda line: line.replace(b"25.5", b"1e1"),
        lambda line: line.replace(b"funded", b"founded"),
        lambda line: line.replace(b'"onb', b'"\xff'),
        lambda line: b"[" + line + b"]",
        lambda line: line.replace(b"{", b'{"id":null,"x":[[1,{"y":"}"}]],', 1).replace(
            b',"id"', b',"i"'
        ),
    ]
)
LINES = st.lists(
    st.tuples(st.integers(0, 11), st.one_of(st.none(), st.none(), SPOILS)), min_size=1, max_size=14
)
EVENTS = st.lists(
    st.tuples(st.integers(0, 11), st.one_of(st.none(), st.none(), JSON_SPOILS)),
    min_size=1,
    max_size=14,
)
VARIANTS = st.lists(st.booleans(), min_size=14, max_size=14)


def csv_file(feed: str, drawn: list[tuple[int, Any]], variants: list[bool]) -> list[bytes]:
    """Return lines: some rows again, some with other content under their key, some spoilt."""
    lines = []
    for (number, spoil), variant in zip(drawn, variants, strict=False):
        row = make_rows(feed, 1, start=number)[0]
        if variant:
            row["text_version" if feed == "consent_changes" else "city"] = "other"
        line = ",".join(quote(cell) for cell in row.values()).encode()
        lines.append(spoil(line) if spoil else line)
    return lines


def whole(feed: str, lines: list[bytes]) -> bytes:
    header = ",".join(make_rows(feed, 1)[0]).encode()
    counted = sum(1 for line in lines if line)
    return pack(feed, b"".join(part + b"\n" for part in [header, *lines, b"TRAILER,%d" % counted]))


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),  # Shrinking would take minutes; what failed is small anyway.
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    consents=st.tuples(LINES, LINES),
    contacts=st.tuples(LINES, LINES),
    events=st.tuples(EVENTS, EVENTS),
    variants=VARIANTS,
)
@pytest.mark.breadth
def test_every_row_is_accounted_for(consents, contacts, events, variants) -> None:
    root = Path(tempfile.mkdtemp(prefix="conservation-"))
    try:
        site = Site(root)
        drawn = {"consent_changes": consents, "contacts": contacts}
        lines = {
            feed: [csv_file(feed, part, variants[i:]) for i, part in enumerate(files)]
            for feed, files in drawn.items()
        }
        lines["onboarding_events"] = [
            [
                spoil(json_line(number, variant)) if spoil else json_line(number, variant)
                for (number, spoil), variant in zip(part, variants, strict=False)
            ]
            for part in events
        ]
        contracts = {feed: contract_of(feed) | {"maximum_rejected_ratio": 1.0} for feed in lines}
        for feed, files in lines.items():
            for days, part in zip((1, 0), files, strict=True):
                if feed == "onboarding_events":
                    data = b"".join(line + b"\n" for line in part) + b"{}\n"
                    part.append(b"{}")
                else:
                    data = whole(feed, part)
                site.put(feed, data, before(days))
        report = site.run(contracts=site.contracts(**contracts))
        for feed, files in lines.items():
            again = files[1] if files[0] == files[1] else []
            fresh = files[:1] if again else files
            is_json = feed == "onboarding_events"
            reading = read_json_files(fresh) if is_json else read_csv_files(feed, fresh)
            # The same content under another name: every row of it is a duplicate.
            reading.counts["read"] += len(again)
            reading.counts["duplicate"] += len(again)
            compare(site, feed, report.feeds[feed].run, reading)
    finally:
        shutil.rmtree(root)


def json_line(number: int, variant: bool) -> bytes:
    row = make_rows("onboarding_events", 1, start=number)[0]
    if variant:
        row["data"]["amount"] = 30.75
    return json.dumps(row).encode()


def compare(site: Site, feed: str, counts: Any, reading: Reading) -> None:
    found = {
        "read": counts.read,
        "loaded": counts.loaded,
        "rejected": counts.rejected,
        "duplicate": counts.duplicate,
    }
    assert found == {name: reading.counts[name] for name in found}, feed
    days = {name_of(feed, before(1)): 0, name_of(feed, DAY): 1}
    rejected = site.query(
        "select file_name, line_number, r.rejection_reason from raw.rejections r "
        f"join raw.loads using (load_id) where r.feed = '{feed}'"
    )
    told = sorted((days[name], line, reason) for name, line, reason in rejected)
    assert told == sorted(reading.reasons), feed
    assert site.count(feed) == len(reading.loaded)
