"""What the dictionary says of each column beyond its own YAML.

Where it comes from, which law tags it inherits, and which segments rest on it. Covers every
relation from raw to what may leave. The dictionary's own models describe the project and hold no
member's data, so they are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from activation.lineage.dependencies import Dependencies
from activation.lineage.indicators import INDICATORS, KEY, indicator_table, indicators_within
from activation.lineage.library import Library
from activation.lineage.manifest import Kind, Relation, read_project
from activation.lineage.queries import Demand
from activation.lineage.segments import upstreams_of
from activation.lineage.slicer import Slicer
from activation.lineage.slices import Slice
from activation.lineage.tags import find_tags
from tellerline.canonical import sha256_hex

DICTIONARY = "dictionary"
KLIS = "klis"
# Seeds of which the dictionary has an entry for each line.
LISTED_ELSEWHERE = frozenset({"kli_rules", "kli_taxonomy"})
SHORT = 12

Status = Literal["followed", "literal", "unknown"]


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One column of a model, or one indicator among the rows of a column.

    Args:
        relation: The model.
        column: Its column.
        kli_id: The indicator, for facts about one; empty otherwise.
        status: `followed`; `literal` when no other relation is read; `unknown` when the query could
            not be resolved, so that the facts err on the side of too much.
        reason: Why it is unknown; empty otherwise.
        logic: Short hash of how the model itself makes the column, or of how the models of
            indicators make this one, with the lines of the seeds that they read for it.
        made_from: Columns that go into its value, as `relation.column`, sorted.
        inherited: Law tags upstream that the project does not state for it, each with a path.
        segments: Segments that read it for their members or to send it along, sorted.
    """

    relation: str
    column: str
    kli_id: str
    status: Status
    reason: str = ""
    logic: str = ""
    made_from: tuple[str, ...] = ()
    inherited: Mapping[str, str] = field(default_factory=dict)
    segments: tuple[str, ...] = ()


def describe_columns(manifest: Mapping[str, Any], project: Path) -> list[ColumnFacts]:
    """Return the facts of every column of every model, and of every indicator, sorted.

    Args:
        manifest: dbt's manifest after `dbt build` or `dbt compile`, as parsed.
        project: The project folder, for the seeds' files.

    Raises:
        ContractError: A model was not compiled, or a seed's file is not the one that dbt read.
    """
    library = Library(read_project(manifest, project))
    dependencies = Dependencies(library)
    slicer = Slicer(library, lambda *_: True)
    users = _Users(dependencies)
    found = [
        _column(dependencies, slicer, users, relation, column)
        for relation in described(library.project.relations.values())
        for column in library.columns(relation.unique_id)
    ]
    found += _indicators(dependencies, users)
    return sorted(found, key=lambda item: (item.relation, item.column, item.kli_id))


def described(relations: Iterable[Relation]) -> Iterator[Relation]:
    """Yield the models whose columns lineage covers."""
    for relation in relations:
        if relation.kind in {Kind.MODEL, Kind.PARAMETER} and relation.layer != DICTIONARY:
            yield relation


class _Users:
    """Which segments read a column or an indicator, for their members or to send it along."""

    def __init__(self, dependencies: Dependencies) -> None:
        self.columns: dict[tuple[str, str], set[str]] = {}
        self.indicators: dict[str, set[str]] = {}
        for segment in dependencies.library.project.segments():
            upstreams = upstreams_of(dependencies, segment)
            for unique_id, demand in {place for item in upstreams for place in item.slices}:
                for column in demand.columns:
                    self.columns.setdefault((unique_id, column), set()).add(segment.segment_id)
                if dependencies.library.relation(unique_id).name == INDICATORS:
                    for kli_id in indicators_within(demand) or dependencies.indicator_tags:
                        self.indicators.setdefault(kli_id, set()).add(segment.segment_id)


def _column(
    dependencies: Dependencies, slicer: Slicer, users: _Users, relation: Relation, column: str
) -> ColumnFacts:
    library = dependencies.library
    demand = Demand(frozenset({column}))
    own = slicer.slice(library.query(relation.unique_id), demand)
    reason = library.unresolved.get(relation.unique_id, "")
    return ColumnFacts(
        relation=relation.name,
        column=column,
        kli_id="",
        status=_status(own, reason),
        reason=reason,
        logic=_logic(library, {(relation.unique_id, demand): own}, LISTED_ELSEWHERE),
        made_from=tuple(
            sorted(
                {
                    f"{library.relation(read.unique_id).name}.{read.column}"
                    for read in own.value(column)
                }
            )
        ),
        inherited=_inherited(dependencies, relation.unique_id, demand, relation.tags_of(column)),
        segments=tuple(sorted(users.columns.get((relation.unique_id, column), ()))),
    )


def _indicators(dependencies: Dependencies, users: _Users) -> Iterator[ColumnFacts]:
    library = dependencies.library
    unique_id = indicator_table(library)
    if unique_id is None:
        return
    columns = frozenset(library.columns(unique_id))
    reason = library.unresolved.get(unique_id, "")
    for kli_id, stated in dependencies.indicator_tags.items():
        demand = Demand(columns, frozenset({(KEY, frozenset({kli_id}))}))
        yield ColumnFacts(
            relation=INDICATORS,
            column=KEY,
            kli_id=kli_id,
            status="unknown" if reason else "followed",
            reason=reason,
            logic=_indicator_logic(dependencies, unique_id, demand),
            inherited=_inherited(dependencies, unique_id, demand, stated),
            segments=tuple(sorted(users.indicators.get(kli_id, ()))),
        )


def _indicator_logic(dependencies: Dependencies, unique_id: str, demand: Demand) -> str:
    """Return the hash of one indicator: classes, measures and what else it is made from apart."""
    library = dependencies.library
    slices = dependencies.upstream(unique_id, demand).slices
    own = {
        place: found for place, found in slices.items() if library.relation(place[0]).layer == KLIS
    }
    return _logic(library, own)


def _logic(
    library: Library,
    slices: Mapping[tuple[str, Demand], Slice],
    besides: frozenset[str] = frozenset(),
) -> str:
    """Return the hash of slices with the lines of seeds that they read, some seeds apart."""
    parts: set[str] = set()
    for (unique_id, demand), found in slices.items():
        own = [library.relation(unique_id).name, demand.document(), found.digest or ""]
        parts.add(json.dumps(own))
        for read, wanted in found.tables:
            relation = library.relation(read)
            if relation.seed is not None and relation.name not in besides:
                lines = relation.seed.contents(wanted.columns, wanted.limits)
                parts.add(json.dumps([relation.name, lines]))
    return sha256_hex("\n".join(sorted(parts)).encode())[:SHORT]


def _status(own: Slice, reason: str) -> Status:
    if reason:
        return "unknown"
    return "followed" if own.tables else "literal"


def _inherited(
    dependencies: Dependencies, unique_id: str, demand: Demand, stated: Iterable[str]
) -> Mapping[str, str]:
    tags = find_tags(dependencies, dependencies.upstream(unique_id, demand))
    return {tag: path for tag, path in tags.items() if tag not in set(stated)}
