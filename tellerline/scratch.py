"""Private databases in memory, for one piece of work each.

An instance of DuckDB takes 20 ms to make, because it registers thousands of functions; a database
attached to one takes one. So a process makes one instance, and attaches to it what is asked for.
"""

from __future__ import annotations

import atexit
import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

_lock = threading.Lock()
_names = itertools.count()
_instances: list[duckdb.DuckDBPyConnection] = []


@contextmanager
def scratch_database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty database in memory that nobody else sees, and drop it in the end.

    What is created without a name of a database goes into it. Settings that are global to DuckDB,
    and functions written in Python, would be shared: who needs them opens an instance.
    """
    name = f"scratch_{next(_names)}"
    with _lock:
        if not _instances:
            _instances.append(duckdb.connect())
        keeper = _instances[0].cursor()
    keeper.execute(f"attach ':memory:' as {name}")
    connection = keeper.cursor()
    try:
        connection.execute(f"use {name}")
        yield connection
    finally:
        # Whatever is open ends with its connection; then nobody uses the database any more.
        connection.close()
        keeper.execute(f"detach {name}")
        keeper.close()


def _forget() -> None:
    """Close the instance, unless it is in use: then the last one to use it does."""
    with _lock:
        while _instances:
            _instances.pop().close()


# Its threads do not live on in a forked process.
os.register_at_fork(before=_forget)
# Closed before the interpreter takes the database's module apart.
atexit.register(_forget)
