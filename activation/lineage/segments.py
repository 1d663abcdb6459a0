"""What each segment really uses: its fingerprint, and the law tags upstream.

The fingerprint covers the segment's own query and all of its `meta.segment`, and of every relation
upstream the columns that are read, with the filters, joins and groupings that shape their rows. How
a query is written down does not matter, nor do the names of its common table expressions. Of a seed
it covers the columns and rows that can have an effect: where a reader keeps to a literal key, as in
`kli_id = 'competitive__mortgage'`, the rows with that key alone. A model with `meta.parameter`
counts by its name; its value is an input of each run.

It errs on the side of change:

* A key used in another way than `=` and `in` with literals, such as `like`, means all rows.
* A row of a mapping that decides how a transaction is classified (merchants, patterns, prefixes,
  codes) counts for every segment that reads classified transactions, whichever class it looks at:
  classes compete, and a new pattern for one may take transactions from another.
* A query that cannot be resolved counts whole, with all that it might read.

It also covers how each attribute is made that the segment sends along. What compiled queries do not
show is refused (`visibility.py`), but for hooks that only make incremental tables equal to a full
build, which is what the fingerprint describes. Settings such as materialisation, and the types of a
contract, do not count.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from activation.governance.segments import Purpose
from activation.lineage.dependencies import Dependencies, Upstream
from activation.lineage.library import Library, refuse_too_deep
from activation.lineage.manifest import Relation, read_project
from activation.lineage.queries import Demand
from activation.lineage.tags import find_tags
from activation.lineage.visibility import Visibility
from tellerline.canonical import sha256_hex

# Raised when the normal form changes: every fingerprint changes with it.
FORM = 1
FACTS = "meta.segment"
# The dataset that holds what may leave with members.
ATTRIBUTES = "attributes"


@dataclass(frozen=True, slots=True)
class SegmentLineage:
    """What a segment really uses.

    Args:
        fingerprint: Hash of its logic, its facts and everything upstream that it reads.
        tags: Law tags upstream of its members or of an attribute that it sends, each with one path
            to a column that carries it.
        version: The version that its author gave it.
        parts: One hash for each relation upstream and one for its facts; they tell what changed.
        unresolved: Relations upstream whose query could not be resolved, with the reason; they
            count whole.
        is_held_to_fair_lending: Whether its author says that it is credit-related, or it is a
            suppression, which keeps members out of credit offers as well.
    """

    fingerprint: str
    tags: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    unresolved: Mapping[str, str] = field(default_factory=dict)
    is_held_to_fair_lending: bool = False


def describe_segments(
    manifest: Mapping[str, Any], project: Path, only: Collection[str] | None = None
) -> dict[str, SegmentLineage]:
    """Return the lineage of the segments in a dbt manifest (schema v12), by segment id.

    Args:
        manifest: dbt's manifest after `dbt build` or `dbt compile`, as parsed.
        project: The project folder, for the seeds' files.
        only: The segments that are wanted; all when absent.

    Raises:
        ContractError: A model that is needed was not compiled, a seed's file is not the one that
            dbt read, or a segment rests on something that lineage cannot see.
    """
    library = Library(read_project(manifest, project))
    dependencies = Dependencies(library)
    visibility = Visibility(dependencies)
    visibility.check_surroundings()
    return {
        relation.segment_id: _describe(dependencies, visibility, relation)
        for relation in library.project.segments()
        if only is None or relation.segment_id in only
    }


def upstreams_of(dependencies: Dependencies, segment: Relation) -> list[Upstream]:
    """Return what a segment depends on: first its members, then each attribute that it sends."""
    library = dependencies.library
    lists = ((segment.facts or {}).get("destinations") or {}).values()
    sent = {name for names in lists for name in names}
    return [
        dependencies.upstream(segment.unique_id),
        *(
            dependencies.upstream(relation.unique_id, Demand(frozenset({column})))
            for relation in library.project.relations.values()
            if relation.dataset == ATTRIBUTES
            for column in sorted(sent & set(library.columns(relation.unique_id)))
        ),
    ]


def _describe(
    dependencies: Dependencies, visibility: Visibility, relation: Relation
) -> SegmentLineage:
    with refuse_too_deep(f"segment {relation.segment_id}"):
        return _described(dependencies, visibility, relation)


def _described(
    dependencies: Dependencies, visibility: Visibility, relation: Relation
) -> SegmentLineage:
    upstreams = upstreams_of(dependencies, relation)
    visibility.check(relation, upstreams)
    library = dependencies.library
    facts = relation.facts or {}
    slices = {place: found for upstream in upstreams for place, found in upstream.slices.items()}
    parts = {FACTS: _digest(facts), **dependencies.parts(slices)}
    unresolved = {
        library.relation(unique_id).name: library.unresolved[unique_id]
        for unique_id in sorted({unique_id for unique_id, _ in slices})
        if unique_id in library.unresolved
    }
    tags: dict[str, str] = {}
    for upstream in upstreams:
        tags = {**find_tags(dependencies, upstream), **tags}
    return SegmentLineage(
        fingerprint=_digest([FORM, parts]),
        tags=dict(sorted(tags.items())),
        version=str(facts.get("version", "")),
        parts=parts,
        unresolved=unresolved,
        is_held_to_fair_lending=bool(facts.get("credit_related"))
        or facts.get("purpose") == Purpose.SUPPRESSION,
    )


def _digest(document: object) -> str:
    return sha256_hex(json.dumps(document, sort_keys=True, default=str).encode())
