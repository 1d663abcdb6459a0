"""Hashes the record file of every logged batch again and compares it with its entry."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from activation.ledger.batches import RECORDS, named_file
from activation.ledger.findings import Audit
from activation.ledger.record_files import LEAVES, read_leaves
from activation.ledger.record_tree import tree_root
from activation.ledger.records import count_by, file_sha256
from tellerline.errors import IntegrityError
from tellerline.scratch import scratch_database


def are_records_handed_over(ledger: Path) -> bool:
    """Return whether a copy of a ledger came with its record files, all of which are one folder."""
    return (ledger / RECORDS).exists()


def check_record_batch(
    ledger: Path, index: int, entry: dict[str, Any], audit: Audit, *, is_handed_over: bool = True
) -> None:
    """Check the record file that the `records.batch` entry at `index` names.

    Args:
        ledger: The folder of the log.
        index: The entry's index.
        entry: The entry.
        audit: Where findings go.
        is_handed_over: False where record files were left out: the entry alone is checked.
    """
    body, subject = entry["body"], f"entry {index}"
    reference = named_file(entry)
    if reference is None:
        audit.report(subject, "names no record file of its batch.")
        return
    if not is_handed_over:
        audit.withheld += 1
        return
    audit.named_files.add(reference["name"])
    path = ledger / reference["name"]
    try:
        _check_bytes(path, reference)
        _check_content(path, body)
    except IntegrityError as error:
        audit.report(reference["name"], f"{error.problem} It belongs to {subject}.")
        return
    audit.batches += 1
    audit.records += int(body["n"])


def unnamed_record_files(ledger: Path, audit: Audit) -> tuple[str, ...]:
    """Return the record files that no checked entry names: nothing vouches for them."""
    names = (path.relative_to(ledger).as_posix() for path in ledger.glob(f"{RECORDS}/**/*.parquet"))
    return tuple(sorted(name for name in names if name not in audit.named_files))


def _check_bytes(path: Path, reference: dict[str, Any]) -> None:
    try:
        sha256 = file_sha256(path)
    except FileNotFoundError:
        raise IntegrityError(path.name, "is missing.") from None
    if (sha256, path.stat().st_size) != (reference["sha256"], reference["bytes"]):
        raise IntegrityError(path.name, "was changed: its SHA-256 is not the logged one.")


def _check_content(path: Path, body: dict[str, Any]) -> None:
    with scratch_database() as connection:
        count = read_leaves(connection, path, str(body["batch"]))
        found = {
            "n": count,
            "root": base64.b64encode(tree_root(connection, LEAVES)).decode(),
            "by_op": count_by(connection, LEAVES, "operation"),
            "by_outcome": count_by(connection, LEAVES, "outcome"),
        }
    for key, value in found.items():
        if body.get(key) != value:
            raise IntegrityError(path.name, f"gives another `{key}` than its entry says.")
