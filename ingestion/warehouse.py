"""The two databases behind one connection: the warehouse, and the vault with what identifies.

A DuckDB transaction writes to one database only. The vault is committed first and its writes can be
repeated; a file counts as loaded when the warehouse's transaction with its row in raw.loads is.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ingestion.keys import MemberKey
from ingestion.workspace import RETRY_SECONDS
from tellerline.durable import make_folder
from tellerline.errors import (
    ConfigurationError,
    ConflictError,
    CredentialsError,
    IntegrityError,
    RunStoppedError,
)
from tellerline.settings import Settings
from tellerline.sql import identifier, literal
from tellerline.storage import PACKING, STORAGE_VERSION

NUMBER_KINDS = ("member", "account")
"""The kinds of numbers that the vault keeps beside their tokens."""

MEMORY_LIMIT = "2GB"
_HOLDER = re.compile(r"PID (\d+)")
_LOCKED = "lock"


@dataclass(frozen=True, slots=True)
class Databases:
    """The open connection. Errors of the database never carry their text: it may quote a row."""

    connection: duckdb.DuckDBPyConnection

    def run(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows.

        Raises:
            RunStoppedError: The database refuses; only the kind of its error is told.
        """
        try:
            return self.connection.execute(query, values).fetchall()
        except duckdb.Error as error:
            raise RunStoppedError(
                "warehouse",
                f"the database refused a step of the load ({type(error).__name__}).",
                "Check the free space of the disk and of memory, then run again.",
            ) from None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold one transaction, for one of the two databases."""
        self.run("begin transaction")
        try:
            yield
        except BaseException:
            # An interrupt as well as a fault: no transaction is left open.
            with contextlib.suppress(RunStoppedError):
                self.run("rollback")
            raise
        self.run("commit")


@contextlib.contextmanager
def open_databases(settings: Settings, wait_seconds: float) -> Iterator[Databases]:
    """Open warehouse and vault for writing, waiting for whoever holds them.

    Args:
        settings: The installation.
        wait_seconds: How long to wait for another process to let go.

    Raises:
        ConfigurationError: Their path is one that the database cannot handle.
        ConflictError: Another process still holds one of them.
        IntegrityError: One of them is no database that this version can read.
    """
    if "?" in str(settings.home):
        raise ConfigurationError(
            str(settings.home),
            "holds a question mark, which the database takes for the end of a path.",
            "Set TELLERLINE_HOME to another folder.",
        )
    make_folder(settings.home)
    spill = settings.home / "scratch" / "spill"
    connection = duckdb.connect(
        config={
            "storage_compatibility_version": STORAGE_VERSION,
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    try:
        for statement in ("set TimeZone = 'UTC'", *PACKING):
            connection.execute(statement)
        deadline = time.monotonic() + wait_seconds
        for name, path in (("warehouse", settings.warehouse), ("vault", settings.vault)):
            _attach(connection, name, path, deadline)
        # Whoever has the databases has the spill folder; what a killed process left is removed.
        shutil.rmtree(spill, ignore_errors=True)
        make_folder(spill, mode=0o700)
        try:
            yield Databases(connection)
        finally:
            shutil.rmtree(spill, ignore_errors=True)
    finally:
        connection.close()


def _attach(connection: duckdb.DuckDBPyConnection, name: str, path: Path, deadline: float) -> None:
    while True:
        try:
            connection.execute(f"attach {literal(str(path))} as {identifier(name)}")
        except duckdb.IOException as error:
            text = str(error)
            if _LOCKED not in text.lower():
                raise _unreadable(path, error) from None
            if time.monotonic() >= deadline:
                holder = _HOLDER.search(text)
                who = f"process {holder[1]}" if holder else "another process"
                raise ConflictError(
                    str(path), f"is held by {who}.", "Wait for it to end, then run again."
                ) from None
            time.sleep(RETRY_SECONDS)
        except (duckdb.BinderException, duckdb.ConnectionException):
            raise ConflictError(
                str(path), "is open in this very process.", "Close it, then run again."
            ) from None
        except duckdb.Error as error:
            raise _unreadable(path, error) from None
        else:
            return


def _unreadable(path: Path, error: duckdb.Error) -> IntegrityError:
    return IntegrityError(
        str(path),
        f"cannot be opened ({type(error).__name__}).",
        "Restore it from a backup. A warehouse moved away is loaded again from what was received.",
    )


def check_key(databases: Databases, key: MemberKey) -> None:
    """Refuse a key other than the one that the vault was made with.

    Raises:
        CredentialsError: With this key no member of the vault would be recognised.
    """
    for kind in NUMBER_KINDS:
        made_with = databases.run(f"select distinct key_id from vault.raw.{kind}_numbers")
        others = sorted({row[0] for row in made_with} - {key.key_id})
        if others:
            raise CredentialsError(
                f"member key {key.key_id}",
                f"is not the key {', '.join(others)} that the vault was made with.",
                "Restore that key.",
            )
