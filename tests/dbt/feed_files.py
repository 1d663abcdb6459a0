"""Feed files read in plain Python by their contracts, sharing nothing with the loader."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from tests.dbt.sessions import ROOT

Row = dict[str, Any]


class RowError(Exception):
    """A row that the contract does not allow."""


def read_feed(feeds: Path, feed: str) -> list[Row]:
    """Return the rows of a feed that its contract allows, file by file, each key once."""
    contract = yaml.safe_load((ROOT / "ingestion" / "feeds" / f"{feed}.yml").read_text("utf-8"))
    known: dict[tuple[Any, ...], Row] = {}
    for path in sorted((feeds / feed).glob(f"{feed}_*")):
        if path.suffix == ".done":
            continue
        for raw in _raw_rows(path, contract["file"]["format"]):
            try:
                row = {field["name"]: _value(raw, field) for field in contract["fields"]}
            except RowError:
                continue
            known.setdefault(tuple(row[name] for name in contract["key"]), row)
    return list(known.values())


def _raw_rows(path: Path, kind: str) -> Iterator[Row]:
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode().split("\n")[:-1]
    if kind == "csv":
        # The last line is the trailer.
        yield from csv.DictReader(lines[:-1])
        return
    for line in lines:
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def _value(raw: Row, field: Row) -> Any:
    found: Any = raw
    for name in field.get("from", field["name"]).split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if found is None or found == "":
        if field.get("required"):
            raise RowError(field["name"])
        return None
    value = _typed(found, field["type"])
    if value not in field.get("allowed", [value]):
        raise RowError(field["name"])
    if "pattern" in field and not re.fullmatch(field["pattern"], value):
        raise RowError(field["name"])
    if "minimum" in field and value < field["minimum"]:
        raise RowError(field["name"])
    for scrub in field.get("scrub", []):
        value = re.sub(scrub["pattern"], scrub["replacement"], value)
    return value


def _typed(found: Any, kind: str) -> Any:
    text = str(found)
    try:
        if kind == "date":
            return date.fromisoformat(text)
        if kind == "timestamp":
            return datetime.fromisoformat(text).replace(tzinfo=None)
        if kind == "integer":
            return int(text)
        if kind in ("decimal", "rate"):
            return Decimal(text)
        if kind == "boolean":
            return {"true": True, "false": False}[text.lower()]
    except (ValueError, InvalidOperation, KeyError):
        raise RowError(kind) from None
    return text
