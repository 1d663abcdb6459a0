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

Hooks do not count: they make incremental tables equal to a full build, which is what the
fingerprint describes. Nor do settings such as materialisation, and the types of a contract.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from activation.governance.segments import Purpose
from activation.lineage.dependencies import Dependencies, Upstream
from activation.lineage.library import Library
from activation.lineage.manifest import Relation, read_project
from activation.lineage.queries import Demand
from activation.lineage.tags import find_tags
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
        ContractError: A model that is needed was not compiled, or a seed's file is not the one that
            dbt read.
    """
    library = Library(read_project(manifest, project))
    dependencies = Dependencies(library)
    return {
        relation.segment_id: _describe(dependencies, relation)
        for relation in library.project.segments()
        if only is None or relation.segment_id in only
    }


def _describe(dependencies: Dependencies, relation: Relation) -> SegmentLineage:
    upstream = dependencies.upstream(relation.unique_id)
    library = dependencies.library
    facts = relation.facts or {}
    parts = {FACTS: _digest(facts), **dependencies.parts(upstream)}
    unresolved = {
        library.relation(unique_id).name: library.unresolved[unique_id]
        for unique_id in sorted({unique_id for unique_id, _ in upstream.slices})
        if unique_id in library.unresolved
    }
    return SegmentLineage(
        fingerprint=_digest([FORM, parts]),
        tags=_tags(dependencies, upstream, facts),
        version=str(facts.get("version", "")),
        parts=parts,
        unresolved=unresolved,
        is_held_to_fair_lending=bool(facts.get("credit_related"))
        or facts.get("purpose") == Purpose.SUPPRESSION,
    )


def _tags(
    dependencies: Dependencies, upstream: Upstream, facts: Mapping[str, Any]
) -> dict[str, str]:
    """Return the tags upstream of the members, and those of attributes that go with them."""
    tags = find_tags(dependencies, upstream)
    sent = {name for names in (facts.get("destinations") or {}).values() for name in names}
    for relation in dependencies.library.project.relations.values():
        if relation.dataset == ATTRIBUTES:
            for column in sorted(sent & set(dependencies.library.columns(relation.unique_id))):
                demand = Demand(frozenset({column}))
                found = find_tags(dependencies, dependencies.upstream(relation.unique_id, demand))
                tags = found | tags
    return dict(sorted(tags.items()))


def _digest(document: object) -> str:
    return sha256_hex(json.dumps(document, sort_keys=True, default=str).encode())
