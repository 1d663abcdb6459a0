"""Asking and deciding: what `tellerline request`, `approve`, `reject` and `revoke` do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from activation.approvals.folder import (
    REQUEST_FILE,
    Signed,
    check_signed,
    find_request,
    list_decisions,
    list_requests,
    write_signed,
)
from activation.approvals.request import (
    DECISION_NAMESPACE,
    REQUEST_NAMESPACE,
    Decision,
    Envelope,
    Request,
    make_request,
)
from activation.context import Context
from activation.governance.people import Role, read_people
from activation.governance.signatures import principal_of_key, sign
from activation.plan.document import Plan
from activation.reasons import check_reason
from tellerline.clock import new_id, timestamp
from tellerline.errors import PolicyRefusedError
from tellerline.state import METADATA, State

ENTRY_TYPES = {
    "approve": "approval.granted",
    "reject": "approval.denied",
    "revoke": "approval.revoked",
}

approval_files = sa.Table(
    "approval_files",
    METADATA,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
)


def ask_approval(
    context: Context,
    plan: Plan,
    key: Path,
    *,
    valid_for: timedelta,
    envelope: Envelope | None = None,
) -> Request:
    """Sign and keep the request for a plan.

    Raises:
        PolicyRefusedError: The plan is refused by policy, or the key's owner may not ask.
    """
    for refusal in plan.document["refusals"]:
        raise PolicyRefusedError(
            f"plan {plan.plan_id}",
            f"is refused by {refusal['rule']}: {refusal['problem']}",
            refusal["remedy"],
        )
    maker = principal_of_key(key, _signers(context), context.clock.now())
    read_people(context.settings.governance).require(maker, Role.SEGMENT_MAKER)
    request = make_request(
        plan, maker=maker, clock=context.clock, valid_for=valid_for, envelope=envelope
    )
    data = request.to_bytes()
    folder = context.settings.approvals / request.request_id
    write_signed(folder, REQUEST_FILE, data, sign(data, key, REQUEST_NAMESPACE))
    notice_files(context)
    return request


def decide(
    context: Context,
    request_id: str,
    key: Path,
    decision: Literal["approve", "reject", "revoke"],
    reason: str = "",
    *,
    show: Callable[[Request], None] = lambda _: None,
) -> Decision:
    """Sign and keep a decision on a request.

    Args:
        context: Who decides, and where.
        request_id: The request's id, or the start of it.
        key: The private key to sign with.
        decision: What is said to it.
        reason: Why, for the record; an approval may do without.
        show: Shows the request to the person before it is signed.

    Raises:
        UsageError: The reason is none, or the id fits no request or several.
        PolicyRefusedError: The key's owner made the request, or holds none of its roles.
    """
    if reason or decision != "approve":
        check_reason(reason)
    folder = context.settings.approvals
    signed, request = find_request(folder, request_id)
    now = context.clock.now()
    person = principal_of_key(key, _signers(context), now)
    if decision == "approve":
        check_may_approve(context, request, person)
        if request.expires <= now:
            raise PolicyRefusedError(
                f"request {request.request_id}", f"ended at {request.not_after}.", "Ask again."
            )
    elif person != request.requested_by:
        check_may_approve(context, request, person)
    show(request)
    document = Decision(
        decision_id=new_id(context.clock),
        decision=decision,
        request_id=request.request_id,
        request_sha256=signed.sha256,
        decided_by=person,
        decided_at=timestamp(now),
        reason=reason,
    )
    data = document.to_bytes()
    name = f"decision-{document.decision_id}-{decision}.json"
    write_signed(folder / request.request_id, name, data, sign(data, key, DECISION_NAMESPACE))
    notice_files(context)
    return document


def check_may_approve(context: Context, request: Request, person: str) -> None:
    """Check that `person` is not the maker and holds one of the roles asked for.

    Raises:
        PolicyRefusedError: Otherwise. The attempt is in the ledger.
    """
    problem = ""
    known = read_people(context.settings.governance).people.get(person)
    if person == request.requested_by:
        problem = f"was made by {person}, who cannot approve it too."
    elif known is None:
        problem = f"cannot be approved by {person}, who is not in roles.yml."
    elif not set(known.roles) & set(request.roles):
        roles = ", ".join(request.roles)
        problem = f"cannot be approved by {person}, who holds none of its roles ({roles})."
    if not problem:
        return
    with context.state.transaction() as connection:
        context.reporter.record(
            connection,
            "approval.denied",
            {"by": person, "reason": "may not approve", "request": request.request_id},
        )
    raise PolicyRefusedError(
        f"request {request.request_id}", problem, "Ask another person with the role."
    )


def notice_files(context: Context) -> None:
    """Tell the ledger of every signed file that it has not heard of, however it came here.

    Raises:
        IntegrityError: A new file does not carry the signature of the person it names.
        PolicyRefusedError: Its key is not that person's.
    """
    folder = context.settings.approvals
    known = _known_files(context.state)
    for signed, request in list_requests(folder):
        if signed.sha256 not in known:
            check_signed(signed, request, _signers(context), until=request.requested)
            body = {"by": request.requested_by, "request": request.request_id}
            _record(context, signed, "approval.requested", body)
        for decision_file, decision in list_decisions(folder, request.request_id):
            if decision_file.sha256 not in known:
                check_signed(decision_file, decision, _signers(context), until=decision.decided)
                body = {"by": decision.decided_by, "request": request.request_id}
                _record(context, decision_file, ENTRY_TYPES[decision.decision], body)


def noticed_files(context: Context, request_id: str) -> dict[str, str]:
    """Return the hash of each file of a request that the ledger has been told of, by name."""
    with context.state.reading() as connection:
        found = connection.execute(
            sa.select(approval_files).where(
                approval_files.c.name.startswith(f"approvals/{request_id}/", autoescape=True)
            )
        ).all()
    return {row.name: row.sha256 for row in found}


def _known_files(state: State) -> set[str]:
    with state.reading() as connection:
        return set(connection.execute(sa.select(approval_files.c.sha256)).scalars())


def _record(context: Context, signed: Signed, entry_type: str, body: dict[str, str]) -> None:
    reference = {"bytes": len(signed.data), "name": signed.subject, "sha256": signed.sha256}
    with context.state.transaction() as connection:
        known = connection.execute(
            sa.select(approval_files.c.sha256).where(approval_files.c.sha256 == signed.sha256)
        ).first()
        if known is None:
            connection.execute(
                approval_files.insert().values(sha256=signed.sha256, name=signed.subject)
            )
            context.reporter.record(connection, entry_type, dict(body), references=[reference])


def _signers(context: Context) -> Path:
    return context.settings.governance / "allowed_signers"
