"""The rules. Each is a pure function from facts and parameters to refusals, named by packs.

A rule decides on an audience as a whole. It never sees a member.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from activation.governance.people import Role
from activation.governance.register import Relationship
from activation.governance.segments import Purpose, Sensitivity
from activation.policies.facts import ApprovalNeed, AudienceFacts, Refusal

Parameters = Mapping[str, Any]
Rule = Callable[[AudienceFacts, Parameters], list[Refusal]]


def no_account_numbers(facts: AudienceFacts, parameters: Parameters) -> list[Refusal]:
    """No attribute may be, or look like, an account or card number."""
    del parameters
    tagged = [item.name for item in facts.attributes if "account_number" in item.law_tags]
    refusals = [
        _refuse(f"the attribute {name} is an account number.", "Take it out of the segment's YAML.")
        for name in tagged
    ]
    if facts.account_like_values:
        refusals.append(
            _refuse(
                f"{facts.account_like_values} attribute values look like account numbers.",
                "Find the model that lets them through.",
            )
        )
    return refusals


def contract_in_force(facts: AudienceFacts, parameters: Parameters) -> list[Refusal]:
    """The receiver must be a permitted kind of party with a contract in force."""
    destination = facts.destination
    permitted = {Relationship(word) for word in parameters["relationships"]}
    refusals = []
    if destination.relationship not in permitted:
        refusals.append(
            _refuse(
                f"{facts.destination_id} is {destination.relationship}.",
                "Sharing with it needs notice and opt-out evidence.",
            )
        )
    if destination.contract.expires_on < facts.today:
        refusals.append(
            _refuse(
                f"the contract with {facts.destination_id} ended on "
                f"{destination.contract.expires_on}.",
                "Renew it and enter the new date in governance/destinations.yml.",
            )
        )
    return refusals


def due_diligence_current(facts: AudienceFacts, parameters: Parameters) -> list[Refusal]:
    """The receiver's last due diligence must not be too old."""
    limit = facts.destination.due_diligence_on + timedelta(days=int(parameters["maximum_days"]))
    if facts.today <= limit:
        return []
    return [
        _refuse(
            f"due diligence on {facts.destination_id} was due by {limit}.",
            "Do it and enter the date in governance/destinations.yml.",
        )
    ]


def purpose_matches(facts: AudienceFacts, parameters: Parameters) -> list[Refusal]:
    """Segment and receiver must agree on purpose and channel."""
    del parameters
    refusals = []
    if facts.segment.purpose not in facts.destination.purposes:
        refusals.append(
            _refuse(
                f"{facts.destination_id} is not registered for {facts.segment.purpose}.",
                "Correct the segment or the register.",
            )
        )
    if facts.destination.channel not in facts.segment.channels:
        refusals.append(
            _refuse(
                f"the segment does not allow the channel {facts.destination.channel}.",
                "Correct the segment or choose another destination.",
            )
        )
    return refusals


def attributes_reviewed(facts: AudienceFacts, parameters: Parameters) -> list[Refusal]:
    """An attribute that nobody reviewed for this receiver does not leave."""
    del parameters
    refused = [
        *facts.unreviewed,
        *(
            item.name
            for item in facts.attributes
            if facts.destination_id not in item.allowed_destinations
        ),
    ]
    if not refused:
        return []
    return [
        _refuse(
            f"{', '.join(sorted(refused))} may not go to {facts.destination_id}.",
            "Have the attribute reviewed; its meta in the model's YAML says where it may go.",
        )
    ]


def no_forbidden_basis_in_credit(facts: AudienceFacts, parameters: Parameters) -> list[Refusal]:
    """A credit-related audience has no prohibited basis or close proxy anywhere upstream."""
    if not facts.segment.credit_related:
        return []
    forbidden = [str(tag) for tag in parameters["forbidden_tags"]]
    refusals = [
        _refuse(
            f"{tag} is upstream of this credit-related audience: {facts.lineage_tags[tag]}.",
            "Take it out of the segment's logic.",
        )
        for tag in forbidden
        if tag in facts.lineage_tags
    ]
    refusals += [
        _refuse(f"the attribute {item.name} is a {tag}.", "Take it out of the segment's YAML.")
        for item in facts.attributes
        for tag in forbidden
        if tag in item.law_tags
    ]
    return refusals


