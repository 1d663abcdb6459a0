"""What the ledger is told of one run of ingestion: it begins with the first entry that it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from tellerline.outbox import Reporter
from tellerline.state import State

# Runs of delivery stand in the same ledger.
RUN_KIND = "ingestion"


@dataclass(slots=True)
class RunRecord:
    """Puts a run's entries into the outbox, `run.started` before the first of them.

    A run without news leaves no trace in the ledger.

    Args:
        state: The operational database.
        reporter: Writes ledger entries.
        run_id: The run.
    """

    state: State
    reporter: Reporter
    run_id: str
    _is_started: bool = field(default=False, init=False)
    _is_starting: bool = field(default=False, init=False)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Yield a connection for facts and their entries, committed together or not at all."""
        self._is_starting = self._is_started
        with self.state.transaction() as connection:
            yield connection
        self._is_started = self._is_starting

    def record(
        self,
        connection: sa.Connection,
        entry_type: str,
        body: dict[str, Any],
        *,
        references: list[dict[str, Any]] | None = None,
    ) -> None:
        """Insert one entry of the run.

        Args:
            connection: Yielded by `transaction`.
            entry_type: One of the ledger's types.
            body: The fact, free of members' data.
            references: Content it speaks of: `[{"name", "bytes", "sha256"}]`.
        """
        if not self._is_starting:
            self.reporter.record(connection, "run.started", {"kind": RUN_KIND}, run_id=self.run_id)
            self._is_starting = True
        self.reporter.record(
            connection, entry_type, body, run_id=self.run_id, references=references
        )

    def finish(self, body: dict[str, Any]) -> None:
        """Say what came of the run, if it began."""
        if self._is_started:
            with self.transaction() as connection:
                self.record(connection, "run.finished", {"kind": RUN_KIND, **body})
