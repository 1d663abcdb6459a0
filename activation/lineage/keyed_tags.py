"""Law tags of single values: of an indicator among all, of a class among classes of payments.

A column such as `category_id` says nothing by itself; `category_id = 'childcare'` tells of
children. The project writes each such column under one name wherever it goes, so the name and the
value are enough. The tags stand in seeds: those of indicators in the taxonomy, those of categories,
codes, merchants and products in `class_law_tags`. What is below a class has the tags of the class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from activation.lineage.indicators import KEY, stated_tags
from activation.lineage.library import Library
from activation.lineage.namings import ANY
from activation.lineage.queries import Value

CATEGORY, PARENT = "category_id", "parent_category_id"
# The columns by what a line of `class_law_tags`, or a rule line, matches on.
COLUMNS = {
    "category": CATEGORY,
    "competitor_product": "competitor_product",
    "mcc": "mcc",
    "merchant": "merchant_id",
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

    def within(self, column: str, values: Iterable[Value]) -> Iterator[tuple[str, str]]:
        """Yield each tag of `values` of a column with the value that has it, sorted.

        Args:
            column: The column.
            values: The values that a reader keeps to; with `ANY` around it, a part of values.
        """
        known = self._tags.get(column)
        if not known:
            return
        texts = frozenset(value for value in values if isinstance(value, str))
        if column == CATEGORY and self._siblings and self._siblings.keys() <= texts:
            # Who keeps to all categories, by joining with their list, tells none apart.
            return
        found = {text for text in texts if text in known}
        for text in texts:
            part = text.strip(ANY)
            if part and text.startswith(ANY):
                found |= {value for value in known if part in value}
        for value in sorted(found):
            tags = known[value]
            together = self._siblings.get(value, frozenset()) if column == CATEGORY else frozenset()
            if together and together <= texts:
                # The whole class above: it tells what all of its categories tell.
                tags = tags.intersection(*(known.get(other, frozenset()) for other in together))
            for tag in sorted(tags, key=lambda item: item.tag):
                if not tag.unless_with & texts:
                    yield tag.tag, value


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
