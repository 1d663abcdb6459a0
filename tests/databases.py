"""Database files, looked into many times by one process."""

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
