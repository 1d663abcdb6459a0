"""Erasure of a member from the record: the key is destroyed, the request is logged.

The entry names the request and not the reference: whoever holds the request's file could otherwise
tie the erased records to the person again.
"""

from __future__ import annotations

import re

import sqlalchemy as sa

from activation.ledger.subjects import Subjects
from tellerline.errors import UsageError
from tellerline.outbox import Reporter
from tellerline.settings import Settings
from tellerline.state import METADATA, State

ERASED = "subject.erased"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

subject_erasures = sa.Table(
    "subject_erasures",
    METADATA,
    sa.Column("request_id", sa.String(64), primary_key=True),
    sa.Column("entry_id", sa.String(26), nullable=False),
)


def erase_subject(
    settings: Settings, state: State, reporter: Reporter, *, member_id: str, request_id: str
) -> str:
    """Destroy what links a member to records and opens them; return the id of the ledger entry.

    The key goes first, then the request is logged: a run that was killed between is run again and
    logs it then. A request that was logged already is not logged twice.

    Args:
        settings: Where the subject keys are.
        state: The operational database with the outbox.
        reporter: Who reports the erasure.
        member_id: The member.
        request_id: The request's id in the institution's own files, 1 to 64 of A-Z a-z 0-9 . _ -.

    Raises:
        UsageError: The request id is malformed.
    """
    check_request_id(request_id)
    Subjects.of(settings).erase(member_id)
    known = sa.select(subject_erasures.c.entry_id).where(
        subject_erasures.c.request_id == request_id
    )
    with state.transaction() as connection:
        entry_id = connection.scalar(known)
        if entry_id is None:
            entry_id = reporter.record(connection, ERASED, {"request": request_id})
            connection.execute(
                subject_erasures.insert().values(request_id=request_id, entry_id=entry_id)
            )
    return str(entry_id)


def check_request_id(request_id: str) -> None:
    """Check that the ledger can name an erasure request so.

    Raises:
        UsageError: It cannot.
    """
    if not _REQUEST_ID.fullmatch(request_id):
        raise UsageError("the request id", "is not 1 to 64 of A-Z a-z 0-9 . _ -.")
