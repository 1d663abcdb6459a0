"""Which rows of its sources a select needs, given the rows that its reader wants.

A limit on a source says: rows in which the column has another value have no effect on what the
reader gets. Limits come from `column = literal` and `in (literals)` in where and on, from the
reader's own limits where they pass through the select, and spread along equalities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from activation.lineage.expressions import Expression, Ref, ref_of
from activation.lineage.predicates import (
    accepted_values,
    checksum_of,
    common,
    equal_refs,
    may_equal,
    texts_behind,
)
from activation.lineage.queries import Join, Limits, Select, Source, Values

Known = Callable[[Source, str, Limits], Values | None]
_ONE_WAY = frozenset({Join.LEFT, Join.ANTI, Join.ASOF_LEFT})
_BOTH_WAYS = frozenset({Join.INNER, Join.SEMI, Join.ASOF})
_NEAREST = frozenset({Join.ASOF, Join.ASOF_LEFT})


class SourceLimits:
    """The limits on each column of a select's sources.

    Args:
        select: The select.
        needed: The names of the outputs that the reader reads.
        wanted: The reader's limits on the outputs.
        more: Further limits on columns of sources.
        known: Says which values a column of a source can have at all, when that is certain.
    """

    def __init__(
        self,
        select: Select,
        needed: Iterable[str],
        wanted: Limits,
        more: Mapping[Ref, Values],
        known: Known,
    ) -> None:
        self._select = select
        self._known = known
        self._values: dict[Ref, Values] = {}
        self.is_empty = False
        if not select.has_unusual_join:
            self._both, self._one_way = _equalities(select)
            self._collect(tuple(needed), wanted, more)
        else:
            trees = [(select.outputs[name].tree, values) for name, values in wanted]
            self.is_empty = any(not values or not may_equal(tree, values) for tree, values in trees)

    def of(self, alias: str) -> Limits:
        """Return the limits on the source `alias`."""
        return frozenset(
            (ref.column, values) for ref, values in self._values.items() if ref.alias == alias
        )

    def _collect(self, needed: tuple[str, ...], wanted: Limits, more: Mapping[Ref, Values]) -> None:
        select = self._select
        for name, values in wanted:
            tree = select.outputs[name].tree
            if not values or not may_equal(tree, values):
                self.is_empty = True
            made = checksum_of(tree)
            ref = ref_of(tree) if made is None else made[0]
            behind = values if made is None else texts_behind(made[1], values)
            if ref is not None and behind is not None and _passes(select, needed, ref):
                self._add(ref, behind)
        for ref, values in more.items():
            self._add(ref, values)
        firm = [*select.where]
        for source in select.sources:
            if source.join in _BOTH_WAYS and source.join is not Join.ASOF:
                firm += source.conditions
        self._accept(firm)
        self._spread()
        if not select.has_rows_without_input and not all(self._values.values()):
            self.is_empty = True
        # A condition of a left join chooses rows of its right side, never of its left.
        for source in select.sources:
            if source.join in {Join.LEFT, Join.ANTI}:
                self._accept(source.conditions, source.alias)
        self._spread_known()

    def _accept(self, conditions: Iterable[Expression], alias: str | None = None) -> None:
        for item in conditions:
            accepted = accepted_values(item.tree)
            if accepted is not None and alias in {None, accepted[0].alias}:
                self._add(*accepted)

    def _add(self, ref: Ref, values: Values) -> bool:
        source = self._select.by_alias.get(ref.alias)
        # Of the rows left out of an asof join the nearest one would give way to another.
        if source is None or source.join in _NEAREST:
            return False
        before = self._values.get(ref)
        both = values if before is None else common(before, values)
        if both is None:
            # Each limit holds by itself: of two that cannot be compared, the first one stays.
            return False
        self._values[ref] = both
        return both != before

    def _spread(self) -> None:
        """Carry limits along equalities.

        Those of left joins serve both ways: a row that the reader wants by a limit on either side
        has that value on both.
        """
        changed = True
        while changed:
            changed = False
            for one, other in (*self._both, *self._one_way):
                for start, end in ((one, other), (other, one)):
                    if start in self._values:
                        changed |= self._add(end, self._values[start])

    def _spread_known(self) -> None:
        """Limit a column to the values of what it is joined with, where these are certain."""
        for _ in range(2):
            for one, other in (
                *self._both,
                *((two, one) for one, two in self._both),
                *self._one_way,
            ):
                source = self._select.by_alias.get(one.alias)
                if source is None:
                    continue
                values = self._known(source, one.column, self.of(one.alias))
                if values is not None:
                    self._add(other, values)


def _equalities(select: Select) -> tuple[list[tuple[Ref, Ref]], list[tuple[Ref, Ref]]]:
    """Return equalities that every row meets, and those from a row to what it is joined with."""
    both = [pair for item in select.where if (pair := equal_refs(item.tree)) is not None]
    one_way = []
    for source in select.sources:
        for item in source.conditions:
            pair = equal_refs(item.tree)
            if pair is None:
                continue
            if source.join in _BOTH_WAYS:
                both.append(pair)
            elif source.join in _ONE_WAY and pair[0].alias != pair[1].alias:
                if pair[1].alias == source.alias:
                    one_way.append(pair)
                elif pair[0].alias == source.alias:
                    one_way.append((pair[1], pair[0]))
    return both, one_way


def _passes(select: Select, needed: tuple[str, ...], ref: Ref) -> bool:
    """Say whether choosing rows by `ref` may come before the select instead of after it."""
    if select.tail:
        return False
    if select.groups is not None:
        if not any(ref_of(item.tree) == ref for item in select.groups):
            return False
    elif select.has_rows_without_input:
        return False
    items = (*(select.outputs[name] for name in needed), *select.qualify)
    return all(ref in partition for item in items for partition in item.partitions)
