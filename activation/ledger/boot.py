"""What is checked each time before the log grows: files, signatures and database must agree.

A disagreement means that a backup was restored, a file was edited, or two installations share one
log. Signing on would fork the history, so the sequencer stops and says which side is behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from activation.ledger.checkpoints import (
    CHECKPOINT,
    Checkpoint,
    archived_sizes,
    read_archived,
    read_checkpoint,
)
from activation.ledger.edge import Edge
from activation.ledger.heads import Head, assigned_size, entries_between, newest_head
from activation.ledger.notes import Verifier
from activation.ledger.tiles import TileFolder
from tellerline.errors import IntegrityError
from tellerline.state import State

_RESTORED_LOG = (
    "The ledger folder came back from a backup, or files were removed. Put the newest copy of the "
    "folder back; do not delete state.sqlite to get past this."
)
_RESTORED_STATE = (
    "state.sqlite came back from a backup that is older than the log. Put back a copy at least as "
    "new as the checkpoint, then run again; nothing was signed."
)


@dataclass(frozen=True, slots=True)
class Boot:
    """A log that is safe to extend.

    Args:
        checkpoint: The newest signed checkpoint, or None before the first.
        edge: The right edge of the tree.
        head: The newest head that the database knows, or None.
        previous_size: The size of the newest archived checkpoint before this one.
    """

    checkpoint: Checkpoint | None
    edge: Edge
    head: Head | None
    previous_size: int


def boot_log(ledger: Path, verifier: Verifier, state: State) -> Boot:
    """Return the state of the log after comparing every copy of its head.

    Raises:
        IntegrityError: The checkpoint, the archived checkpoints, the tiles and the database
            disagree; the text names the object and which side is behind.
    """
    checkpoint = read_checkpoint(ledger, verifier)
    head = newest_head(state)
    archived = archived_sizes(ledger)
    size = checkpoint.size if checkpoint else 0
    _check_head(checkpoint, head)
    if archived and archived[-1] > size:
        raise IntegrityError(
            CHECKPOINT, f"is older than checkpoints/{archived[-1]}.", _RESTORED_LOG
        )
    tiles = TileFolder(ledger, size)
    edge = Edge.read(tiles, size)
    if checkpoint and edge.root() != checkpoint.root:
        raise IntegrityError(
            "the rightmost tiles",
            f"do not give the root that was signed for {size} entries.",
            "Run `tellerline audit verify` to see which file was changed.",
        )
    if archived:
        _check_archived(ledger, archived[-1], verifier, checkpoint)
    _check_entries(state, edge)
    previous = [known for known in archived if known < size]
    return Boot(checkpoint, edge, head, previous[-1] if previous else 0)


def _check_head(checkpoint: Checkpoint | None, head: Head | None) -> None:
    if head is None:
        return
    if checkpoint is None:
        raise IntegrityError(
            CHECKPOINT, f"is missing although {head.size} entries were signed.", _RESTORED_LOG
        )
    if checkpoint.size < head.size:
        raise IntegrityError(
            CHECKPOINT,
            f"is of {checkpoint.size} entries although {head.size} were signed.",
            _RESTORED_LOG,
        )
    if checkpoint.size == head.size and checkpoint.root != head.root:
        raise IntegrityError(
            CHECKPOINT, f"has another root than was signed for {head.size} entries.", _RESTORED_LOG
        )


def _check_archived(
    ledger: Path, size: int, verifier: Verifier, checkpoint: Checkpoint | None
) -> None:
    archived = read_archived(ledger, size, verifier)
    if checkpoint and size == checkpoint.size and archived.note != checkpoint.note:
        raise IntegrityError(f"checkpoints/{size}", "differs from the checkpoint.")
    if Edge.read(TileFolder(ledger, size), size).root() != archived.root:
        raise IntegrityError(
            f"checkpoints/{size}", "is not the beginning of the log.", _RESTORED_LOG
        )


def _check_entries(state: State, edge: Edge) -> None:
    with state.reading() as connection:
        assigned = assigned_size(connection)
    if assigned < edge.size:
        raise IntegrityError(
            str(state.path),
            f"knows {assigned} entries of the log, which has {edge.size}.",
            _RESTORED_STATE,
        )
    first = edge.size - len(edge.entries)
    known = entries_between(state, first, edge.size)
    for index, (entry, logged) in enumerate(zip_longest(known, edge.entries), start=first):
        if entry != logged:
            raise IntegrityError(
                f"entry {index}",
                f"is another in the log than in {state.path.name}.",
                _RESTORED_STATE,
            )
