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

from activation.governance.register import Register
from activation.lineage.columns import Edge, edges_of, fold_rows
from activation.lineage.dictionary import ColumnFacts, describe_columns, described
from activation.lineage.library import COMPILE, Library
from activation.lineage.manifest import read_project
from activation.lineage.origins import (
    DESTINATION_PREFIX,
    FEED_PREFIX,
    FeedColumn,
    destination_edges,
    feed_edges,
)
from activation.lineage.slicer import Slicer
from tellerline.durable import make_folder, replace_file
from tellerline.errors import ContractError

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
WRITE = f"Run `{COMPILE} && tellerline dictionary lineage --write` and commit seeds/dictionary."
BAR = "|"


def render_files(
    manifest: Mapping[str, Any], project: Path, feeds: Iterable[FeedColumn], register: Register
) -> dict[Path, bytes]:
    """Return the seeds as the project has them, by path from the project folder.

    Args:
        manifest: dbt's manifest after `dbt build` or `dbt compile`, as parsed.
        project: The project folder.
        feeds: The columns of the feeds' contracts.
        register: The register of destinations.

    Raises:
        ContractError: A model was not compiled, or a seed's file is not the one that dbt read.
    """
    return {
        EDGES_FILE: _csv(EDGE_COLUMNS, _edge_lines(manifest, project, feeds, register)),
        FACTS_FILE: _csv(FACT_COLUMNS, map(_fact_line, describe_columns(manifest, project))),
    }


def write_files(project: Path, files: Mapping[Path, bytes]) -> list[str]:
    """Replace the seeds that differ and return their paths."""
    make_folder(project / FOLDER)
    stale = _stale(project, files)
    for path in stale:
        replace_file(project / path, files[path])
    return [path.as_posix() for path in stale]


def check_files(project: Path, files: Mapping[Path, bytes]) -> None:
    """Hold the seeds in the folder to the project.

    Raises:
        ContractError: They say something else; the error names the first line that differs.
    """
    for path in _stale(project, files):
        raise ContractError(path.as_posix(), _difference(project / path, files[path]), WRITE)


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


def _stale(project: Path, files: Mapping[Path, bytes]) -> list[Path]:
    return [
        path
        for path, data in files.items()
        if not (project / path).is_file() or (project / path).read_bytes() != data
    ]


def _difference(path: Path, data: bytes) -> str:
    if not path.is_file():
        return "is missing."
    before = set(path.read_text(encoding="utf-8").splitlines())
    now = data.decode("utf-8").splitlines()
    new = [line for line in now if line not in before]
    gone = before - set(now)
    example = new[0] if new else min(gone, default="the order of lines")
    return (
        f"is not what the project says: {len(new)} lines are missing and {len(gone)} are too many, "
        f"such as {example}."
    )
