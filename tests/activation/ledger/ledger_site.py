"""A small installation with a ledger, for the tests in this folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from activation.ledger import (
    Checkpoint,
    LedgerReport,
    RecordBatch,
    Sequencer,
    Verifier,
    create_log_key,
    report_record_batch,
    verify_ledger,
    write_record_batch,
)
from tellerline.clock import FixedClock
from tellerline.outbox import Actor, Reporter, outbox
from tellerline.scratch import scratch_database
from tellerline.settings import Settings
from tellerline.state import State

ORIGIN = "ledger.tellerline.example/test"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CLOCK = FixedClock(NOON)
RUN = "01JDNTESTRVN00000000000001"
_MANY = (
    b'{"actor":{"id":"svc-test","kind":"service"},"body":{"number":%(number)d},'
    b'"code":"git:test","id":"01JDN%(number)021d","refs":[],"run":"",'
    b'"ts":"2026-11-22T12:00:00.000Z","type":"file.received","v":1}'
)
RECORD_COLUMNS = (
    "seq bigint, member_id varchar, operation varchar, outcome varchar, consent_event_id varchar, "
    "consent_as_of timestamp, payload_sha256 varchar, response varchar"
)


@dataclass(frozen=True)
class Site:
    settings: Settings
    state: State
    verifier: Verifier
    clock: FixedClock = CLOCK

    @property
    def ledger(self) -> Path:
        return self.settings.ledger

    @property
    def reporter(self) -> Reporter:
        return Reporter(self.clock, Actor("svc-test"), "git:test")

    def later(self, **duration: float) -> Site:
        return replace(self, clock=FixedClock(self.clock.at + timedelta(**duration)))

    def record(self, count: int, *, body: dict[str, Any] | None = None) -> None:
        with self.state.transaction() as connection:
            for number in range(count):
                self.reporter.record(connection, "file.received", body or {"number": number})

    def record_many(self, count: int) -> None:
        """Record `count` entries much faster than their producers would."""
        rows = [
            {
                "entry_id": f"01JDN{number:021d}",
                "entry_type": "file.received",
                "run_id": "",
                "entry": _MANY % {b"number": number},
            }
            for number in range(count)
        ]
        with self.state.transaction() as connection:
            connection.execute(outbox.insert(), rows)

    def drain(self, **options: float) -> Checkpoint:
        return Sequencer(self.settings, self.state, self.clock, **options).drain()

    def grow(self, *counts: int) -> Checkpoint:
        for count in counts:
            self.record(count)
            checkpoint = self.drain()
        return checkpoint

    def verify(self, **options: Any) -> LedgerReport:
        return verify_ledger(self.ledger, self.verifier, state=self.state, **options)

    def write_batch(self, batch_id: str, rows: Sequence[tuple[Any, ...]]) -> RecordBatch:
        with scratch_database() as connection:
            return write_rows(self, connection, batch_id, rows)

    def log_batch(self, batch_id: str, rows: Sequence[tuple[Any, ...]]) -> RecordBatch:
        batch = self.write_batch(batch_id, rows)
        with self.state.transaction() as connection:
            report_record_batch(self.reporter, connection, batch, run_id="")
        self.drain()
        return batch

    def files(self) -> dict[str, bytes]:
        return files_below(self.ledger)


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def write_rows(
    site: Site,
    connection: duckdb.DuckDBPyConnection,
    batch_id: str,
    rows: Sequence[tuple[Any, ...]],
    fields: Sequence[str] = ("email", "lastname"),
) -> RecordBatch:
    connection.execute(f"create or replace table records ({RECORD_COLUMNS})")
    if rows:
        connection.executemany("insert into records values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return write_record_batch(
        site.settings,
        site.state,
        site.clock,
        connection,
        "records",
        batch_id=batch_id,
        destination="hubspot",
        fields=fields,
    )


def record_row(
    sequence: int, member_id: str | None = None, operation: str = "add", outcome: str = "confirmed"
) -> tuple[Any, ...]:
    return (
        sequence,
        member_id or f"member{sequence:06d}",
        operation,
        outcome,
        f"cns_{sequence}",
        datetime(2026, 11, 22, 11, 59, 59, 250_000),  # noqa: DTZ001 - columns are naive UTC
        f"{sequence:064x}",
        "OK",
    )


def settings_of(home: Path) -> Settings:
    return Settings.from_environment({"TELLERLINE_HOME": str(home)}, home.parent)


@contextmanager
def open_site(home: Path) -> Iterator[Site]:
    settings = settings_of(home)
    verifier = create_log_key(settings, ORIGIN)
    with State(settings.state) as state:
        yield Site(settings, state, verifier)
