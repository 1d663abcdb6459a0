"""From landing to raw tables: one asset a feed, made by the same code as `tellerline ingest`."""

from collections.abc import Iterator

import dagster as dg

from activation.listing import list_outcome_files
from ingestion.conformance import load_contracts
from ingestion.outcomes import load_outcomes
from ingestion.pipeline import ingest
from ingestion.report import FeedReport
from orchestration.project import PROJECT_FOLDER
from orchestration.work import at_work

GROUP = "landing"
FOLDER = PROJECT_FOLDER / "ingestion" / "feeds"
FEEDS = load_contracts(FOLDER, FOLDER).feeds
# Contact data goes to the vault, whose tables are a source of their own.
KEYS = {
    name: dg.AssetKey(["vault" if feed.destination == "vault" else "raw", name])
    for name, feed in FEEDS.items()
}
LOADS, REJECTIONS, OUTCOMES = (
    dg.AssetKey(["raw", name]) for name in ("loads", "rejections", "delivery_outcomes")
)
ACCEPTED = "everything_accepted"
CHECKS = ("rows_conserved", "arrived_in_time", "not_stopped")


@dg.multi_asset(
    name="ingest",
    specs=[
        *(
            dg.AssetSpec(key, group_name=GROUP, description=FEEDS[name].description)
            for name, key in KEYS.items()
        ),
        dg.AssetSpec(LOADS, group_name=GROUP, description="One row a file that arrived."),
        dg.AssetSpec(REJECTIONS, group_name=GROUP, description="One row a rejected row."),
        dg.AssetSpec(OUTCOMES, group_name=GROUP, description="What became of members sent before."),
    ],
    check_specs=[
        dg.AssetCheckSpec(ACCEPTED, asset=LOADS),
        *(dg.AssetCheckSpec(name, asset=key) for key in KEYS.values() for name in CHECKS),
    ],
    pool="warehouse",
)
def ingest_feeds(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """Land and load every complete file."""
    with at_work() as work:
        report = ingest(work.settings, clock=work.clock, reporter=work.reporter)
        outcomes = load_outcomes(work.settings, list_outcome_files(work))
    for text in report.warnings:
        context.log.warning(text)
    for text in report.errors:
        context.log.error(text)
    for name, key in KEYS.items():
        feed = report.feeds.get(name, FeedReport())
        yield dg.MaterializeResult(
            asset_key=key, metadata=_metadata(feed), check_results=_checks(key, feed)
        )
    files = sum(sum(feed.files.values()) for feed in report.feeds.values())
    rejected = sum(feed.run.rejected for feed in report.feeds.values())
    yield dg.MaterializeResult(
        asset_key=LOADS,
        metadata={"files": files},
        check_results=[
            dg.AssetCheckResult(
                asset_key=LOADS,
                check_name=ACCEPTED,
                passed=not report.errors,
                metadata={"look_at": dg.MetadataValue.json(report.errors)},
            )
        ],
    )
    yield dg.MaterializeResult(asset_key=REJECTIONS, metadata={"rejected": rejected})
    yield dg.MaterializeResult(asset_key=OUTCOMES, metadata={"new_rows": outcomes})


def _metadata(feed: FeedReport) -> dict[str, dg.MetadataValue]:
    return {
        "read": dg.MetadataValue.int(feed.run.read),
        "loaded": dg.MetadataValue.int(feed.run.loaded),
        "rejected": dg.MetadataValue.int(feed.run.rejected),
        "duplicate": dg.MetadataValue.int(feed.run.duplicate),
        "total_loaded": dg.MetadataValue.int(feed.total.loaded),
        "files": dg.MetadataValue.json(dict(feed.files)),
        "latest_business_date": dg.MetadataValue.text(feed.latest_business_date or "none"),
    }


def _checks(key: dg.AssetKey, feed: FeedReport) -> list[dg.AssetCheckResult]:
    total = feed.total
    return [
        dg.AssetCheckResult(
            asset_key=key,
            check_name="rows_conserved",
            passed=total.read == total.loaded + total.rejected + total.duplicate,
        ),
        dg.AssetCheckResult(
            asset_key=key,
            check_name="arrived_in_time",
            passed=not feed.is_late,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"missing_days": len(feed.missing_business_dates)},
        ),
        dg.AssetCheckResult(asset_key=key, check_name="not_stopped", passed=not feed.is_stopped),
    ]
