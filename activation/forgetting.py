"""Erasure on request: at every destination that holds the member, then of the key to the records.

The ledger's leaves and totals stay and still verify; without the key nobody can tell whose they
were. What a destination cannot erase by call is listed, to be asked for in writing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import duckdb
import sqlalchemy as sa

from activation.acknowledged import acknowledged_heads, read_acknowledged
from activation.context import Context
from activation.delivery.opening import open_destination
from activation.delivery.replay import plan_of_run
from activation.ledger.erasure import erase_subject
from tellerline.errors import RunStoppedError


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one destination's copy."""

    destination: str
    erased: int
    problem: str = ""


def forget_member(context: Context, member_id: str, request_id: str) -> dict[str, Any]:
    """Erase a member and return the receipts.

    Args:
        context: Who erases, and where.
        member_id: The member's pseudonym.
        request_id: The request in the institution's own files.
    """
    receipts = [
        _forget_at(context, destination_id, record_ids)
        for destination_id, record_ids in sorted(_held_by(context, member_id).items())
    ]
    entry_id = erase_subject(
        context.settings,
        context.state,
        context.reporter,
        member_id=member_id,
        request_id=request_id,
    )
    return {
        "complete": not any(receipt.problem for receipt in receipts),
        "ledger_entry": entry_id,
        "receipts": [asdict(receipt) for receipt in receipts],
        "request": request_id,
    }


def _held_by(context: Context, member_id: str) -> dict[str, set[str]]:
    """Return the member's record ids by destination, from our own record."""
    with context.state.reading() as connection:
        pairs = connection.execute(
            sa.select(acknowledged_heads.c.destination_id, acknowledged_heads.c.segment_id)
        ).all()
    found: dict[str, set[str]] = {}
    with duckdb.connect() as connection:
        for pair in pairs:
            held = read_acknowledged(
                context.settings, context.state, pair.destination_id, pair.segment_id
            )
            held.load(connection)
            rows = connection.execute(
                "select coalesce(record_id, member_id) from acknowledged where member_id = $1",
                [member_id],
            ).fetchall()
            if rows:
                found.setdefault(pair.destination_id, set()).update(row[0] for row in rows)
    return found


def _forget_at(context: Context, destination_id: str, record_ids: set[str]) -> Receipt:
    with context.state.reading() as connection:
        run_id = connection.execute(
            sa.select(acknowledged_heads.c.run_id).where(
                acknowledged_heads.c.destination_id == destination_id
            )
        ).scalar()
    destination = open_destination(context, plan_of_run(context, str(run_id)))
    try:
        return Receipt(destination_id, destination.forget(sorted(record_ids)))
    except RunStoppedError as error:
        return Receipt(destination_id, 0, str(error))
    finally:
        destination.close()
