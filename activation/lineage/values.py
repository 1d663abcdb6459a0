"""The values that a column can have at all, where literals and seeds make that certain."""

from __future__ import annotations

from sqlglot import exp

from activation.lineage.expressions import ref_of
from activation.lineage.library import Library
from activation.lineage.limits import SourceLimits
from activation.lineage.manifest import Kind
from activation.lineage.predicates import (
    checksum_of,
    checksums,
    common,
    listed_outcomes,
    literal_of,
)
from activation.lineage.queries import Limits, Query, Select, SetOperation, Source, Table, Values

MAX_VALUES = 200


class KnownValues:
    """Answers which values apart from null a column of a query can have within limits."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._found: dict[tuple[Query, str, Limits], Values | None] = {}

    def of_source(self, source: Source, column: str, limits: Limits) -> Values | None:
        """Return the values of a column of `source`; None when they are not certain."""
        return self.of(source.query, column, limits)

    def of(self, query: Query, column: str, limits: Limits) -> Values | None:
        """Return the values of `column` in the rows of `query` within `limits`."""
        key = (query, column, limits)
        if key not in self._found:
            # What leads back to itself is not certain.
            self._found[key] = None
            values = self._find(query, column, limits)
            for name, wanted in limits:
                if name == column:
                    values = wanted if values is None else common(values, wanted)
            self._found[key] = None if values is None or len(values) > MAX_VALUES else values
        return self._found[key]

    def _find(self, query: Query, column: str, limits: Limits) -> Values | None:
        if isinstance(query, Table):
            relation = self.library.relation(query.unique_id)
            if relation.seed is not None:
                return relation.seed.values(column, limits)
            if relation.kind is Kind.MODEL:
                return self.of(self.library.query(query.unique_id), column, limits)
            return None
        if isinstance(query, SetOperation) and query.word.startswith("union"):
            found = [self.of(branch, column, limits) for branch in query.branches]
            known = [values for values in found if values is not None]
            return frozenset().union(*known) if len(known) == len(found) else None
        return self._in_select(query, column, limits) if isinstance(query, Select) else None

    def _in_select(self, select: Select, column: str, limits: Limits) -> Values | None:
        tree = select.outputs[column].tree
        listed = listed_outcomes(tree)
        return self._in_sources(select, tree, limits) if listed is None else listed

    def _in_sources(self, select: Select, tree: exp.Expr, limits: Limits) -> Values | None:
        listed, made = _listed_part(tree), checksum_of(tree)
        ref = made[0] if made is not None else ref_of(tree if listed is None else listed[0])
        if ref is None or ref.alias not in select.by_alias:
            return None
        found = SourceLimits(select, select.outputs, limits, {}, _unknown)
        if found.is_empty:
            return frozenset()
        within = found.of(ref.alias)
        values = self.of(select.by_alias[ref.alias].query, ref.column, within)
        if values is not None and made is not None:
            # A null has a checksum too: only a limit keeps it out.
            is_limited = any(name == ref.column for name, _ in within)
            return checksums(made[1], values) if is_limited else None
        if values is None or listed is None:
            return values
        parts = [str(value).split(listed[1]) for value in values]
        return frozenset(part for each in parts for part in each)


def _listed_part(tree: exp.Expr) -> tuple[exp.Expr, str] | None:
    """Return list and separator of `unnest(string_split(list, separator))`."""
    if not isinstance(tree, exp.Explode | exp.Unnest):
        return None
    inner = tree.this if isinstance(tree, exp.Explode) else next(iter(tree.expressions), None)
    if not isinstance(inner, exp.Split):
        return None
    separator = literal_of(inner.expression)
    return (inner.this, separator) if isinstance(separator, str) and separator else None


def _unknown(source: Source, column: str, limits: Limits) -> Values | None:
    """No known values within known values: one level is enough, and it ends."""
    del source, column, limits
    return None
