"""The landing folder: finding files that are complete, and taking a durable copy of each.

A file NAME is complete when NAME.done stands beside it, or when nothing wrote to it for a minute.
Files lie flat or one level below, in a folder named after their feed. The landing itself is never
changed. Nothing in it is trusted: names, links, special files and files that change while being
read are refused.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from tellerline.canonical import sha256_hex
from tellerline.state import METADATA

QUIET_PERIOD = timedelta(seconds=60)
FLAT = "landing"
_IGNORED = (".part", ".tmp", ".done")
_DONE = ".done"

sightings = sa.Table(
    "landing_sightings",
    METADATA,
    sa.Column("path_sha256", sa.String(64), primary_key=True),
    sa.Column("landing_sha256", sa.String(64), nullable=False, index=True),
    sa.Column("identity", sa.String(128), nullable=False),
    sa.Column("file_sha256", sa.String(64), nullable=False),
    # 0 while the file changed so recently that its times could not show another change.
    sa.Column("is_settled", sa.Integer, nullable=False),
)

# Built once: building them costs more than running them.
_REMEMBER = sa.insert(sightings)
_FORGET = sa.delete(sightings).where(sightings.c.path_sha256 == sa.bindparam("path"))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A complete entry of the landing that was not there in this form before.

    Args:
        folder: The landing, or the feed's folder in it.
        source: The feed folder's name, or `landing`.
        name: The file's name as it stands there; may be hostile.
        path_sha256: Stands for the path in our own records.
        landing_sha256: Stands for the landing.
        identity: Device, inode, size and times; any change of the content changes it.
        is_regular: False for links, pipes, devices and files with a second name.
        seen_sha256: The content's hash of an earlier look at the same identity, if it was
            so fresh then that it has to be looked at again.
    """

    folder: Path
    source: str
    name: str
    path_sha256: str
    landing_sha256: str
    identity: str
    is_regular: bool
    seen_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the landing gave.

    Args:
        candidates: What is to be received, in a stable order.
        unchanged: How many files are exactly as they were.
        waiting: How many files are not complete yet.
        folders: Names of folders that are left alone; empty for one whose name is not safe.
        gone: Paths, by their hash, that were seen before and are there no longer.
    """

    candidates: tuple[Candidate, ...]
    unchanged: int
    waiting: int
    folders: tuple[str, ...]
    gone: tuple[str, ...]


def look(landing: Path, feeds: frozenset[str], now: datetime, connection: sa.Connection) -> Found:
    """Return what is new and complete in `landing`. Unchanged files cost one `lstat` each.

    Args:
        landing: The folder; a missing one is empty.
        feeds: Names of feeds: folders that may hold files.
        now: The time, for the quiet period.
        connection: Reads the sightings.
    """
    landing_sha256 = sha256_hex(os.fsencode(landing.absolute()))
    query = sa.select(sightings).where(sightings.c.landing_sha256 == landing_sha256)
    known = {row.path_sha256: row for row in connection.execute(query)}
    candidates: list[Candidate] = []
    unchanged = waiting = 0
    folders, others = _folders(landing, feeds)
    for folder, source in folders:
        for name, status, is_marked in _entries(folder):
            path_sha256 = sha256_hex(os.fsencode(folder.absolute() / name))
            identity = identity_of(status)
            seen = known.pop(path_sha256, None)
            before = seen.file_sha256 if seen is not None and seen.identity == identity else None
            if before is not None and seen is not None and seen.is_settled:
                unchanged += 1
            elif not is_marked and not _is_quiet(status, now):
                waiting += 1
            else:
                candidates.append(
                    Candidate(
                        folder=folder,
                        source=source,
                        name=name,
                        path_sha256=path_sha256,
                        landing_sha256=landing_sha256,
                        identity=identity,
                        is_regular=is_plain(status),
                        seen_sha256=before or "",
                    )
                )
    return Found(tuple(candidates), unchanged, waiting, others, tuple(known))


def _entries(folder: Path) -> Iterator[tuple[str, os.stat_result, bool]]:
    """Yield the name and state of what may be a file, and whether its marker is there."""
    with open_folder(folder) as descriptor:
        names = sorted(os.listdir(descriptor))  # noqa: PTH208 - by descriptor, not by path
        present = set(names)
        for name in names:
            if name.startswith(".") or name.endswith(_IGNORED):
                continue
            try:
                status = os.lstat(name, dir_fd=descriptor)
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(status.st_mode):
                yield name, status, name + _DONE in present


def is_plain(status: os.stat_result) -> bool:
    """Return whether this is a regular file with one name; a second name could lead anywhere."""
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def identity_of(status: os.stat_result) -> str:
    """Return what identifies a file's state.

    The change time (ctime) cannot be set by a program: the kernel moves it with every write, so
    content cannot change while the modification time is put back unnoticed.
    """
    return (
        f"{status.st_dev}:{status.st_ino}:{status.st_size}:"
        f"{status.st_mtime_ns}:{status.st_ctime_ns}"
    )


@contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    """Yield a descriptor of `folder`, which must be a folder and no link to one."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def remember(
    connection: sa.Connection, candidate: Candidate, file_sha256: str, *, is_settled: bool
) -> None:
    """Write that `candidate` was seen with this content, so that it is not news again."""
    connection.execute(_FORGET, {"path": candidate.path_sha256})
    connection.execute(
        _REMEMBER,
        {
            "path_sha256": candidate.path_sha256,
            "landing_sha256": candidate.landing_sha256,
            "identity": candidate.identity,
            "file_sha256": file_sha256,
            "is_settled": int(is_settled),
        },
    )


def forget(connection: sa.Connection, gone: Sequence[str]) -> None:
    """Drop the sightings of files that are there no longer."""
    connection.execute(_FORGET, [{"path": path} for path in gone])


def _folders(
    landing: Path, feeds: frozenset[str]
) -> tuple[list[tuple[Path, str]], tuple[str, ...]]:
    """Return the folders to look into with their source names, and the folders left alone."""
    if not landing.is_dir():
        return [], ()
    inside, others = [(landing, FLAT)], []
    with os.scandir(landing) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
                continue
            if entry.name in feeds:
                inside.append((landing / entry.name, entry.name))
            else:
                others.append(entry.name if entry.name.isidentifier() else "")
    return inside, tuple(others)


def _is_quiet(status: os.stat_result, now: datetime) -> bool:
    return status.st_mtime <= (now - QUIET_PERIOD).timestamp()
