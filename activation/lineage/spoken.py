"""The texts that a column may be, by which a comparison with it singles out a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum

from activation.lineage.expressions import Expression
from activation.lineage.keyed_tags import CLASS_SEEDS
from activation.lineage.limits import SourceLimits
from activation.lineage.queries import (
    Demand,
    Limits,
    Query,
    Rows,
    Select,
    SetOperation,
    Table,
    Values,
    outputs_of,
)
from activation.lineage.uses import Form, Sought, Texts, uses_of
from activation.lineage.values import KnownValues

Limiter = Callable[[Select, Iterable[str], Demand], SourceLimits]
NO_LIMITS: Limits = frozenset()


class Lists(Enum):
    """The relations of which the values of a column single out what is compared with it."""

    # An expression asks whether a value is among them.
    WHOLE = "all"
    # A join with all rows of a list of classes tells none apart.
    LIMITED = "seeds that give no classes, and what is limited to some rows"
    # A left join adds to each row what it is; whether it found anything may be asked.
    OTHER = "seeds that give no classes"


class SpokenTexts:
    """Finds the texts of columns.

    Args:
        known: The values that columns can have at all.
        limiter: Finds the rows that a select needs of its sources.
    """

    def __init__(self, known: KnownValues, limiter: Limiter) -> None:
        self.limiter = limiter
        self._known = known

    def keys(self, query: Query, column: str, limits: Limits) -> Texts:
        """Return the certain values of a column in some rows of a list."""
        if isinstance(query, Rows):
            return frozenset()
        return _sought(self._known.of(query, column, limits))

    def of(self, query: Query, column: str, limits: Limits, lists: Lists) -> Texts:
        """Return the literals that a column is made of, and its values in `lists`."""
        match query:
            case Rows():
                return self._told_by(query.expression, {}, lists)
            case Table() if self._counts(query, limits, lists):
                return _sought(self._known.of(query, column, limits))
            case SetOperation():
                branches = (self.of(branch, column, limits, lists) for branch in query.branches)
                return frozenset[Sought]().union(*branches)
            case Select():
                demand = Demand(frozenset(query.outputs), limits)
                within = self.limiter(query, query.outputs, demand)
                sources = {
                    alias: (source.query, within.of(alias))
                    for alias, source in query.by_alias.items()
                }
                return self._told_by(query.outputs[column], sources, lists)
        return frozenset()

    def _told_by(
        self, item: Expression, sources: Mapping[str, tuple[Query, Limits]], lists: Lists
    ) -> Texts:
        """Return the texts that an expression may be, through the sources of its columns."""
        uses = uses_of(item)
        found = uses.texts
        for subject, forms in uses.forms.items():
            if Form.WHOLE not in forms:
                continue
            if isinstance(subject, int):
                query = item.nested[subject].query
                for name in outputs_of(query):
                    found |= self.of(query, name, NO_LIMITS, lists)
            elif subject.alias in sources:
                query, limits = sources[subject.alias]
                found |= self.of(query, subject.column, limits, lists)
        return found

    def _counts(self, table: Table, limits: Limits, lists: Lists) -> bool:
        relation = self._known.library.relation(table.unique_id)
        is_other = relation.seed is not None and relation.name not in CLASS_SEEDS
        match lists:
            case Lists.WHOLE:
                return True
            case Lists.LIMITED:
                return bool(limits) or is_other
            case Lists.OTHER:
                return is_other


def _sought(values: Values | None) -> Texts:
    return frozenset(Sought(value) for value in values or () if isinstance(value, str))
