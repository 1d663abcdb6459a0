"""Record batches as the log names them: the entry `records.batch` and where to find it again."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tellerline.errors import ConflictError, IntegrityError
from tellerline.outbox import Reporter, outbox
from tellerline.state import METADATA, State

RECORDS = "records"
BATCH_ENTRY = "records.batch"

# Where the entry of each reported batch is, so that it is found without reading the log.
record_batches = sa.Table(
    "record_batches",
    METADATA,
    sa.Column("batch_id", sa.String(64), primary_key=True),
    sa.Column("entry_id", sa.String(26), nullable=False),
    sa.Column("path", sa.String(128), nullable=False),
)
_PATH = re.compile(RECORDS + r"/\d{4}/\d\d/(?P<batch>[A-Za-z0-9_-]{1,64})\.parquet")


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """The record file of one batch, as the log will name it.

    Args:
        batch_id: The batch.
        destination: Where its records went.
        fields: Names of the columns that left.
        path: The file, below the ledger folder.
        count: Records in it.
        root: The Merkle root over their leaves, 32 bytes.
        by_operation: Records by operation.
        by_outcome: Records by outcome.
        sha256: Of the file, in hexadecimal.
        byte_count: Of the file.
    """

    batch_id: str
    destination: str
    fields: tuple[str, ...]
    path: str
    count: int
    root: bytes
    by_operation: dict[str, int]
    by_outcome: dict[str, int]
    sha256: str
    byte_count: int

    def body(self) -> dict[str, Any]:
        """Return what the ledger entry `records.batch` says of this batch."""
        return {
            "batch": self.batch_id,
            "by_op": dict(self.by_operation),
            "by_outcome": dict(self.by_outcome),
            "dest": self.destination,
            "fields": list(self.fields),
            "n": self.count,
            "root": base64.b64encode(self.root).decode(),
        }

    def reference(self) -> dict[str, Any]:
        """Return the reference to the file that the entry carries."""
        return {"bytes": self.byte_count, "name": self.path, "sha256": self.sha256}


def report_record_batch(
    reporter: Reporter,
    connection: sa.Connection,
    batch: RecordBatch,
    *,
    run_id: str,
    facts: Mapping[str, Any] | None = None,
) -> str:
    """Put the entry of a written batch into the outbox and return the entry's id.

    Args:
        reporter: Who reports.
        connection: The transaction that settles the batch.
        batch: What `write_record_batch` returned.
        run_id: The run it belongs to.
        facts: What else the entry says, such as the approval and the plan hash.

    Raises:
        ConflictError: The batch was reported already.
        IntegrityError: `facts` names something that the batch says itself.
    """
    body = batch.body()
    extra = dict(facts or {})
    if shared := sorted(body.keys() & extra.keys()):
        raise IntegrityError(f"record batch {batch.batch_id}", f"says {shared[0]} itself.")
    if is_reported(connection, batch.batch_id):
        raise ConflictError(f"record batch {batch.batch_id}", "is in the ledger already.")
    entry_id = reporter.record(
        connection, BATCH_ENTRY, body | extra, run_id=run_id, references=[batch.reference()]
    )
    connection.execute(
        record_batches.insert().values(batch_id=batch.batch_id, entry_id=entry_id, path=batch.path)
    )
    return entry_id


def is_reported(connection: sa.Connection, batch_id: str) -> bool:
    """Return whether an entry reports this batch."""
    query = sa.select(record_batches.c.batch_id).where(record_batches.c.batch_id == batch_id)
    return connection.execute(query).first() is not None


def find_batch(state: State, batch_id: str) -> tuple[int | None, str] | None:
    """Return the log index of a batch's entry and its record file's name.

    The index is None while the entry waits in the outbox; None stands for an unknown batch.
    """
    query = (
        sa.select(outbox.c.log_index, record_batches.c.path)
        .join(outbox, outbox.c.entry_id == record_batches.c.entry_id)
        .where(record_batches.c.batch_id == batch_id)
    )
    with state.reading() as connection:
        row = connection.execute(query).first()
    return (row.log_index, row.path) if row else None


def named_file(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the reference to the record file of a `records.batch` entry, if it names its own."""
    for reference in entry["refs"]:
        match = _PATH.fullmatch(str(reference.get("name", "")))
        if match and match["batch"] == entry["body"].get("batch"):
            return dict(reference)
    return None
