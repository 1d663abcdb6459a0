"""Rows on their way from one database to the other: a private file that both can read."""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Iterator
from pathlib import Path

from ingestion.warehouse import Database
from tellerline.sql import literal


def rows_of(parquet: Path) -> str:
    """Return what a query selects from to read a Parquet file."""
    return f"read_parquet({literal(glob.escape(str(parquet)))})"


@contextlib.contextmanager
def carried(database: Database, parquet: Path, query: str, *values: object) -> Iterator[str]:
    """Hold the rows of a query in a file, and yield what another database selects from.

    The file is gone afterwards. What the warehouse is to read must not hold what identifies a
    member.

    Args:
        database: Where the query runs.
        parquet: The file, in the private folder of the run.
        query: Each of its columns has a name of its own.
        values: Of the query.

    Raises:
        RunStoppedError: The database refuses.
    """
    try:
        database.run(f"copy ({query}) to {literal(str(parquet))} (format parquet)", *values)
        yield rows_of(parquet)
    finally:
        parquet.unlink(missing_ok=True)