def forbidden_tags(facts: AudienceFacts, parameters: Parameters) -> list[Refusal]:
    """Some tags may not be upstream of any marketing audience."""
    return [
        _refuse(
            f"{tag} is upstream of this audience: {facts.lineage_tags[tag]}.",
            "Take it out of the segment's logic.",
        )
        for tag in parameters["tags"]
        if tag in facts.lineage_tags
    ]


def audience_not_expired(facts: AudienceFacts, parameters: Parameters) -> list[Refusal]:
    """Every audience ends; its expiry is near enough to be meant."""
    longest = facts.today + timedelta(days=int(parameters["maximum_days"]))
    if facts.segment.expires_on < facts.today:
        return [_refuse(f"the segment expired on {facts.segment.expires_on}.", "Renew it.")]
    if facts.segment.expires_on > longest:
        return [_refuse(f"the segment expires after {longest}.", "Choose an earlier date.")]
    return []


def size_in_band(facts: AudienceFacts, parameters: Parameters) -> list[Refusal]:
    """The audience is neither so small that it singles people out nor beyond its band."""
    minimum = max(facts.segment.minimum_size, int(parameters["minimum_size"]))
    if facts.audience < minimum:
        return [
            _refuse(
                f"the audience has {facts.audience} members; {minimum} are the least.",
                "Find out why it shrank.",
            )
        ]
    if facts.audience > facts.segment.maximum_size:
        return [
            _refuse(
                f"the audience has {facts.audience} members; "
                f"{facts.segment.maximum_size} are the most.",
                "Find out why it grew, or widen the band in its YAML.",
            )
        ]
    return []


def removals_bounded(facts: AudienceFacts, parameters: Parameters) -> list[Refusal]:
    """A run removes no more than the register allows of what the destination holds."""
    del parameters
    guards = facts.destination.guards
    ratio = facts.removals / facts.acknowledged if facts.acknowledged else 0.0
    if facts.removals <= guards.maximum_removals and ratio <= guards.maximum_removal_ratio:
        return []
    return [
        _refuse(
            f"{facts.removals} of {facts.acknowledged} members would be removed.",
            "Find out why; if it is right, raise the guard in governance/destinations.yml.",
        )
    ]


def consent_ratio(facts: AudienceFacts, parameters: Parameters) -> list[Refusal]:
    """A consent rate that collapsed points to a broken feed, not to people's wishes."""
    del parameters
    least = facts.destination.guards.minimum_consent_ratio
    if not facts.audience or facts.consented / facts.audience >= least:
        return []
    return [
        _refuse(
            f"{facts.consented} of {facts.audience} members have consent.",
            "Check the consent feed.",
        )
    ]


RULES: Mapping[str, Rule] = {
    rule.__name__: rule
    for rule in (
        attributes_reviewed,
        audience_not_expired,
        consent_ratio,
        contract_in_force,
        due_diligence_current,
        forbidden_tags,
        no_account_numbers,
        no_forbidden_basis_in_credit,
        purpose_matches,
        removals_bounded,
        size_in_band,
    )
}


def approval_need(facts: AudienceFacts, parameters: Parameters) -> ApprovalNeed:
    """Say which approval this audience needs, from the parameters of the rule `approval`."""
    reasons = []
    if facts.is_new_export:
        reasons.append("it is a new export")
    if facts.segment.credit_related or facts.segment.purpose is Purpose.CREDIT_OFFERS:
        reasons.append("it is credit-related")
    sensitive = facts.segment.sensitivity is Sensitivity.RESTRICTED or any(
        item.sensitivity == Sensitivity.RESTRICTED for item in facts.attributes
    )
    if sensitive:
        reasons.append("it holds a restricted attribute")
    words = parameters["credit_roles"] if facts.segment.credit_related else parameters["roles"]
    return ApprovalNeed(bool(reasons), tuple(Role(word) for word in words), tuple(reasons))


def _refuse(problem: str, remedy: str) -> Refusal:
    return Refusal("", problem, remedy)
