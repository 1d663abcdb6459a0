"""The seeds that bring lineage into the warehouse.

dbt cannot follow columns, and lineage needs the compiled project; so lineage is written into two
seeds that stand in git: `dbt build` needs no step before it, and a review sees which paths moved.
A check in CI fails when they are not what the project says.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from activation.artefacts import COMPILE_EVERYTHING
from activation.generated import GeneratedFiles
from activation.governance.register import Register
from activation.lineage.columns import Edge, edges_of, fold_rows
from activation.lineage.dictionary import ColumnFacts, describe_columns, described
from activation.lineage.library import Library
from activation.lineage.manifest import read_project
from activation.lineage.origins import (
    DESTINATION_PREFIX,
    FEED_PREFIX,
    FeedColumn,
    destination_edges,
    feed_edges,
)
from activation.lineage.slicer import Slicer

FOLDER = Path("seeds") / "dictionary"
EDGES_FILE = FOLDER / "column_lineage.csv"
FACTS_FILE = FOLDER / "column_facts.csv"
EDGE_COLUMNS = (
    "from_layer", "from_relation", "from_column", "to_layer", "to_relation", "to_column", "kind",
    "reason",
)  # fmt: skip
FACT_COLUMNS = (
    "relation_name", "column_name", "kli_id", "status", "reason", "logic", "made_from",
    "inherited_law_tags", "law_tag_paths", "segments",
)  # fmt: skip
BAR = "|"


def render_files(
    manifest: Mapping[str, Any], project: Path, feeds: Iterable[FeedColumn], register: Register
) -> GeneratedFiles:
    """Return the seeds as the project has them.

    Args:
        manifest: dbt's manifest after `dbt build` or `dbt compile`, as parsed.
        project: The project folder.
        feeds: The columns of the feeds' contracts.
        register: The register of destinations.

    Raises:
        ContractError: A model was not compiled, or a seed's file is not the one that dbt read.
    """
    facts = map(_fact_line, describe_columns(manifest, project))
    return GeneratedFiles(
        folder=FOLDER,
        pattern="*.csv",
        contents={
            EDGES_FILE: _csv(EDGE_COLUMNS, _edge_lines(manifest, project, feeds, register)),
            FACTS_FILE: _csv(FACT_COLUMNS, facts),
        },
        remedy=f"Run {COMPILE_EVERYTHING}, then `tellerline dictionary lineage --write`, "
        f"and commit {FOLDER}.",
    )


def _edge_lines(
    manifest: Mapping[str, Any], folder: Path, feeds: Iterable[FeedColumn], register: Register
) -> list[tuple[str, ...]]:
    library = Library(read_project(manifest, folder))
    project = library.project
    slicer = Slicer(library, lambda *_: True)
    edges = {*feed_edges(feeds, project), *destination_edges(register, project)}
    reasons: dict[str, str] = {}
    for relation in described(project.relations.values()):
        columns = library.columns(relation.unique_id)
        edges |= fold_rows(edges_of(library, slicer, relation), columns)
        reasons[relation.name] = library.unresolved.get(relation.unique_id, "")
    layers = {item.name: item.layer for item in project.relations.values()}
    return sorted(_edge_line(edge, layers, reasons) for edge in edges)


def _edge_line(
    edge: Edge, layers: Mapping[str, str], reasons: Mapping[str, str]
) -> tuple[str, ...]:
    return (
        _layer(edge.from_relation, layers),
        edge.from_relation,
        edge.from_column,
        _layer(edge.to_relation, layers),
        edge.to_relation,
        edge.to_column,
        edge.kind,
        reasons.get(edge.to_relation, "") if edge.kind == "unknown" else "",
    )


def _layer(relation: str, layers: Mapping[str, str]) -> str:
    for prefix in (FEED_PREFIX, DESTINATION_PREFIX):
        if relation.startswith(prefix):
            return prefix.rstrip(".")
    return layers[relation]


def _fact_line(facts: ColumnFacts) -> tuple[str, ...]:
    return (
        facts.relation,
        facts.column,
        facts.kli_id,
        facts.status,
        facts.reason,
        facts.logic,
        BAR.join(facts.made_from),
        BAR.join(facts.inherited),
        BAR.join(facts.inherited.values()),
        BAR.join(facts.segments),
    )


def _csv(header: Iterable[str], lines: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return text.getvalue().encode("utf-8")
