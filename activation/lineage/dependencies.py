"""All that one relation depends on, through every relation upstream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

from activation.lineage.indicators import stated_tags
from activation.lineage.keyed_tags import KeyedTags
from activation.lineage.library import Library
from activation.lineage.manifest import Kind, Relation
from activation.lineage.queries import Demand
from activation.lineage.slicer import Slicer
from activation.lineage.slices import NOTHING, Read, Slice
from activation.lineage.uses import Form, Namings, Sought
from tellerline.canonical import sha256_hex

# How a path marks a step through a model that could not be followed.
UNRESOLVED = "(unresolved)"
_QUERIES = frozenset({Kind.MODEL, Kind.SNAPSHOT})


class Step(NamedTuple):
    """One column on the way, with what was wanted of its relation; no column stands for rows.

    Args:
        unique_id: The relation.
        demand: What was wanted of it.
        column: Its column.
        note: How the reader uses it, for people; empty when it goes into the value.
        named: The texts with which the reader compares it.
        form: What of it is in what the reader makes of it.
    """

    unique_id: str
    demand: Demand
    column: str | None
    note: str
    named: Namings = frozenset()
    form: Form = Form.TOLD

    @property
    def place(self) -> Place:
        """Where it is, however it is used."""
        return self.unique_id, self.demand, self.column


Place = tuple[str, Demand, str | None]
# Each step with the law tags that it meets, and what a path adds to say where.
TaggedSteps = tuple[tuple[Step, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True, slots=True)
class Upstream:
    """What one relation depends on.

    Args:
        root: The relation, and what is wanted of it.
        slices: The slice of every relation upstream for every demand made on it, the root included.
    """

    root: tuple[str, Demand]
    slices: Mapping[tuple[str, Demand], Slice]


class Dependencies:
    """Follows demands upstream through a project; every slice is made once."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._slicer = Slicer(library, self._has_rows)
        self._steps: dict[Place, tuple[Step, ...]] = {}
        # What `tags` has found; kept here, where it is known as long as the steps are.
        self.tagged_steps: dict[Place, TaggedSteps] = {}
        self.tags: dict[tuple[str, Demand], Mapping[str, str]] = {}
        self._uses: dict[tuple[str, Demand], str] = {}

    @cached_property
    def keyed_tags(self) -> KeyedTags:
        """The law tags of single values: indicators and classes of payments."""
        return KeyedTags(self.library)

    @cached_property
    def indicator_tags(self) -> Mapping[str, tuple[str, ...]]:
        """The law tags that the taxonomy states, by indicator."""
        return stated_tags(self.library)

    def upstream(self, unique_id: str, demand: Demand | None = None) -> Upstream:
        """Return all that a relation depends on, down to the sources.

        Args:
            unique_id: The relation.
            demand: What is wanted of it; all of it when absent.
        """
        return self._follow((unique_id, demand or self._whole(unique_id)), {})

    def behind(self, unique_id: str, demand: Demand | None = None) -> Upstream:
        """Return all that a parameter depends on, as if it were any other model.

        Args:
            unique_id: The parameter.
            demand: What is wanted of it; all of it when absent.
        """
        demand = demand or self._whole(unique_id)
        found = self._slicer.slice(self.library.query(unique_id), demand)
        return self._follow((unique_id, demand), {(unique_id, demand): found})

    def _whole(self, unique_id: str) -> Demand:
        return Demand(frozenset(self.library.columns(unique_id)))

    def _follow(
        self, root: tuple[str, Demand], known: Mapping[tuple[str, Demand], Slice]
    ) -> Upstream:
        slices: dict[tuple[str, Demand], Slice] = {}
        open_ends = [root]
        while open_ends:
            place = open_ends.pop()
            if place not in slices:
                slices[place] = known.get(place) or self.slice(*place)
                open_ends += slices[place].tables
        return Upstream(root, slices)

    def slice(self, unique_id: str, demand: Demand) -> Slice:
        """Return the part of a relation that matters to `demand`."""
        if self.library.relation(unique_id).kind in _QUERIES:
            return self._slicer.slice(self.library.query(unique_id), demand)
        return Slice(None, {})

    def steps(self, place: Place) -> tuple[Step, ...]:
        """Return what a column, or the rows, of a slice is made from, always in one order."""
        if place not in self._steps:
            unique_id, demand, column = place
            self._steps[place] = tuple(_steps(self.slice(unique_id, demand), column))
        return self._steps[place]

    def parts(self, slices: Mapping[tuple[str, Demand], Slice]) -> dict[str, str]:
        """Return one hash for each relation: what of it is used, and how it is made."""
        used: dict[str, set[str]] = {}
        for (unique_id, demand), found in slices.items():
            relation = self.library.relation(unique_id)
            if (unique_id, demand) not in self._uses:
                self._uses[unique_id, demand] = json.dumps(_use(relation, demand, found))
            used.setdefault(relation.name, set()).add(self._uses[unique_id, demand])
        return {
            name: sha256_hex("\n".join(sorted(uses)).encode())
            for name, uses in sorted(used.items())
        }

    def _has_rows(self, unique_id: str, demand: Demand) -> bool:
        relation = self.library.relation(unique_id)
        if relation.seed is not None:
            return relation.seed.has_rows(demand.limits)
        return relation.kind not in _QUERIES or self.slice(unique_id, demand).digest is not None


def _steps(found: Slice, column: str | None) -> Iterator[Step]:
    values = found.value(column) if column is not None else frozenset[Read]()
    for reads, note in ((values, ""), (found.conditions, " (condition)")):
        for read in sorted(reads, key=_order):
            word = note if read.is_certain else f" {UNRESOLVED}"
            yield Step(read.unique_id, read.demand, read.column, word, read.named, read.form)
    # A relation of which only the rows count has conditions of its own.
    for unique_id, demand in sorted(found.tables, key=lambda item: (item[0], _text(item[1]))):
        if not demand.columns:
            yield Step(unique_id, demand, None, " (condition)")


def _order(read: Read) -> tuple[str, str, str, list[list[Sought]], Form]:
    named = sorted(map(sorted, read.named))
    return read.unique_id, read.column, _text(read.demand), named, read.form


@cache
def _text(demand: Demand) -> str:
    return str(demand.document())


def _use(relation: Relation, demand: Demand, found: Slice) -> object:
    if relation.seed is not None:
        return [sorted(demand.columns), relation.seed.contents(demand.columns, demand.limits)]
    if relation.kind is Kind.SOURCE:
        return [[name, relation.columns[name].data_type] for name in sorted(demand.columns)]
    if relation.kind is Kind.PARAMETER:
        # Its value is an input of each run, not a part of the logic.
        return relation.name
    return [demand.document(), found.digest or NOTHING]
