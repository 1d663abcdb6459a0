"""Erasure on request: at every destination that was ever sent the member, then of the key.

The ledger's leaves and totals stay and still verify; without the key nobody can tell whose they
were. What a destination cannot erase by call is listed, to be asked for in writing. The pseudonym
of an erased member is kept, so that no later run sends the member again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from activation.context import Context
from activation.delivery.opening import open_destination
from activation.delivery.replay import plan_of_run
from activation.delivery.tables import runs
from activation.erased import note_erased
from activation.ledger.erasure import erase_subject
from tellerline.errors import TellerlineError
from tellerline.scratch import scratch_database

_TOOK_PART = """
select count(*) from read_parquet($1) where member_id = $2 and operation <> 'excluded'
"""


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
    # First of all, so that no run that plans or reviews from now on sends the member again.
    with context.state.transaction() as connection:
        note_erased(connection, member_id)
    receipts = [
        _forget_at(context, destination_id, run_id, member_id)
        for destination_id, run_id in sorted(_sent_to(context, member_id).items())
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


def _sent_to(context: Context, member_id: str) -> dict[str, str]:
    """Return the newest run at each destination in which the member took part."""
    with context.state.reading() as connection:
        found = connection.execute(sa.select(runs).order_by(runs.c.run_id)).all()
    newest: dict[str, str] = {}
    with scratch_database() as connection:
        for run in found:
            path = plan_of_run(context, run.run_id).verified_rows()
            row = connection.execute(_TOOK_PART, [str(path), member_id]).fetchone()
            if row and row[0]:
                newest[run.destination_id] = run.run_id
    return newest


def _forget_at(context: Context, destination_id: str, run_id: str, member_id: str) -> Receipt:
    destination = open_destination(context, plan_of_run(context, run_id))
    try:
        return Receipt(destination_id, destination.forget([member_id]))
    except TellerlineError as error:
        return Receipt(destination_id, 0, str(error))
    finally:
        destination.close()
