"""What the operational database knows of the log: which entry has which index, what was signed.

It is the second witness on one machine. A log folder or a database that came back from a backup
disagrees with the other, and the sequencer stops before it would sign two histories.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from tellerline.clock import parse_timestamp, timestamp
from tellerline.outbox import outbox
from tellerline.state import METADATA, State

log_heads = sa.Table(
    "log_heads",
    METADATA,
    sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
    sa.Column("signed_at", sa.String(24), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Head:
    """A signed state of the log.

    Args:
        size: Entries in the tree.
        root: Its root, 32 bytes.
        signed_at: When it was signed.
    """

    size: int
    root: bytes
    signed_at: datetime


def newest_head(state: State) -> Head | None:
    """Return the newest signed head that the database knows."""
    query = sa.select(log_heads).order_by(log_heads.c.size.desc()).limit(1)
    with state.reading() as connection:
        row = connection.execute(query).first()
    return Head(row.size, row.root, parse_timestamp(row.signed_at)) if row else None


def record_head(state: State, head: Head) -> None:
    """Remember a signed head; the same head twice has no effect."""
    known = sa.select(log_heads.c.size).where(log_heads.c.size == head.size)
    with state.transaction() as connection:
        if connection.execute(known).first() is None:
            connection.execute(
                log_heads.insert().values(
                    size=head.size, root=head.root, signed_at=timestamp(head.signed_at)
                )
            )


def assigned_size(connection: sa.Connection) -> int:
    """Return how many entries have an index."""
    highest = connection.scalar(sa.select(sa.func.max(outbox.c.log_index)))
    return 0 if highest is None else int(highest) + 1


def assign_indexes(state: State, size: int, maximum: int) -> int:
    """Give the oldest waiting entries the next indexes and return how many entries have one.

    Entries that have an index beyond `size` already come first: they were assigned before a crash,
    and are written as they were then.

    Args:
        state: The operational database.
        size: Entries in the signed log.
        maximum: How many entries may be assigned at once.
    """
    with state.transaction() as connection:
        assigned = assigned_size(connection)
        if assigned != size:
            return assigned
        waiting = (
            sa.select(outbox.c.outbox_id)
            .where(outbox.c.log_index.is_(None))
            .order_by(outbox.c.outbox_id)
            .limit(maximum)
            .subquery()
        )
        numbered = sa.select(
            waiting.c.outbox_id,
            (sa.func.row_number().over(order_by=waiting.c.outbox_id) - 1 + size).label("position"),
        ).subquery()
        result = connection.execute(
            sa.update(outbox)
            .where(outbox.c.outbox_id == numbered.c.outbox_id)
            .values(log_index=numbered.c.position)
        )
        return size + int(result.rowcount)


def entries_between(state: State, start: int, end: int) -> list[bytes]:
    """Return the entries with indexes [start, end) in order."""
    query = (
        sa.select(outbox.c.entry)
        .where(outbox.c.log_index >= start, outbox.c.log_index < end)
        .order_by(outbox.c.log_index)
    )
    with state.reading() as connection:
        return [bytes(entry) for entry in connection.scalars(query)]
