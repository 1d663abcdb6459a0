"""Law that can be judged before anything is planned: from what a segment is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from activation.policies.packs import Pack
from activation.policies.rules import no_forbidden_basis_in_credit
from tellerline.errors import PolicyRefusedError

RULE = no_forbidden_basis_in_credit.__name__


class Basis(NamedTuple):
    """What a segment rests on.

    Args:
        is_held_to_fair_lending: Whether fair-lending rules apply to it.
        tags: Law tags upstream, each with the path of one example.
    """

    is_held_to_fair_lending: bool
    tags: Mapping[str, str]


def refuse_forbidden_basis(
    segments: Mapping[str, Basis], packs: Callable[[], tuple[Pack, ...]]
) -> None:
    """Hold segments to the fair-lending rule of the packs in force, where it applies to them.

    Args:
        segments: What each segment rests on, by segment id.
        packs: Returns the packs in force; asked when there is a segment to hold to it.

    Raises:
        PolicyRefusedError: One of them has a prohibited basis or a proxy upstream; the error shows
            the path to each.
    """
    held = {name: basis for name, basis in segments.items() if basis.is_held_to_fair_lending}
    if not held:
        return
    found = [
        (name, f"{use.id}: {tag} is upstream of an audience for credit: {basis.tags[tag]}.")
        for pack in packs()
        for use in pack.rules
        if use.rule == RULE
        for name, basis in sorted(held.items())
        for tag in use.parameters.get("forbidden_tags", ())
        if tag in basis.tags
    ]
    if not found:
        return
    (name, problem), *others = found
    more = "".join(f"\nSegment {other}: {text}" for other, text in others)
    raise PolicyRefusedError(
        f"segment {name}", problem, f"Take it out of the segment's logic.{more}"
    )
