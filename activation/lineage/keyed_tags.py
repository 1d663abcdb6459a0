"""Law tags of single values: of an indicator among all, of a class among classes of payments.

A column such as `category_id` says nothing by itself; `category_id = 'childcare'` tells of
children. The project writes each such column under one name wherever it goes, so the name and the
value are enough. The tags stand in seeds: those of indicators in the taxonomy, those of categories,
codes, merchants and products in `class_law_tags`. What is below a class has the tags of the class.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from activation.lineage.indicators import KEY, stated_tags
from activation.lineage.library import Library
from activation.lineage.uses import How, Sought

CATEGORY, PARENT = "category_id", "parent_category_id"
# The columns by what a line of `class_law_tags`, or a rule line, matches on.
COLUMNS = {
    "category": CATEGORY,
    "competitor_product": "competitor_product",
    "mcc": "mcc",
    "merchant": "merchant_id",
}
# The seeds that give payments their classes: to join with them is to class, not to single out.
CLASS_SEEDS = frozenset(
    {"class_law_tags", "forbidden_mccs", "mcc_categories", "merchant_categories", "merchants"}
)
# Those of them that list all values of a column.
_LISTS = {
    CATEGORY: "merchant_categories",
    PARENT: "merchant_categories",
    "competitor_product": "merchant_categories",
    "mcc": "mcc_categories",
    "merchant_id": "merchants",
}
SENSITIVE = "sensitive"


class KeyedTag(NamedTuple):
    """A tag of one value.

    Args:
        tag: The law tag.
        unless_with: Values beside which it tells nothing.
    """

    tag: str
    unless_with: frozenset[str] = frozenset()


Tags = dict[str, frozenset[KeyedTag]]


class KeyedTags:
    """The tags of values by column and value.

    Args:
        library: The project, for its seeds.
    """

    def __init__(self, library: Library) -> None:
        seeds = {
            relation.name: relation.seed.records()
            for relation in library.project.relations.values()
            if relation.seed is not None
        }
        self._tags = _class_tags(seeds)
        self._tags[KEY] = {
            kli_id: frozenset(map(KeyedTag, tags)) for kli_id, tags in stated_tags(library).items()
        }
        self._siblings = _siblings(seeds)
        self._all = {
            column: {row[column] for row in seeds.get(seed, ())} - {""}
            for column, seed in _LISTS.items()
        }

    def is_key(self, column: str | None) -> bool:
        """Say whether values of a column have tags of their own, whatever they are made from."""
        return column in self._tags

    def within(self, column: str, sought: Iterable[Sought]) -> Iterator[tuple[str, str]]:
        """Yield each tag of the values of a column that `sought` may mean, with the value, sorted.

        Args:
            column: The column.
            sought: What a reader keeps to or compares with.
        """
        known = self._tags.get(column)
        if not known:
            return
        listed = frozenset(self._all.get(column) or known)
        sought = self._accepted(listed, tuple(sought))
        texts = frozenset(item.text for item in sought)
        if column == CATEGORY and self._siblings and self._siblings.keys() <= texts:
            # Who keeps to all categories, by joining with their list, tells none apart.
            return
        # What fits them all tells none apart, such as a check of their form.
        wanted = tuple(
            item
            for item in sought
            if item.how is not How.FITS or not all(_fits(value, item) for value in listed)
        )
        for value in sorted(value for value in known if any(_fits(value, item) for item in wanted)):
            tags = known[value]
            together = self._siblings.get(value, frozenset()) if column == CATEGORY else frozenset()
            if together and together <= texts:
                # The whole class above: it tells what all of its categories tell.
                tags = tags.intersection(*(known.get(other, frozenset()) for other in together))
            for tag in sorted(tags, key=lambda item: item.tag):
                if not tag.unless_with & texts:
                    yield tag.tag, value

    @staticmethod
    def _accepted(listed: frozenset[str], sought: tuple[Sought, ...]) -> tuple[Sought, ...]:
        """Return what a reader accepts; who keeps out more than half accepts the rest by name."""
        denied = [item for item in sought if item.is_denied]
        left = {value for value in listed if not any(_fits(value, item) for item in denied)}
        accepted = tuple(item for item in sought if not item.is_denied)
        return accepted + tuple(map(Sought, left)) if 2 * len(left) < len(listed) else accepted


@cache
def _fits(value: str, sought: Sought) -> bool:
    # Values differ in more than case and blanks: readers may look at them in another spelling.
    one, other = value.lower(), sought.text.strip().lower()
    match sought.how:
        case How.EQUALS:
            return one == other
        case How.HOLDS:
            return bool(other) and (one in other or other in one)
        case How.FITS:
            try:
                return re.search(sought.text, value) is not None
            except re.error:
                return True
    return True


def _class_tags(seeds: Mapping[str, list[dict[str, str]]]) -> dict[str, Tags]:
    """Return the tags of categories, codes, merchants and products."""
    found: dict[str, Tags] = {column: {} for column in (*COLUMNS.values(), PARENT)}
    for row in seeds.get("class_law_tags", ()):
        unless_with = frozenset(filter(None, row["unless_with"].split("|")))
        tag = KeyedTag(row["law_tag"], unless_with)
        _add(found[COLUMNS[row["match_on"]]], row["match_value"], {tag})
    codes = seeds.get("mcc_categories", [])
    category_of = {row["mcc"]: row[CATEGORY] for row in codes}
    for row in seeds.get("forbidden_mccs", ()):
        _add(found["mcc"], row["mcc"], {KeyedTag(SENSITIVE)})
        if category_of.get(row["mcc"]):
            _add(found[CATEGORY], category_of[row["mcc"]], {KeyedTag(SENSITIVE)})
    categories = found[CATEGORY]
    for row in codes:
        _add(found["mcc"], row["mcc"], categories.get(row[CATEGORY], ()))
    for row in seeds.get("merchants", ()):
        _add(found["merchant_id"], row["merchant_id"], categories.get(row[CATEGORY], ()))
    below: dict[str, list[frozenset[KeyedTag]]] = {}
    for row in seeds.get("merchant_categories", ()):
        tags = categories.get(row[CATEGORY], frozenset())
        _add(found["competitor_product"], row["competitor_product"], tags)
        below.setdefault(row[PARENT], []).append(tags)
    # A class above others tells what all of them tell.
    found[PARENT] = {parent: frozenset.intersection(*tags) for parent, tags in below.items()}
    return found


def _siblings(seeds: Mapping[str, list[dict[str, str]]]) -> dict[str, frozenset[str]]:
    """Return for each category all those of the class above it, itself included."""
    below: dict[str, set[str]] = {}
    for row in seeds.get("merchant_categories", ()):
        below.setdefault(row[PARENT], set()).add(row[CATEGORY])
    return {value: frozenset(values) for values in below.values() for value in values}


def _add(tags: Tags, value: str, more: Iterable[KeyedTag]) -> None:
    if value and more:
        tags[value] = tags.get(value, frozenset()) | frozenset(more)
