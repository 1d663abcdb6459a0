"""The published version: what activation reads, and all it reads."""

from __future__ import annotations

import dagster as dg

from activation.artefacts import read_manifest
from activation.catalog import read_catalog
from activation.lineage import describe_segments
from activation.publisher import publish
from orchestration.project import published_keys
from orchestration.warehouse import PROJECT
from orchestration.work import at_work

PUBLICATION = dg.AssetKey("publication")
MANIFEST, _ = read_manifest(PROJECT.manifest_path)


@dg.asset(
    key=PUBLICATION,
    deps=published_keys(MANIFEST),
    group_name="publication",
    kinds={"parquet"},
    description="One atomic, unchanging version of all that may be activated.",
)
def publication() -> dg.MaterializeResult:
    """Freeze what dbt built."""
    with at_work() as context:
        catalog = read_catalog(context.settings.target)
        lineages = describe_segments(catalog.manifest, context.settings.project)
        published = publish(context, catalog, lineages)
    return dg.MaterializeResult(
        metadata={
            "version": published.version,
            "business_date": published.business_date,
            "manifest_sha256": published.manifest_sha256,
            "members_by_segment": {
                segment.segment_id: segment.members for segment in published.segments.values()
            },
        }
    )
