"""What one run of the ingestion has for itself: a lock, a private scratch folder, private files."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from tellerline.databases import RETRY_SECONDS
from tellerline.durable import PRIVATE_FILE, make_folder
from tellerline.errors import ConflictError
from tellerline.settings import Settings

_LOCK = "ingestion.lock"


def scratch_folder(settings: Settings) -> Path:
    """Return the private folder of files that live no longer than a run."""
    return settings.home / "scratch" / "ingestion"


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Make every file of this process readable by its user alone, the databases' own included."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def scratch(settings: Settings) -> Iterator[None]:
    """Hold an empty scratch folder; what a killed run left there is removed."""
    with empty_folder(scratch_folder(settings)):
        yield


@contextlib.contextmanager
def empty_folder(folder: Path) -> Iterator[None]:
    """Hold an empty private folder; what it held before and holds in the end is removed."""
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder, mode=0o700)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def run_lock(settings: Settings, wait_seconds: float) -> Iterator[None]:
    """Hold the lock of ingestion, so that two runs do not take in the same files.

    Raises:
        ConflictError: Another run has it for longer than `wait_seconds`.
    """
    path = settings.home / _LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        deadline = time.monotonic() + wait_seconds
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 32, 0).decode("ascii", "ignore").strip()
                raise ConflictError(
                    str(path),
                    f"is held by another ingestion (process {holder or 'unknown'}).",
                    "Wait for it to end, then run again.",
                )
            time.sleep(RETRY_SECONDS)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
