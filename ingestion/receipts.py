"""Receipts: what arrived, when, under which name and hash, and what became of it.

They are rows of the receipt book, written in one transaction with their ledger entries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from ingestion import reasons
from ingestion.run_record import RunRecord
from tellerline.canonical import sha256_hex
from tellerline.clock import Clock, parse_timestamp, timestamp
from tellerline.receipt_book import DUPLICATE, LOADED, QUARANTINED, RECEIVED, STOPPED, receipts
from tellerline.state import State

# Built once: building it costs more than running it.
_SETTLE = sa.update(receipts).where(receipts.c.load_id == sa.bindparam("which"))


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows: read is always loaded + rejected + duplicate."""

    read: int = 0
    loaded: int = 0
    rejected: int = 0
    duplicate: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.read + other.read,
            self.loaded + other.loaded,
            self.rejected + other.rejected,
            self.duplicate + other.duplicate,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file.

    Args:
        state: loaded, quarantined, duplicate or stopped.
        reason: Why, when it was not loaded.
        counts: Its rows.
    """

    state: str
    reason: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Receipt:
    """One file as it arrived: a content under a name.

    Args:
        load_id: Names feed, file name and content together; the same file has the same id for ever.
        source: The folder of the landing it lay in, or `landing`.
        outcome: What became of it; state `received` when nothing did yet.
        receipt_id: The number of its receipt; 0 before it is written.
        settled_at: When it got its outcome; empty when it has none. A file that is loaded again,
            because the warehouse was lost, keeps it.
    """

    load_id: str
    feed: str
    file_name: str
    source: str
    byte_count: int
    file_sha256: str
    business_date: date | None
    received_at: datetime
    outcome: Outcome = Outcome(RECEIVED, "", Counts())
    receipt_id: int = 0
    settled_at: str = ""

    @property
    def state(self) -> str:
        """The outcome's state."""
        return self.outcome.state

    @property
    def order(self) -> tuple[str, str, int]:
        """What files of a feed are loaded in the order of: business day, name, arrival."""
        day = self.business_date.isoformat() if self.business_date else ""
        return day, self.file_name, self.receipt_id

    @property
    def order_of_loading(self) -> tuple[str, tuple[str, str, int]]:
        """What files were loaded in the order of: one run after the other, each in its order."""
        return self.settled_at, self.order


def load_id(feed: str, file_name: str, file_sha256: str) -> str:
    """Return the id of a content under a name: 64 hexadecimal digits."""
    return sha256_hex(f"{feed}\n{file_name}\n{file_sha256}".encode())


def read_receipts(state: State, feed: str) -> list[Receipt]:
    """Return the receipts of one feed, in loading order."""
    with state.reading() as connection:
        rows = connection.execute(sa.select(receipts).where(receipts.c.feed == feed)).mappings()
        found = [_receipt(row) for row in rows]
    return sorted(found, key=lambda receipt: receipt.order)


def known_load_ids(connection: sa.Connection, load_ids: Iterable[str]) -> set[str]:
    """Return those of `load_ids` that have a receipt."""
    wanted = list(load_ids)
    query = sa.select(receipts.c.load_id).where(receipts.c.load_id.in_(wanted))
    return set(connection.scalars(query))


def add_receipts(connection: sa.Connection, run: RunRecord, arrived: list[Receipt]) -> None:
    """Insert receipts for files seen for the first time, with a `file.received` entry each."""
    for receipt in arrived:
        run.record(
            connection,
            "file.received",
            {"feed": receipt.feed, "load": receipt.load_id, "source": receipt.source},
            references=[reference(receipt)],
        )
    if arrived:
        connection.execute(sa.insert(receipts), [_row(receipt) for receipt in arrived])


def settle(
    connection: sa.Connection,
    run: RunRecord,
    clock: Clock,
    settled: list[tuple[Receipt, Outcome]],
    *,
    released: frozenset[str] = frozenset(),
) -> None:
    """Write what became of files, each with its ledger entry.

    Args:
        connection: The open transaction.
        run: Writes the entries.
        clock: Tells when.
        settled: Files and their outcomes.
        released: Load ids that a person let pass; their entries say so.
    """
    for receipt, outcome in settled:
        counts = outcome.counts
        connection.execute(
            _SETTLE,
            {
                "which": receipt.load_id,
                "state": outcome.state,
                "reason": outcome.reason,
                "read_count": counts.read,
                "loaded_count": counts.loaded,
                "rejected_count": counts.rejected,
                "duplicate_count": counts.duplicate,
                "settled_at": _settled_at(receipt, clock),
            },
        )
        body: dict[str, Any] = {
            "feed": receipt.feed,
            "load": receipt.load_id,
            "business_date": receipt.business_date.isoformat() if receipt.business_date else "",
            "read": counts.read,
            "loaded": counts.loaded,
            "rejected": counts.rejected,
            "duplicate": counts.duplicate,
        }
        if outcome.reason:
            body["reason"] = outcome.reason
        if receipt.load_id in released:
            body["released"] = True
        for entry_type in _entry_types(outcome):
            run.record(connection, entry_type, body, references=[reference(receipt)])


def _settled_at(receipt: Receipt, clock: Clock) -> str:
    if receipt.state == RECEIVED and receipt.settled_at:
        return receipt.settled_at
    return timestamp(clock.now())


def reference(receipt: Receipt) -> dict[str, Any]:
    """Return how a ledger entry points to the content."""
    return {
        "name": receipt.file_name,
        "bytes": receipt.byte_count,
        "sha256": receipt.file_sha256,
    }


def _entry_types(outcome: Outcome) -> tuple[str, ...]:
    if outcome.state == STOPPED and outcome.reason == reasons.NAME_REUSED:
        return ("file.quarantined", "feed.stopped")
    return {
        LOADED: ("file.accepted",),
        QUARANTINED: ("file.quarantined",),
        DUPLICATE: ("file.duplicate",),
        STOPPED: ("feed.stopped",),
    }[outcome.state]


def _row(receipt: Receipt) -> dict[str, Any]:
    return {
        "load_id": receipt.load_id,
        "feed": receipt.feed,
        "file_name": receipt.file_name,
        "source": receipt.source,
        "byte_count": receipt.byte_count,
        "file_sha256": receipt.file_sha256,
        "business_date": receipt.business_date.isoformat() if receipt.business_date else None,
        "received_at": timestamp(receipt.received_at),
        "state": receipt.outcome.state,
        "reason": receipt.outcome.reason,
    }


def _receipt(row: sa.RowMapping) -> Receipt:
    counts = Counts(
        row["read_count"], row["loaded_count"], row["rejected_count"], row["duplicate_count"]
    )
    day = row["business_date"]
    return Receipt(
        load_id=row["load_id"],
        feed=row["feed"],
        file_name=row["file_name"],
        source=row["source"],
        byte_count=row["byte_count"],
        file_sha256=row["file_sha256"],
        business_date=date.fromisoformat(day) if day else None,
        received_at=parse_timestamp(row["received_at"]),
        outcome=Outcome(row["state"], row["reason"], counts),
        receipt_id=row["receipt_id"],
        settled_at=row["settled_at"] or "",
    )
