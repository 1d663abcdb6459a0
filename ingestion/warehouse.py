"""The two databases: the warehouse, in a process of its own, and the vault with what identifies.

No transaction writes to both. The vault is committed first and its writes can be repeated; a file
counts as loaded when the warehouse's transaction with its row in raw.loads is committed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import duckdb

from ingestion.keys import MemberKey
from ingestion.warehouse_link import WarehouseLink, linked
from ingestion.workspace import empty_folder, scratch_folder
from tellerline.databases import attach
from tellerline.durable import make_folder
from tellerline.errors import ConfigurationError, CredentialsError, RunStoppedError
from tellerline.settings import Settings
from tellerline.storage import STORAGE_VERSION

NUMBER_KINDS = ("member", "account")
"""The kinds of numbers that the vault keeps beside their tokens."""

MEMORY_LIMIT = "2GB"
"""Of each of the two processes."""


class Rows(Protocol):
    """What a statement gave."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows."""


class Connection(Protocol):
    """A connection in this process, or to the process of the warehouse."""

    def execute(self, query: str, values: tuple[object, ...], /) -> Rows:
        """Run one statement."""


@dataclass(frozen=True, slots=True)
class Database:
    """One open database. Errors of the database never carry its text: it may quote a row."""

    connection: Connection

    def run(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows.

        Raises:
            RunStoppedError: The database refuses, and only the kind of its error is told; or the
                process of the warehouse ended.
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
        """Hold one transaction."""
        self.run("begin transaction")
        try:
            yield
        except BaseException:
            # An interrupt as well as a fault: no transaction is left open.
            with contextlib.suppress(RunStoppedError):
                self.run("rollback")
            raise
        self.run("commit")


@dataclass(frozen=True, slots=True)
class Databases:
    """Both databases.

    Args:
        local: The stage, in temporary tables, and the vault. It sees everything.
        warehouse: The warehouse. It must see nothing that identifies a member: neither in
            statements and their values nor in files that it reads.
        scratch: The private folder of the run, where rows pass from one to the other.
    """

    local: Database
    warehouse: Database
    scratch: Path

    def run(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement on the stage or the vault; see `Database.run`."""
        return self.local.run(query, *values)

    def holding(self, name: str) -> Database:
        """Return where statements find `warehouse` or `vault`."""
        return self.warehouse if name == "warehouse" else self.local


@contextlib.contextmanager
def started_warehouse(settings: Settings) -> Iterator[WarehouseLink]:
    """Have the process that opens the warehouse; while it starts, other work can be done.

    Raises:
        ConfigurationError: The path of the warehouse is one that the database cannot handle.
        RunStoppedError: The process did not end in order, although all went well until then.
    """
    _prepare_home(settings)
    with linked(_configuration(_warehouse_spill(settings))) as link:
        yield link


@contextlib.contextmanager
def open_warehouse(
    settings: Settings, link: WarehouseLink, wait_seconds: float
) -> Iterator[Database]:
    """Open the warehouse for writing, waiting for whoever holds it.

    Args:
        settings: The installation.
        link: To the process that opens it.
        wait_seconds: How long to wait for another process to let go.

    Raises:
        ConflictError: Another process still holds it.
        IntegrityError: It is no database that this version can read.
        RunStoppedError: Its process ended, or what was committed could not be written to its place.
    """
    database = Database(link)
    database.run("set TimeZone = 'UTC'")
    # Rows of a table have no order; kept as they come, they are written twice.
    database.run("set preserve_insertion_order = false")
    attach(link, "warehouse", settings.warehouse, wait_seconds=wait_seconds)
    # Whoever has the database has its spill folder; what a killed process left is removed.
    with empty_folder(_warehouse_spill(settings)):
        yield database
        # Closing would do it as well, and not tell when it fails.
        database.run("checkpoint warehouse")


@contextlib.contextmanager
def open_databases(
    settings: Settings, link: WarehouseLink, wait_seconds: float
) -> Iterator[Databases]:
    """Open warehouse and vault for writing, waiting for whoever holds them.

    Args:
        settings: The installation.
        link: To the process that opens the warehouse.
        wait_seconds: How long to wait for other processes to let go.

    Raises:
        ConflictError: Another process still holds one of them.
        IntegrityError: One of them is no database that this version can read.
        RunStoppedError: The process of the warehouse ended, or what was committed could not be
            written to its place.
    """
    deadline = time.monotonic() + wait_seconds
    spill = settings.home / "scratch" / "spill"
    with open_warehouse(settings, link, wait_seconds) as warehouse:
        connection = duckdb.connect(config=_configuration(spill))
        try:
            local = Database(connection)
            local.run("set TimeZone = 'UTC'")
            left = max(0.0, deadline - time.monotonic())
            attach(connection, "vault", settings.vault, wait_seconds=left)
            with empty_folder(spill):
                yield Databases(local, warehouse, scratch_folder(settings))
                local.run("checkpoint vault")
        finally:
            connection.close()


def _warehouse_spill(settings: Settings) -> Path:
    return settings.home / "scratch" / "warehouse-spill"


def _prepare_home(settings: Settings) -> None:
    if "?" in str(settings.home):
        raise ConfigurationError(
            str(settings.home),
            "holds a question mark, which the database takes for the end of a path.",
            "Set TELLERLINE_HOME to another folder.",
        )
    make_folder(settings.home)


def _configuration(spill: Path) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "storage_compatibility_version": STORAGE_VERSION,
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }


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
