"""The two ends of lineage that dbt does not know: fields of feeds, and fields of destinations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from activation.governance.register import Register
from activation.lineage.columns import ROWS, Edge
from activation.lineage.manifest import Kind, Project, Relation

FEED_PREFIX, DESTINATION_PREFIX = "feed.", "destination."
ATTRIBUTES, IDENTITIES = "attributes", "identities"
IDENTIFIER = "identifier_value"
MEMBER = "member_id"


class FeedColumn(NamedTuple):
    """One column of a raw table, as the feed's contract has it.

    Args:
        feed: The feed, which names the table too.
        origin: The field in the file, by header name or path.
        column: The column that it fills.
    """

    feed: str
    origin: str
    column: str


def feed_edges(feeds: Iterable[FeedColumn], project: Project) -> Iterator[Edge]:
    """Yield the edges from the fields of feeds to the columns of raw tables."""
    tables = {
        relation.name.partition(".")[2]: relation
        for relation in project.relations.values()
        if relation.kind is Kind.SOURCE
    }
    for item in feeds:
        table = tables.get(item.feed)
        if table is not None and item.column in table.columns:
            yield Edge(f"{FEED_PREFIX}{item.feed}", item.origin, table.name, item.column, "value")


def destination_edges(register: Register, project: Project) -> Iterator[Edge]:
    """Yield the edges to the fields of destinations.

    An attribute or identifier goes into a field's value; the segments that allow a destination
    decide which members there are.
    """
    datasets = {item.dataset: item for item in project.relations.values() if item.dataset}
    for destination_id, entry in register.destinations.items():
        name = f"{DESTINATION_PREFIX}{destination_id}"
        for target, source in entry.fields.items():
            dataset, column = (
                (IDENTITIES, IDENTIFIER) if source.identifier else (ATTRIBUTES, source.attribute)
            )
            relation = datasets.get(dataset)
            if relation is not None and column:
                yield Edge(relation.name, column, name, target, "value")
        for segment in project.segments():
            if destination_id in _destinations(segment):
                yield Edge(segment.name, MEMBER, name, ROWS, "condition")


def _destinations(segment: Relation) -> dict[str, object]:
    return dict((segment.facts or {}).get("destinations") or {})
