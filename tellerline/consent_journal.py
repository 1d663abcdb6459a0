"""The live journal of consent changes: ingestion appends, activation reads before every batch.

One Parquet file for each received file, and `INDEX` with a line of canonical JSON for each. A file
counts from the moment its line is there; files without a line are leftovers. Columns of the files:
consent_event_id, member_id, channel, purpose, action, effective_at, recorded_at, source,
text_version, file_sha256, line_number.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tellerline.canonical import canonical_json, parse_canonical
from tellerline.clock import Clock, timestamp
from tellerline.durable import append_line, make_folder, sync_file, sync_folder
from tellerline.errors import IntegrityError

INDEX = "INDEX"
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One appended file.

    Args:
        appended_at: When it was appended, ISO 8601.
        path: The Parquet file, its bytes checked.
        rows: How many changes it holds; 0 says that the feed was heard and nothing changed.
        source_sha256: The received file that it was made from.
    """

    appended_at: str
    path: Path
    rows: int
    source_sha256: str


class ConsentJournal:
    """The journal in one folder.

    Args:
        folder: Where it is; made by the first append.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index = folder / INDEX
        self._checked: dict[str, str] = {}

    def append(self, parquet: Path, source_sha256: str, rows: int, clock: Clock) -> None:
        """Let a Parquet file, written in the journal's folder, count from now on.

        Doing it again for the same received file changes nothing.

        Raises:
            IntegrityError: The journal is damaged.
        """
        make_folder(self._folder)
        if source_sha256 in {entry.source_sha256 for entry in self.entries()}:
            return
        sync_file(parquet)
        sync_folder(self._folder)
        line = canonical_json(
            {
                "appended_at": timestamp(clock.now()),
                "file": parquet.name,
                "rows": rows,
                "sha256": _sha256(parquet),
                "source_sha256": source_sha256,
            }
        )
        append_line(self._index, line)

    def entries(self) -> list[JournalEntry]:
        """Return every file that counts, oldest first, after checking its bytes.

        A last line without an end is one that a process died over: it does not count.

        Raises:
            IntegrityError: A line or a file was changed.
        """
        if not self._index.exists():
            return []
        *lines, _ = self._index.read_bytes().split(b"\n")
        return [self._entry(number, line) for number, line in enumerate(lines, 1)]

    def signature(self) -> tuple[int, int]:
        """Return something that changes with every append; costs one system call."""
        try:
            status = self._index.stat()
        except FileNotFoundError:
            return (0, 0)
        return (status.st_size, status.st_mtime_ns)

    def _entry(self, number: int, line: bytes) -> JournalEntry:
        subject = f"{self._index}, line {number}"
        document = parse_canonical(line, subject)
        try:
            name, sha256 = str(document["file"]), str(document["sha256"])
            entry = JournalEntry(
                str(document["appended_at"]),
                self._folder / Path(name).name,
                int(document["rows"]),
                str(document["source_sha256"]),
            )
        except (KeyError, TypeError, ValueError):
            raise IntegrityError(subject, "is no entry of the consent journal.") from None
        # Files never change, so one check a process is enough.
        if self._checked.get(name) != sha256:
            if _sha256(entry.path) != sha256:
                raise IntegrityError(
                    str(entry.path),
                    "has other bytes than the journal says.",
                    "Nothing is sent. Treat it as an incident; ingest the consent feed anew.",
                )
            self._checked[name] = sha256
        return entry


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
    except FileNotFoundError:
        return ""
    return digest.hexdigest()
