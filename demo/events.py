"""Dagster's events of the demo, in one SQLite file over connections that stay open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from sqlite3 import Connection as SqliteConnection

from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, event


class EventLog(ConsolidatedSqliteEventLogStorage):
    """Where the demo's instance keeps its events.

    Dagster's own class opens a database, waits for the disk and closes it for each of the thousands
    of events of a job, which takes longer than all that the job does. Here connections stay open,
    and a commit does not wait for the disk: of a demo that the power ends, the last events may be
    missing in Dagster's pages, and nowhere else.
    """

    @cached_property
    def _engine(self) -> Engine:
        engine = create_engine(
            self._conn_string, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
        )
        event.listen(engine, "connect", _do_not_wait)
        return engine

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def dispose(self) -> None:
        """Close the connections."""
        self._engine.dispose()
        super().dispose()  # type: ignore[no-untyped-call]  # Dagster leaves it untyped


def _do_not_wait(connection: SqliteConnection, record: object) -> None:
    del record
    connection.execute("pragma synchronous = normal")
