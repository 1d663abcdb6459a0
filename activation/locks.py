"""One process at a time: an advisory lock on a file, freed by the kernel when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tellerline.durable import PRIVATE_FILE, make_folder
from tellerline.errors import ConflictError


@contextmanager
def exclusive(path: Path, subject: str) -> Iterator[None]:
    """Hold the lock file `path` while the block runs.

    Raises:
        ConflictError: Another process holds it.
    """
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(
                subject, "is being worked on by another process.", "Wait for it, then run again."
            ) from None
        yield
    finally:
        os.close(descriptor)
