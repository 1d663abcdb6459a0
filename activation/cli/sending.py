"""Commands that send, and those that stop sending."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from activation.cli.console import complain, progress_bar, say, show_json, show_table
from activation.cli.failures import FAILURES, explain
from activation.cli.options import AsJson, DestinationOption, PlanArgument, SegmentOption
from activation.delivery.abandoning import abandon_plan
from activation.delivery.run import apply_plan
from activation.delivery.summary import DeliverySummary
from activation.delivery.sync import sync as sync_pair
from activation.halting import halt_all, resume_all, tell_halted
from activation.names import check_destination, check_segment
from activation.plan.document import read_plan
from activation.reconciliation import reconcile_all
from activation.workplace import acting_person, check_set_up, read_settings, working
from tellerline.clock import SystemClock
from tellerline.errors import PartialDeliveryError

COLUMNS = (
    "segment", "destination", "add", "update", "remove", "unchanged", "excluded",
    "confirmed", "accepted", "rejected", "unknown", "destination count",
)  # fmt: skip


def apply(plan_id: PlanArgument, as_json: AsJson = False) -> None:
    """Send an approved plan, or go on where an earlier process stopped.

    Example: tellerline apply 3f9a2c1b
    """
    with working() as context:
        plan = read_plan(context.settings, plan_id)
        with progress_bar(f"Sending {plan.segment_id}", plan.changes, quiet=as_json) as bar:
            summary = apply_plan(context, plan_id, bar.advance)
    _show([summary], as_json)


def abandon(
    plan_id: PlanArgument,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    as_json: AsJson = False,
) -> None:
    """Give up an unfinished run: record what it did, send nothing more, let the next plan mend it.

    Example: tellerline abandon 3f9a2c1b --reason "wrong offer, approval revoked"
    """
    with working() as context:
        summary = abandon_plan(context, plan_id, reason)
    if as_json:
        show_json([summary.to_document()])
    else:
        show_deliveries([summary])


def sync(segment: SegmentOption, destination: DestinationOption, as_json: AsJson = False) -> None:
    """Plan a segment for a destination and send it inside what is approved.

    Example: tellerline sync --segment retention__dormant_digital --destination hubspot
    """
    with working() as context, progress_bar("Sending", None, quiet=as_json) as bar:
        check_segment(context, segment)
        check_destination(context, destination)
        summary = sync_pair(context, segment, destination, bar.advance)
    _show([summary], as_json)


def reconcile(
    destination: Annotated[
        str, typer.Option("--destination", "-d", help="Only this destination.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Compare our record with what each destination holds, member by member where it can list.

    Example: tellerline reconcile --destination hubspot
    """
    with working() as context:
        if destination:
            check_destination(context, destination)
        results = reconcile_all(context, destination)
    if as_json:
        show_json([result.to_document() for result in results])
    else:
        columns = (
            "segment",
            "destination",
            "our record",
            "its count",
            "missing",
            "extra",
            "agrees",
        )
        show_table("Reconciliation", columns, [result.row() for result in results])
    if not all(result.agrees for result in results):
        raise typer.Exit(1)


def halt(
    reason: Annotated[str, typer.Argument(help="Why, for the record.")], as_json: AsJson = False
) -> None:
    """Stop all sending at once: every run stops before its next batch.

    Example: tellerline halt "wrong offer in the mail"
    """
    settings = read_settings()
    check_set_up(settings)
    kept = halt_all(settings, SystemClock(), acting_person(), reason)
    if not as_json:
        say("All sending is halted. `tellerline resume` lifts it.")
    try:
        with working() as context:
            tell_halted(context, kept)
    except FAILURES as error:
        problem = explain(error, settings.state).rstrip(".")
        complain(
            f"All sending is halted. The ledger could not be told ({problem}); "
            "run `tellerline halt` again."
        )
        raise typer.Exit(1) from None
    if as_json:
        show_json({"reason": kept, "sending": "halted"})


def resume(
    reason: Annotated[str, typer.Argument(help="Why, for the record.")], as_json: AsJson = False
) -> None:
    """Lift a halt.

    Example: tellerline resume "offer corrected"
    """
    with working() as context:
        resume_all(context, reason)
    if as_json:
        show_json({"reason": reason, "sending": "resumed"})
        return
    say("Sending may go on. Unfinished runs go on with `tellerline sync` or `tellerline apply`.")


def show_deliveries(summaries: Sequence[DeliverySummary]) -> None:
    """Print deliveries as a table."""
    rows = [
        (
            item.segment, item.destination, item.add, item.update, item.remove, item.unchanged,
            sum(item.excluded.values()), item.confirmed, item.accepted, item.rejected,
            item.unknown, item.destination_count,
        )
        for item in summaries
    ]  # fmt: skip
    show_table("Deliveries", COLUMNS, rows)


def _show(summaries: Sequence[DeliverySummary], as_json: bool) -> None:
    if as_json:
        show_json([item.to_document() for item in summaries])
    else:
        show_deliveries(summaries)
    for item in summaries:
        if not item.is_complete:
            raise PartialDeliveryError(
                f"run {item.run_id}",
                f"left {item.rejected} changes refused and {item.unknown} unknown.",
                "They are planned again; `tellerline trace` tells each one's reason.",
            )
        if not item.is_reconciled:
            raise PartialDeliveryError(
                f"run {item.run_id}",
                f"expects {item.expected_count} members at {item.destination}, "
                f"which counts {item.destination_count}.",
                "Run `tellerline reconcile` to see who differs.",
            )
