"""One sentence for whatever a command fails with, without a value of anybody's data."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import sqlalchemy as sa

from tellerline.errors import TellerlineError

FAILURES = (TellerlineError, OSError, duckdb.Error, sa.exc.SQLAlchemyError, ValueError)
"""What a command may fail with and say so; anything else is a defect and shows its traceback."""

# What SQLite refuses by its primary result code: https://www.sqlite.org/rescode.html
_PRIMARY = 0xFF
_STATE_PROBLEMS = {
    sqlite3.SQLITE_BUSY: "is locked by another process: wait, or end it.",
    sqlite3.SQLITE_LOCKED: "is locked by another process: wait, or end it.",
    sqlite3.SQLITE_READONLY: "is not writable: mend its permissions, or those of its folder.",
    sqlite3.SQLITE_PERM: "is not writable: mend its permissions, or those of its folder.",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: mend its permissions, or those of its folder.",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full.",
    sqlite3.SQLITE_IOERR: "cannot be read or written: look at the disk.",
    sqlite3.SQLITE_NOTADB: "is no SQLite database: restore it from the backup.",
    sqlite3.SQLITE_CORRUPT: "is a damaged SQLite database: restore it from the backup.",
}


def explain(error: Exception, state: Path | None) -> str:
    """Return what a command says of a failure.

    Messages of databases and of Python's own errors repeat values; they are never shown.

    Args:
        error: One of `FAILURES`.
        state: The operational database, when it is known.
    """
    if isinstance(error, TellerlineError):
        return str(error)
    if isinstance(error, sa.exc.SQLAlchemyError):
        return f"{state or 'the operational database'}: {_state_problem(error)}"
    if isinstance(error, duckdb.Error):
        return f"A database refuses ({type(error).__name__}). See `tellerline audit verify`."
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or type(error).__name__}."
    return (
        f"A value has a form that nothing here expects ({type(error).__name__}). "
        "Look at the command's arguments and the files that they name."
    )


def _state_problem(error: sa.exc.SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else None
    code = getattr(cause, "sqlite_errorcode", 0) & _PRIMARY
    return _STATE_PROBLEMS.get(
        code, f"refuses ({type(error).__name__}). See `tellerline audit verify`."
    )
