"""Every row against the feed contracts, read here as documents by a checker of their own."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from written_feeds import FEEDS, ROOT, World, business_date, read_lines

# Snapshots are many and alike: every fourth is read.
STEPS = {"account_snapshot": 4}
CONTRACTS = {
    feed: yaml.safe_load((ROOT / "ingestion" / "feeds" / f"{feed}.yml").read_text("utf-8"))
    for feed in FEEDS
}


def _is_date(text: str) -> bool:
    try:
        return re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) is not None and bool(
            date.fromisoformat(text)
        )
    except ValueError:
        return False


def _is_timestamp(text: str) -> bool:
    try:
        return text.endswith("Z") and bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def _is_decimal(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


TYPES = {
    "text": lambda _: True,
    "integer": lambda text: re.fullmatch(r"-?\d+", text) is not None,
    "decimal": _is_decimal,
    "rate": _is_decimal,
    "date": _is_date,
    "timestamp": _is_timestamp,
    "boolean": lambda text: text in {"true", "false"},
}


def _fits(field: dict[str, Any], value: str | None) -> bool:
    if value is None or value == "":
        return not field.get("required", False)
    return (
        TYPES[field["type"]](value)
        and ("allowed" not in field or value in field["allowed"])
        and ("pattern" not in field or re.fullmatch(field["pattern"], value) is not None)
        and len(value) <= field.get("maximum_length", 10_000)
        and ("minimum" not in field or Decimal(value) >= field["minimum"])
    )


def _text(value: object) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _csv_rows(contract: dict[str, Any], path: Path) -> list[dict[str, str | None]]:
    names = [field.get("from", field["name"]) for field in contract["fields"]]
    lines = read_lines(path)
    rows = list(csv.reader(io.StringIO("\n".join(lines))))
    assert len(rows) == len(lines), "no field spans lines"
    assert rows[0] == names
    trailer = rows.pop()
    facts = contract["file"]["trailer"]
    assert trailer[0] == facts["marker"]
    assert int(trailer[facts["row_count"]]) == len(rows) - 1
    found = [dict(zip(names, row, strict=True)) for row in rows[1:]]
    total = facts.get("amount_total")
    assert len(trailer) == (3 if total else 2)
    if total:
        amounts = [row[total["field"]] for row in found]
        known = [Decimal(amount) for amount in amounts if _is_decimal(amount)]
        assert Decimal(trailer[total["position"]]) == sum(known)
    return [
        {field["name"]: row[field.get("from", field["name"])] for field in contract["fields"]}
        for row in found
    ]


def _json_rows(contract: dict[str, Any], path: Path) -> list[dict[str, str | None] | None]:
    rows: list[dict[str, str | None] | None] = []
    for line in read_lines(path):
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            rows.append(None)
            continue
        row = {}
        for field in contract["fields"]:
            value: Any = event
            for part in field.get("from", field["name"]).split("."):
                value = value.get(part) if isinstance(value, dict) else None
            row[field["name"]] = _text(value)
        rows.append(row)
    return rows


@pytest.mark.parametrize("feed", FEEDS)
def test_every_row_fits_its_contract_but_those_that_were_planted(world: World, feed: str) -> None:
    contract = CONTRACTS[feed]
    read = _json_rows if contract["file"]["format"] == "ndjson" else _csv_rows
    counts: Counter[str] = Counter()
    fields = {field["name"]: field for field in contract["fields"]}

    @cache
    def fits(name: str, value: str | None) -> bool:
        return _fits(fields[name], value)

    for path in world.files(feed)[:: STEPS.get(feed, 1)]:
        stamp = business_date(path)
        assert contract["file"]["pattern"].format(business_date=stamp) == path.name
        valid, keys = 0, set()
        rows = read(contract, path)
        for row in rows:
            if row is None or not all(fits(name, value) for name, value in row.items()):
                continue
            valid += 1
            keys.add(tuple(row[name] for name in contract["key"]))
        planted = world.planted[path.name]
        assert len(rows) == planted["rows"]
        assert len(rows) - valid == planted["invalid"], path.name
        assert valid - len(keys) == planted["duplicate"], path.name
        assert planted["invalid"] <= contract["maximum_rejected_ratio"] * len(rows)
        counts.update(rows=len(rows), invalid=planted["invalid"], duplicate=planted["duplicate"])
    assert counts["invalid"] <= max(3, counts["rows"] * 0.0025)
    if feed in {"transactions", "account_snapshot"}:
        assert counts["invalid"] > counts["rows"] * 0.0002
    if feed in {"transactions", "digital_events"}:
        assert counts["duplicate"] > 0


def test_there_is_one_complete_file_a_feed_and_day_and_nothing_else(world: World) -> None:
    for feed in FEEDS:
        names = {path.name for path in (world.folder / feed).iterdir()}
        files = {name for name in names if not name.endswith(".done")}
        assert len(files) == world.plan.days
        assert names == files | {f"{name}.done" for name in files}
        assert all((world.folder / feed / f"{name}.done").stat().st_size == 0 for name in files)
    assert {path.name for path in world.folder.iterdir()} == {*FEEDS, ".truth"}


def test_gzip_files_carry_no_time_and_no_name(world: World) -> None:
    for feed in ("transactions", "digital_events", "account_snapshot", "contacts"):
        header = world.files(feed)[0].read_bytes()[:10]
        assert header[:4] == b"\x1f\x8b\x08\x00"
        assert header[4:8] == b"\x00\x00\x00\x00"
