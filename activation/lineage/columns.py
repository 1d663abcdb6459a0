"""Column-to-column lineage of the whole project, for the dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from activation.lineage.library import Library
from activation.lineage.manifest import Kind, Relation, read_project
from activation.lineage.queries import Demand
from activation.lineage.slicer import Slicer
from activation.lineage.slices import Read

EdgeKind = Literal["value", "condition", "unknown"]
# In place of a column: every column, because the edge decides which rows there are.
ROWS = "*"


class Edge(NamedTuple):
    """One column that another is made from.

    Args:
        from_relation: The relation read: `dim_members`, `kli_rules`, `raw.loads`.
        from_column: Its column.
        to_relation: The model that reads it.
        to_column: The model's column that depends on it.
        kind: `value` when it goes into the value; `condition` when it decides, in a filter, join,
            grouping or order, which rows there are; `unknown` when the model's query could not be
            resolved and may use it in any way.
    """

    from_relation: str
    from_column: str
    to_relation: str
    to_column: str
    kind: EdgeKind


def column_lineage(manifest: Mapping[str, Any], project: Path) -> Iterator[Edge]:
    """Yield the edges between the columns of relations that read each other, sorted by reader.

    A column without an edge is made of literals alone. Paths from sources to segments are chains of
    edges.

    Args:
        manifest: dbt's manifest after `dbt build` or `dbt compile`, as parsed.
        project: The project folder, for the seeds' files.

    Raises:
        ContractError: A model was not compiled, or a seed's file is not the one that dbt read.
    """
    library = Library(read_project(manifest, project))
    slicer = Slicer(library, _reads_all)
    readers = [
        relation
        for relation in library.project.relations.values()
        if relation.kind not in {Kind.SEED, Kind.SOURCE}
    ]
    for relation in sorted(readers, key=lambda item: item.name):
        yield from sorted(edges_of(library, slicer, relation))


def edges_of(library: Library, slicer: Slicer, relation: Relation) -> set[Edge]:
    """Return the edges that end at the columns of one relation."""
    query = library.query(relation.unique_id)
    edges = set()
    for column in library.columns(relation.unique_id):
        found = slicer.slice(query, Demand(frozenset({column})))
        kinds: tuple[tuple[EdgeKind, frozenset[Read]], ...] = (
            ("value", found.value(column)),
            ("condition", found.conditions),
        )
        for kind, reads in kinds:
            for read in reads:
                source = library.relation(read.unique_id).name
                word: EdgeKind = kind if read.is_certain else "unknown"
                edges.add(Edge(source, read.column, relation.name, column, word))
    return edges


def fold_rows(edges: Iterable[Edge], columns: Iterable[str]) -> set[Edge]:
    """Return `edges` of one relation, those that end alike at each of its columns told once.

    Args:
        edges: The edges that end at the relation.
        columns: All its columns.
    """
    wanted = set(columns)
    ends: dict[Edge, set[str]] = {}
    for edge in edges:
        ends.setdefault(edge._replace(to_column=ROWS), set()).add(edge.to_column)
    folded = set()
    for edge, found in ends.items():
        if edge.kind != "value" and found == wanted:
            folded.add(edge)
        else:
            folded |= {edge._replace(to_column=column) for column in found}
    return folded


def _reads_all(unique_id: str, demand: Demand) -> bool:
    """What a model reads is told from its own query, whatever upstream would leave out."""
    del unique_id, demand
    return True
