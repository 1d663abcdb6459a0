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
from activation.erased import is_erased, note_erased
from activation.ledger.erasure import check_request_id, erase_subject
from activation.ledger.subjects import Subjects
from activation.publication import CURRENT, open_current
from tellerline.consent_journal import ConsentJournal
from tellerline.errors import TellerlineError, UsageError
from tellerline.scratch import scratch_database

_TOOK_PART = """
select count(*) from read_parquet($1) where member_id = $2 and operation <> 'excluded'
"""
_HAS_MEMBERS = "select 1 from parquet_schema($1) where name = 'member_id' limit 1"
_NAMES = "select 1 from read_parquet($1) where member_id = $2 limit 1"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one destination's copy."""

    destination: str
    erased: int
    problem: str = ""


def forget_member(
    context: Context, member_id: str, request_id: str, *, even_if_unknown: bool = False
) -> dict[str, Any]:
    """Erase a member and return the receipts.

    Args:
        context: Who erases, and where.
        member_id: The member's pseudonym.
        request_id: The request in the institution's own files.
        even_if_unknown: Whether to note the erasure of a member whom nothing here names.

    Raises:
        UsageError: Nothing here names the member, so that the number is likely a slip; or the
            request's id is malformed.
    """
    check_request_id(request_id)
    sent_to = _sent_to(context, member_id)
    if not (even_if_unknown or sent_to or _is_named(context, member_id)):
        raise UsageError(
            "the member",
            "is named by no record, no consent and no published data.",
            "Compare the number with that of the core system; if it is right, "
            "`--even-if-unknown` keeps the member from ever being sent.",
        )
    # First of all, so that no run that plans or reviews from now on sends the member again.
    with context.state.transaction() as connection:
        note_erased(connection, member_id)
    receipts = [
        _forget_at(context, destination_id, run_id, member_id)
        for destination_id, run_id in sorted(sent_to.items())
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


def _is_named(context: Context, member_id: str) -> bool:
    """Say whether a key, an earlier erasure, a consent or the published data names the member.

    Only pseudonyms are read, no contact data.
    """
    if Subjects.of(context.settings).find(member_id) is not None:
        return True
    with context.state.reading() as connection:
        if is_erased(connection, member_id):
            return True
    files = [
        entry.path
        for entry in ConsentJournal(context.settings.consent_journal).entries()
        if entry.rows
    ]
    if (context.settings.published / CURRENT).is_file():
        published = open_current(context.settings.published).files.values()
        files += [file.path for file in published if file.path.suffix == ".parquet"]
    with scratch_database() as connection:
        return any(
            connection.execute(_HAS_MEMBERS, [str(path)]).fetchone()
            and connection.execute(_NAMES, [str(path), member_id]).fetchone()
            for path in files
        )


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
