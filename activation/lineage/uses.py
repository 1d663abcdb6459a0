"""How an expression uses each column: what it compares it with, and what of it the value keeps.

A limit (see `limits`) holds for the rows that a reader gets; a comparison tells rows apart within
them as well, as in `sum(case when category_id = 'childcare' then 1 end)`. A use that is not known
here counts as one that singles out any value: when in doubt, a column is compared.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from functools import cache
from typing import NamedTuple, TypeAlias

from sqlglot import exp

from activation.lineage.expressions import Expression, Ref, is_checksum, own_nodes, ref_of


class How(IntEnum):
    """How a text is looked for in a column."""

    EQUALS = 0
    # A value may have the text in it, or be in it.
    HOLDS = 1
    # The text is a regular expression of which something is found in the value.
    FITS = 2
    # Whatever the text: any value may be meant.
    ANY = 3


class Sought(NamedTuple):
    """A text with which a column is compared, and whether rows that have it are kept out."""

    text: str
    how: How = How.EQUALS
    is_denied: bool = False


Texts: TypeAlias = frozenset[Sought]
# A column, or a query in the expression by its place.
Subject: TypeAlias = "Ref | int"
# Comparisons of a column, each the set of texts that one comparison accepts.
Namings: TypeAlias = frozenset[Texts]
ANY_VALUE = Sought("", How.ANY)


class Form(IntEnum):
    """What of a column is in the value of an expression, from the most to the least."""

    WHOLE = 0
    # Something made of it: which value it had cannot be told by comparing texts.
    PART = 1
    # Only what a comparison or a count tells of it.
    TOLD = 2


class Comparison(NamedTuple):
    """One comparison of a column or nested query, or of something made of it.

    Args:
        subject: The column, or the place of the query.
        texts: The literals that it is compared with.
        others: Columns with which it is compared.
        places: Queries in the expression with whose rows it is compared.
        is_whole: Whether the column as it is equals one of all these; otherwise any value of
            `others` and `places` may single out any value.
        accepts: Whether a row passes when the comparison holds, as in a condition of only `and`,
            `or` and `not`; None within anything else.
    """

    subject: Subject
    texts: Texts
    others: frozenset[Ref]
    places: frozenset[int]
    is_whole: bool
    accepts: bool | None


class Uses(NamedTuple):
    """All uses of columns in one expression.

    Args:
        comparisons: Every comparison.
        forms: What of each column and nested query is in the value.
        texts: The literals that the value may be; made of nothing but literals in another way, it
            may be any text.
        nested: For each query in the expression, whether a row passes when it has rows; None within
            anything else than `and`, `or` and `not`.
    """

    comparisons: tuple[Comparison, ...]
    forms: Mapping[Subject, frozenset[Form]]
    texts: Texts
    nested: tuple[bool | None, ...]


class _Others(NamedTuple):
    """The other side of a comparison; plain when it is made of nothing but these."""

    texts: frozenset[str]
    refs: frozenset[Ref]
    places: frozenset[int]
    is_plain: bool


_DISTINCTIONS = (exp.NEQ, exp.NullSafeNEQ)
_EQUALITIES = (
    exp.EQ, exp.NullSafeEQ, exp.In, exp.ArrayContains, exp.ArrayContainsAll, exp.ArrayContainedBy,
    exp.ArrayOverlaps, exp.Nullif, *_DISTINCTIONS,
)  # fmt: skip
_PATTERNS = (
    exp.Like, exp.ILike, exp.Glob, exp.StartsWith, exp.EndsWith, exp.Contains, exp.RegexpLike,
    exp.RegexpFullMatch, exp.RegexpILike, exp.SimilarTo,
)  # fmt: skip
_CONNECTORS = (exp.And, exp.Or, exp.Paren)
# They give back a column's own text, among others perhaps or in a list.
_KEEPING = (
    exp.Alias, exp.All, exp.Any, exp.AnyValue, exp.Array, exp.ArrayAgg, exp.ArrayConcat,
    exp.Coalesce, exp.Distinct, exp.Explode, exp.First, exp.FirstValue,
    exp.IgnoreNulls, exp.Lag, exp.Last, exp.LastValue, exp.Lead, exp.Max, exp.Min, exp.Paren,
    exp.RespectNulls, exp.Tuple, exp.Unnest, exp.Values,
)  # fmt: skip
# They change no more than case and blanks around a text, in which no two values differ.
_SPELLING = (exp.Lower, exp.Trim, exp.Upper)
# They take out of a text what one of their literals says.
_TAKING_OUT = (exp.RegexpReplace, exp.Replace, exp.Trim)
# Less than that tells no value from others by being taken out.
_TELLING_TEXT = re.compile("[A-Za-z0-9]{3}")
# A literal beside the column singles out nothing before their result is compared.
_MAKING = (
    exp.Add, exp.BitwiseAnd, exp.BitwiseLeftShift, exp.BitwiseOr, exp.BitwiseRightShift,
    exp.BitwiseXor, exp.Concat, exp.ConcatWs, exp.Div, exp.DPipe, exp.GroupConcat, exp.Initcap,
    exp.IntDiv, exp.Left, exp.MD5, exp.Mod, exp.Mul, exp.Pad, exp.Reverse, exp.Right, exp.Split,
    exp.SplitPart, exp.Sub, exp.Substring,
)  # fmt: skip
# What is said of a column by them is the same whatever its value.
_TELLING_NOTHING = (exp.Count, exp.ApproxDistinct, exp.Is, exp.Order, exp.Ordered, exp.Where)
_TEXTS = (exp.Literal, exp.RawString, exp.ByteString, exp.National, exp.UnicodeString)


@cache
def uses_of(item: Expression) -> Uses:
    """Return how `item` uses the columns in it, those of nested queries apart."""
    return _Reader(item.tree).read()


class _Reader:
    def __init__(self, tree: exp.Expr) -> None:
        self._tree = tree
        walk = tree.walk(bfs=False, prune=lambda node: isinstance(node, exp.Query))
        self._queries = [node for node in walk if isinstance(node, exp.Query)]
        self._places = {id(node): place for place, node in enumerate(self._queries)}

    def read(self) -> Uses:
        comparisons: list[Comparison] = []
        forms: dict[Subject, set[Form]] = {}
        for node in own_nodes(self._tree, exp.Column, exp.Query):
            subject = self._places.get(id(node), ref_of(node))
            if subject is not None:
                forms.setdefault(subject, set()).add(self._climb(node, subject, comparisons))
        return Uses(
            tuple(comparisons),
            {subject: frozenset(found) for subject, found in forms.items()},
            frozenset(self._outcomes(is_constant=not forms)),
            tuple(self._acceptance(query) for query in self._queries),
        )

    def _outcomes(self, *, is_constant: bool) -> Iterator[Sought]:
        for literal in own_nodes(self._tree, *_TEXTS):
            form, node = Form.WHOLE, literal
            while node is not self._tree and node.parent is not None:
                form, node = max(form, _form_after(node, node.parent)), node.parent
            if form is Form.WHOLE:
                yield Sought(str(literal.this))
            elif form is Form.PART and is_constant:
                yield ANY_VALUE

    def _climb(self, start: exp.Expr, subject: Subject, found: list[Comparison]) -> Form:
        """Go from a subject to the whole expression; return what of it is left there."""
        form, node = Form.WHOLE, start
        while node is not self._tree and node.parent is not None:
            parent = node.parent
            found += (
                self._comparison(subject, form, parent, compared)
                for compared in _comparisons(node, parent)
            )
            form = max(form, _form_after(node, parent))
            if form is Form.TOLD:
                found += self._within_lambdas(parent, subject)
                break
            node = parent
        return form

    def _within_lambdas(self, node: exp.Expr, subject: Subject) -> Iterator[Comparison]:
        """Yield comparisons with what the functions around are applied to, item by item."""
        while node is not self._tree and node.parent is not None:
            parent = node.parent
            if isinstance(node, exp.Lambda) or isinstance(parent, exp.Comprehension):
                others = [tree for tree in parent.iter_expressions() if tree is not node]
                yield self._comparison(subject, Form.PART, parent, others)
            node = parent

    def _comparison(
        self, subject: Subject, form: Form, node: exp.Expr, compared: list[exp.Expr]
    ) -> Comparison:
        others = self._others(compared)
        is_whole, is_told = False, form is Form.WHOLE and others.is_plain
        texts: Iterable[Sought] = (ANY_VALUE for _ in others.texts)
        if isinstance(node, _TAKING_OUT):
            texts = (_pattern(node, text) for text in others.texts if _TELLING_TEXT.search(text))
            return Comparison(subject, frozenset(texts), frozenset(), frozenset(), False, None)
        if is_told and isinstance(node, (*_EQUALITIES, exp.Case, exp.If)):
            is_whole = True
            texts = map(Sought, others.texts)
        elif is_told and isinstance(node, _PATTERNS) and not isinstance(node.parent, exp.Escape):
            texts = (_pattern(node, text) for text in others.texts)
        elif form is Form.WHOLE and not isinstance(node, exp.Binary | exp.Between):
            texts = (Sought(text, How.HOLDS) for text in others.texts)
        return Comparison(
            subject,
            frozenset(texts),
            others.refs,
            others.places,
            is_whole,
            self._acceptance(node),
        )

    def _others(self, trees: Iterable[exp.Expr]) -> _Others:
        texts: set[str] = set()
        refs: set[Ref] = set()
        places: set[int] = set()
        is_plain = True
        for tree in trees:
            for node in own_nodes(tree, exp.Expr):
                if isinstance(node, exp.Column):
                    refs |= {ref} if (ref := ref_of(node)) is not None else set()
                elif isinstance(node, _TEXTS):
                    # Whether there is anything at all tells no value from another.
                    texts |= {str(node.this)} - {""}
                elif isinstance(node, exp.Query):
                    places.add(self._places[id(node)])
                elif not (_keeps(node) or isinstance(node, exp.Identifier | exp.DataType)):
                    is_plain = False
        return _Others(frozenset(texts), frozenset(refs), frozenset(places), is_plain)

    def _acceptance(self, node: exp.Expr) -> bool | None:
        accepts = not (isinstance(node, _DISTINCTIONS) or node.args.get("negate"))
        if isinstance(node, exp.Query) and isinstance(node.parent, exp.Exists):
            node = node.parent
        while node is not self._tree and node.parent is not None:
            node = node.parent
            if isinstance(node, exp.Not):
                accepts = not accepts
            elif not isinstance(node, _CONNECTORS):
                return None
        return accepts


def _comparisons(node: exp.Expr, parent: exp.Expr) -> Iterator[list[exp.Expr]]:
    """Yield what `parent` compares its argument `node` with, each comparison on its own."""
    if isinstance(parent, exp.Case):
        if node.arg_key == "this":
            yield from ([branch.this] for branch in parent.args["ifs"])
        return
    if isinstance(parent, exp.If) and node.arg_key == "this":
        case = parent.parent
        if isinstance(case, exp.Case) and case.this is not None:
            yield [case.this]
        return
    if isinstance(parent, (exp.If, exp.Window, *_CONNECTORS, exp.Not, *_MAKING, *_TELLING_NOTHING)):
        return
    if _keeps(parent) or is_checksum(parent):
        return
    if isinstance(parent, exp.Cast | exp.Filter | exp.Lambda):
        return
    others = [
        tree for tree in parent.iter_expressions() if tree is not node and tree.arg_key != "flag"
    ]
    if others:
        yield others


def _form_after(node: exp.Expr, parent: exp.Expr) -> Form:
    """Return what of its argument `node` is in the value of `parent`."""
    if isinstance(parent, exp.Nullif):
        return Form.PART if node.arg_key == "this" else Form.TOLD
    if isinstance(parent, exp.Case | exp.If | exp.Window | exp.Filter):
        is_chosen = node.arg_key in {"true", "false", "default", "ifs"}
        is_within = node.arg_key == "this" and isinstance(parent, exp.Window | exp.Filter)
        return Form.WHOLE if is_chosen or is_within else Form.TOLD
    if isinstance(parent, (exp.Predicate, exp.Not, exp.And, exp.Or, *_PATTERNS, *_TELLING_NOTHING)):
        return Form.TOLD
    return Form.WHOLE if _keeps(parent) else Form.PART


def _keeps(node: exp.Expr) -> bool:
    if isinstance(node, exp.Cast):
        return node.to.this in exp.DataType.TEXT_TYPES
    if isinstance(node, _SPELLING):
        return node.args.get("expression") is None
    return isinstance(node, _KEEPING)


def _pattern(node: exp.Expr, text: str) -> Sought:
    """Return what a value is looked through for."""
    match node:
        case exp.Like() | exp.ILike():
            inner = "".join({"%": ".*", "_": "."}.get(sign, re.escape(sign)) for sign in text)
            pattern = f"^{inner}$"
        case exp.Glob():
            pattern = fnmatch.translate(text)
        case exp.RegexpFullMatch() | exp.SimilarTo():
            pattern = f"^(?:{text})$"
        case exp.RegexpLike() | exp.RegexpILike() | exp.RegexpReplace():
            pattern = text
        case _:
            return Sought(text, How.HOLDS)
    # Readers may look at values in another spelling.
    return Sought(f"(?is){pattern}", How.FITS)
