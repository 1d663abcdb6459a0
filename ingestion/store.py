"""The content-addressed store: every file received, unchanged, under its SHA-256.

Copies are written and forced to disk in groups. A process killed meanwhile leaves temporary files,
swept at the next start, or content that no receipt speaks of, which is taken in again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ingestion.landing import Candidate, identity_of, is_plain, open_folder
from tellerline.durable import PRIVATE_FILE, make_folder, sync_file, sync_folder

_READ_BYTES = 1 << 20
_INCOMING = ".incoming"
_SYNC_THREADS = 8
# Within this time a file system may not tell two changes of a file apart.
_FRESH_NANOSECONDS = 2_000_000_000


class Refusal(Enum):
    """Why a file was not copied."""

    UNREADABLE = "it is no plain file, or closed to us"
    RESTLESS = "it changed while being read"


@dataclass(frozen=True, slots=True)
class Copy:
    """One file's content, not yet under its final name.

    Args:
        candidate: Where it came from.
        temporary: Where it is.
        file_sha256: Its hash.
        byte_count: Its size.
        is_settled: False when the file changed so recently that another change might not show.
    """

    candidate: Candidate
    temporary: Path
    file_sha256: str
    byte_count: int
    is_settled: bool


@dataclass(frozen=True, slots=True)
class ContentStore:
    """The store in one folder.

    Args:
        folder: Where it is; made when the first file comes.
    """

    folder: Path

    def open(self) -> None:
        """Make the folder, and sweep what a killed process left unfinished."""
        make_folder(self.folder / _INCOMING, mode=0o700)
        for leftover in (self.folder / _INCOMING).iterdir():
            leftover.unlink()

    def path(self, file_sha256: str) -> Path:
        """Return where content lies."""
        return self.folder / file_sha256[:2] / file_sha256

    def copy(self, candidate: Candidate, number: int) -> Copy | Refusal:
        """Copy one file in under a temporary name, unless it changes meanwhile.

        Args:
            candidate: The file.
            number: Tells the copies of a group apart.
        """
        temporary = self.folder / _INCOMING / str(number)
        digest, size = hashlib.sha256(), 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        target = os.open(temporary, flags, PRIVATE_FILE)
        try:
            with _open_plain(candidate) as source:
                if source is None:
                    return Refusal.UNREADABLE
                while block := os.read(source, _READ_BYTES):
                    digest.update(block)
                    size += len(block)
                    _write(target, block)
                after = os.fstat(source)
            age = os.fstat(target).st_mtime_ns - after.st_ctime_ns
        finally:
            os.close(target)
        if identity_of(after) != candidate.identity or not is_plain(after):
            return Refusal.RESTLESS
        is_settled = age >= _FRESH_NANOSECONDS
        return Copy(candidate, temporary, digest.hexdigest(), size, is_settled)

    def keep(self, copies: Sequence[Copy]) -> None:
        """Give a group of copies their final names, durably."""
        if not copies:
            return
        finals = [self.path(copy.file_sha256) for copy in copies]
        folders = {final.parent for final in finals}
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
        with ThreadPoolExecutor(_SYNC_THREADS) as pool:
            list(pool.map(sync_file, [copy.temporary for copy in copies]))
            for copy, final in zip(copies, finals, strict=True):
                if final.exists() and final.stat().st_size == copy.byte_count:
                    copy.temporary.unlink()
                else:
                    copy.temporary.rename(final)
            list(pool.map(sync_folder, folders))
        sync_folder(self.folder)


@contextmanager
def _open_plain(candidate: Candidate) -> Iterator[int | None]:
    """Yield a descriptor of a plain file, opened without following links; None if it is none."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open_folder(candidate.folder) as folder:
        try:
            source = os.open(candidate.name, flags, dir_fd=folder)
        except OSError:
            yield None
            return
    try:
        yield source if is_plain(os.fstat(source)) else None
    finally:
        os.close(source)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
