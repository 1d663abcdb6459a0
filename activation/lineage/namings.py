"""Literals that an expression compares columns with: by them a reader tells some rows from others.

A limit (see `limits`) holds for the rows that a reader gets; this finds what it singles out within
them as well, as in `sum(case when category_id = 'childcare' then 1 end)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from sqlglot import exp

from activation.lineage.expressions import Expression, Ref, own_nodes, ref_of
from activation.lineage.predicates import literal_of
from activation.lineage.queries import Namings

# What stands for any text around the rest of a naming.
ANY = "%"
_TEXT = re.compile("'((?:[^']|'')*)'")
# They look for a literal within a text, or for a text in a list of literals.
_SEARCHES = (
    exp.Like, exp.ILike, exp.RegexpLike, exp.RegexpFullMatch, exp.StartsWith, exp.EndsWith,
    exp.Contains, exp.ArrayContains, exp.ArrayContainsAll, exp.Anonymous,
)  # fmt: skip
_EQUALITIES = (exp.EQ, exp.NullSafeEQ)


@cache
def named_values(item: Expression) -> Mapping[Ref, Namings]:
    """Return the comparisons in `item` of each column, or of something made from it, with texts.

    A text that is looked for within a column's value has `ANY` on both sides. What a column must
    not be, as in `category_id <> 'withheld'`, names nothing: all other rows stay together.
    """
    found: dict[Ref, set[frozenset[str]]] = {}
    for node in own_nodes(item.tree, exp.In, exp.Case, *_EQUALITIES, *_SEARCHES):
        if _is_denied(node):
            continue
        for trees, texts in _comparisons(node):
            names = {text for text in map(literal_of, texts) if isinstance(text, str)}
            if isinstance(node, _SEARCHES):
                names |= {f"{ANY}{text.strip(ANY)}{ANY}" for text in names}
            for ref in _refs(trees) if names else ():
                found.setdefault(ref, set()).add(frozenset(names))
    return {ref: frozenset(namings) for ref, namings in found.items()}


def texts_in(code: str) -> Namings:
    """Return every text literal of a query that could not be resolved, each on its own."""
    return frozenset(frozenset({text.replace("''", "'")}) for text in _TEXT.findall(code))


def _comparisons(node: exp.Expr) -> Iterator[tuple[list[exp.Expr], list[exp.Expr]]]:
    """Yield expressions with the expressions that they are compared with."""
    match node:
        case exp.In():
            lists = [node.args.get(part) for part in ("field", "unnest")]
            texts = [text for tree in lists if tree for text in own_nodes(tree, exp.Literal)]
            yield [node.this], [*node.expressions, *texts]
        case exp.Case():
            if node.this is not None:
                for branch in node.args["ifs"]:
                    yield [node.this], [branch.this]
        case exp.EQ() | exp.NullSafeEQ():
            yield [node.this], [node.expression]
            yield [node.expression], [node.this]
        case _:
            yield [node], list(own_nodes(node, exp.Literal))


def _is_denied(node: exp.Expr) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    return isinstance(parent, exp.Not)


def _refs(trees: Iterable[exp.Expr]) -> Iterator[Ref]:
    for tree in trees:
        for column in own_nodes(tree, exp.Column):
            ref = ref_of(column)
            if ref is not None:
                yield ref
