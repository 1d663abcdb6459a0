"""One thing's whole lineage: from the feed fields it comes from to the destinations it reaches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from activation.governance.register import Register
from activation.governance.segments import SEGMENT_PREFIX
from activation.lineage.columns import ROWS, Edge
from activation.lineage.dependencies import Dependencies, Upstream
from activation.lineage.indicators import KEY, indicator_table
from activation.lineage.manifest import Kind
from activation.lineage.origins import (
    DESTINATION_PREFIX,
    FeedColumn,
    destination_edges,
    feed_edges,
)
from activation.lineage.queries import Demand
from activation.lineage.segments import upstreams_of
from activation.lineage.slices import Read
from activation.lineage.tags import find_tags
from tellerline.errors import UsageError
from tellerline.suggestions import known_names


class _Target(NamedTuple):
    unique_id: str
    demand: Demand


@dataclass(frozen=True, slots=True)
class Pedigree:
    """Where one column, indicator, segment or destination field comes from, and where it goes.

    Args:
        name: What was asked for.
        upstream: Every edge on a way to it, sorted from what it reads to the feeds.
        feed_fields: The fields of feeds among them.
        law_tags: Law tags upstream, each with one path.
        unresolved: Relations upstream whose query could not be resolved, with the reason; all that
            they might read is told.
        segments: Segments that read it for their members or to send it along.
        destination_fields: Fields of destinations that it goes into; an asterisk where it decides
            which members are there.
    """

    name: str
    upstream: tuple[Edge, ...]
    feed_fields: tuple[str, ...]
    law_tags: Mapping[str, str]
    unresolved: Mapping[str, str]
    segments: tuple[str, ...]
    destination_fields: tuple[str, ...]

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "destination_fields": list(self.destination_fields),
            "feed_fields": list(self.feed_fields),
            "law_tags": dict(self.law_tags),
            "name": self.name,
            "segments": list(self.segments),
            "unresolved": dict(self.unresolved),
            "upstream": [edge._asdict() for edge in self.upstream],
        }


def trace_lineage(
    dependencies: Dependencies, name: str, feeds: Iterable[FeedColumn], register: Register
) -> Pedigree:
    """Return the lineage of one thing, within what its readers really want of each relation.

    Args:
        dependencies: The compiled project.
        name: `relation.column`, a segment id, an indicator id or `destination.<id>.<field>`.
        feeds: The columns of the feeds' contracts.
        register: The register of destinations.

    Raises:
        UsageError: The project has nothing of that name.
    """
    library = dependencies.library
    fed = list(feed_edges(feeds, library.project))
    left = list(destination_edges(register, library.project))
    target = _find(dependencies, name, left)
    is_parameter = library.relation(target.unique_id).kind is Kind.PARAMETER
    upstream = (dependencies.behind if is_parameter else dependencies.upstream)(*target)
    edges = _edges(dependencies, upstream)
    reached = {(edge.from_relation, edge.from_column) for edge in edges}
    own = library.relation(target.unique_id).name
    reached |= {(own, column) for column in target.demand.columns}
    origins = {edge for edge in fed if (edge.to_relation, edge.to_column) in reached}
    return Pedigree(
        name=name,
        upstream=tuple(sorted(edges | origins, key=lambda edge: (edge.to_relation, edge))),
        feed_fields=tuple(sorted({f"{edge[0]}.{edge[1]}" for edge in origins})),
        law_tags=find_tags(dependencies, upstream),
        unresolved={
            library.relation(unique_id).name: library.unresolved[unique_id]
            for unique_id in sorted({unique_id for unique_id, _ in upstream.slices})
            if unique_id in library.unresolved
        },
        segments=_segments(dependencies, target),
        destination_fields=_destinations(dependencies, target, left),
    )


def _find(dependencies: Dependencies, name: str, left: Iterable[Edge]) -> _Target:
    library = dependencies.library
    relations = {item.name: item.unique_id for item in library.project.relations.values()}
    for edge in left:
        if edge.kind == "value" and name == f"{edge.to_relation}.{edge.to_column}":
            return _Target(relations[edge.from_relation], Demand(frozenset({edge.from_column})))
    table = indicator_table(library)
    if name in dependencies.indicator_tags and table is not None:
        limits = frozenset({(KEY, frozenset({name}))})
        return _Target(table, Demand(frozenset(library.columns(table)), limits))
    segment = relations.get(f"{SEGMENT_PREFIX}{name.removeprefix(SEGMENT_PREFIX)}")
    if segment is not None:
        return _Target(segment, Demand(frozenset(library.columns(segment))))
    relation, _, column = name.rpartition(".")
    if relation in relations and column in library.columns(relations[relation]):
        return _Target(relations[relation], Demand(frozenset({column})))
    raise UsageError(
        name,
        "is no column, indicator, segment or destination field of the project.",
        f"Name it like dim_member_profile.age_band, spend__coffee or {DESTINATION_PREFIX}"
        f"hubspot.email. {known_names(name, _names(dependencies, left))}".strip(),
    )


def _names(dependencies: Dependencies, left: Iterable[Edge]) -> set[str]:
    """Return everything of which lineage can be told."""
    library = dependencies.library
    return {
        *(f"{edge.to_relation}.{edge.to_column}" for edge in left if edge.kind == "value"),
        *dependencies.indicator_tags,
        *(segment.segment_id for segment in library.project.segments()),
        *(
            f"{relation.name}.{column}"
            for relation in library.project.relations.values()
            for column in relation.columns
        ),
    }


def _edges(dependencies: Dependencies, upstream: Upstream) -> set[Edge]:
    """Return the edges within all slices; a condition decides on the rows of its relation."""
    library = dependencies.library
    edges: set[Edge] = set()
    for (unique_id, demand), found in upstream.slices.items():
        name = library.relation(unique_id).name
        edges |= {
            _edge(dependencies, read, name, column, "value")
            for column in demand.columns
            for read in found.value(column)
        }
        edges |= {_edge(dependencies, read, name, ROWS, "condition") for read in found.conditions}
    return edges


def _edge(dependencies: Dependencies, read: Read, name: str, column: str, kind: str) -> Edge:
    source = dependencies.library.relation(read.unique_id).name
    if not read.is_certain:
        return Edge(source, read.column, name, column, "unknown")
    return Edge(source, read.column, name, column, "value" if kind == "value" else "condition")


def _reads(upstream: Upstream, target: _Target) -> bool:
    """Say whether anything upstream reads the target: a column of it, within common rows."""
    for unique_id, demand in upstream.slices:
        if unique_id == target.unique_id and demand.columns & target.demand.columns:
            wanted, own = dict(demand.limits), dict(target.demand.limits)
            if all(wanted.get(key, values) & values for key, values in own.items()):
                return True
    return False


def _segments(dependencies: Dependencies, target: _Target) -> tuple[str, ...]:
    return tuple(
        segment.segment_id
        for segment in dependencies.library.project.segments()
        if segment.unique_id != target.unique_id
        and any(_reads(upstream, target) for upstream in upstreams_of(dependencies, segment))
    )


def _destinations(
    dependencies: Dependencies, target: _Target, left: Iterable[Edge]
) -> tuple[str, ...]:
    """Return the fields whose value it goes into; an asterisk where it decides who is there."""
    relations = {
        item.name: item.unique_id for item in dependencies.library.project.relations.values()
    }
    found = set()
    for edge in left:
        unique_id = relations[edge.from_relation]
        demand = Demand(frozenset({edge.from_column})) if edge.kind == "value" else None
        if _reads(dependencies.upstream(unique_id, demand), target):
            found.add(f"{edge.to_relation}.{edge.to_column}")
    return tuple(sorted(found))
