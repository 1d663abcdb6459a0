"""Reading back what the simulator wrote, with none of its code."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox.feeds.dirt import BAD_VALUES
from sandbox.feeds.plan import Plan

ROOT = Path(__file__).resolve().parents[3]
FEEDS = (
    "onboarding_events",
    "account_snapshot",
    "transactions",
    "digital_events",
    "consent_changes",
    "contacts",
)


SPOILT = {value for choices in BAD_VALUES.values() for _, value in choices}


def read_lines(path: Path) -> list[str]:
    """Return the physical lines of a feed file, without line feeds."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    assert not text or text.endswith("\n")
    return text.split("\n")[:-1]


def business_date(path: Path) -> date:
    """Return the date in the name of a feed file."""
    stamp = path.name.split(".")[0][-8:]
    return date.fromisoformat(f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:]}")


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV feed file, without header and trailer."""
    lines = read_lines(path)
    return list(csv.DictReader(io.StringIO("\n".join(lines[:-1]))))


def fingerprints(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every feed file by its name; the truth is left out."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for feed in FEEDS
        for path in (folder / feed).iterdir()
    }


@dataclass(frozen=True)
class World:
    """A written world and its truth."""

    folder: Path
    plan: Plan

    def files(self, feed: str) -> list[Path]:
        return sorted(
            path for path in (self.folder / feed).iterdir() if not path.name.endswith(".done")
        )

    @cached_property
    def truth(self) -> list[dict[str, Any]]:
        with gzip.open(
            self.folder / ".truth" / "members.ndjson.gz", "rt", encoding="utf-8"
        ) as file:
            return [json.loads(line) for line in file]

    @cached_property
    def planted(self) -> dict[str, dict[str, Any]]:
        text = (self.folder / ".truth" / "files.ndjson").read_text("utf-8")
        return {fact["file"]: fact for fact in map(json.loads, text.split("\n")[:-2])}

    @cached_property
    def transactions(self) -> dict[str, list[dict[str, str]]]:
        """Rows by member number, those without the planted invalid values."""
        return self._by_member("transactions")

    @cached_property
    def consents(self) -> dict[str, list[dict[str, str]]]:
        return self._by_member("consent_changes")

    @cached_property
    def contacts(self) -> dict[str, list[dict[str, str]]]:
        return self._by_member("contacts")

    @cached_property
    def snapshot(self) -> dict[str, list[dict[str, str]]]:
        return self._by_member("account_snapshot")

    @cached_property
    def digital(self) -> dict[str, list[dict[str, Any]]]:
        return self._events("digital_events")

    @cached_property
    def onboarding(self) -> dict[str, list[dict[str, Any]]]:
        return self._events("onboarding_events")

    def _by_member(self, feed: str) -> dict[str, list[dict[str, str]]]:
        found = defaultdict(list)
        for path in self.files(feed):
            for row in rows_of(path):
                if not SPOILT & set(row.values()):
                    found[row["member_number"]].append(row | {"file": path.name})
        return found

    def _events(self, feed: str) -> dict[str, list[dict[str, Any]]]:
        found = defaultdict(list)
        for path in self.files(feed):
            for line in read_lines(path):
                try:
                    event = json.loads(line)
                except json.JSONDecodeError:
                    continue
                if event["timestamp"].startswith("20") and not event["type"].startswith("un"):
                    found[event["data"]["member_number"]].append(event)
        return found
