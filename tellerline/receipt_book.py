"""The receipt book: every file that arrived, and what became of it.

Ingestion writes it. Whoever sends reads it: a file that is not loaded may hold what must be known
before anything leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from tellerline.state import METADATA, State

RECEIVED = "received"
LOADED = "loaded"
QUARANTINED = "quarantined"
DUPLICATE = "duplicate"
STOPPED = "stopped"
DISCARDED = "discarded"
"""The reason of a file that a person keeps out for good."""

receipts = sa.Table(
    "receipts",
    METADATA,
    sa.Column("receipt_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("load_id", sa.String(64), nullable=False, unique=True),
    sa.Column("feed", sa.String(64), nullable=False, index=True),
    sa.Column("file_name", sa.String(128), nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("byte_count", sa.Integer, nullable=False),
    sa.Column("file_sha256", sa.String(64), nullable=False, index=True),
    sa.Column("business_date", sa.String(10), nullable=True),
    sa.Column("received_at", sa.String(24), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(32), nullable=False, default=""),
    sa.Column("read_count", sa.Integer, nullable=False, default=0),
    sa.Column("loaded_count", sa.Integer, nullable=False, default=0),
    sa.Column("rejected_count", sa.Integer, nullable=False, default=0),
    sa.Column("duplicate_count", sa.Integer, nullable=False, default=0),
    sa.Column("settled_at", sa.String(24), nullable=True),
)

_LATER = receipts.alias("later")
_IS_CORRECTED = (
    sa.select(_LATER.c.receipt_id)
    .where(
        _LATER.c.feed == receipts.c.feed,
        _LATER.c.file_name == receipts.c.file_name,
        _LATER.c.state == LOADED,
        _LATER.c.receipt_id > receipts.c.receipt_id,
    )
    .exists()
)
# Built once: building it costs more than running it. What stops its feed comes first, because the
# others may wait for it.
_HELD = (
    sa.select(receipts.c.load_id, receipts.c.file_name, receipts.c.state, receipts.c.reason)
    .where(
        receipts.c.feed == sa.bindparam("which"),
        receipts.c.state.in_([RECEIVED, STOPPED])
        | ((receipts.c.state == QUARANTINED) & (receipts.c.reason != DISCARDED) & ~_IS_CORRECTED),
    )
    .order_by(
        sa.case({STOPPED: 0, QUARANTINED: 1}, value=receipts.c.state, else_=2),
        receipts.c.receipt_id,
    )
)


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that arrived, is not loaded, and that nobody decided on.

    Args:
        load_id: Names feed, file name and content together.
        file_name: Its name.
        state: received (it waits), quarantined or stopped.
        reason: Why it is not loaded; empty while it waits.
    """

    load_id: str
    file_name: str
    state: str
    reason: str


def held_files(state: State, feed: str) -> list[HeldFile]:
    """Return the files of a feed that are not loaded and not decided on; what stops it is first.

    Decided means: released and loaded, discarded, or, for a quarantined file, followed by a file of
    the same name that is loaded.
    """
    with state.reading() as connection:
        return [HeldFile(*row) for row in connection.execute(_HELD, {"which": feed})]
