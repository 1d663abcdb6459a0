"""Files that grow group by group under a temporary name and appear complete or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.feeds.catalog import FEEDS, Feed
from sandbox.feeds.days import Calendar
from sandbox.feeds.group import GroupOutput
from sandbox.feeds.plan import Plan
from sandbox.feeds.sheets import money, pack
from sandbox.feeds.snapshots import LAST_DAYS

TRUTH = ".truth"
TEMPORARY = ".part"


class FolderError(Exception):
    """The folder holds the feeds of another world."""


@dataclass(slots=True)
class Tally:
    """One file under way: where it will stand and what it holds so far."""

    feed: Feed
    day: int
    path: Path
    rows: int = 0
    cents: int = 0
    size: int = 0
    invalid: int = 0
    duplicates: int = 0


@dataclass(slots=True)
class Landing:
    """All files of one run."""

    plan: Plan
    calendar: Calendar
    out: Path
    tallies: dict[tuple[str, int], Tally] = field(default_factory=dict)
    canaries: list[dict[str, Any]] = field(default_factory=list)
    members: int = 0

    def prepare(self) -> None:
        """Make the folders and begin every file with its header.

        Raises:
            FolderError: Earlier files in the folder were made with other arguments.
        """
        self._check_identity()
        for feed in FEEDS:
            (self.out / feed.name).mkdir(parents=True, exist_ok=True)
            for day in self._days(feed):
                name = f"{feed.name}_{self.calendar.compact[day]}{feed.suffix}"
                tally = Tally(feed, day, self.out / feed.name / name)
                self.tallies[feed.name, day] = tally
                tally.size = self._begin(tally.path, feed.header, feed.is_compressed)
        self._begin(self._members_path, "", is_compressed=True)
        if self.plan.with_merchants:
            header = "transaction_id,merchant,category,is_known"
            self._begin(self._merchants_path, header, is_compressed=True)

    def add(self, output: GroupOutput) -> None:
        """Append what one group adds to each file. Groups come in their order."""
        for (feed, day), tally in self.tallies.items():
            portion = output.portions[feed][day - self.plan.first]
            if not portion.rows:
                continue
            _append(tally.path, portion.data)
            tally.rows += portion.rows
            tally.cents += portion.cents
            tally.size += len(portion.data)
            tally.invalid += portion.invalid
            tally.duplicates += portion.duplicates
        _append(self._members_path, output.truth)
        if self.plan.with_merchants:
            _append(self._merchants_path, output.merchants)
        self.canaries += output.canaries
        self.members += output.members

    def finish(self) -> None:
        """Write trailers, give every file its name, and say of each that it is complete."""
        for tally in self.tallies.values():
            if tally.feed.header:
                total = f",{money(tally.cents)}" if tally.feed.has_total else ""
                trailer = f"TRAILER,{tally.rows}{total}\n"
                data = pack(trailer, is_compressed=tally.feed.is_compressed)
                _append(tally.path, data)
                tally.size += len(data)
            _reveal(tally.path)
            tally.path.with_name(f"{tally.path.name}.done").touch()
        _reveal(self._members_path)
        if self.plan.with_merchants:
            _reveal(self._merchants_path)
        self._write("canaries.json", json.dumps(self.canaries, ensure_ascii=False, indent=1))
        self._write("arguments.json", json.dumps(self.plan.identity(), indent=1))
        self._write("files.ndjson", "".join(self._file_lines()))

    def totals(self) -> dict[str, dict[str, int]]:
        """Return files, rows, bytes and planted dirt by feed."""
        found: dict[str, dict[str, int]] = {}
        for feed in FEEDS:
            mine = [tally for tally in self.tallies.values() if tally.feed is feed]
            found[feed.name] = {
                "files": len(mine),
                "rows": sum(tally.rows for tally in mine),
                "bytes": sum(tally.size for tally in mine),
                "invalid": sum(tally.invalid for tally in mine),
                "duplicate": sum(tally.duplicates for tally in mine),
            }
        return found

    @property
    def _members_path(self) -> Path:
        return self.out / TRUTH / "members.ndjson.gz"

    @property
    def _merchants_path(self) -> Path:
        part = f"_from_day_{self.plan.first + 1}" if self.plan.first else ""
        return self.out / TRUTH / f"transactions_merchants{part}.csv.gz"

    def _days(self, feed: Feed) -> Iterator[int]:
        """Yield the days of which a feed has files in this run."""
        days = self.calendar.days
        for day in range(self.plan.first, days):
            is_chosen = day in self.calendar.month_ends or day >= days - LAST_DAYS
            if feed.sheet != "snapshot" or not self.plan.month_ends_only or is_chosen:
                yield day

    def _begin(self, path: Path, header: str, is_compressed: bool) -> int:
        data = pack(f"{header}\n", is_compressed=is_compressed) if header else b""
        path.with_name(path.name + TEMPORARY).write_bytes(data)
        return len(data)

    def _write(self, name: str, text: str) -> None:
        path = self.out / TRUTH / name
        path.with_name(path.name + TEMPORARY).write_text(text + "\n", encoding="utf-8")
        _reveal(path)

    def _check_identity(self) -> None:
        path = self.out / TRUTH / "arguments.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and json.loads(path.read_text("utf-8")) != self.plan.identity():
            message = f"{self.out} holds feeds that were made with other arguments."
            raise FolderError(message)

    def _file_lines(self) -> Iterator[str]:
        """Yield one line a file, those of earlier runs in the folder included."""
        path = self.out / TRUTH / "files.ndjson"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        files = {fact["file"]: fact for fact in map(json.loads, filter(None, lines))}
        for tally in self.tallies.values():
            files[tally.path.name] = {
                "feed": tally.feed.name,
                "business_date": self.calendar.iso[tally.day],
                "file": tally.path.name,
                "rows": tally.rows,
                "amount_total": money(tally.cents) if tally.feed.has_total else None,
                "invalid": tally.invalid,
                "duplicate": tally.duplicates,
            }
        for name in sorted(files):
            yield json.dumps(files[name]) + "\n"


def _append(path: Path, data: bytes) -> None:
    # Opened for each portion: more files are under way than a process may hold open.
    with path.with_name(path.name + TEMPORARY).open("ab") as file:
        file.write(data)


def _reveal(path: Path) -> None:
    path.with_name(path.name + TEMPORARY).replace(path)
