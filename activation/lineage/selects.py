"""The part of one select that matters to one demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from activation.lineage.absences import absent_values, counted_rows
from activation.lineage.expressions import Expression, Ref
from activation.lineage.namings import NO_NAMES, carried
from activation.lineage.queries import Demand, Query, Rows, Select, Source, outputs_of
from activation.lineage.slices import EMPTY, NO_READS, NOTHING, Read, Reads, Slice, digest_of
from activation.lineage.uses import Form, Namings, uses_of

if TYPE_CHECKING:
    from activation.lineage.slicer import Slicer

Labels = Mapping[str, str]
# A column that only nested queries read.
_ONLY_TOLD = frozenset({Form.TOLD})


class SelectSlicer:
    """Slices one select for one demand."""

    def __init__(self, slicer: Slicer, select: Select, demand: Demand, outer: Labels) -> None:
        self._slicer = slicer
        self._select = select
        self._demand = demand
        # Names of outer sources are told apart from those of this select.
        self._outer = {alias: f"^{label}" for alias, label in outer.items()}
        needs_all = select.is_distinct or bool(select.tail)
        self._needed = [name for name in select.outputs if needs_all or name in demand.columns]
        self._values = [select.outputs[name] for name in self._needed]
        self._clauses = {
            "where": select.where,
            "group": select.groups or (),
            "having": select.having,
            "qualify": select.qualify,
            "tail": select.tail,
        }
        self._slices: dict[str, Slice] = {}
        self._nested: dict[Expression, list[Slice]] = {}
        self._labels: dict[str, str] = dict(self._outer)

    def slice(self) -> Slice:
        """Return the part of the select that matters."""
        select = self._select
        limits = self._slicer.limits(select, self._needed, self._demand)
        if limits.is_empty:
            return EMPTY
        sources = self._sources()
        for position, source in enumerate(sources):
            self._labels[source.alias] = f"s{position}"
        read = self._read(sources)
        _, passed = counted_rows(select, self._demand)
        for source in sources:
            if isinstance(source.query, Rows):
                continue
            columns = _columns_of(source, read)
            absent = passed.get(source.alias) or absent_values(select, source, read, columns)
            demand = Demand(columns, limits.of(source.alias), absent or None)
            found = self._slicer.slice(source.query, demand, self._labels_for(source.query))
            if (
                found.digest is None
                and source.join.needs_match
                and not select.has_unusual_join
                and not select.has_rows_without_input
            ):
                return EMPTY
            self._slices[source.alias] = found
        self._namings = self._slicer.namings(select, limits)
        self._namings.look_up(read)
        for item in read:
            self._nested[item] = [
                self._slice_nested(item, place) for place in range(len(item.nested))
            ]
        return self._compose(sources, read)

    def _sources(self) -> list[Source]:
        """Return the sources without those that can neither change the rows nor show."""
        sources = list(self._select.sources)
        for source in reversed(self._select.sources):
            rest = [item for item in sources if item is not source]
            if any(ref.alias == source.alias for item in self._read(rest) for ref in item.refs):
                continue
            if self._slicer.keeps_rows(source):
                sources = rest
        return sources

    def _read(self, sources: Iterable[Source]) -> list[Expression]:
        """Return every expression that counts."""
        found = [*self._values, *(item for part in self._clauses.values() for item in part)]
        for source in sources:
            found += source.conditions
            if isinstance(source.query, Rows):
                found.append(source.query.expression)
        return found

    def _slice_nested(self, item: Expression, place: int) -> Slice:
        query, is_existence = item.nested[place]
        columns = frozenset(() if is_existence else outputs_of(query))
        return self._slicer.slice(query, Demand(columns), self._labels_for(query))

    def _labels_for(self, query: Query) -> Labels:
        return {ref.alias: self._labels[ref.alias] for ref in query.free_refs}

    def _compose(self, sources: list[Source], read: list[Expression]) -> Slice:
        select = self._select
        shaping = [item for part in self._clauses.values() for item in part]
        for source in sources:
            shaping += source.conditions
            if isinstance(source.query, Rows):
                shaping.append(source.query.expression)
        if select.is_distinct:
            shaping += self._values
        slices = [*self._slices.values(), *(one for item in read for one in self._nested[item])]
        document = [
            "select",
            [
                [source.text, self._sourcedigest_of(source), self._texts(source.conditions)]
                for source in sources
            ],
            {name: self._text(select.outputs[name]) for name in self._needed},
            {name: self._texts(items) for name, items in self._clauses.items() if name != "tail"},
            [self._text(item) for item in select.tail],
            [select.is_distinct, select.groups is not None, select.is_one_row],
        ]
        return Slice(
            digest_of(document),
            {name: self._reads([select.outputs[name]]) for name in self._needed},
            frozenset(read._replace(form=Form.TOLD) for read in self._reads(shaping)).union(
                *(item.conditions for item in slices)
            ),
            frozenset[tuple[str, Demand]]().union(*(item.tables for item in slices)),
        )

    def _sourcedigest_of(self, source: Source) -> str:
        if isinstance(source.query, Rows):
            return self._text(source.query.expression)
        return self._slices[source.alias].digest or NOTHING

    def _text(self, item: Expression) -> str:
        digests = [found.digest or NOTHING for found in self._nested[item]]
        return item.text(self._labels, digests)

    def _texts(self, items: Iterable[Expression]) -> list[str]:
        return sorted(self._text(item) for item in items)

    def _reads(self, items: Iterable[Expression]) -> Reads:
        """Return what `items` are made from, through the sources of this select."""
        reads: set[Read] = set()
        for item in items:
            names, forms = self._namings.of(item), uses_of(item).forms
            for ref in item.refs:
                for form in forms.get(ref, _ONLY_TOLD):
                    reads |= _used(self._reads_of(ref), names.get(ref), form)
            for place, nested in enumerate(self._nested[item]):
                for form in forms.get(place, _ONLY_TOLD):
                    for found in nested.values.values():
                        reads |= _used(found, names.get(place), form)
        return frozenset(reads)

    def _reads_of(self, ref: Ref) -> Reads:
        source = self._select.by_alias.get(ref.alias)
        if source is None:
            return NO_READS
        if isinstance(source.query, Rows):
            return self._reads([source.query.expression])
        return self._slices[ref.alias].value(ref.column)


def _used(reads: Reads, names: Namings | None, form: Form) -> Reads:
    """Return `reads` of what is compared with `names` and goes on in this form."""
    return frozenset(
        read._replace(
            named=read.named | carried(names or NO_NAMES, read.form), form=max(form, read.form)
        )
        for read in reads
    )


def _columns_of(source: Source, read: Iterable[Expression]) -> frozenset[str]:
    return frozenset(ref.column for item in read for ref in item.refs if ref.alias == source.alias)
