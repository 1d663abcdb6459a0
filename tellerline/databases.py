"""Opening database files that other processes may hold."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Protocol

import duckdb

from tellerline.errors import ConflictError, IntegrityError
from tellerline.sql import identifier, literal

RETRY_SECONDS = 0.2
"""How long to wait before a lock that another process has is asked for once more."""

# The classes of these errors change from one version to the next; these words have not.
_LOCKED = "could not set lock"
_OPEN_HERE = "unique file handle conflict"
_HOLDER = re.compile(r"PID (\d+)")


class Executes(Protocol):
    """Whatever runs a statement and raises errors of `duckdb`: its connections, for example."""

    def execute(self, query: str, /) -> object:
        """Run one statement."""


def attach(
    connection: Executes, name: str, path: Path, *, wait_seconds: float, read_only: bool = False
) -> None:
    """Attach a database file to a connection, waiting for whoever holds it.

    Args:
        connection: Where it is attached.
        name: What statements call it.
        path: The file; it is made when it is missing, unless it is attached for reading.
        wait_seconds: How long to wait for another process to let go.
        read_only: Whether it is for reading alone.

    Raises:
        ConflictError: Another process still holds it, or this very process does.
        IntegrityError: It is no database that this version can read, or it is missing and
            attached for reading.
    """
    # Said in either case: beside a database opened for reading, others would be for reading too.
    mode = "read_only" if read_only else "read_write"
    statement = f"attach {literal(str(path))} as {identifier(name)} ({mode})"
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            connection.execute(statement)
        except duckdb.Error as error:
            text = str(error)
            if _OPEN_HERE in text.lower():
                raise ConflictError(
                    str(path), "is open in this very process.", "Close it, then run again."
                ) from None
            if _LOCKED not in text.lower():
                raise _unreadable(path, error) from None
            if time.monotonic() >= deadline:
                holder = _HOLDER.search(text)
                who = f"process {holder[1]}" if holder else "another process"
                raise ConflictError(
                    str(path), f"is held by {who}.", "Wait for it to end, then run again."
                ) from None
            time.sleep(RETRY_SECONDS)
        else:
            return


def _unreadable(path: Path, error: duckdb.Error) -> IntegrityError:
    return IntegrityError(
        str(path),
        f"cannot be opened ({type(error).__name__}).",
        "Restore it from a backup. A warehouse moved away is loaded again from what was received.",
    )
