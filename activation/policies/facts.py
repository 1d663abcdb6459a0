"""What the rules may look at, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from activation.governance.people import Role
from activation.governance.register import DestinationEntry
from activation.governance.segments import SegmentFacts


@dataclass(frozen=True, slots=True)
class AttributeFacts:
    """What the dictionary says of one attribute."""

    name: str
    sensitivity: str
    law_tags: frozenset[str]
    allowed_destinations: frozenset[str]


@dataclass(frozen=True, slots=True)
class AudienceFacts:
    """One audience on its way to one destination.

    Args:
        segment_id: The segment.
        segment: What its author said of it.
        lineage_tags: Law tags anywhere upstream of the segment, with the path of one example.
        destination_id: The destination.
        destination: Its entry in the register.
        attributes: The attributes that would leave, as the dictionary has them; an attribute that
            the dictionary does not know is in `unreviewed`.
        unreviewed: Attributes without an entry in the dictionary.
        audience: Members in the segment.
        acknowledged: Members that the destination holds.
        removals: Members that would be removed.
        consented: Members of the segment with a grant in force.
        account_like_values: Attribute values that look like account or card numbers.
        is_new_export: Whether this segment has never gone to this destination.
        today: The day of the decision.
    """

    segment_id: str
    segment: SegmentFacts
    lineage_tags: Mapping[str, str]
    destination_id: str
    destination: DestinationEntry
    attributes: tuple[AttributeFacts, ...]
    unreviewed: tuple[str, ...]
    audience: int
    acknowledged: int
    removals: int
    consented: int
    account_like_values: int
    is_new_export: bool
    today: date


@dataclass(frozen=True, slots=True)
class Refusal:
    """One rule says no.

    Args:
        rule_id: The rule as the pack numbers it.
        problem: What it objects to.
        remedy: What to do.
        citation: The law or policy it comes from.
    """

    rule_id: str
    problem: str
    remedy: str
    citation: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalNeed:
    """Which approval the packs demand.

    Args:
        exact: Whether the exact plan must be approved, not an envelope.
        roles: Roles that must approve; one person may hold several, the maker none of them.
        reasons: Why the exact plan is needed.
    """

    exact: bool
    roles: tuple[Role, ...]
    reasons: tuple[str, ...] = field(default=())
