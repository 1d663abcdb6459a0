"""What the demo did, in numbers that sum exactly: `.demo/summary.json` and a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from activation.catalog import segment_pairs
from activation.context import Context
from activation.delivery.run import find_run
from activation.delivery.summary import DeliverySummary
from activation.delivery.sync import send_plan
from activation.ledger.log_keys import load_verifier
from activation.ledger.verify import verify_ledger
from activation.plan.index import newest_plan
from activation.publication import Publication, open_current
from tellerline.canonical import parse_json
from tellerline.scratch import scratch_database


def deliveries(context: Context) -> list[DeliverySummary]:
    """Return the last delivery of every segment at every destination that it allows."""
    publication = open_current(context.settings.published)
    manifest = parse_json(publication.verified("dbt_manifest").path.read_bytes(), "dbt manifest")
    found = []
    for segment_id, destination_id in segment_pairs(manifest):
        plan = newest_plan(context.settings, context.state, segment_id, destination_id)
        # A plan that was sent gives its recorded summary; one without changes asks for a count.
        if plan and (find_run(context, plan) or not plan.changes):
            found.append(send_plan(context, plan))
    return found


def faults_of(found: Iterable[DeliverySummary]) -> list[str]:
    """Return what is not as planned at destinations, in sentences."""
    faults = []
    for item in found:
        pair = f"{item.segment} at {item.destination}"
        if not item.is_complete:
            faults.append(f"{pair}: {item.rejected} changes refused, {item.unknown} unknown.")
        if not item.is_reconciled:
            faults.append(
                f"{pair}: {item.expected_count} members expected, "
                f"{item.destination_count} counted there."
            )
    return faults


def summarise_demo(context: Context, found: Iterable[DeliverySummary]) -> dict[str, Any]:
    """Return the summary.

    Args:
        context: The place of work.
        found: The last deliveries.
    """
    settings = context.settings
    publication = open_current(settings.published)
    report = verify_ledger(settings.ledger, load_verifier(settings), state=context.state)
    return {
        "deliveries": [_delivery(item) for item in found],
        "feeds": _feeds(publication),
        "ledger": {"root": report.root, "size": report.size, "verified": report.is_sound},
        "members": publication.files["attributes"].rows,
        "segments": {
            segment.segment_id: {
                "fingerprint": segment.fingerprint,
                "members": segment.members,
                "version": segment.version,
            }
            for segment in publication.segments.values()
        },
    }


def _feeds(publication: Publication) -> dict[str, dict[str, int]]:
    with scratch_database() as connection:
        rows = connection.execute(
            "select feed, sum(read_count), sum(loaded_count), sum(rejected_count), "
            "sum(duplicate_count) from read_parquet($1) group by feed order by feed",
            [str(publication.verified("loads").path)],
        ).fetchall()
    names = ("read", "loaded", "rejected", "duplicate")
    return {feed: dict(zip(names, map(int, counts), strict=True)) for feed, *counts in rows}


def _delivery(item: DeliverySummary) -> dict[str, Any]:
    document = item.to_document()
    names = (
        "segment", "destination", "add", "update", "remove", "unchanged", "excluded", "confirmed",
        "accepted", "rejected", "unknown", "destination_count",
    )  # fmt: skip
    return {name: document[name] for name in names}
