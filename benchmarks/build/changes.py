"""What no night does without: every row that is not as it was the day before has to be written."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.build.sides import Home
from tellerline.sql import literal


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs in the tables that dbt builds in the warehouse.

    Args:
        changed_rows: Rows of which there was no equal one before.
        rows: All rows.
        seconds: How long it takes to write the changed ones, ready made, to a file.
    """

    changed_rows: int
    rows: int
    seconds: float


def keep_checksums(home: Home, kept: Path) -> None:
    """Keep a checksum of each row that is there.

    Args:
        home: Where dbt has built.
        kept: The file to make.
    """
    with home.beside(kept) as connection:
        connection.execute("create table kept (table_name text, row_checksum ubigint)")
        for name in _tables(connection):
            connection.execute(
                f"insert into kept select {literal(name)}, hash(built) from {name} as built"
            )


def write_changes(home: Home, kept: Path) -> Changes:
    """Write the rows that were not there when the checksums were kept.

    Args:
        home: Where dbt has built again.
        kept: The file with the checksums. It is written to.
    """
    changed_rows = rows = 0
    seconds = 0.0
    with home.beside(kept) as connection:
        for name in _tables(connection):
            # Which rows they are costs a night something too: only to write them is counted.
            connection.execute(
                f"create or replace table changed as select built.* from {name} as built "
                "where hash(built) not in "
                f"(select row_checksum from kept where table_name = {literal(name)})"
            )
            started = time.monotonic()
            connection.execute("create or replace table written as select * from changed")
            seconds += time.monotonic() - started
            changed_rows += _count(connection, "written")
            rows += _count(connection, name)
    return Changes(changed_rows, rows, seconds)


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    [(count,)] = connection.execute(f"select count(*) from {table}").fetchall()
    return int(count)


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the names of what dbt builds: raw tables are those of ingestion."""
    return [
        f"warehouse.{schema}.{table}"
        for schema, table in connection.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where database_name = 'warehouse' and schema_name <> 'raw' order by all"
        ).fetchall()
    ]
