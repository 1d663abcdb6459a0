"""Database files, looked into many times by one process, and how their tables are stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tellerline.scratch import scratch_database


@contextmanager
def attached(**files: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open database files for reading, each under its name; the first is the one in use."""
    with scratch_database() as connection:
        [(own,)] = connection.execute("select current_database()").fetchall()
        held = []
        try:
            for name, path in files.items():
                connection.execute(
                    f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as {name} (read_only)"
                )
                held.append(name)
            connection.execute(f"use {next(iter(files))}")
            yield connection
        finally:
            connection.execute(f"use {own}")
            for name in held:
                connection.execute(f"detach {name}")


def ways_of_packing(path: Path) -> set[tuple[str, str]]:
    """Return each type of the stored columns of a database file with each way it is packed."""
    with attached(looked_into=path) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where database_name = 'looked_into'"
        ).fetchall()
        return {
            (str(row[0]), str(row[1]))
            for schema, table in tables
            for row in connection.execute(
                "select distinct segment_type, compression "
                f"from pragma_storage_info('looked_into.{schema}.{table}') where persistent"
            ).fetchall()
        }


def assert_packed_as_ruled(path: Path) -> None:
    """Assert that a database file holds at most 7 bytes in a row of its writer's memory."""
    packed = ways_of_packing(path)
    assert {way for kind, way in packed if kind in ("VARCHAR", "BLOB")} == {"DICT_FSST"}
    assert {way for _, way in packed} <= {
        "BitPacking",
        "Constant",
        "DICT_FSST",
        "Empty Validity",
        "RLE",
        "Roaring",
        "Uncompressed",
    }
