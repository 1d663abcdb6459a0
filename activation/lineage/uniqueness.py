"""Whether a query has at most one row for each value of some columns.

A left join to such a query neither adds nor drops rows: when nothing else of it is read, the reader
does not depend on it at all.
"""

from __future__ import annotations

from sqlglot import exp

from activation.lineage.expressions import Expression, Ref, own_nodes, ref_of
from activation.lineage.library import Library
from activation.lineage.manifest import Kind
from activation.lineage.predicates import equal_refs
from activation.lineage.queries import Join, Query, Select, SetOperation, Source, Table

_CONSTANTS = (exp.Literal, exp.Boolean, exp.Null)
_ADDS_NO_ROWS = frozenset({Join.SEMI, Join.ANTI, Join.ASOF, Join.ASOF_LEFT})


class Uniqueness:
    """Answers from the form of queries, the rows of seeds, and keys that data tests hold."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._found: dict[tuple[Query, frozenset[str]], bool] = {}

    def is_unique(self, query: Query, columns: frozenset[str]) -> bool:
        """Say whether no two rows of `query` agree on `columns`; false when in doubt."""
        key = (query, columns)
        if key not in self._found:
            self._found[key] = False
            self._found[key] = self._judge(query, columns)
        return self._found[key]

    def is_one_row(self, query: Query) -> bool:
        """Say whether `query` has exactly one row; false when in doubt."""
        if isinstance(query, Table):
            kind = self._library.relation(query.unique_id).kind
            if kind is Kind.PARAMETER:
                return True
            return kind is Kind.MODEL and self.is_one_row(self._library.query(query.unique_id))
        if not isinstance(query, Select):
            return False
        if query.is_one_row:
            return True
        chooses = query.where or query.groups is not None or query.having or query.qualify
        if chooses or query.tail or query.multiplies:
            return False
        return all(
            source.join in {Join.FROM, Join.INNER}
            and not source.conditions
            and self.is_one_row(source.query)
            for source in query.sources
        )

    def joins_one_row(self, source: Source) -> bool:
        """Say whether the left join to `source` finds at most one row."""
        if source.join is Join.ASOF_LEFT:
            return True
        fixed = {
            ref.column for item in source.conditions for ref in _fixed_by(item.tree, source.alias)
        }
        return self.is_unique(source.query, frozenset(fixed))

    def _judge(self, query: Query, columns: frozenset[str]) -> bool:
        if isinstance(query, Table):
            relation = self._library.relation(query.unique_id)
            if any(key <= columns for key in relation.keys):
                return True
            if relation.seed is not None:
                return relation.seed.is_unique(columns)
            if relation.kind is Kind.PARAMETER:
                return True
            return relation.kind is Kind.MODEL and self.is_unique(
                self._library.query(query.unique_id), columns
            )
        if isinstance(query, SetOperation):
            first = query.branches[0]
            return (
                query.word == "union"
                and isinstance(first, Select)
                and (columns >= set(first.outputs))
            )
        return isinstance(query, Select) and self._judge_select(query, columns)

    def _judge_select(self, select: Select, columns: frozenset[str]) -> bool:
        if select.is_one_row:
            return True
        if select.is_distinct and columns >= {
            name for name, item in select.outputs.items() if not isinstance(item.tree, _CONSTANTS)
        }:
            return True
        if select.has_unusual_join or select.multiplies:
            return False
        fixed = _closure(select, _refs_of_outputs(select, columns), with_left_joins=False)
        if select.groups is not None:
            texts = {select.outputs[name].template for name in columns}
            return all(
                ref_of(item.tree) in fixed or item.template in texts for item in select.groups
            )
        numbered = [select.outputs[name] for name in columns]
        numbered += [item for item in select.qualify if isinstance(item.tree, exp.EQ)]
        return any(_numbers_rows_within(item, fixed) for item in numbered) or self._fixes_all(
            select, fixed
        )

    def _fixes_all(self, select: Select, fixed: set[Ref]) -> bool:
        """Say whether `fixed` columns fix the row of every source, one leading to the next."""
        open_sources = [item for item in select.sources if item.join not in _ADDS_NO_ROWS]
        while open_sources:
            fixed = _closure(select, fixed, with_left_joins=True)
            settled = [
                source
                for source in open_sources
                if self.is_unique(
                    source.query,
                    frozenset(ref.column for ref in fixed if ref.alias == source.alias),
                )
            ]
            if not settled:
                return False
            open_sources = [item for item in open_sources if item not in settled]
            aliases = {item.alias for item in settled}
            fixed |= {ref for ref in _all_refs(select) if ref.alias in aliases}
        return True


def _refs_of_outputs(select: Select, columns: frozenset[str]) -> set[Ref]:
    refs = {ref_of(select.outputs[name].tree) for name in columns}
    return {ref for ref in refs if ref is not None}


def _all_refs(select: Select) -> set[Ref]:
    items = [*select.outputs.values(), *select.where]
    items += [item for source in select.sources for item in source.conditions]
    return {ref for item in items for ref in item.refs}


def _closure(select: Select, fixed: set[Ref], *, with_left_joins: bool) -> set[Ref]:
    """Add the columns that equal a fixed one or a literal in every row.

    With left joins those of their right side too, which may be null instead: they still choose at
    most one row where they are unique.
    """
    edges: list[tuple[str | None, exp.Expr]] = [(None, item.tree) for item in select.where]
    for source in select.sources:
        trees = [item.tree for item in source.conditions]
        if source.join is Join.INNER:
            edges += [(None, tree) for tree in trees]
        elif source.join is Join.LEFT and with_left_joins:
            edges += [(source.alias, tree) for tree in trees]
    fixed = set(fixed)
    before = -1
    while len(fixed) != before:
        before = len(fixed)
        for alias, tree in edges:
            found = _fixed_by_equality(tree, fixed)
            fixed |= {ref for ref in found if alias in {None, ref.alias}}
    return fixed


def _fixed_by_equality(tree: exp.Expr, fixed: set[Ref]) -> set[Ref]:
    if not isinstance(tree, exp.EQ):
        return set()
    pair = equal_refs(tree)
    if pair is not None:
        return set(pair) if fixed & set(pair) else set()
    return _compared_with_literal(tree)


def _fixed_by(tree: exp.Expr, alias: str) -> set[Ref]:
    """Return the columns of `alias` that `tree` makes equal to a literal or another's column."""
    if not isinstance(tree, exp.EQ):
        return set()
    pair = equal_refs(tree)
    if pair is None:
        return {ref for ref in _compared_with_literal(tree) if ref.alias == alias}
    return {ref for ref in pair if ref.alias == alias} if pair[0].alias != pair[1].alias else set()


def _compared_with_literal(tree: exp.EQ) -> set[Ref]:
    for one, other in ((tree.this, tree.expression), (tree.expression, tree.this)):
        ref = ref_of(one)
        if ref is not None and isinstance(other, exp.Literal | exp.Boolean):
            return {ref}
    return set()


def _numbers_rows_within(item: Expression, fixed: set[Ref]) -> bool:
    """Say whether `item` is `row_number()` within partitions that `fixed` columns choose."""
    sides = [item.tree]
    if isinstance(item.tree, exp.EQ):
        sides = [item.tree.this, item.tree.expression]
        if not any(isinstance(side, exp.Literal) for side in sides):
            return False
    return any(
        isinstance(window, exp.Window)
        and isinstance(window.this, exp.RowNumber)
        and all(ref_of(part) in fixed for part in window.args.get("partition_by") or ())
        for side in sides
        for window in own_nodes(side, exp.Window)
        if window is side
    )
