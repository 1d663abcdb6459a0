"""The proof of one member's change: a file that a stranger checks with the verifier key alone.

It holds the record's plaintext and key, its path to the root of its batch, the batch's entry, and a
C2SP tlog-proof of that entry under a signed checkpoint. It opens this one record and no other.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from activation.ledger.batches import BATCH_ENTRY, find_batch
from activation.ledger.checkpoints import Checkpoint, parse_checkpoint, read_checkpoint
from activation.ledger.commitments import (
    record_commitment,
    record_key,
    record_leaf,
    record_plaintext,
)
from activation.ledger.log_keys import load_verifier
from activation.ledger.merkle import hash_leaf, prove_inclusion, verify_inclusion
from activation.ledger.notes import Verifier, decode_base64
from activation.ledger.record_files import LEAVES, read_leaves
from activation.ledger.record_tree import tree_path
from activation.ledger.subjects import Subject, Subjects
from activation.ledger.tiles import TILE_WIDTH, TileFolder
from tellerline.canonical import parse_canonical
from tellerline.errors import ConflictError, IntegrityError, UsageError
from tellerline.scratch import scratch_database
from tellerline.settings import Settings
from tellerline.state import State

PROOF_FORMAT = "tellerline-record-proof/v1"
TLOG_PROOF = "c2sp.org/tlog-proof@v1"
_SUBJECT = "record proof"
_INDEX = re.compile(TLOG_PROOF.replace(".", r"\.") + r"\nindex (0|[1-9][0-9]{0,15})")


@dataclass(frozen=True, slots=True)
class ProvenRecord:
    """What a proof shows to be true.

    Args:
        record: The record's plaintext as an object.
        operation: `add`, `update` or `remove`.
        entry: The ledger entry of the record's batch.
        index: The entry's index in the log.
        checkpoint: The signed checkpoint that covers it.
    """

    record: dict[str, Any]
    operation: str
    entry: dict[str, Any]
    index: int
    checkpoint: Checkpoint


def prove_record(
    settings: Settings,
    state: State,
    *,
    batch_id: str,
    member_id: str,
    sequence: int | None = None,
) -> dict[str, Any]:
    """Return the proof, as JSON values, of what was done for a member in a batch.

    Args:
        settings: Where the ledger and the subject keys are.
        state: The operational database, which knows the batch's entry.
        batch_id: The batch.
        member_id: The member.
        sequence: The record's `seq`; needed when the batch has several records of the member.

    Raises:
        ConflictError: The batch's entry is not in the signed log yet.
        IntegrityError: The record file or the log is not what was logged.
        UsageError: There is no such batch, the member has no key (any more), or no or several
            records in the batch.
    """
    subject = Subjects.of(settings).find(member_id)
    if subject is None:
        raise UsageError(
            "the member", "has no subject key: nothing was recorded, or it was erased."
        )
    found = find_batch(state, batch_id)
    checkpoint = read_checkpoint(settings.ledger, load_verifier(settings))
    if found is None:
        raise UsageError(f"record batch {batch_id}", "is unknown.")
    index, path = found
    if checkpoint is None or index is None or index >= checkpoint.size:
        raise ConflictError(
            f"record batch {batch_id}", "is not in the signed log yet.", "Drain the outbox first."
        )
    tiles = TileFolder(settings.ledger, checkpoint.size)
    entry = tiles.bundle(index // TILE_WIDTH)[index % TILE_WIDTH]
    body = parse_canonical(entry, f"entry {index}")["body"]
    with scratch_database() as connection:
        file = settings.ledger / path
        read_leaves(connection, file, batch_id)
        row = _find_record(connection, str(file), batch_id, subject, sequence)
        hashes = tree_path(connection, LEAVES, row["position"])
    plaintext = record_plaintext(
        consent_event_id=row["consent_event_id"],
        consent_as_of=row["consent_as_of"],
        destination=body["dest"],
        fields=body["fields"],
        reference=subject.reference,
        operation=row["operation"],
        outcome=row["outcome"],
        payload=row["payload"],
        response=row["response"],
    )
    proof = {
        "format": PROOF_FORMAT,
        "record": {
            "plaintext": plaintext.decode(),
            "key": record_key(subject.member_key, batch_id, row["seq"]).hex(),
            "operation": row["operation"],
            "seq": row["seq"],
            "position": row["position"],
            "path": [_base64(value) for value in hashes],
        },
        "entry": entry.decode(),
        "log": _tlog_proof(index, checkpoint, tiles),
    }
    verify_proof(proof, load_verifier(settings))
    return proof


def verify_proof(proof: dict[str, Any], verifier: Verifier) -> ProvenRecord:
    """Check a proof with the log's public key alone and return what it shows.

    Raises:
        IntegrityError: The proof is malformed, or a link of it does not hold; names the link.
    """
    try:
        record, entry_text, log = proof["record"], proof["entry"], str(proof["log"])
        entry = parse_canonical(entry_text.encode(), "batch entry")
        body = entry["body"]
        plaintext = record["plaintext"].encode()
        commitment = record_commitment(bytes.fromhex(record["key"]), plaintext)
        leaf = record_leaf(body["batch"], commitment, record["operation"], record["seq"])
        path = [_hash(text) for text in record["path"]]
        position, count, root = int(record["position"]), int(body["n"]), _hash(body["root"])
        shown = parse_canonical(plaintext, "record")
        kind = (proof["format"], entry["type"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise IntegrityError(_SUBJECT, "is malformed.") from None
    if kind != (PROOF_FORMAT, BATCH_ENTRY):
        raise IntegrityError(_SUBJECT, "is of another format, or its entry of another type.")
    if not verify_inclusion(hash_leaf(leaf), position, count, path, root):
        raise IntegrityError(_SUBJECT, "does not hold: the record is not in the batch.")
    index, checkpoint = _verify_tlog_proof(log, entry_text.encode(), verifier)
    return ProvenRecord(shown, record["operation"], entry, index, checkpoint)


def _find_record(
    connection: duckdb.DuckDBPyConnection,
    file: str,
    batch_id: str,
    subject: Subject,
    sequence: int | None,
) -> dict[str, Any]:
    names = (
        "position", "seq", "operation", "outcome", "consent_event_id", "consent_as_of", "response",
        "payload",
    )  # fmt: skip
    rows = connection.execute(
        """
        select
            position, seq, operation, outcome, consent_event_id, consent_as_of, response,
            lower(hex(payload_commitment)) as payload
        from read_parquet(?)
        where subject_ref = ? and (seq = ? or ? is null)
        limit 2
        """,
        [file, subject.reference, sequence, sequence],
    ).fetchall()
    if len(rows) != 1:
        problem = "has several records of the member." if rows else "has no record of the member."
        raise UsageError(f"record batch {batch_id}", problem, "Name the record's seq.")
    return dict(zip(names, rows[0], strict=True))


def _tlog_proof(index: int, checkpoint: Checkpoint, tiles: TileFolder) -> str:
    """Return the inclusion of an entry as c2sp.org/tlog-proof writes it."""
    hashes = prove_inclusion(index, checkpoint.size, tiles.subtree)
    lines = [TLOG_PROOF, f"index {index}", *map(_base64, hashes)]
    return "\n".join(lines) + "\n\n" + checkpoint.note.decode()


def _verify_tlog_proof(text: str, entry: bytes, verifier: Verifier) -> tuple[int, Checkpoint]:
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    checkpoint = parse_checkpoint(note.encode(), verifier, "checkpoint of the proof")
    match = _INDEX.fullmatch("\n".join(lines[:2]))
    if match is None:
        raise IntegrityError(_SUBJECT, "holds no tlog-proof.")
    index = int(match[1])
    path = _hashes(lines[2:])
    if not verify_inclusion(hash_leaf(entry), index, checkpoint.size, path, checkpoint.root):
        raise IntegrityError(_SUBJECT, "does not hold: the entry is not in the log.")
    return index, checkpoint


def _hashes(lines: Sequence[str]) -> list[bytes]:
    try:
        return [_hash(line) for line in lines]
    except ValueError:
        raise IntegrityError(_SUBJECT, "holds a hash that is malformed.") from None


def _hash(text: str) -> bytes:
    value = decode_base64(text)
    if value is None:
        msg = "not base64"
        raise ValueError(msg)
    return value


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
