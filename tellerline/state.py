"""The operational database: SQLite in WAL mode with full synchronisation, through SQLAlchemy Core.

Each room declares its tables on `METADATA`. One transaction takes the write lock at once and holds
a fact together with its ledger entry. The tables are portable, so PostgreSQL can take their place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from tellerline.durable import make_folder

METADATA = sa.MetaData()
BUSY_TIMEOUT_SECONDS = 30
_READING = "tellerline_reading"


class State:
    """A handle on the operational database.

    Args:
        path: The SQLite file; it and its folder are made when missing.
    """

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        self.path = path
        self._engine = sa.create_engine(
            f"sqlite:///{path}",
            connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        sa.event.listen(self._engine, "connect", _configure)
        sa.event.listen(self._engine, "begin", _begin_immediate)
        with self._engine.begin() as connection:
            METADATA.create_all(connection)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Yield a connection whose work is committed durably at the end, or not at all."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Yield a connection for reading one consistent state; writers are not kept waiting."""
        with self._engine.connect() as connection:
            connection.execution_options(**{_READING: True})
            yield connection

    def close(self) -> None:
        """Close every pooled connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _configure(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver's connection
    # SQLAlchemy then issues BEGIN itself, below, so that a transaction takes its lock at once.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
