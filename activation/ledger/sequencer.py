"""The one writer of the log: from the outbox to signed tiles, safe to kill at any moment.

Indexes are assigned in a transaction before any file is touched, so a second run after a crash
writes the same bytes under the same names. The checkpoint is renamed into place last: it commits.
After an error of the disk the sequencer refuses to go on, because what a failed fsync left in the
page cache cannot be trusted; a new process starts from what is on disk.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from activation.ledger.boot import boot_log
from activation.ledger.checkpoints import (
    CHECKPOINT,
    Checkpoint,
    archive_name,
    checkpoint_text,
    parse_checkpoint,
)
from activation.ledger.edge import Edge
from activation.ledger.heads import Head, assign_indexes, entries_between, record_head
from activation.ledger.log_keys import load_signer
from activation.ledger.notes import Signer
from activation.ledger.sweep import sweep_partial_tiles, sweep_temporary_files
from tellerline.clock import Clock, timestamp
from tellerline.durable import create_file, make_folder, replace_file
from tellerline.errors import ConflictError, IntegrityError, RunStoppedError
from tellerline.settings import Settings
from tellerline.state import State

LOCK_FOLDER = "ledger.state"
CHECKPOINT_ENTRIES = 16_384
LOCK_WAIT_SECONDS = 30.0
_LOCK_POLL_SECONDS = 0.02


class Sequencer:
    """Moves entries from the outbox into the log.

    Args:
        settings: Where the log and its key are.
        state: The operational database with the outbox.
        clock: Gives the time of signing; it may not run backwards.
        lock_wait_seconds: How long to wait for another sequencer to finish.
        checkpoint_entries: How many entries one checkpoint adds at most.
    """

    def __init__(
        self,
        settings: Settings,
        state: State,
        clock: Clock,
        *,
        lock_wait_seconds: float = LOCK_WAIT_SECONDS,
        checkpoint_entries: int = CHECKPOINT_ENTRIES,
    ) -> None:
        self._settings = settings
        self._ledger = settings.ledger
        self._state = state
        self._clock = clock
        self._lock_wait_seconds = lock_wait_seconds
        self._checkpoint_entries = checkpoint_entries
        self._is_broken = False

    def drain(self) -> Checkpoint:
        """Log every entry that waits in the outbox and return the checkpoint that covers them.

        Raises:
            ConflictError: Another sequencer holds the log.
            CredentialsError: The log key is missing, readable by others, or not the log's.
            IntegrityError: Files, signatures and database disagree, or an entry cannot be logged.
            RunStoppedError: The clock ran backwards, or the disk or database failed.
        """
        if self._is_broken:
            raise RunStoppedError(
                "the sequencer", "stopped after an error.", "Start a new process; it will recover."
            )
        try:
            with self._locked():
                return self._drain()
        except OSError as error:
            self._is_broken = True
            raise RunStoppedError(
                str(error.filename or self._ledger),
                f"could not be written: {error.strerror or type(error).__name__}.",
                "Nothing acknowledged is lost. Mend the disk, then run again.",
            ) from error
        except sa.exc.DBAPIError as error:
            self._is_broken = True
            raise RunStoppedError(
                str(self._state.path),
                f"could not be used: {type(error.orig).__name__}.",
                "Nothing acknowledged is lost. Mend the disk or end who locks it, then run again.",
            ) from error

    def _drain(self) -> Checkpoint:
        signer = load_signer(self._settings)
        make_folder(self._ledger)
        boot = boot_log(self._ledger, signer.verifier, self._state)
        checkpoint, head, edge = boot.checkpoint, boot.head, boot.edge
        if checkpoint:
            head = self._finish(checkpoint, head, boot.previous_size)
        while True:
            before = edge.size
            target = assign_indexes(self._state, before, self._checkpoint_entries)
            if checkpoint and target == before:
                return checkpoint
            self._write_tiles(edge, target)
            checkpoint, head = self._publish(signer, edge, head, before)

    def _write_tiles(self, edge: Edge, target: int) -> None:
        before = edge.size
        entries = entries_between(self._state, before, target)
        if len(entries) != target - before:
            raise IntegrityError(
                str(self._state.path),
                f"has a gap among the entries {before} to {target - 1}.",
                "Restore state.sqlite from a good copy.",
            )
        folders: set[Path] = {self._ledger}
        for name, data in edge.extend(entries):
            folders.add(self._write(name, data))
        sweep_temporary_files(folders)

    def _write(self, name: str, data: bytes) -> Path:
        path = self._ledger / name
        make_folder(path.parent)
        create_file(path, data)
        return path.parent

    def _publish(
        self, signer: Signer, edge: Edge, head: Head | None, before: int
    ) -> tuple[Checkpoint, Head]:
        """Sign the tree of `edge`, put the checkpoint in place and return it: the commit point."""
        self._check_clock(head)
        note = signer.sign(checkpoint_text(signer.name, edge.size, edge.root()))
        checkpoint = parse_checkpoint(note, signer.verifier, CHECKPOINT)
        replace_file(self._ledger / CHECKPOINT, note)
        return checkpoint, self._finish(checkpoint, head, before)

    def _finish(self, checkpoint: Checkpoint, head: Head | None, before: int) -> Head:
        """Do what follows a commit, or what a crash right after it left undone."""
        name = archive_name(checkpoint.size)
        if head and head.size == checkpoint.size and (self._ledger / name).exists():
            return head
        folder = self._write(name, checkpoint.note)
        self._check_clock(head)
        signed = Head(checkpoint.size, checkpoint.root, self._clock.now())
        sweep_temporary_files({folder})
        sweep_partial_tiles(self._ledger, before, checkpoint.size)
        # Last, so that an interrupted finish is taken up again.
        record_head(self._state, signed)
        return signed

    def _check_clock(self, head: Head | None) -> None:
        now = self._clock.now()
        if head and now < head.signed_at:
            raise RunStoppedError(
                "the clock",
                f"says {timestamp(now)}, but the log was signed at {timestamp(head.signed_at)}.",
                "Set the clock right; nothing is signed before that time has passed.",
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self._settings.home / LOCK_FOLDER / "lock"
        make_folder(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for_lock(descriptor, path)
            yield
        finally:
            os.close(descriptor)

    def _wait_for_lock(self, descriptor: int, path: Path) -> None:
        deadline = time.monotonic() + self._lock_wait_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise ConflictError(
                        str(path),
                        "is held by another sequencer.",
                        "Wait until it has finished, then run again.",
                    ) from None
                time.sleep(_LOCK_POLL_SECONDS)
            else:
                return
