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

from ingestion.contracts import LOAD_COLUMNS, Feed
from ingestion.keys import MemberKey
from ingestion.sql import identifier, literal
from ingestion.workspace import RETRY_SECONDS, scratch_folder
from tellerline.durable import make_folder
from tellerline.errors import (
    ConfigurationError,
    ConflictError,
    ContractError,
    CredentialsError,
    IntegrityError,
    RunStoppedError,
)
from tellerline.settings import Settings

STORAGE_VERSION = "v1.5.0"
MEMORY_LIMIT = "2GB"
_HOLDER = re.compile(r"PID (\d+)")
_LOCKED = "lock"

LOADS_COLUMNS: dict[str, str] = {
    "load_id": "varchar",
    "feed": "varchar",
    "file_name": "varchar",
    "file_sha256": "varchar",
    "byte_count": "bigint",
    "business_date": "date",
    "received_at": "timestamp",
    "loaded_at": "timestamp",
    "state": "varchar",
    "read_count": "bigint",
    "loaded_count": "bigint",
    "rejected_count": "bigint",
    "duplicate_count": "bigint",
    "rejection_reason": "varchar",
}
REJECTIONS_COLUMNS: dict[str, str] = {
    "load_id": "varchar",
    "feed": "varchar",
    "line_number": "bigint",
    "rejection_reason": "varchar",
    "column_name": "varchar",
    "value_class": "varchar",
}
NUMBER_TABLES: dict[str, dict[str, str]] = {
    kind: {f"{kind}_id": "varchar", f"{kind}_number": "varchar", "key_id": "varchar"}
    for kind in ("member", "account")
}


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
    spill = scratch_folder(settings) / "spill"
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
        connection.execute("set TimeZone = 'UTC'")
        deadline = time.monotonic() + wait_seconds
        for name, path in (("warehouse", settings.warehouse), ("vault", settings.vault)):
            _attach(connection, name, path, deadline)
        yield Databases(connection)
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)


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
        "Restore it, or move it away: it is rebuilt from what was received.",
    )


def prepare_tables(databases: Databases, feeds: dict[str, Feed]) -> None:
    """Make the raw tables that are missing, and add the columns that contracts gained.

    Raises:
        ContractError: A column exists with another type than the contract's.
    """
    warehouse = {"loads": LOADS_COLUMNS, "rejections": REJECTIONS_COLUMNS}
    vault = {f"{kind}_numbers": columns for kind, columns in NUMBER_TABLES.items()}
    for feed in feeds.values():
        columns = {field.name: field.sql_type for field in feed.fields} | LOAD_COLUMNS
        (vault if feed.destination == "vault" else warehouse)[feed.feed] = columns
    for database, tables in (("warehouse", warehouse), ("vault", vault)):
        with databases.transaction():
            databases.run(f"create schema if not exists {database}.raw")
            for table, columns in tables.items():
                _prepare_table(databases, database, table, columns)


def _prepare_table(
    databases: Databases, database: str, table: str, columns: dict[str, str]
) -> None:
    name = f"{database}.raw.{identifier(table)}"
    listed = ", ".join(f"{identifier(column)} {kind}" for column, kind in columns.items())
    databases.run(f"create table if not exists {name} ({listed})")
    found = {
        column: kind.lower()
        for column, kind in databases.run(
            "select column_name, data_type from duckdb_columns() "
            "where database_name = ? and schema_name = 'raw' and table_name = ?",
            database,
            table,
        )
    }
    for column, kind in columns.items():
        if column not in found:
            databases.run(f"alter table {name} add column {identifier(column)} {kind}")
        elif found[column] != kind:
            raise ContractError(
                f"{database}.raw.{table}",
                f"has the column {column} as {found[column]}, the contract as {kind}.",
                "Give the field another name, or migrate the table.",
            )


def check_key(databases: Databases, key: MemberKey) -> None:
    """Refuse a key other than the one that the vault was made with.

    Raises:
        CredentialsError: With this key no member of the vault would be recognised.
    """
    for kind in NUMBER_TABLES:
        made_with = databases.run(f"select distinct key_id from vault.raw.{kind}_numbers")
        others = sorted({row[0] for row in made_with} - {key.key_id})
        if others:
            raise CredentialsError(
                f"member key {key.key_id}",
                f"is not the key {', '.join(others)} that the vault was made with.",
                "Restore that key.",
            )
