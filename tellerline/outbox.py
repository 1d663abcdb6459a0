"""The outbox of the ledger: an entry is inserted in the same transaction as the fact it tells.

The entry's canonical bytes are the leaf of the log. One sequencer, elsewhere, gives each its index
and writes it to the tiles. An entry that could not be logged is refused here, before the fact is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tellerline.canonical import canonical_json
from tellerline.clock import Clock, new_id, timestamp
from tellerline.errors import IntegrityError
from tellerline.state import METADATA

MAX_ENTRY_BYTES = 16_384
ENTRY_VERSION = 1
ENTRY_TYPES = frozenset(
    {
        "approval.denied",
        "approval.granted",
        "approval.requested",
        "approval.revoked",
        "audience.planned",
        "config.changed",
        "consent.snapshot",
        "dataset.published",
        "feed.stopped",
        "file.accepted",
        "file.duplicate",
        "file.quarantined",
        "file.received",
        "key.rotated",
        "ledger.incident",
        "pii.read",
        "recon.result",
        "records.batch",
        "role.changed",
        "run.finished",
        "run.started",
        "subject.erased",
        "webhook.window",
    }
)

outbox = sa.Table(
    "outbox",
    METADATA,
    sa.Column("outbox_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("entry_id", sa.String(26), nullable=False, unique=True),
    sa.Column("entry_type", sa.String(40), nullable=False),
    sa.Column("run_id", sa.String(26), nullable=False, default=""),
    sa.Column("entry", sa.LargeBinary, nullable=False),
    sa.Column("log_index", sa.Integer, nullable=True, unique=True),
    sqlite_autoincrement=True,
)

# Built once: building it costs more than running it.
_INSERT = outbox.insert()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, or a service on its own."""

    id: str
    kind: str = "service"


@dataclass(frozen=True, slots=True)
class Reporter:
    """Puts entries into the outbox for one actor and one version of the code.

    Args:
        clock: Gives each entry its time.
        actor: Who acts.
        code: The version of the code, such as `git:9f3c…` or `tellerline:0.1.0`.
    """

    clock: Clock
    actor: Actor
    code: str

    def record(
        self,
        connection: sa.Connection,
        entry_type: str,
        body: dict[str, Any],
        *,
        run_id: str = "",
        references: list[dict[str, Any]] | None = None,
    ) -> str:
        """Insert one entry with the open transaction of its fact and return the entry's id.

        Args:
            connection: The transaction that also holds the fact.
            entry_type: One of `ENTRY_TYPES`.
            body: The fact, free of members' data.
            run_id: The run it belongs to, when there is one.
            references: Content it speaks of: `[{"name", "bytes", "sha256"}]`.

        Raises:
            IntegrityError: The type is unknown, or the entry is not canonical or beyond 16 KiB.
        """
        if entry_type not in ENTRY_TYPES:
            raise IntegrityError(f"ledger entry {entry_type}", "is of no known type.")
        entry_id = new_id(self.clock)
        entry = canonical_json(
            {
                "actor": {"id": self.actor.id, "kind": self.actor.kind},
                "body": body,
                "code": self.code,
                "id": entry_id,
                "refs": references or [],
                "run": run_id,
                "ts": timestamp(self.clock.now()),
                "type": entry_type,
                "v": ENTRY_VERSION,
            }
        )
        if len(entry) > MAX_ENTRY_BYTES:
            raise IntegrityError(
                f"ledger entry {entry_type}", f"has {len(entry)} bytes; {MAX_ENTRY_BYTES} may be."
            )
        row = {"entry_id": entry_id, "entry_type": entry_type, "run_id": run_id, "entry": entry}
        connection.execute(_INSERT, row)
        return entry_id
