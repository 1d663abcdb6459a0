"""Expressions of a query: what they read, and their text in one normal form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from sqlglot import ErrorLevel, exp

if TYPE_CHECKING:
    from activation.lineage.queries import Query

DIALECT = "duckdb"
# Characters for private use: no SQL text holds them.
_OPEN, _CLOSE = "\ue000", "\ue001"
_TOKEN = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")
_NESTED = "#"
# Functions of engines that the parser has no class for.
_CHECKSUMS = frozenset({"hash", "xxhash64"})
_AROUND_AGGREGATE = (
    exp.Filter,
    exp.IgnoreNulls,
    exp.RespectNulls,
    exp.WithinGroup,
    exp.HavingMax,
)


class Ref(NamedTuple):
    """A column of a source, by the alias of the source."""

    alias: str
    column: str


class Nested(NamedTuple):
    """A query inside an expression; of `exists (…)` only the existence of rows counts."""

    query: Query
    is_existence: bool


@dataclass(frozen=True, eq=False)
class Expression:
    """An expression of a select.

    Args:
        tree: Its syntax tree, columns qualified by the alias of their source.
        refs: The columns that it reads, those of outer queries included.
        nested: The queries inside it, in order.
    """

    tree: exp.Expr
    refs: frozenset[Ref]
    nested: tuple[Nested, ...] = ()

    @cached_property
    def partitions(self) -> tuple[frozenset[Ref], ...]:
        """The columns that part the rows of each window function in it."""
        return tuple(
            frozenset(
                ref
                for part in window.args.get("partition_by") or ()
                if (ref := ref_of(part)) is not None
            )
            for window in own_nodes(self.tree, exp.Window)
        )

    @cached_property
    def template(self) -> str:
        """The normalised text with places for the names of sources and for nested queries."""
        count = iter(range(len(self.nested)))

        def mark(node: exp.Expr) -> exp.Expr:
            if isinstance(node, exp.Query):
                return exp.Var(this=f"{_OPEN}{_NESTED}{next(count)}{_CLOSE}")
            if isinstance(node, exp.Column) and node.table:
                return exp.column(
                    exp.to_identifier(node.name, quoted=True),
                    table=exp.to_identifier(f"{_OPEN}{node.table}{_CLOSE}", quoted=True),
                )
            # Words that the parser keeps as they were written.
            for part, word in node.args.items():
                if isinstance(word, str) and isinstance(node, exp.WindowSpec | exp.Var):
                    node.set(part, word.upper())
            return node

        return render(self.tree.transform(mark), copy=False)

    def text(self, labels: Mapping[str, str], nested: Sequence[str]) -> str:
        """Return the normalised text with `labels` for sources and digests for `nested`."""

        def fill(match: re.Match[str]) -> str:
            token = match[1]
            return nested[int(token[1:])] if token.startswith(_NESTED) else labels[token]

        return _TOKEN.sub(fill, self.template)


def render(tree: exp.Expr, *, copy: bool = True) -> str:
    """Return the SQL of `tree` in one normal form: no comments, one spelling of keywords.

    Args:
        tree: The expression.
        copy: Whether `tree` is wanted afterwards: writing SQL changes it.

    Raises:
        UnsupportedError: It cannot be said whole in the dialect.
    """
    return tree.sql(dialect=DIALECT, comments=False, unsupported_level=ErrorLevel.RAISE, copy=copy)


def own_nodes(tree: exp.Expr, *kinds: type[exp.Expr]) -> Iterator[exp.Expr]:
    """Yield the nodes of `kinds` in `tree`, those in nested queries apart."""
    for node in tree.walk(prune=lambda item: isinstance(item, exp.Query)):
        if isinstance(node, kinds):
            yield node


def aggregates(tree: exp.Expr) -> bool:
    """Say whether `tree` holds an aggregate that is not a window function."""
    for node in own_nodes(tree, exp.AggFunc):
        parent = node.parent
        while isinstance(parent, _AROUND_AGGREGATE):
            parent = parent.parent
        if not isinstance(parent, exp.Window):
            return True
    return False


def is_checksum(tree: exp.Expr) -> bool:
    """Say whether `tree` calls a function that makes a number of its arguments."""
    return isinstance(tree, exp.Anonymous) and tree.name.lower() in _CHECKSUMS


def conjuncts(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the parts of `tree` that must all hold."""
    for part in operands(tree, exp.And):
        if isinstance(part, exp.Paren):
            yield from conjuncts(part.this)
        else:
            yield part


def operands(tree: exp.Expr, kind: type[exp.Connector]) -> Iterator[exp.Expr]:
    """Yield what `kind` joins in `tree`, in order: a long row of it nests deep."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, kind):
            waiting += [part.expression, part.this]
        else:
            yield part


def ref_of(tree: exp.Expr) -> Ref | None:
    """Return the column that `tree` is, and nothing else than that."""
    while isinstance(tree, exp.Paren):
        tree = tree.this
    return Ref(tree.table, tree.name) if isinstance(tree, exp.Column) and tree.table else None
