"""Indicators (KLIs) as lineage sees them: rows of one long table, told apart by their id."""

from __future__ import annotations

from collections.abc import Mapping

from activation.lineage.library import Library
from activation.lineage.manifest import Kind
from activation.lineage.queries import Demand

INDICATORS = "fct_member_klis"
TAXONOMY = "kli_taxonomy"
KEY = "kli_id"


def indicators_within(demand: Demand) -> list[str]:
    """Return the ids of the indicators that `demand` keeps to, sorted; none when it takes all."""
    return sorted(
        str(value) for column, values in demand.limits if column == KEY for value in values
    )


def stated_tags(library: Library) -> Mapping[str, tuple[str, ...]]:
    """Return the law tags that the taxonomy states for each leaf, by indicator id."""
    for relation in library.project.relations.values():
        seed = relation.seed
        if relation.name != TAXONOMY or seed is None:
            continue
        if not {KEY, "law_tags", "is_leaf"} <= set(seed.columns):
            continue
        place = {name: seed.columns.index(name) for name in (KEY, "law_tags", "is_leaf")}
        return {
            row[place[KEY]]: tuple(tag for tag in row[place["law_tags"]].split("|") if tag)
            for row in seed.rows
            if row[place["is_leaf"]] == "true"
        }
    return {}


def indicator_table(library: Library) -> str | None:
    """Return the id of the table that holds every member's indicators; None when there is none."""
    for relation in library.project.relations.values():
        if relation.name == INDICATORS and relation.kind is Kind.MODEL:
            return relation.unique_id
    return None
