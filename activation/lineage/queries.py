"""A query as lineage sees it: selects and unions over named sources, every column qualified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import ClassVar, NamedTuple, TypeAlias

from sqlglot import exp

from activation.lineage.expressions import Expression, Ref, aggregates, is_checksum, own_nodes


class Checksum(NamedTuple):
    """The checksum of one text: a value that is known by what it was made from.

    Args:
        form: How it is made, with a place for what it is made from.
        text: What it is made from.
    """

    form: str
    text: str


Value: TypeAlias = str | bool | Checksum
Values: TypeAlias = frozenset[Value]
# For each column the values that matter; rows with other values have no effect on the reader.
Limits: TypeAlias = frozenset[tuple[str, Values]]


class Join(Enum):
    """How a source is joined to those before it."""

    FROM = "from"
    INNER = "inner"
    LEFT = "left"
    SEMI = "semi"
    ANTI = "anti"
    ASOF = "asof"
    ASOF_LEFT = "asof left"
    # Right, full and positional joins: nothing is concluded from them.
    OTHER = "other"

    @property
    def needs_match(self) -> bool:
        """Whether a row without a match is dropped."""
        return self in {Join.FROM, Join.INNER, Join.SEMI, Join.ASOF}


@dataclass(frozen=True, eq=False)
class Table:
    """A relation of the project, read by name."""

    unique_id: str
    free_refs: ClassVar[frozenset[Ref]] = frozenset()


@dataclass(frozen=True, eq=False)
class Rows:
    """A source that is an expression: `values`, `unnest`."""

    expression: Expression

    @property
    def free_refs(self) -> frozenset[Ref]:
        """The columns of other sources, or of outer queries, that it reads."""
        return self.expression.refs


@dataclass(frozen=True, eq=False)
class Source:
    """One member of the from clause.

    Args:
        alias: Its name within the select.
        query: What it reads.
        join: How it is joined.
        text: The words of the join, for the normal form.
        conditions: What the join demands, cut at every `and`.
    """

    alias: str
    query: Query
    join: Join
    text: str
    conditions: tuple[Expression, ...] = ()


@dataclass(frozen=True, eq=False)
class Select:
    """One select.

    Args:
        sources: The from clause.
        outputs: The select list, by name.
        where: What a row must meet, cut at every `and`.
        groups: The group by clause; None without one.
        having: Like `where`, for groups.
        qualify: Like `where`, after window functions.
        is_distinct: Whether equal rows are one.
        tail: `order by`, `limit`, `offset` and `distinct on`, when they choose rows or a reader may
            tell the order.
    """

    sources: tuple[Source, ...]
    outputs: Mapping[str, Expression]
    where: tuple[Expression, ...] = ()
    groups: tuple[Expression, ...] | None = None
    having: tuple[Expression, ...] = ()
    qualify: tuple[Expression, ...] = ()
    is_distinct: bool = False
    tail: tuple[Expression, ...] = ()

    @cached_property
    def by_alias(self) -> Mapping[str, Source]:
        """The sources by their alias."""
        return {source.alias: source for source in self.sources}

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        """All expressions of its clauses and joins, those of its sources' queries apart."""
        clauses = (self.outputs.values(), self.where, self.groups or (), self.having)
        joins = (source.conditions for source in self.sources)
        return tuple(
            item for clause in (*clauses, self.qualify, self.tail, *joins) for item in clause
        )

    @cached_property
    def free_refs(self) -> frozenset[Ref]:
        """The columns of outer queries that it reads."""
        refs: set[Ref] = set()
        refs.update(*(source.query.free_refs for source in self.sources))
        refs.update(*(item.refs for item in self.expressions))
        return frozenset(ref for ref in refs if ref.alias not in self.by_alias)

    @cached_property
    def is_one_row(self) -> bool:
        """Whether it aggregates all of its input into exactly one row."""
        if self.groups is not None or self.having or self.qualify or self.tail or self.multiplies:
            return False
        return any(aggregates(item.tree) for item in self.outputs.values())

    @cached_property
    def has_rows_without_input(self) -> bool:
        """Whether it may return rows although its sources have none."""
        trees = [item.tree for item in (*self.outputs.values(), *self.having)]
        return self.groups is None and any(
            aggregates(tree)
            or any(not is_checksum(node) for node in own_nodes(tree, exp.Anonymous))
            for tree in trees
        )

    @cached_property
    def has_unusual_join(self) -> bool:
        """Whether a join is of a kind from which nothing is concluded."""
        return any(source.join is Join.OTHER for source in self.sources)

    @cached_property
    def multiplies(self) -> bool:
        """Whether the select list itself makes several rows of one."""
        return any(
            any(own_nodes(item.tree, exp.Explode, exp.Unnest)) for item in self.outputs.values()
        )


@dataclass(frozen=True, eq=False)
class SetOperation:
    """Queries one above the other; their outputs carry the names of the first one's.

    Args:
        word: `union all`, `union`, `except`, `intersect` and their kin.
        branches: The queries.
        tail: `order by`, `limit` and `offset`, as in a select.
    """

    word: str
    branches: tuple[Query, ...]
    tail: tuple[Expression, ...] = ()

    @cached_property
    def free_refs(self) -> frozenset[Ref]:
        """The columns of outer queries that it reads."""
        return frozenset[Ref]().union(*(branch.free_refs for branch in self.branches))

    @property
    def keeps_rows_apart(self) -> bool:
        """Whether each row comes from one branch, whatever the others hold."""
        return self.word == "union all" and not self.tail


@dataclass(frozen=True, eq=False)
class Opaque:
    """A query that could not be resolved: all that it might read counts as read.

    Args:
        text: Its SQL, normalised as far as possible.
        columns: The columns it is declared to have.
        upstream: Ids of the relations that it reads.
        reason: Why it could not be resolved.
    """

    text: str
    columns: tuple[str, ...]
    upstream: tuple[str, ...]
    reason: str
    free_refs: ClassVar[frozenset[Ref]] = frozenset()


Query: TypeAlias = "Select | SetOperation | Table | Rows | Opaque"


@dataclass(frozen=True, slots=True)
class Demand:
    """What a reader wants of a query.

    Args:
        columns: The columns it reads.
        limits: The rows that matter to it.
        absent: Given when the reader cannot tell a missing row from one that has these values in
            these columns; its other columns are then a key on which it joins.
    """

    columns: frozenset[str]
    limits: Limits = field(default=frozenset())
    absent: frozenset[tuple[str, str]] | None = None

    def document(self) -> list[object]:
        """Return the demand as sorted lists."""
        limits = [[column, sorted(map(repr, values))] for column, values in self.limits]
        absent = None if self.absent is None else sorted(map(list, self.absent))
        return [sorted(self.columns), sorted(limits), absent]


def outputs_of(query: Query) -> tuple[str, ...]:
    """Return the names of the columns of a query that is no table, in order."""
    while isinstance(query, SetOperation):
        query = query.branches[0]
    if isinstance(query, Opaque):
        return query.columns
    return tuple(query.outputs) if isinstance(query, Select) else ()
