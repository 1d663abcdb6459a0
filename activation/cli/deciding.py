"""Commands of makers and checkers: plan, show, request, approve, reject, revoke."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

import typer

from activation.approvals.desk import ask_approval, decide
from activation.approvals.folder import find_request, list_decisions, list_requests
from activation.approvals.request import Decision, Envelope, Request
from activation.cli.completion import complete_plan_or_request
from activation.cli.console import say, show_json, show_table
from activation.cli.options import (
    AsJson,
    DestinationOption,
    KeyOption,
    PlanArgument,
    RequestArgument,
    SegmentOption,
)
from activation.names import check_destination, check_segment
from activation.plan.document import PLAN_ID, Plan, read_plan
from activation.plan.planner import make_plan
from activation.workplace import working

DEFAULT_DAYS = 7
SHOWN_COUNTS = ("audience", "add", "update", "remove", "unchanged")


def plan(segment: SegmentOption, destination: DestinationOption, as_json: AsJson = False) -> None:
    """Plan what would change at a destination, and why the rest stays away.

    Example: tellerline plan --segment retention__dormant_digital --destination hubspot
    """
    with working() as context:
        check_segment(context, segment)
        check_destination(context, destination)
        made = make_plan(context, segment, destination)
    if as_json:
        show_json({**made.document, "plan_id": made.plan_id, "sha256": made.sha256})
        return
    show_plan(made)


def show(
    item: Annotated[
        str,
        typer.Argument(
            help="Plan id or request id, or the start of one.",
            autocompletion=complete_plan_or_request,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Show a plan or a request as it stands, with what was decided on it; no signature is checked.

    Example: tellerline show 3f9a2c1b
    """
    with working() as context:
        approvals = context.settings.approvals
        planned = read_plan(context.settings, item) if PLAN_ID.fullmatch(item) else None
        if planned is None:
            asked = [find_request(approvals, item)[1]]
        else:
            asked = [
                found
                for _, found in list_requests(approvals)
                if found.plan_sha256 == planned.sha256
            ]
        decisions = {
            found.request_id: [made for _, made in list_decisions(approvals, found.request_id)]
            for found in asked
        }
    if as_json:
        show_json(_shown_document(planned, asked, decisions))
        return
    if planned is not None:
        show_plan(planned, asks=not asked)
    for found in asked:
        _show_request(found)
        for made in decisions[found.request_id]:
            reason = f": {made.reason}" if made.reason else ""
            say(f"{made.decided_at} {made.decided_by}: {made.decision}{reason}")


def _shown_document(
    planned: Plan | None, asked: list[Request], decisions: dict[str, list[Decision]]
) -> dict[str, Any]:
    requests = [
        {
            **found.model_dump(mode="json"),
            "decisions": [made.model_dump(mode="json") for made in decisions[found.request_id]],
        }
        for found in asked
    ]
    if planned is None:
        return requests[0]
    ids = {"plan_id": planned.plan_id, "sha256": planned.sha256}
    return {**planned.document, **ids, "requests": requests}


