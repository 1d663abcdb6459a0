"""Record files read back: their leaves, hashed again by the database."""

from __future__ import annotations

from pathlib import Path

import duckdb

from activation.ledger.commitments import leaf_hash_sql, leaf_sql
from tellerline.errors import IntegrityError

LEAVES = "tellerline_record_leaves"


def read_leaves(connection: duckdb.DuckDBPyConnection, path: Path, batch_id: str) -> int:
    """Fill the temporary table `tellerline_record_leaves` from a record file; return its rows.

    The table has the columns position, hash, operation and outcome.

    Args:
        connection: A connection of its own; an older table of that name is replaced.
        path: The record file.
        batch_id: The batch whose records it holds.

    Raises:
        IntegrityError: The file is no record file, or positions are not 0 to n-1.
    """
    leaf = leaf_hash_sql(leaf_sql(batch_id, "lower(hex(commitment))"))
    try:
        connection.execute(
            f"""
            create or replace temp table {LEAVES} as
            select position, {leaf} as hash, operation, outcome from read_parquet(?)
            """,
            [str(path)],
        )
        row = connection.execute(
            f"""
            select count(*), count(distinct position), coalesce(max(position), -1) + 1
            from {LEAVES} where position >= 0
            """
        ).fetchone()
    except duckdb.Error as error:
        raise IntegrityError(
            path.name, f"cannot be read as a record file: {type(error).__name__}."
        ) from None
    if row is None or len(set(row)) != 1:
        raise IntegrityError(path.name, "does not number its records from 0 without a gap.")
    return int(row[0])
