"""From landing to raw tables: one asset a feed, made by the same code as `tellerline ingest`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
from ingestion.outcomes import load_outcomes
from ingestion.pipeline import IngestReport, ingest

from activation.listing import list_outcome_files
from ingestion.contracts import read_contracts
from orchestration.project import PROJECT_FOLDER
from orchestration.work import at_work

GROUP = "landing"
OUTCOMES = dg.AssetKey(["raw", "delivery_outcomes"])
LOADS = dg.AssetKey(["raw", "loads"])
CONTRACTS = {
    contract.feed: contract for contract in read_contracts(PROJECT_FOLDER / "ingestion" / "feeds")
}
FEED_KEYS = {
    # Contact data goes to the vault, whose tables are a source of their own.
    feed: dg.AssetKey(["vault" if contract.destination == "vault" else "raw", feed])
    for feed, contract in CONTRACTS.items()
}


@dg.multi_asset(
    name="ingest",
    specs=[
        *(
            dg.AssetSpec(
                key, group_name=GROUP, description=CONTRACTS[feed].description, kinds={"duckdb"}
            )
            for feed, key in FEED_KEYS.items()
        ),
        dg.AssetSpec(LOADS, group_name=GROUP, description="One row a file that arrived."),
        dg.AssetSpec(OUTCOMES, group_name=GROUP, description="What became of members sent before."),
    ],
    check_specs=[
        *(
            dg.AssetCheckSpec(name, asset=key)
            for key in FEED_KEYS.values()
            for name in ("rows_conserved", "heard_in_time")
        ),
    ],
)
def ingest_feeds() -> Iterator[dg.MaterializeResult[None]]:
    """Land and load every complete file."""
    with at_work() as context:
        report = ingest(context.settings, clock=context.clock, reporter=context.reporter)
        outcomes = load_outcomes(context.settings, list_outcome_files(context))
        now = context.clock.now()
    for message in report.messages():
        dg.get_dagster_logger().warning(message)
    for feed, key in FEED_KEYS.items():
        counts = report.feeds[feed]
        conserved = counts.read == counts.loaded + counts.rejected + counts.duplicate
        limit = timedelta(hours=CONTRACTS[feed].late_after_hours)
        heard = report.last_received_at(feed)
        is_heard = heard is not None and now - heard <= limit
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                "read": counts.read,
                "loaded": counts.loaded,
                "rejected": counts.rejected,
                "duplicate": counts.duplicate,
                "files": counts.files,
            },
            check_results=[
                dg.AssetCheckResult(check_name="rows_conserved", passed=conserved),
                dg.AssetCheckResult(
                    check_name="heard_in_time",
                    passed=is_heard,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"last_received_at": heard.isoformat() if heard else "never"},
                ),
            ],
        )
    yield dg.MaterializeResult(asset_key=LOADS, metadata={"files": _files(report)})
    yield dg.MaterializeResult(asset_key=OUTCOMES, metadata={"new_rows": outcomes})


def _files(report: IngestReport) -> int:
    return sum(counts.files for counts in report.feeds.values())
