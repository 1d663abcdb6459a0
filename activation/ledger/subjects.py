"""The keys that open members' records, and their destruction.

One random reference and one random key a member, in a SQLite file apart from everything else. The
log and its record files carry the reference and commitments under keys derived from that key, so
deleting one row here makes every record of that member unlinkable and unopenable, while all hashes
still verify. The row's bytes are overwritten; copies of the file in backups have to age out.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tellerline.durable import PRIVATE_FILE, create_file, make_folder
from tellerline.errors import CredentialsError, RunStoppedError
from tellerline.settings import Settings
from tellerline.state import BUSY_TIMEOUT_SECONDS

SUBJECTS = "subjects.sqlite"
REFERENCE_BYTES = 16
MEMBER_KEY_BYTES = 32
# A reference as text.
REFERENCE_DIGITS = 2 * REFERENCE_BYTES

# A rollback journal is removed at commit; a write-ahead log would keep deleted keys. The cache is
# negative: in KiB.
_PRAGMAS = ("journal_mode=DELETE", "synchronous=EXTRA", "secure_delete=ON", "cache_size=-65536")
_SCHEMA = """
create table if not exists subjects (
    member_id text primary key,
    subject_ref text not null,
    member_key blob not null
) without rowid
"""
_MISSING = """
select json_group_array(wanted.value), count(*) from json_each(:members) as wanted
where not exists (select 1 from subjects where subjects.member_id = wanted.value)
"""
_INSERT = f"""
insert into subjects
select
    wanted.value,
    lower(hex(substr(:entropy, wanted.key * {REFERENCE_BYTES + MEMBER_KEY_BYTES} + 1,
        {REFERENCE_BYTES}))),
    substr(:entropy, wanted.key * {REFERENCE_BYTES + MEMBER_KEY_BYTES} + 1 + {REFERENCE_BYTES},
        {MEMBER_KEY_BYTES})
from json_each(:members) as wanted
"""
_READ = """
select
    json_array_length(:members),
    coalesce(group_concat(subjects.member_id), ''),
    coalesce(group_concat(subjects.subject_ref), ''),
    coalesce(group_concat(hex(subjects.member_key)), '')
from json_each(:members) as wanted
join subjects on subjects.member_id = wanted.value
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """One member's reference in the record files and the key that opens the records."""

    reference: str
    member_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SubjectColumns:
    """Subjects in bulk, as three comma-separated texts in the same order."""

    member_ids: str = field(repr=False)
    references: str
    keys_hex: str = field(repr=False)


class Subjects:
    """A handle on the subject keys of one installation.

    Args:
        path: The SQLite file; it is made, for its user alone, when missing.

    Raises:
        CredentialsError: The file can be read by others.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        make_folder(path.parent)
        if not path.exists():
            create_file(path, b"", PRIVATE_FILE)
        if path.lstat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise CredentialsError(
                str(path), "can be read by others.", f"Run `chmod 600 {path.name}` in its folder."
            )
        with self._transaction() as connection:
            connection.execute(_SCHEMA)

    @classmethod
    def of(cls, settings: Settings) -> Subjects:
        """Return the subjects of the installation with these settings."""
        return cls(settings.home / SUBJECTS)

    def columns_for(self, members_json: str) -> SubjectColumns:
        """Return the subjects of distinct members, making those that do not exist yet.

        Args:
            members_json: A JSON array of distinct member ids that hold no comma.
        """
        parameters = {"members": members_json}
        with self._transaction() as connection:
            wanted, *columns = connection.execute(_READ, parameters).fetchone()
            if columns[0].count(",") + bool(columns[0]) < wanted:
                missing, count = connection.execute(_MISSING, parameters).fetchone()
                entropy = os.urandom((REFERENCE_BYTES + MEMBER_KEY_BYTES) * count)
                connection.execute(_INSERT, {"members": missing, "entropy": entropy})
                _, *columns = connection.execute(_READ, parameters).fetchone()
            return SubjectColumns(*columns)

    def find(self, member_id: str) -> Subject | None:
        """Return the subject of a member, or None when there is none or it was erased."""
        with self._transaction() as connection:
            row = connection.execute(
                "select subject_ref, member_key from subjects where member_id = ?", (member_id,)
            ).fetchone()
        return Subject(row[0], row[1]) if row else None

    def erase(self, member_id: str) -> bool:
        """Destroy the key and reference of a member and return whether there were any."""
        with self._transaction() as connection:
            cursor = connection.execute("delete from subjects where member_id = ?", (member_id,))
            return cursor.rowcount > 0

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None
            )
            try:
                for pragma in _PRAGMAS:
                    connection.execute(f"PRAGMA {pragma}").fetchall()
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise RunStoppedError(
                str(self.path), f"could not be used: {type(error).__name__}.", "Run again."
            ) from error
