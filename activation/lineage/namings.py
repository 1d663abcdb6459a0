"""Texts by which a select tells some rows of its sources from others, through what it compares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from itertools import permutations

from activation.lineage.expressions import Expression, Ref
from activation.lineage.keyed_tags import CLASS_SEEDS
from activation.lineage.limits import SourceLimits
from activation.lineage.predicates import equal_refs
from activation.lineage.queries import (
    Demand,
    Join,
    Limits,
    Query,
    Rows,
    Select,
    SetOperation,
    Source,
    Table,
    Values,
    outputs_of,
)
from activation.lineage.uses import (
    ANY_VALUE,
    Comparison,
    Form,
    How,
    Namings,
    Sought,
    Subject,
    Texts,
    uses_of,
)
from activation.lineage.values import KnownValues

Limiter = Callable[[Select, Iterable[str], Demand], SourceLimits]
NO_NAMES: Namings = frozenset()
NO_LIMITS: Limits = frozenset()
_ANY_VALUE: Namings = frozenset({frozenset({ANY_VALUE})})


class Effect(Enum):
    """What a row that meets a condition does."""

    PASSES = "passes"
    # As in an anti join: it keeps another row out.
    STOPS = "stops"
    # The expression is no condition, or one of a left join: either way the row is told apart.
    SHOWS = "shows"

    def within(self, accepts: bool | None) -> Effect:
        """Return what a row does that meets a condition within this one."""
        if accepts is None or self is Effect.SHOWS:
            return Effect.SHOWS
        return self if accepts else _OPPOSITE[self]


_OPPOSITE = {Effect.PASSES: Effect.STOPS, Effect.STOPS: Effect.PASSES}


class _Lists(Enum):
    """The relations of which the values of a column single out what is compared with it."""

    # An expression asks whether a value is among them.
    WHOLE = "all"
    # A join with all rows of a list of classes tells none apart.
    LIMITED = "seeds that give no classes, and what is limited to some rows"
    # A left join adds to each row what it is; whether it found anything may be asked.
    OTHER = "seeds that give no classes"


_ACCEPTANCES = {Effect.PASSES: True, Effect.STOPS: False, Effect.SHOWS: None}
_JOINED = {
    Join.FROM: Effect.PASSES,
    Join.INNER: Effect.PASSES,
    Join.SEMI: Effect.PASSES,
    Join.ASOF: Effect.PASSES,
    Join.ANTI: Effect.STOPS,
}


class SelectNamings:
    """Finds the texts with which one select compares the columns of its sources.

    What a column must not be, as in `where category_id <> 'withheld'`, is denied: all other rows
    stay together. A range has no such other side: out of one is within another.

    Args:
        select: The select.
        limits: The rows that it needs of its sources.
        known: The values that columns can have at all.
        limiter: Finds the rows that a nested select needs.
        is_nested: Whether the select stands in an expression of another one.
    """

    def __init__(
        self,
        select: Select,
        limits: SourceLimits,
        known: KnownValues,
        limiter: Limiter,
        *,
        is_nested: bool = False,
    ) -> None:
        self._select = select
        self._limits = limits
        self._known = known
        self._limiter = limiter
        self._is_nested = is_nested
        self._effects = dict(_conditions(select))
        self._fillings = {
            item
            for source in select.sources
            if source.join in {Join.LEFT, Join.ASOF_LEFT}
            for item in source.conditions
        }
        self._mapped: dict[Ref, set[Texts]] = {}
        self._denied: dict[Subject, Texts] = {}

    def look_up(self, items: Iterable[Expression]) -> None:
        """Find by which keys `items` tell apart the rows of lists that the select joins.

        `left join categories as c on c.category_id = p.category_id` read as `c.label = 'Child
        care'` names the category of that label. What several conditions deny is denied together.
        """
        keys = [pair for source in self._select.sources for pair in _pairs(source)]
        for item in items:
            for ref, texts in self._named(item, self._effects.get(item, Effect.SHOWS)):
                if isinstance(ref, int):
                    continue
                denied = frozenset(sought for sought in texts if sought.is_denied)
                if denied:
                    self._denied[ref] = self._denied.get(ref, frozenset()) | denied
                for own, other in keys:
                    if own.alias == ref.alias and own != ref:
                        values = self._keys(own, ref, texts)
                        if values:
                            self._mapped.setdefault(other, set()).add(values)

    def of(self, item: Expression) -> dict[Subject, Namings]:
        """Return the comparisons in `item` of each column and nested query, or of parts of them."""
        found: dict[Subject, set[Texts]] = {}
        for subject, texts in self._named(item, self._effects.get(item, Effect.SHOWS)):
            found.setdefault(subject, set()).add(texts)
        for subject in found.keys() & self._denied.keys():
            found[subject].add(self._denied[subject])
        for ref in item.refs & self._mapped.keys():
            found.setdefault(ref, set()).update(self._mapped[ref])
        return {subject: frozenset(namings) for subject, namings in found.items()}

    def _named(self, item: Expression, effect: Effect) -> Iterator[tuple[Subject, Texts]]:
        uses = uses_of(item)
        for comparison in uses.comparisons:
            texts = self._texts(item, comparison)
            if effect.within(comparison.accepts) is Effect.STOPS:
                texts = frozenset(map(_denied, texts))
            if texts:
                yield comparison.subject, texts
                if isinstance(comparison.subject, int):
                    yield from _handed_out(item.nested[comparison.subject].query, texts)
        for (query, _), accepts in zip(item.nested, uses.nested, strict=True):
            yield from self._named_within(query, effect.within(accepts))

    def _texts(self, item: Expression, comparison: Comparison) -> Texts:
        lists = _Lists.WHOLE if self._is_nested else _Lists.LIMITED
        if item in self._fillings:
            lists = _Lists.OTHER
        found = [
            self._spoken(
                self._select.by_alias[ref.alias].query,
                ref.column,
                self._limits.of(ref.alias),
                lists,
            )
            for ref in comparison.others
            if ref.alias in self._select.by_alias
        ]
        for place in comparison.places:
            query = item.nested[place].query
            found += [
                self._spoken(query, name, NO_LIMITS, _Lists.WHOLE) for name in outputs_of(query)
            ]
        known = frozenset[Sought]().union(*found)
        return comparison.texts | (known if comparison.is_whole or not known else {ANY_VALUE})

    def _keys(self, own: Ref, ref: Ref, texts: Texts) -> Texts:
        """Return the values of `own` in the rows of a source in which `ref` has one of `texts`."""
        query = self._select.by_alias[own.alias].query
        is_plain = all(sought.how is How.EQUALS and not sought.is_denied for sought in texts)
        if isinstance(query, Rows) or not is_plain:
            return frozenset()
        wanted: Values = frozenset(sought.text for sought in texts)
        limits = self._limits.of(ref.alias) | {(ref.column, wanted)}
        return _sought(self._known.of(query, own.column, limits))

    def _spoken(self, query: Query, column: str, limits: Limits, lists: _Lists) -> Texts:
        """Return the literals that a column is made of, and its values in `lists`."""
        match query:
            case Rows():
                return self._told_by(query.expression, {}, lists)
            case Table() if self._counts(query, limits, lists):
                return _sought(self._known.of(query, column, limits))
            case SetOperation():
                branches = (
                    self._spoken(branch, column, limits, lists) for branch in query.branches
                )
                return frozenset[Sought]().union(*branches)
            case Select():
                demand = Demand(frozenset(query.outputs), limits)
                within = self._limiter(query, query.outputs, demand)
                sources = {
                    alias: (source.query, within.of(alias))
                    for alias, source in query.by_alias.items()
                }
                return self._told_by(query.outputs[column], sources, lists)
        return frozenset()

    def _told_by(
        self, item: Expression, sources: Mapping[str, tuple[Query, Limits]], lists: _Lists
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
                    found |= self._spoken(query, name, NO_LIMITS, lists)
            elif subject.alias in sources:
                query, limits = sources[subject.alias]
                found |= self._spoken(query, subject.column, limits, lists)
        return found

    def _counts(self, table: Table, limits: Limits, lists: _Lists) -> bool:
        relation = self._known.library.relation(table.unique_id)
        is_other = relation.seed is not None and relation.name not in CLASS_SEEDS
        match lists:
            case _Lists.WHOLE:
                return True
            case _Lists.LIMITED:
                return bool(limits) or is_other
            case _Lists.OTHER:
                return is_other

    def _named_within(self, query: Query, effect: Effect) -> Iterator[tuple[Ref, Texts]]:
        """Yield what a nested query compares columns of outer queries with."""
        if isinstance(query, SetOperation):
            for branch in query.branches:
                yield from self._named_within(branch, effect)
        if not isinstance(query, Select) or not query.free_refs:
            return
        limits = self._limiter(query, query.outputs, Demand(frozenset(query.outputs)))
        inner = SelectNamings(query, limits, self._known, self._limiter, is_nested=True)
        for item in query.expressions:
            within = effect.within(_ACCEPTANCES[inner._effects.get(item, Effect.SHOWS)])
            for ref, texts in inner._named(item, within):
                if not isinstance(ref, int) and ref.alias not in query.by_alias:
                    yield ref, texts
        for source in query.sources:
            yield from self._named_within(source.query, effect)


def _conditions(select: Select) -> Iterator[tuple[Expression, Effect]]:
    """Yield the conditions of a select of which the effect on its rows is certain."""
    for item in (*select.where, *select.having, *select.qualify):
        yield item, Effect.PASSES
    for source in select.sources:
        for item in source.conditions:
            yield item, _JOINED.get(source.join, Effect.SHOWS)


def _pairs(source: Source) -> Iterator[tuple[Ref, Ref]]:
    """Yield each key of a source with the column of another one that it is joined with."""
    for item in source.conditions:
        pair = equal_refs(item.tree)
        for one, other in permutations(pair) if pair is not None else ():
            if one.alias == source.alias != other.alias:
                yield one, other


def _handed_out(query: Query, texts: Texts) -> Iterator[tuple[Ref, Texts]]:
    """Yield what comparing a nested query compares of the outer columns that it gives back."""
    if not isinstance(query, Select):
        return
    for output in query.outputs.values():
        for ref, forms in uses_of(output).forms.items():
            if isinstance(ref, int) or ref.alias in query.by_alias:
                continue
            for names in (carried(frozenset({texts}), form) for form in forms):
                yield from ((ref, handed) for handed in names)


def _denied(sought: Sought) -> Sought:
    return sought if sought.how is How.ANY else sought._replace(is_denied=True)


def _sought(values: Values | None) -> Texts:
    return frozenset(Sought(value) for value in values or () if isinstance(value, str))


def carried(names: Namings, form: Form) -> Namings:
    """Return what comparing a value names of a column that the value has in this form."""
    if form is Form.WHOLE:
        return names
    is_sought = any(not sought.is_denied for texts in names for sought in texts)
    return _ANY_VALUE if form is Form.PART and is_sought else NO_NAMES
