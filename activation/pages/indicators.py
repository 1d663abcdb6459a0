"""Pages of indicators: one of all families, one a family, and what each model assigns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from activation.pages.markdown import (
    block,
    code,
    in_words,
    node_link,
    page_link,
    page_name,
    table,
)
from activation.pages.scores import score_cards
from activation.pages.sources import Indicator, Sources
from tellerline.errors import ContractError

ALL = "indicators"
RULE_LINES = "kli_rule_lines"


def family_page(family: str) -> str:
    """Return under which name a family's page is shown."""
    return f"kli_{family}"


def named(indicator: Indicator) -> str:
    """Return an indicator's title and its id."""
    return f"**{indicator.title}** {code(indicator.kli_id)}"


def find(sources: Sources, kli_id: str, user: str) -> Indicator:
    """Return an indicator by its id.

    Raises:
        ContractError: The taxonomy has no such line.
    """
    found = sources.indicators.get(kli_id)
    if found is None:
        raise ContractError(
            user,
            f"names the indicator {kli_id}, which the taxonomy does not have.",
            "Add its line to seeds/kli_taxonomy.csv, or correct the name.",
        )
    return found


def families_block(sources: Sources) -> str:
    """Return the page of all families."""
    families = [item for item in sources.indicators.values() if not item.parent]
    return block(
        page_name(ALL),
        [
            "### Indicators by family",
            f"""An indicator (KLI) is a tag on a member with its evidence. Open a family to read
what each of its indicators means, or type a title into the search box at the top. What selects
members by them stands on the page of {page_link("audiences", "audiences")}.""",
            table(
                ("Family", "What it tells", "Indicators", "Possible goals"),
                [
                    (
                        page_link(family.title, family_page(family.kli_id)),
                        family.meaning,
                        str(len(leaves := _leaves(sources, family.kli_id))),
                        str(sum(leaf.is_goal for leaf in leaves)),
                    )
                    for family in families
                ],
            ),
        ],
    )


def family_block(sources: Sources, family: Indicator) -> str:
    """Return the page of one family: its indicators by the group that they stand in."""
    parts = [
        f"# {family.title}",
        f"{family.meaning} One of the {page_link('families of indicators', ALL)}.",
    ]
    leaves = _leaves(sources, family.family)
    models = _models_of(sources)
    for parent in dict.fromkeys(leaf.parent for leaf in leaves):
        group = find(sources, parent, f"an indicator of {family.kli_id}")
        if parent != family.kli_id:
            parts.append(f"## {group.title}\n\n{group.meaning} {code(group.kli_id)}")
        parts.append(
            table(
                ("Indicator", "What it means", "Goal", "Sensitivity", "Law tags", "Made by"),
                [_line(leaf, models) for leaf in leaves if leaf.parent == parent],
            )
        )
    parts.append(score_cards(sources, family.kli_id))
    used = [leaf for leaf in leaves if leaf.segments]
    parts += [
        "## Audiences that read them" if used else "",
        table(
            ("Indicator", "Audiences"),
            [(named(leaf), _audiences_of(sources, leaf)) for leaf in used],
        ),
        "## Law tags",
        law_tags_in_words(sources, (tag for leaf in leaves for tag in leaf.law_tags)),
    ]
    return block(page_name(family_page(family.kli_id)), parts)


def assigned_blocks(sources: Sources) -> Iterator[tuple[str, str]]:
    """Yield what each model assigns, for its description, with the folder that it stands in."""
    for model, kli_ids in sources.assigned:
        found = [find(sources, kli_id, model.name) for kli_id in kli_ids]
        # The lines of rules stand on the page of their seed as well.
        if isinstance(model.meta["klis"], str):
            yield model.folder, _rules_block(sources, found)
            continue
        yield (
            model.folder,
            block(
                f"klis_of_{model.name}",
                [
                    "### Indicators that it assigns",
                    _families_of(sources, found),
                    table(
                        ("Indicator", "What it means"),
                        [(named(item), item.meaning) for item in found],
                    ),
                ],
            ),
        )


def law_tags_in_words(sources: Sources, tags: Iterable[str]) -> str:
    """Return a list of what law tags mean.

    Raises:
        ContractError: A tag is not on the list of law tags.
    """
    return "\n".join(f"* {law_tag(sources, tag)}" for tag in sorted(set(tags)))


def law_tag(sources: Sources, tag: str) -> str:
    """Return what a law tag means, with the law that it comes from.

    Raises:
        ContractError: It is not on the list of law tags.
    """
    known = sources.law_tags.get(tag)
    if known is None:
        raise ContractError(
            f"the law tag {tag}",
            "is not on the list of law tags.",
            "Correct it, or add it to seeds/governance/law_tags.csv.",
        )
    return f"{code(tag)} **{known['title']}**: {known['meaning']} ({known['citation']})"


def _rules_block(sources: Sources, found: Iterable[Indicator]) -> str:
    found = list(found)
    return block(
        RULE_LINES,
        [
            "### The rule lines",
            _families_of(sources, found),
            table(
                ("Indicator", "What it means", "What counts"),
                [
                    (named(item), item.meaning, _counted(sources.rules[item.kli_id]))
                    for item in found
                ],
            ),
        ],
    )


def _counted(rule: Mapping[str, str]) -> str:
    """Say which transactions a rule line counts."""
    values = ", ".join(map(in_words, rule["match_values"].split("|")))
    whose = "" if rule["member_type"] == "any" else f" of {rule['member_type']} members"
    return f"{rule['direction']}s{whose}, {in_words(rule['match_on'])}: {values}"


def _line(leaf: Indicator, models: Mapping[str, str]) -> tuple[str, ...]:
    model = models.get(leaf.kli_id, "")
    return (
        named(leaf),
        leaf.meaning,
        "yes" if leaf.is_goal else "",
        leaf.sensitivity,
        ", ".join(map(code, leaf.law_tags)),
        node_link("model", "model", model) if model else "",
    )


def _families_of(sources: Sources, found: Iterable[Indicator]) -> str:
    """Link to the pages of the families that indicators belong to."""
    families = dict.fromkeys(item.family for item in found)
    links = [
        page_link(find(sources, family, "an indicator").title, family_page(family))
        for family in families
    ]
    return f"Sensitivity, law tags and who reads them: {', '.join(links)}."


def _leaves(sources: Sources, family: str) -> list[Indicator]:
    return [i for i in sources.indicators.values() if i.family == family and i.is_leaf]


def _models_of(sources: Sources) -> dict[str, str]:
    return {kli_id: model.name for model, kli_ids in sources.assigned for kli_id in kli_ids}


def _audiences_of(sources: Sources, leaf: Indicator) -> str:
    return ", ".join(
        node_link(audience.facts.title, "model", audience.model.name)
        for audience in sources.audiences
        if leaf.kli_id in audience.indicators
    )
