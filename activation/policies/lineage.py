"""Law that can be judged before anything is planned: from what a segment is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from activation.lineage.dependencies import UNRESOLVED
from activation.policies.packs import Pack, RuleUse
from activation.policies.rules import forbidden_tags, no_forbidden_basis_in_credit
from tellerline.errors import PolicyRefusedError

RULE = no_forbidden_basis_in_credit.__name__
RULE_FOR_ALL = forbidden_tags.__name__


class Basis(NamedTuple):
    """What a segment rests on.

    Args:
        is_held_to_fair_lending: Whether fair-lending rules apply to it.
        tags: Law tags upstream, each with the path of one example.
        unresolved: Models upstream that lineage could not follow, with the reason.
    """

    is_held_to_fair_lending: bool
    tags: Mapping[str, str]
    unresolved: Mapping[str, str] = MappingProxyType({})


def refuse_forbidden_basis(
    segments: Mapping[str, Basis], packs: Callable[[], tuple[Pack, ...]]
) -> None:
    """Hold segments to the rules of the packs in force on what may be upstream.

    Args:
        segments: What each segment rests on, by segment id.
        packs: Returns the packs in force; asked when there is a segment with any tag upstream.

    Raises:
        PolicyRefusedError: One of them has a tag upstream that no audience may have, or is held to
            fair lending and has a prohibited basis or a proxy; the error shows the path to each.
    """
    tagged = {name: basis for name, basis in sorted(segments.items()) if basis.tags}
    if not tagged:
        return
    found = [
        (name, f"{use.id}: {tag} is upstream of {audience}: {_path(basis, tag)}")
        for pack in packs()
        for use in pack.rules
        for audience, forbidden in _forbidden(use)
        for name, basis in tagged.items()
        if use.rule != RULE or basis.is_held_to_fair_lending
        for tag in forbidden
        if tag in basis.tags
    ]
    if not found:
        return
    (name, problem), *others = found
    more = "".join(f"\nSegment {other}: {text}" for other, text in others)
    raise PolicyRefusedError(
        f"segment {name}", problem, f"Take it out of the segment's logic.{more}"
    )


def _path(basis: Basis, tag: str) -> str:
    """Return how a tag comes in, and what could not be followed where it may only seem to."""
    path = f"{basis.tags[tag]}."
    if UNRESOLVED not in path:
        return path
    return path + "".join(
        f" {model} counts whole, because it cannot be followed ({reason})."
        for model, reason in basis.unresolved.items()
    )


def _forbidden(use: RuleUse) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield the tags that a rule forbids upstream, with whom it protects."""
    if use.rule == RULE:
        yield "an audience for credit", use.parameters["forbidden_tags"]
    elif use.rule == RULE_FOR_ALL:
        yield "an audience", use.parameters["tags"]
