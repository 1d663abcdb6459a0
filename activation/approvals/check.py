"""Whether a plan may be sent: the signed approval that covers it, or why there is none.

Checked when a run starts and again before each batch whenever a file of the approvals changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from activation.approvals.desk import (
    check_may_approve,
    notice_files,
    noticed_files,
)
from activation.approvals.folder import Signed, check_signed, list_decisions, list_requests
from activation.approvals.request import Decision, Envelope, Request, content_of
from activation.context import Context
from activation.governance.people import Role, read_people
from activation.plan.document import Plan
from tellerline.errors import ApprovalMissingError, IntegrityError, PolicyRefusedError
from tellerline.state import METADATA

approval_uses = sa.Table(
    "approval_uses",
    METADATA,
    sa.Column("request_id", sa.String(26), primary_key=True),
    sa.Column("run_id", sa.String(26), nullable=False),
)


# What a plan has another one of than a request, in words.
_OTHERS = {
    "columns": "other columns",
    "destination_fingerprint": "other settings of the destination",
    "destination_id": "another destination",
    "packs": "other policy packs, or another text of one",
    "segment_fingerprint": "another logic of the segment",
    "segment_id": "another segment",
    "segment_version": "another version of the segment",
}


@dataclass(frozen=True, slots=True)
class Approval:
    """The signed approval that covers a plan.

    Args:
        request_id: The request.
        request_sha256: The hash of its bytes.
        exact: Whether it names the exact plan and so serves one run only.
        requested_by: Its maker.
        approved_by: The people who approved, sorted.
        not_after: When it ends, ISO 8601.
    """

    request_id: str
    request_sha256: str
    exact: bool
    requested_by: str
    approved_by: tuple[str, ...]
    not_after: str


def find_approval(context: Context, plan: Plan, run_id: str) -> Approval:
    """Return the approval that covers `plan` for the run `run_id`.

    Raises:
        PolicyRefusedError: Nobody approved it, or the approval ended, was revoked or was used.
        IntegrityError: A signed file was changed or is gone.
    """
    notice_files(context)
    reasons: list[str] = []
    for signed, request in reversed(list_requests(context.settings.approvals)):
        if request.content.segment_id != plan.segment_id:
            continue
        if request.content.destination_id != plan.destination_id:
            continue
        problem = _misfit(request, plan) or _closed(context, request, run_id)
        if not problem:
            decisions = _decisions(context, signed, request)
            problem = _undecided(context, plan, request, decisions)
            if not problem:
                return Approval(
                    request.request_id,
                    signed.sha256,
                    request.plan_sha256 is not None,
                    request.requested_by,
                    tuple(sorted({d.decided_by for d in decisions})),
                    request.not_after,
                )
        reasons.append(f"{request.request_id} {problem}")
    told = f" ({'; '.join(reasons[:3])})" if reasons else ""
    raise ApprovalMissingError(
        f"plan {plan.plan_id}",
        f"is not approved{told}.",
        f"Ask with `tellerline request {plan.plan_id}`, and let another person approve.",
    )


def use_approval(connection: sa.Connection, approval: Approval, run_id: str) -> None:
    """Mark an exact approval as used by this run, in the open transaction."""
    if not approval.exact:
        return
    used = connection.execute(
        sa.select(approval_uses.c.run_id).where(approval_uses.c.request_id == approval.request_id)
    ).scalar_one_or_none()
    if used is None:
        connection.execute(
            approval_uses.insert().values(request_id=approval.request_id, run_id=run_id)
        )
    elif used != run_id:
        raise PolicyRefusedError(
            f"approval {approval.request_id}", "was used by another run.", "Ask again."
        )


def signature_of_folder(approvals: Path) -> tuple[int, ...]:
    """Return something that changes whenever a file is added to the approvals."""
    folders = [approvals, *(path for path in approvals.glob("*") if path.is_dir())]
    return tuple(path.stat().st_mtime_ns for path in sorted(folders) if path.exists())


def _misfit(request: Request, plan: Plan) -> str:
    """Return why a request does not cover a plan, or nothing."""
    need = plan.document["approval"]
    if request.plan_sha256 is not None:
        return "" if request.plan_sha256 == plan.sha256 else "approves another plan"
    asked, planned = request.content, content_of(plan)
    different = [
        name for name in type(asked).model_fields if getattr(asked, name) != getattr(planned, name)
    ]
    if different:
        return f"was given for {_OTHERS.get(different[0], f'another {different[0]}')}"
    if need["exact"]:
        return f"is an envelope; the exact plan is needed because {' and '.join(need['reasons'])}"
    return _outside(request.envelope, plan) if request.envelope else "approves nothing"


def _outside(envelope: Envelope, plan: Plan) -> str:
    counts = plan.counts
    members = counts["add"] + counts["update"] + counts["unchanged"]
    if not envelope.minimum_members <= members <= envelope.maximum_members:
        return f"allows {envelope.minimum_members} to {envelope.maximum_members} members"
    held = max(plan.document["acknowledged"]["members"], 1)
    if plan.changes * 100 > envelope.maximum_change_percent * held:
        return f"allows changes up to {envelope.maximum_change_percent} %"
    return ""


def _closed(context: Context, request: Request, run_id: str) -> str:
    """Return why a fitting request is of no use any more, or nothing."""
    if request.expires <= context.clock.now():
        return f"ended at {request.not_after}"
    with context.state.reading() as connection:
        used = connection.execute(
            sa.select(approval_uses.c.run_id).where(
                approval_uses.c.request_id == request.request_id
            )
        ).scalar_one_or_none()
    return "was used by another run" if used is not None and used != run_id else ""


def _decisions(context: Context, signed: Signed, request: Request) -> list[Decision]:
    """Return the decisions on a request; every signature and every person's right is checked."""
    governance, now = context.settings.governance, context.clock.now()
    signers = governance / "allowed_signers"
    check_signed(signed, request, signers, until=now)
    read_people(governance).require(request.requested_by, Role.SEGMENT_MAKER)
    files = list_decisions(context.settings.approvals, request.request_id)
    _check_complete(context, request, [signed, *(file for file, _ in files)])
    for file, decision in files:
        if decision.request_sha256 != signed.sha256:
            raise IntegrityError(
                file.subject,
                f"was signed for other bytes than {signed.subject} has.",
                "One of the two was changed; restore it.",
            )
        check_signed(file, decision, signers, until=now)
        if decision.decision == "approve":
            check_may_approve(context, request, decision.decided_by)
    return [decision for _, decision in files]


def _check_complete(context: Context, request: Request, files: list[Signed]) -> None:
    """Check that no file the ledger was told of has gone: a lost rejection would be an approval."""
    there = {file.subject: file.sha256 for file in files}
    for name, sha256 in noticed_files(context, request.request_id).items():
        if there.get(name) != sha256:
            raise IntegrityError(
                name,
                "is gone or has other content than the ledger was told of.",
                "Restore it from git.",
            )


def _undecided(context: Context, plan: Plan, request: Request, decisions: list[Decision]) -> str:
    """Return why the decisions on a request are no approval of the plan, or nothing."""
    verdicts = {decision.decision for decision in decisions}
    if verdicts & {"reject", "revoke"}:
        return "was rejected" if "reject" in verdicts else "was revoked"
    people = read_people(context.settings.governance).people
    held = {
        role
        for decision in decisions
        if decision.decided_by in people
        for role in people[decision.decided_by].roles
    }
    # The policy's roles count, whatever the maker of the request wrote into it.
    needed = dict.fromkeys((*request.roles, *map(Role, plan.document["approval"]["roles"])))
    missing = [role.value for role in needed if role not in held]
    return f"still needs {', '.join(missing)}" if missing else ""
