"""What a segment really uses: column lineage over the compiled dbt project, and its fingerprint."""

from __future__ import annotations

from activation.lineage.columns import Edge, column_lineage
from activation.lineage.segments import SegmentLineage, describe_segments

__all__ = ["Edge", "SegmentLineage", "column_lineage", "describe_segments"]
