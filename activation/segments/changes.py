"""Which segments differ between two revisions, and what must be built to see their members.

A segment whose logic and everything upstream that it reads have the same hashes on both sides
selects the same members from the same rows, and is read as the warehouse has it. Of the others,
each side builds every relation upstream whose compiled query or seed differs from the other side,
and what stands between it and the segment; all else both sides read from the same tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from activation.lineage import SegmentLineage
from activation.lineage.segments import FACTS
from activation.segments.revisions import Revision


class Change(StrEnum):
    """How a segment differs."""

    NEW = "new"
    GONE = "gone"
    LOGIC = "logic"
    FACTS = "facts"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SegmentChange:
    """How one segment differs, and in what.

    Args:
        segment_id: The segment.
        change: How.
        parts: The relations upstream that differ in what the segment reads of them, for its members
            or for the attributes that it sends.
        facts: The names of the facts that differ.
        versions: Its version before and after; None where it does not exist.
    """

    segment_id: str
    change: Change
    parts: tuple[str, ...]
    facts: tuple[str, ...]
    versions: tuple[str | None, str | None]

    @property
    def moves_members(self) -> bool:
        """Whether its members may differ."""
        return self.change in {Change.NEW, Change.GONE, Change.LOGIC}

    @property
    def lacks_version(self) -> bool:
        """Whether it changed under a version that it had before."""
        return self.change in {Change.LOGIC, Change.FACTS} and self.versions[0] == self.versions[1]


def find_changes(base: Revision, head: Revision) -> list[SegmentChange]:
    """Return how every segment of either side differs, by segment id."""
    return [
        _compare(segment_id, base, head)
        for segment_id in sorted(base.lineages.keys() | head.lineages.keys())
    ]


def find_stale(
    side: Revision, other: Revision, changes: list[SegmentChange], present: frozenset[str]
) -> set[str]:
    """Return the names of the models and seeds that `side` must build, in no order.

    Args:
        side: The side that builds.
        other: The side it is compared with.
        changes: How the segments differ.
        present: The relations that the copy of the warehouse has, as dbt names them.
    """
    nodes: Mapping[str, Any] = side.manifest["nodes"]
    known: dict[str, bool] = {}

    def is_stale(unique_id: str) -> bool:
        if unique_id not in known:
            node = nodes[unique_id]
            # Every parent is asked, so that all that is stale becomes known.
            parents = [is_stale(parent) for parent in _parents(node, nodes)]
            own = _text(node) != _text(other.manifest["nodes"].get(unique_id))
            is_missing = node["relation_name"] not in {None, *present}
            known[unique_id] = own or any(parents) or is_missing
        return known[unique_id]

    for item in changes:
        if item.segment_id in side.lineages:
            model = side.model(item.segment_id)
            # A segment that is the same on both sides is built only where the warehouse lacks it.
            if item.moves_members or model["relation_name"] not in present:
                is_stale(model["unique_id"])
    return {nodes[unique_id]["name"] for unique_id, stale in known.items() if stale}


def _parents(node: Mapping[str, Any], nodes: Mapping[str, Any]) -> list[str]:
    parents = (node.get("depends_on") or {}).get("nodes") or []
    return [parent for parent in parents if parent in nodes]


def _text(node: Mapping[str, Any] | None) -> tuple[object, ...] | None:
    """Return what decides on the rows of a node."""
    if node is None:
        return None
    return (
        node.get("compiled_code"),
        node["checksum"]["checksum"] if node["resource_type"] == "seed" else None,
        node["config"].get("materialized"),
        node["config"].get("column_types"),
    )


def _compare(segment_id: str, base: Revision, head: Revision) -> SegmentChange:
    before, after = base.lineages.get(segment_id), head.lineages.get(segment_id)
    versions = (before.version if before else None, after.version if after else None)
    if before is None or after is None:
        change = Change.NEW if before is None else Change.GONE
        return SegmentChange(segment_id, change, (), (), versions)
    parts = _different_parts(before, after)
    facts = _different_facts(base.facts(segment_id), head.facts(segment_id))
    change = Change.LOGIC if parts else Change.FACTS if facts else Change.NONE
    return SegmentChange(segment_id, change, parts, facts, versions)


def _different_parts(before: SegmentLineage, after: SegmentLineage) -> tuple[str, ...]:
    names = (before.parts.keys() | after.parts.keys()) - {FACTS}
    return tuple(sorted(n for n in names if before.parts.get(n) != after.parts.get(n)))


def _different_facts(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    names = before.keys() | after.keys()
    return tuple(sorted(n for n in names if before.get(n) != after.get(n)))
