"""The live consent journal: consent changes as they were accepted, before dbt has seen them.

A folder of immutable Parquet files and an INDEX that alone says which of them count. Whoever sends
reads it at the last moment, so that a withdrawal holds from the minute it was taken in.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tellerline.canonical import canonical_json, parse_canonical
from tellerline.clock import Clock, timestamp
from tellerline.durable import PRIVATE_FILE, make_folder, replace_file, sync_file, sync_folder
from tellerline.errors import IntegrityError

CONSENT_FEED = "consent_changes"
"""The feed whose accepted changes it holds."""
INDEX = "INDEX"
COLUMNS = (
    "consent_event_id",
    "member_id",
    "channel",
    "purpose",
    "action",
    "effective_at",
    "recorded_at",
    "source",
    "text_version",
    "file_sha256",
    "line_number",
)
_LOCK = ".lock"
_SYNC_THREADS = 8
_READ_BYTES = 1 << 20
_TEXTS = ("appended_at", "file", "file_sha256_of_parquet", "source_sha256")
_FILE = re.compile(r"[0-9a-f]{64}\.parquet")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the journal.

    Args:
        appended_at: When, as ISO 8601 in UTC.
        path: The Parquet file, with `COLUMNS`.
        parquet_sha256: Its hash.
        rows: How many changes it holds.
        source_sha256: The received file that they came from.
    """

    appended_at: str
    path: Path
    parquet_sha256: str
    rows: int
    source_sha256: str


@dataclass(frozen=True, slots=True)
class Addition:
    """One file to append.

    Args:
        parquet: A finished Parquet file with `COLUMNS`.
        file_sha256: The received file that the changes came from.
        rows: How many changes it holds.
    """

    parquet: Path
    file_sha256: str
    rows: int


class ConsentJournal:
    """The journal in one folder.

    Args:
        folder: Where it is; made when the first file is appended.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def append(self, parquet: Path, file_sha256: str, rows: int, clock: Clock) -> Entry:
        """Take over one Parquet file; see `append_all`."""
        return self.append_all([Addition(parquet, file_sha256, rows)], clock)[0]

    def append_all(self, additions: Sequence[Addition], clock: Clock) -> list[Entry]:
        """Take over Parquet files, durably, and return what the journal holds of their sources.

        A source that is in the journal already has no effect. All of them count at once, or none.

        Args:
            additions: Finished files in the journal's file system; they are moved.
            clock: Tells when.

        Raises:
            IntegrityError: The INDEX is damaged.
        """
        make_folder(self.folder, mode=0o700)
        with self._locked():
            lines = self._lines()
            known = {entry.source_sha256: entry for entry in self._parsed(lines)}
            appended_at = timestamp(clock.now())
            fresh = []
            for addition in additions:
                if addition.file_sha256 in known:
                    addition.parquet.unlink()
                    continue
                addition.parquet.chmod(PRIVATE_FILE)
                path = self.folder / f"{addition.file_sha256}.parquet"
                entry = Entry(
                    appended_at,
                    path,
                    _sha256(addition.parquet),
                    addition.rows,
                    addition.file_sha256,
                )
                known[entry.source_sha256] = entry
                fresh.append((addition.parquet, entry))
            if fresh:
                self._publish(fresh, lines)
        return [known[addition.file_sha256] for addition in additions]

    def _publish(self, fresh: list[tuple[Path, Entry]], lines: list[bytes]) -> None:
        """Force files and names to disk before the INDEX speaks of them."""
        with ThreadPoolExecutor(_SYNC_THREADS) as pool:
            list(pool.map(sync_file, [parquet for parquet, _ in fresh]))
        for parquet, entry in fresh:
            parquet.rename(entry.path)
            lines.append(
                canonical_json(
                    {
                        "appended_at": entry.appended_at,
                        "file": entry.path.name,
                        "file_sha256_of_parquet": entry.parquet_sha256,
                        "rows": entry.rows,
                        "source_sha256": entry.source_sha256,
                    }
                )
            )
        sync_folder(self.folder)
        whole = b"".join(line + b"\n" for line in lines)
        replace_file(self.folder / INDEX, whole, PRIVATE_FILE)

    def entries(self) -> list[Entry]:
        """Return the files that count, oldest first, each proved to be as it was appended.

        Raises:
            IntegrityError: A file is missing or has other bytes, or the INDEX is damaged; the error
                names the file.
        """
        entries = self._parsed(self._lines())
        for entry in entries:
            if not entry.path.is_file():
                raise IntegrityError(str(entry.path), "is missing from the consent journal.")
            if _sha256(entry.path) != entry.parquet_sha256:
                raise IntegrityError(
                    str(entry.path),
                    "has other bytes than the consent journal says.",
                    "Nothing may be sent until it is restored.",
                )
        return entries

    def signature(self) -> tuple[int, int]:
        """Return something that changes with every append; costs one system call."""
        try:
            status = (self.folder / INDEX).stat()
        except FileNotFoundError:
            return (0, 0)
        return (status.st_ino, status.st_mtime_ns)

    def _lines(self) -> list[bytes]:
        index = self.folder / INDEX
        data = index.read_bytes() if index.exists() else b""
        if data and not data.endswith(b"\n"):
            raise IntegrityError(str(index), "is cut off.")
        return data.splitlines()

    def _parsed(self, lines: list[bytes]) -> list[Entry]:
        subject = str(self.folder / INDEX)
        entries = []
        for number, line in enumerate(lines, start=1):
            value = parse_canonical(line, f"{subject}, line {number}")
            if not _is_entry(value):
                raise IntegrityError(f"{subject}, line {number}", "is no entry of the journal.")
            entries.append(
                Entry(
                    value["appended_at"],
                    self.folder / value["file"],
                    value["file_sha256_of_parquet"],
                    value["rows"],
                    value["source_sha256"],
                )
            )
        return entries

    @contextmanager
    def _locked(self) -> Iterator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.folder / _LOCK, flags, PRIVATE_FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _is_entry(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {*_TEXTS, "rows"}
        and all(isinstance(value[name], str) for name in _TEXTS)
        and isinstance(value["rows"], int)
        and _FILE.fullmatch(value["file"]) is not None
    )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
