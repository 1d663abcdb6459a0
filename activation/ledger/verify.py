"""The full verification of a ledger, with nothing but its folder and the verifier key.

Every tile, bundle and archived checkpoint is built anew from the entries and compared byte by byte,
every entry is read, every record file is hashed again. With the operational database at hand, its
outbox and the heads it remembers must agree with the log too.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from activation.ledger.batches import BATCH_ENTRY
from activation.ledger.checkpoints import (
    ARCHIVE,
    CHECKPOINT,
    Checkpoint,
    archive_name,
    archived_sizes,
    read_archived,
    read_checkpoint,
)
from activation.ledger.entry_audit import EntryAudit, compare_with_state, waiting_entries
from activation.ledger.findings import Audit, LedgerReport
from activation.ledger.heads import log_heads
from activation.ledger.notes import Verifier
from activation.ledger.record_audit import check_record_batch, unnamed_record_files
from activation.ledger.tree_audit import TreeAudit
from tellerline.errors import IntegrityError
from tellerline.state import State


def verify_ledger(
    ledger: Path,
    verifier: Verifier,
    *,
    state: State | None = None,
    are_records_present: bool = True,
) -> LedgerReport:
    """Verify everything in a ledger and return what was found.

    Args:
        ledger: The folder of the log: the original or a copy.
        verifier: The log's public key, obtained apart from the ledger.
        state: The operational database, to compare with; None on an auditor's machine.
        are_records_present: False for a public copy that leaves the record files out.
    """
    audit = Audit()
    archived = _read_archive(ledger, verifier, audit)
    heads = _known_heads(state)
    checkpoint = _read_newest(ledger, verifier, audit)
    if checkpoint is None:
        return LedgerReport(origin=verifier.name, findings=tuple(audit.findings))
    _check_archive(checkpoint, archived, heads, audit)
    archived = {size: known for size, known in archived.items() if size <= checkpoint.size}
    tree = TreeAudit(ledger, checkpoint, archived, audit)
    entries = EntryAudit(audit)
    for index, data in compare_with_state(tree.walk(), state, audit):
        entry = entries.check(index, data)
        if entry and entry["type"] == BATCH_ENTRY:
            check_record_batch(ledger, index, entry, audit, is_handed_over=are_records_present)
    entries.finish()
    unsigned = tree.leftovers()
    if are_records_present:
        unsigned += unnamed_record_files(ledger, audit)
    return LedgerReport(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root_base64,
        entries_by_type=dict(sorted(audit.entries_by_type.items())),
        checkpoints=audit.checkpoints,
        batches=audit.batches,
        records=audit.records,
        withheld=audit.withheld,
        waiting=waiting_entries(state, checkpoint.size),
        unsigned=unsigned,
        findings=tuple(audit.findings),
    )


def _read_archive(ledger: Path, verifier: Verifier, audit: Audit) -> dict[int, Checkpoint]:
    """Return the archived checkpoints that are signed, reporting the others."""
    sizes = archived_sizes(ledger)
    names = {str(size) for size in sizes}
    folder = ledger / ARCHIVE
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name not in names and not path.name.startswith("."):
            audit.report(f"{ARCHIVE}/{path.name}", "is no archived checkpoint.")
    archived = {}
    for size in sizes:
        try:
            archived[size] = read_archived(ledger, size, verifier)
        except IntegrityError as error:
            audit.report(error.subject, error.problem)
    return archived


def _read_newest(ledger: Path, verifier: Verifier, audit: Audit) -> Checkpoint | None:
    try:
        checkpoint = read_checkpoint(ledger, verifier)
    except IntegrityError as error:
        audit.report(error.subject, error.problem)
        return None
    if checkpoint is None:
        audit.report(CHECKPOINT, "is missing.")
    return checkpoint


def _known_heads(state: State | None) -> dict[int, bytes]:
    if state is None:
        return {}
    with state.reading() as connection:
        rows = connection.execute(sa.select(log_heads.c.size, log_heads.c.root)).all()
    return {row.size: bytes(row.root) for row in rows}


def _check_archive(
    checkpoint: Checkpoint,
    archived: dict[int, Checkpoint],
    heads: dict[int, bytes],
    audit: Audit,
) -> None:
    newest = max([*archived, *heads], default=0)
    if newest > checkpoint.size:
        audit.report(
            CHECKPOINT,
            f"is of {checkpoint.size} entries although {newest} were signed: rolled back.",
        )
    same = archived.get(checkpoint.size)
    if same and same.note != checkpoint.note:
        audit.report(archive_name(checkpoint.size), "differs from the checkpoint of that size.")
    for size, root in heads.items():
        if size not in archived:
            audit.report(archive_name(size), "is missing although it was signed.")
        elif archived[size].root != root:
            audit.report(archive_name(size), "has another root than was signed.")
