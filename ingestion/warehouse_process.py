"""The process that has the warehouse: it runs the statements that it is sent, and ends with them.

    python warehouse_process.py DESCRIPTOR

DESCRIPTOR is a socket to the process that ingests. First comes the configuration of the database,
then statements with their values, each answered before the next one. It is closed to say that all
is done; then what is not committed is rolled back, also when the other process was killed.

It knows no file but those that statements name, tells nothing to terminals or logs, and imports
little, because every ingestion waits for it to start.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

import duckdb

Statement = tuple[str, tuple[Any, ...]]
"""A query and its values."""

Answer = tuple[list[tuple[Any, ...]], tuple[str, str] | None]
"""The rows; or none, and the name and text of the error."""


def serve(pipe: Connection) -> None:
    """Run the statements that come through a pipe, until its other end is closed."""
    with duckdb.connect(config=pipe.recv()) as connection:
        # Whether the other process is done or dead: nobody is left to tell.
        with contextlib.suppress(EOFError, OSError):
            while True:
                query, values = pipe.recv()
                pipe.send(answer(connection, query, values))
        # There may be no transaction, which is an error.
        with contextlib.suppress(duckdb.Error):
            connection.execute("rollback")


def answer(connection: duckdb.DuckDBPyConnection, query: str, values: tuple[Any, ...]) -> Answer:
    """Run one statement and return what to send back."""
    try:
        return connection.execute(query, values).fetchall(), None
    except duckdb.Error as error:
        return [], (type(error).__name__, str(error))


if __name__ == "__main__":
    # The other process is interrupted as well, and decides what becomes of the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Connection(int(sys.argv[1])) as pipe_to_ingestion:
        serve(pipe_to_ingestion)
