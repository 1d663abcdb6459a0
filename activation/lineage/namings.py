"""Texts by which a select tells some rows of its sources from others, through what it compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import permutations

from activation.lineage.expressions import Expression, Ref
from activation.lineage.limits import SourceLimits
from activation.lineage.predicates import equal_refs
from activation.lineage.queries import (
    Demand,
    Join,
    Query,
    Select,
    SetOperation,
    Source,
    Values,
    outputs_of,
)
from activation.lineage.spoken import NO_LIMITS, Lists, SpokenTexts
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

NO_NAMES: Namings = frozenset()
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
        spoken: Finds the texts of columns.
        is_nested: Whether the select stands in an expression of another one.
    """

    def __init__(
        self,
        select: Select,
        limits: SourceLimits,
        spoken: SpokenTexts,
        *,
        is_nested: bool = False,
    ) -> None:
        self._select = select
        self._limits = limits
        self._spoken = spoken
        self._is_nested = is_nested
        self._effects = dict(_conditions(select))
        self._fillings = {
            item
            for source in select.sources
            if source.join in {Join.LEFT, Join.ASOF_LEFT}
            for item in source.conditions
        }
        self._own: dict[Expression, tuple[tuple[Subject, Texts], ...]] = {}
        self._mapped: dict[Ref, set[Texts]] = {}
        self._denied: dict[Subject, Texts] = {}

    def look_up(self, items: Iterable[Expression]) -> None:
        """Find by which keys `items` tell apart the rows of lists that the select joins.

        `left join categories as c on c.category_id = p.category_id` read as `c.label = 'Child
        care'` names the category of that label. What several conditions deny is denied together.
        """
        keys = [pair for source in self._select.sources for pair in _pairs(source)]
        for item in items:
            for ref, texts in self._named_by(item):
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
        for subject, texts in self._named_by(item):
            found.setdefault(subject, set()).add(texts)
        for subject in found.keys() & self._denied.keys():
            found[subject].add(self._denied[subject])
        for ref in item.refs & self._mapped.keys():
            found.setdefault(ref, set()).update(self._mapped[ref])
        return {subject: frozenset(namings) for subject, namings in found.items()}

    def _named_by(self, item: Expression) -> tuple[tuple[Subject, Texts], ...]:
        """Return what an expression of the select compares; found once."""
        if item not in self._own:
            self._own[item] = tuple(self._named(item, self._effects.get(item, Effect.SHOWS)))
        return self._own[item]

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
        lists = Lists.WHOLE if self._is_nested else Lists.LIMITED
        if item in self._fillings:
            lists = Lists.OTHER
        found = [
            self._spoken.of(
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
                self._spoken.of(query, name, NO_LIMITS, Lists.WHOLE) for name in outputs_of(query)
            ]
        known = frozenset[Sought]().union(*found)
        return comparison.texts | (known if comparison.is_whole or not known else {ANY_VALUE})

    def _keys(self, own: Ref, ref: Ref, texts: Texts) -> Texts:
        """Return the values of `own` in the rows of a source in which `ref` has one of `texts`."""
        query = self._select.by_alias[own.alias].query
        is_plain = all(sought.how is How.EQUALS and not sought.is_denied for sought in texts)
        if not is_plain:
            return frozenset()
        wanted: Values = frozenset(sought.text for sought in texts)
        limits = self._limits.of(ref.alias) | {(ref.column, wanted)}
        return self._spoken.keys(query, own.column, limits)

    def _named_within(self, query: Query, effect: Effect) -> Iterator[tuple[Ref, Texts]]:
        """Yield what a nested query compares columns of outer queries with."""
        if isinstance(query, SetOperation):
            for branch in query.branches:
                yield from self._named_within(branch, effect)
        if not isinstance(query, Select) or not query.free_refs:
            return
        limits = self._spoken.limiter(query, query.outputs, Demand(frozenset(query.outputs)))
        inner = SelectNamings(query, limits, self._spoken, is_nested=True)
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


def carried(names: Namings, form: Form) -> Namings:
    """Return what comparing a value names of a column that the value has in this form."""
    if form is Form.WHOLE:
        return names
    is_sought = any(not sought.is_denied for texts in names for sought in texts)
    return _ANY_VALUE if form is Form.PART and is_sought else NO_NAMES
