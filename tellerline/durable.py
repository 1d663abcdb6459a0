"""Writes that survive a power cut, in the one order that is right.

Temporary name in the same folder, write, fsync the file, rename, fsync the folder; and fsync the
parent of every folder made on the way. An fsync that fails is never retried: the page cache may
then lie about what is on disk, so the error stops the process.
"""

from __future__ import annotations

import os
from pathlib import Path

from tellerline.errors import IntegrityError

PRIVATE_FILE = 0o600
SHARED_FILE = 0o644


def make_folder(path: Path, mode: int = 0o755) -> None:
    """Make `path` and its missing parents, each durably. An existing folder is left as it is."""
    missing = []
    current = path
    while not current.is_dir():
        missing.append(current)
        current = current.parent
    for folder in reversed(missing):
        folder.mkdir(mode=mode, exist_ok=True)
        sync_folder(folder.parent)


def replace_file(path: Path, data: bytes, mode: int = SHARED_FILE) -> None:
    """Put `data` at `path` atomically: readers see the old bytes or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.rename(path)
    sync_folder(path.parent)


def create_file(path: Path, data: bytes, mode: int = SHARED_FILE) -> None:
    """Put `data` at `path`, or accept that the same bytes are there already.

    Raises:
        IntegrityError: Other bytes stand under that name.
    """
    if path.exists():
        if path.read_bytes() != data:
            raise IntegrityError(
                str(path), "exists with other content.", "Nothing was overwritten; find out why."
            )
        sync_file(path)
        sync_folder(path.parent)
        return
    replace_file(path, data, mode)


def append_line(path: Path, line: bytes) -> None:
    """Append one line to `path` and make it durable.

    A tail without an end of line is what a process died over before anybody was told that it
    stands; it is cut off. There may be one writer at a time.
    """
    if path.exists():
        _cut_torn_tail(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        _write_all(descriptor, line + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    # Also when the file existed: who made it may have died before its name was on disk.
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Force what another writer left in `path` to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Force the names in the folder `path` to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish_folder(staging: Path, final: Path) -> None:
    """Make the finished folder `staging` appear as `final`, whole or not at all.

    Every file and folder below is forced to disk first.

    Raises:
        IntegrityError: `final` exists already.
    """
    if final.exists():
        raise IntegrityError(str(final), "exists already.", "A published folder is never replaced.")
    for folder, _, names in os.walk(staging, topdown=False):
        for name in names:
            sync_file(Path(folder) / name)
        sync_folder(Path(folder))
    staging.rename(final)
    sync_folder(final.parent)


def _cut_torn_tail(path: Path) -> None:
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
