"""Checkpoints: the signed size and root of the log.

Source: c2sp.org/tlog-checkpoint. The newest is `checkpoint`; every one ever signed stays under
`checkpoints/<size>`.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from activation.ledger.merkle import HASH_BYTES
from activation.ledger.notes import Verifier, decode_base64, open_note
from tellerline.errors import IntegrityError

CHECKPOINT = "checkpoint"
ARCHIVE = "checkpoints"
_MANDATORY_LINES = 3
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What one signed checkpoint says.

    Args:
        origin: The identity of the log.
        size: Entries in the tree.
        root: The Merkle root over them, 32 bytes.
        note: The signed bytes as they stand in the file.
    """

    origin: str
    size: int
    root: bytes
    note: bytes

    @property
    def root_base64(self) -> str:
        """The root as the checkpoint writes it."""
        return base64.b64encode(self.root).decode()


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Return the text that is signed for a tree of `size` entries."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def parse_checkpoint(note: bytes, verifier: Verifier, subject: str) -> Checkpoint:
    """Return the checkpoint in `note`, whose key name must be its origin.

    Raises:
        IntegrityError: The note is malformed, of another origin, or not signed by `verifier`.
    """
    lines = open_note(note, verifier, subject).removesuffix("\n").split("\n")
    root = decode_base64(lines[2]) if len(lines) >= _MANDATORY_LINES else None
    if root is None or len(root) != HASH_BYTES or "" in lines or not _SIZE.fullmatch(lines[1]):
        raise IntegrityError(subject, "is signed but is no checkpoint.")
    if lines[0] != verifier.name:
        raise IntegrityError(subject, f"is of the log {lines[0]}, not of {verifier.name}.")
    return Checkpoint(lines[0], int(lines[1]), root, note)


def read_checkpoint(ledger: Path, verifier: Verifier) -> Checkpoint | None:
    """Return the newest checkpoint of the log in the folder `ledger`, or None before the first.

    Raises:
        IntegrityError: It is not a checkpoint of this log.
    """
    try:
        note = (ledger / CHECKPOINT).read_bytes()
    except FileNotFoundError:
        return None
    return parse_checkpoint(note, verifier, CHECKPOINT)


def archived_sizes(ledger: Path) -> list[int]:
    """Return the sizes for which a checkpoint is archived, in ascending order.

    Names that are no size are left to the verifier.
    """
    folder = ledger / ARCHIVE
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if _SIZE.fullmatch(path.name))


def archive_name(size: int) -> str:
    """Return the name, below the ledger, of the archived checkpoint of `size` entries."""
    return f"{ARCHIVE}/{size}"


def read_archived(ledger: Path, size: int, verifier: Verifier) -> Checkpoint:
    """Return the archived checkpoint of `size` entries.

    Raises:
        IntegrityError: It is not a checkpoint of this log and this size.
    """
    subject = archive_name(size)
    checkpoint = parse_checkpoint((ledger / subject).read_bytes(), verifier, subject)
    if checkpoint.size != size:
        raise IntegrityError(subject, f"speaks of {checkpoint.size} entries.")
    return checkpoint
