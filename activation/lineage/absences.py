"""Conditional aggregates whose reader cannot tell a missing row from one that found nothing.

`left join (select member_id, bool_or(kli_id = 'x') as has_x … group by member_id)` read as
`coalesce(has_x, false)` depends on the rows with that `kli_id` alone: whether a member has other
rows, and so a group at all, makes no difference. The reader's side says which columns it joins on
and what it makes of a missing row; the aggregate's side says what its columns are without a row
that counts. Where the two agree, the other rows are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlglot import exp

from activation.lineage.expressions import Expression, Ref, conjuncts, ref_of, render
from activation.lineage.predicates import accepted_values, equal_refs
from activation.lineage.queries import Demand, Join, Select, Source, Values

NULL = "NULL"
_NULL_WHEN_EMPTY = (exp.Sum, exp.Max, exp.Min, exp.Avg, exp.LogicalOr, exp.LogicalAnd)
Absent = frozenset[tuple[str, str]]


class _Count(NamedTuple):
    """Which rows an aggregate counts, by one column, and what it is without any of them."""

    column: Ref
    values: Values
    without: str


def absent_values(
    select: Select, source: Source, read: Iterable[Expression], columns: frozenset[str]
) -> Absent | None:
    """Return what the select takes the columns of a left-joined `source` for where it has no row.

    Args:
        select: The reader.
        source: One of its sources.
        read: All expressions of it that count, joins included.
        columns: The columns of `source` that they read.
    """
    if source.join is not Join.LEFT or select.has_unusual_join:
        return None
    keys = {
        ref.column
        for item in source.conditions
        for ref in equal_refs(item.tree) or ()
        if ref.alias == source.alias
    }
    joining = {item for item in source.conditions if equal_refs(item.tree) is not None}
    others = [item for item in read if item not in joining]
    uses = {column: _uses(others, Ref(source.alias, column)) for column in columns}
    if not keys or any(uses[column] for column in keys):
        return None
    return frozenset(
        (column, next(iter(found)) if len(found) == 1 else NULL)
        for column, found in uses.items()
        if column not in keys
    )


def _uses(items: Iterable[Expression], ref: Ref) -> set[str]:
    """Return the literals for which the uses of `ref` take null; NULL for a use as it is."""
    found = set()
    for item in items:
        if ref not in item.refs:
            continue
        for node in item.tree.find_all(exp.Column):
            if Ref(node.table, node.name) != ref:
                continue
            parent = node.parent
            is_filled = (
                isinstance(parent, exp.Coalesce)
                and parent.this is node
                and len(parent.expressions) == 1
                and isinstance(parent.expressions[0], exp.Literal | exp.Boolean)
            )
            found.add(render(parent.expressions[0]) if is_filled and parent is not None else NULL)
    return found


def counted_rows(
    select: Select, demand: Demand
) -> tuple[Mapping[Ref, Values], Mapping[str, Absent]]:
    """Return limits for the sources of `select`, and what to tell its one source about absence."""
    absent = demand.absent
    if not absent or select.tail or select.is_distinct or select.having or select.qualify:
        return {}, {}
    keys = demand.columns - {column for column, _ in absent}
    if select.groups is None:
        return {}, _passed_on(select, demand, absent, keys)
    grouped = {ref_of(item.tree) for item in select.groups}
    if None in grouped or grouped != {ref_of(select.outputs[name].tree) for name in keys}:
        return {}, {}
    counted: dict[Ref, Values] = {}
    for name, taken_for in absent:
        found = _count(select.outputs[name].tree)
        if found is None or found.without not in {NULL, taken_for}:
            return {}, {}
        counted[found.column] = counted.get(found.column, frozenset()) | found.values
    # Conditions on different columns leave no column that limits the rows of all of them.
    return (counted if len(counted) == 1 else {}), {}


def _passed_on(
    select: Select, demand: Demand, absent: Absent, keys: frozenset[str]
) -> Mapping[str, Absent]:
    """Hand the question down through a select that only passes columns on."""
    if len(select.sources) != 1 or select.where or select.multiplies:
        return {}
    names = {name: ref_of(select.outputs[name].tree) for name in demand.columns}
    refs = {name: ref.column for name, ref in names.items() if ref is not None}
    if len(refs) != len(names) or len(set(refs.values())) != len(refs) or not keys:
        return {}
    return {select.sources[0].alias: frozenset((refs[name], value) for name, value in absent)}


def _count(tree: exp.Expr) -> _Count | None:
    """Return which rows an aggregate counts, and what it is without any of them."""
    match tree:
        case exp.Paren() | exp.Cast():
            return _count(tree.this)
        case exp.Coalesce():
            return _filled(tree)
        case exp.Filter():
            counts = isinstance(tree.this, exp.Count | exp.CountIf)
            known = counts or isinstance(tree.this, _NULL_WHEN_EMPTY)
            return _rows(tree.expression.this, "0" if counts else NULL) if known else None
        case exp.LogicalOr() | exp.CountIf():
            without = "FALSE" if isinstance(tree, exp.LogicalOr) else "0"
            return _rows(_without_cast(tree.this), without)
        case exp.Count() | exp.Sum() | exp.Max() | exp.Min():
            return None if tree.expressions else _count_cases(tree, _without_cast(tree.this))
    return None


def _filled(tree: exp.Coalesce) -> _Count | None:
    inner = _count(tree.this)
    filling = tree.expressions[0] if len(tree.expressions) == 1 else None
    if inner is None or not isinstance(filling, exp.Literal | exp.Boolean):
        return None
    return inner._replace(without=render(filling)) if inner.without == NULL else inner


def _count_cases(aggregate: exp.Expr, case: exp.Expr) -> _Count | None:
    if not isinstance(case, exp.Case) or case.this is not None or len(case.args["ifs"]) != 1:
        return None
    default = case.args.get("default")
    condition = case.args["ifs"][0].this
    if default is None or isinstance(default, exp.Null):
        return _rows(condition, "0" if isinstance(aggregate, exp.Count) else NULL)
    is_zero = isinstance(default, exp.Literal) and default.this == "0" and not default.is_string
    return _rows(condition, "0") if is_zero and isinstance(aggregate, exp.Sum) else None


def _rows(condition: exp.Expr, without: str) -> _Count | None:
    for part in conjuncts(condition):
        accepted = accepted_values(part)
        if accepted is not None and all(isinstance(item, str) for item in accepted[1]):
            return _Count(*accepted, without)
    return None


def _without_cast(tree: exp.Expr) -> exp.Expr:
    while isinstance(tree, exp.Paren | exp.Cast):
        tree = tree.this
    return tree
