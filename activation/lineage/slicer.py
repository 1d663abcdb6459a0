"""What a reader of some columns of a query depends on, and nothing else.

A slice holds the parts of a query without which the wanted columns could differ: their expressions,
and every filter, join, grouping and window that shapes the rows. Left out are other columns, left
joins that can neither add rows nor show, branches of unions none of whose rows are wanted, and rows
of seeds that no reader can see. When in doubt, a part stays in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from activation.lineage.absences import counted_rows
from activation.lineage.library import Library
from activation.lineage.limits import SourceLimits
from activation.lineage.manifest import Kind
from activation.lineage.namings import SelectNamings
from activation.lineage.queries import (
    Demand,
    Join,
    Opaque,
    Query,
    Rows,
    Select,
    SetOperation,
    Source,
    Table,
    outputs_of,
)
from activation.lineage.selects import Labels, SelectSlicer
from activation.lineage.slices import EMPTY, NOTHING, Read, Slice, digest_of
from activation.lineage.spoken import SpokenTexts
from activation.lineage.uniqueness import Uniqueness
from activation.lineage.unresolved import texts_in
from activation.lineage.uses import Form, Sought
from activation.lineage.values import KnownValues

Leaf = Callable[[str, Demand], bool]


class Slicer:
    """Slices queries of a project.

    Args:
        library: Its queries.
        has_rows: Says whether any row of a relation within a demand matters; asked for models only.
    """

    def __init__(self, library: Library, has_rows: Leaf) -> None:
        self._library = library
        self._has_rows = has_rows
        self._unique = Uniqueness(library)
        self._known = KnownValues(library)
        self._spoken = SpokenTexts(self._known, self.limits)
        self._found: dict[tuple[Query, Demand, tuple[tuple[str, str], ...]], Slice] = {}

    def slice(self, query: Query, demand: Demand, outer: Labels | None = None) -> Slice:
        """Return the part of `query` that matters to `demand`.

        Args:
            query: The query.
            demand: What is wanted of it.
            outer: Names of the sources of outer queries that it reads.
        """
        key = (query, demand, tuple(sorted((outer or {}).items())))
        if key not in self._found:
            self._found[key] = self._slice(query, demand, outer or {})
        return self._found[key]

    def _slice(self, query: Query, demand: Demand, outer: Labels) -> Slice:
        if any(not values for _, values in demand.limits):
            return EMPTY
        match query:
            case Table():
                return self._table(query, demand)
            case Opaque():
                return self._opaque(query, demand)
            case SetOperation():
                return self._set_operation(query, demand, outer)
            case Select():
                return SelectSlicer(self, query, demand, outer).slice()
            case Rows():
                raise AssertionError("rows are sliced with the select around them")

    def _table(self, table: Table, demand: Demand) -> Slice:
        unique_id = table.unique_id
        demand = self._telling(self._library.relation(unique_id).kind, demand)
        if not self._has_rows(unique_id, demand):
            return EMPTY
        return Slice(
            digest_of([self._library.relation(unique_id).name, demand.document()]),
            {name: frozenset({Read(unique_id, demand, name)}) for name in demand.columns},
            tables=frozenset({(unique_id, demand)}),
        )

    @staticmethod
    def _telling(kind: Kind, demand: Demand) -> Demand:
        """Return `demand` without what makes no difference to a relation of this kind."""
        if kind in {Kind.SOURCE, Kind.PARAMETER}:
            return Demand(demand.columns)
        return Demand(demand.columns, demand.limits) if kind is Kind.SEED else demand

    def _opaque(self, query: Opaque, demand: Demand) -> Slice:
        tables = {
            (unique_id, Demand(frozenset(self._library.columns(unique_id))))
            for unique_id in query.upstream
        }
        # Each on its own: which of them belong together cannot be told.
        named = frozenset(frozenset({Sought(text)}) for text in texts_in(query.text))
        reads = frozenset(
            Read(unique_id, wanted, column, is_certain=False, named=named, form=Form.PART)
            for unique_id, wanted in tables
            for column in wanted.columns
        )
        return Slice(
            digest_of(["unresolved", query.text, list(query.upstream)]),
            dict.fromkeys(demand.columns, reads),
            reads,
            frozenset(tables),
        )

    def _set_operation(self, query: SetOperation, demand: Demand, outer: Labels) -> Slice:
        names = frozenset(outputs_of(query))
        columns = demand.columns if query.keeps_rows_apart else names
        is_union = query.word in {"union", "union all"} and not query.tail
        wanted = Demand(columns, demand.limits if is_union else frozenset())
        slices = [self.slice(branch, wanted, outer) for branch in query.branches]
        if is_union:
            slices = [item for item in slices if item.digest is not None]
            if not slices:
                return EMPTY
        values = {
            name: frozenset[Read]().union(*(item.value(name) for item in slices))
            for name in columns
        }
        conditions = [item.conditions for item in slices]
        if not query.keeps_rows_apart:
            conditions += list(values.values())
        digests = [item.digest or NOTHING for item in slices]
        if len(digests) == 1 and query.keeps_rows_apart:
            return slices[0]
        tail = [item.text({}, []) for item in query.tail]
        return Slice(
            digest_of([query.word, sorted(digests) if is_union else digests, tail]),
            values,
            frozenset[Read]().union(*conditions),
            frozenset[tuple[str, Demand]]().union(*(item.tables for item in slices)),
        )

    def keeps_rows(self, source: Source) -> bool:
        """Say whether the join to `source` gives each row before it back exactly once."""
        if source.join in {Join.LEFT, Join.ASOF_LEFT}:
            if isinstance(source.query, Rows):
                return False
            return self._unique.joins_one_row(source)
        return (
            source.join is Join.INNER
            and not source.conditions
            and self._unique.is_one_row(source.query)
        )

    def limits(self, select: Select, needed: Iterable[str], demand: Demand) -> SourceLimits:
        """Return the rows that `select` needs of its sources."""
        more, _ = counted_rows(select, demand)
        return SourceLimits(select, needed, demand.limits, more, self._known.of_source)

    def namings(self, select: Select, limits: SourceLimits) -> SelectNamings:
        """Return what finds the texts with which `select` compares columns."""
        return SelectNamings(select, limits, self._spoken)
