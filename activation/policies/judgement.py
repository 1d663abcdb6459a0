"""Every rule of every pack in force, applied to one audience."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from activation.policies.facts import ApprovalNeed, AudienceFacts, Refusal
from activation.policies.packs import Pack, RuleUse
from activation.policies.rules import RULES, approval_need
from tellerline.errors import ConfigurationError

APPROVAL = "approval"
CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the law in force says of an audience.

    Args:
        packs: The stamps of the packs that were asked.
        refusals: What refuses it.
        approval: Which approval it needs.
    """

    packs: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    approval: ApprovalNeed


def judge(packs: tuple[Pack, ...], facts: AudienceFacts) -> Judgement:
    """Apply every rule.

    Raises:
        ConfigurationError: A pack names an unknown rule or lacks a parameter, or no pack says
            which approval is needed.
    """
    refusals: list[Refusal] = []
    for use in _uses(packs):
        if use.rule in (APPROVAL, CONSENT):
            continue
        rule = RULES.get(use.rule)
        if rule is None:
            raise ConfigurationError(
                f"policy {use.id}",
                f"names the unknown rule {use.rule}.",
                f"Known are {', '.join(sorted(RULES))}.",
            )
        with _parameters_of(use):
            refusals += [
                replace(refusal, rule_id=use.id, citation=use.citation)
                for refusal in rule(facts, use.parameters)
            ]
    needs = _named(packs, APPROVAL)
    with _parameters_of(needs):
        need = approval_need(facts, needs.parameters)
    return Judgement(tuple(pack.stamp for pack in packs), tuple(refusals), need)


@dataclass(frozen=True, slots=True)
class ConsentTerms:
    """What the packs ask of consent.

    Args:
        maximum_age: How long the consent feed may be silent.
        accepted_texts: Text versions that count by channel; channels without an entry take any.
    """

    maximum_age: timedelta
    accepted_texts: dict[str, tuple[str, ...]]


def consent_terms(packs: tuple[Pack, ...]) -> ConsentTerms:
    """Return what the rule `consent` of the packs in force says."""
    use = _named(packs, CONSENT)
    with _parameters_of(use):
        hours = int(use.parameters["maximum_age_hours"])
        texts = {
            channel: tuple(versions)
            for channel, versions in use.parameters.get("accepted_texts", {}).items()
        }
    return ConsentTerms(timedelta(hours=hours), texts)


def _uses(packs: tuple[Pack, ...]) -> list[RuleUse]:
    return [use for pack in packs for use in pack.rules]


def _named(packs: tuple[Pack, ...], rule: str) -> RuleUse:
    found = [use for use in _uses(packs) if use.rule == rule]
    if len(found) != 1:
        raise ConfigurationError(
            "the policy packs in force", f"have {len(found)} rules named {rule}; one must be."
        )
    return found[0]


@contextmanager
def _parameters_of(use: RuleUse) -> Iterator[None]:
    """Turn a missing or malformed parameter into an error that names the rule."""
    try:
        yield
    except (KeyError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"policy {use.id}", f"lacks or misstates a parameter: {error}."
        ) from None
