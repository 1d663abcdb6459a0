"""Pages of audiences and of their receivers, for people who plan campaigns."""

from __future__ import annotations

from collections.abc import Iterable

from activation.governance.register import DestinationEntry
from activation.governance.segments import FrequencyCap, SegmentFacts
from activation.pages.indicators import ALL as ALL_INDICATORS
from activation.pages.indicators import family_page, find, law_tags_in_words, named
from activation.pages.markdown import (
    block,
    code,
    day,
    graph_link,
    in_words,
    node_link,
    page_link,
    page_name,
    table,
)
from activation.pages.sources import PROFILE, Audience, Indicator, Sources

ALL = "audiences"


def audiences_block(sources: Sources) -> str:
    """Return the page of all audiences, by what they are for."""
    families = page_link("family", ALL_INDICATORS)
    parts = [
        "### Audiences by what they are for",
        f"""Whom each audience selects, and the indicator that counts as success. Open one to read
what governs it; what an indicator means stands on the page of its {families}.""",
    ]
    for goal in dict.fromkeys(audience.goal for audience in sources.audiences):
        parts += [
            f"#### {in_words(goal).capitalize()}",
            table(
                ("Audience", "Whom it selects", "Goal", "Goes to"),
                [
                    (
                        node_link(audience.facts.title, "model", audience.model.name),
                        audience.model.says,
                        _indicator_link(_goal(sources, audience)),
                        ", ".join(
                            node_link(sources.register.entry(name).title, "exposure", name)
                            for name in audience.facts.destinations
                        )
                        or "nobody",
                    )
                    for audience in sources.audiences
                    if audience.goal == goal
                ],
            ),
        ]
    return block(page_name(ALL), parts)


def audience_block(sources: Sources, audience: Audience) -> str:
    """Return what an audience is for, for its model's description."""
    facts = audience.facts
    read = [find(sources, kli_id, audience.model.name) for kli_id in audience.indicators]
    return block(
        audience.model.name,
        [
            f"### {facts.title}",
            table(("What governs it", ""), _governing(sources, audience)),
            "### Where it may go" if facts.destinations else "",
            table(
                ("Destination", "Channel", "Attributes that go with the members"),
                [
                    (
                        node_link(sources.register.entry(name).title, "exposure", name),
                        in_words(sources.register.entry(name).channel),
                        ", ".join(map(in_words, sent)) or "none",
                    )
                    for name, sent in facts.destinations.items()
                ],
            ),
            "### Indicators that it reads" if read else "",
            table(
                ("Indicator", "What it means", "Family"),
                [(named(item), item.meaning, _family_link(sources, item)) for item in read],
            ),
            "### Law tags upstream",
            law_tags_in_words(sources, audience.law_tags),
        ],
    )


def destination_block(sources: Sources, name: str, entry: DestinationEntry) -> str:
    """Return what a destination gets and under which agreement, for its exposure's description."""
    return block(
        f"destination_{name}",
        [
            f"### {entry.title}",
            table(
                ("What governs it", ""),
                [
                    ("Relationship", in_words(entry.relationship)),
                    (
                        "Contract",
                        f"{entry.contract.reference}, expires {day(entry.contract.expires_on)}",
                    ),
                    ("Due diligence", day(entry.due_diligence_on)),
                    ("Channel", in_words(entry.channel)),
                    ("Purposes", _listed(entry.purposes)),
                ],
            ),
            "### Fields that it gets",
            table(
                ("Field", "Filled with"),
                [
                    (
                        code(field),
                        f"contact data: {in_words(source.identifier)}"
                        if source.identifier
                        else f"attribute: {in_words(source.attribute or '')}",
                    )
                    for field, source in entry.fields.items()
                ],
            ),
            "### Audiences that may go there",
            table(
                ("Audience", "Goal", "Attributes"),
                [
                    (
                        node_link(audience.facts.title, "model", audience.model.name),
                        _indicator_link(_goal(sources, audience)),
                        _listed(audience.facts.destinations[name]),
                    )
                    for audience in sources.audiences
                    if name in audience.facts.destinations
                ],
            ),
        ],
    )


def _governing(sources: Sources, audience: Audience) -> list[tuple[str, str]]:
    facts = audience.facts
    goal = _goal(sources, audience)
    rows = [
        ("Goal", f"{_indicator_link(goal)}: {goal.meaning}"),
        ("Purpose", _purpose(facts)),
        ("Legal basis", in_words(facts.legal_basis)),
        ("Owner", in_words(facts.owner)),
        ("Channels", _listed(facts.channels)),
        ("Control group", _control_group(facts)),
        (
            "Frequency cap",
            f"at most {_touches(facts.frequency_cap)}, by member and channel",
        ),
        ("Size", f"from {facts.minimum_size:,} to {facts.maximum_size:,} members"),
        ("Expires", day(facts.expires_on)),
        ("Sensitivity", facts.sensitivity),
        (
            "Reads of the profile",
            f"{_listed(audience.profile)} ({node_link('meaning', 'model', PROFILE)})"
            if audience.profile
            else "",
        ),
        ("Version", facts.version),
        ("Made from", _lineage(audience.model.name)),
    ]
    return [(name, value) for name, value in rows if value]


def _lineage(model: str) -> str:
    return f"{graph_link('nearest steps', model, '2')}, {graph_link('all from the feeds', model)}"


def _purpose(facts: SegmentFacts) -> str:
    held = "; credit-related: held to fair lending" if facts.credit_related else ""
    return in_words(facts.purpose) + held


def _control_group(facts: SegmentFacts) -> str:
    if not facts.holdout_ratio:
        return "none"
    return f"{facts.holdout_ratio * 100:.3f}".rstrip("0").rstrip(".") + " % are not sent"


def _goal(sources: Sources, audience: Audience) -> Indicator:
    return find(sources, audience.facts.goal_kli, audience.model.name)


def _indicator_link(indicator: Indicator) -> str:
    return page_link(indicator.title, family_page(indicator.family))


def _family_link(sources: Sources, indicator: Indicator) -> str:
    family = find(sources, indicator.family, indicator.kli_id)
    return page_link(family.title, family_page(family.kli_id))


def _listed(words: Iterable[str]) -> str:
    return ", ".join(map(in_words, words)) or "none"


def _touches(cap: FrequencyCap) -> str:
    touches = "touch" if cap.maximum_touches == 1 else "touches"
    days = "1 day" if cap.window_days == 1 else f"{cap.window_days} days"
    return f"{cap.maximum_touches} {touches} in {days}"