def request(
    plan_id: PlanArgument,
    key: KeyOption,
    days: Annotated[
        int, typer.Option(min=1, max=366, help="Days for which the request holds.")
    ] = DEFAULT_DAYS,
    envelope: Annotated[
        str,
        typer.Option(
            help="Ask for routine refreshes instead of this exact plan: "
            "MINIMUM-MAXIMUM members and the highest change in percent, such as 100-5000/20."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Ask for the approval of a plan, signed by its maker.

    Example: tellerline request 3f9a2c1b --key ~/.ssh/id_ed25519
    """
    with working() as context:
        asked = ask_approval(
            context,
            read_plan(context.settings, plan_id),
            key,
            valid_for=timedelta(days=days),
            envelope=_parse_envelope(envelope) if envelope else None,
        )
    if as_json:
        show_json(asked.model_dump(mode="json"))
        return
    say(f"Request {asked.request_id} by {asked.requested_by} holds until {asked.not_after}.")
    say(f"It needs: {', '.join(asked.roles)} (another person than {asked.requested_by}).")
    say(f"Next: tellerline approve {asked.request_id} --key THEIR_KEY")


def approve(
    request_id: RequestArgument,
    key: KeyOption,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    as_json: AsJson = False,
) -> None:
    """Approve a request, signed by someone other than its maker.

    Example: tellerline approve 01KB2X9Q8Y --key ~/.ssh/id_ed25519
    """
    _decide(request_id, key, "approve", reason, as_json)


def reject(
    request_id: RequestArgument,
    key: KeyOption,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    as_json: AsJson = False,
) -> None:
    """Reject a request; a rejection outweighs every approval.

    Example: tellerline reject 01KB2X9Q8Y --key ~/.ssh/id_ed25519 --reason "audience too wide"
    """
    _decide(request_id, key, "reject", reason, as_json)


def revoke(
    request_id: RequestArgument,
    key: KeyOption,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    as_json: AsJson = False,
) -> None:
    """Take an approval back; runs under way stop before their next batch.

    Example: tellerline revoke 01KB2X9Q8Y --key ~/.ssh/id_ed25519 --reason "campaign stopped"
    """
    _decide(request_id, key, "revoke", reason, as_json)


def _decide(
    request_id: str,
    key: KeyOption,
    decision: Literal["approve", "reject", "revoke"],
    reason: str,
    as_json: bool,
) -> None:
    with working() as context:
        made = decide(
            context,
            request_id,
            key,
            decision,
            reason,
            show=(lambda _: None) if as_json else _show_request,
        )
    if as_json:
        show_json(made.model_dump(mode="json"))
        return
    say(f"{made.decided_by}: {made.decision} {made.request_id}, recorded in the ledger.")


def _show_request(request: Request) -> None:
    """Print what a signature is about to stand under."""
    content, counts, bounds = request.content, request.counts, request.envelope
    say(
        f"Request {request.request_id} by {request.requested_by}: {content.segment_id} version "
        f"{content.segment_version} → {content.destination_id}, {content.channel} for "
        f"{content.purpose}."
    )
    changes = ", ".join(f"{name} {counts[name]:,}" for name in SHOWN_COUNTS if name in counts)
    say(f"When it was asked for: {changes}.")
    if bounds is not None:
        say(
            f"For every refresh that leaves {bounds.minimum_members:,} to "
            f"{bounds.maximum_members:,} members and changes {bounds.maximum_change_percent}% of "
            "them at most."
        )
    else:
        say(f"For this plan alone: {(request.plan_sha256 or '')[:16]}.")
    say(f"It holds until {request.not_after}.")


def _parse_envelope(text: str) -> Envelope:
    try:
        band, _, percent = text.partition("/")
        minimum, _, maximum = band.partition("-")
        return Envelope(
            minimum_members=int(minimum),
            maximum_members=int(maximum),
            maximum_change_percent=int(percent),
        )
    except ValueError:
        message = f"{text!r} is not MINIMUM-MAXIMUM/PERCENT, such as 100-5000/20"
        raise typer.BadParameter(message, param_hint="--envelope") from None


def show_plan(plan: Plan, *, asks: bool = True) -> None:
    """Print a plan: its waterfall, its changes, what refuses it and what it needs.

    Args:
        plan: The plan.
        asks: Whether to say how to ask for its approval.
    """
    counts, document = plan.counts, plan.document
    say(f"[bold]Plan {plan.plan_id}[/]: {document['segment']['title']} → {plan.destination_id}")
    say(
        f"Segment version {document['segment']['version']}, publication "
        f"{document['publication']['version']}, {document['channel']} for {document['purpose']}."
    )
    rows: list[tuple[str, int]] = [("in the segment", counts["audience"])]
    rows += [(f"  {reason}", count) for reason, count in counts["excluded"].items()]
    rows += [
        ("= to be held", counts["add"] + counts["update"] + counts["unchanged"]),
        ("add", counts["add"]),
        ("update", counts["update"]),
        ("unchanged", counts["unchanged"]),
        ("remove", counts["remove"]),
    ]
    show_table("Waterfall", ("step", "members"), rows)
    for refusal in document["refusals"]:
        say(f"[red]Refused by {refusal['rule']}[/]: {refusal['problem']} {refusal['remedy']}")
    if document["refusals"] or not plan.changes or not asks:
        return
    need = document["approval"]
    kind = f"its exact content ({'; '.join(need['reasons'])})" if need["exact"] else "an envelope"
    say(f"It needs the approval of {kind} by {', '.join(need['roles'])}.")
    say(f"Next: tellerline request {plan.plan_id} --key YOUR_KEY")
