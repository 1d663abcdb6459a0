"""What a plan is made from: the publication, the register, the law, and what is held already."""

from __future__ import annotations

from dataclasses import dataclass

from activation.acknowledged import Acknowledged, read_acknowledged
from activation.consent import ConsentScope, LiveConsent
from activation.context import Context
from activation.governance.register import DestinationEntry, read_register
from activation.governance.segments import SegmentFacts
from activation.plan.mapping import Mapping, map_fields
from activation.policies.judgement import ConsentTerms, consent_terms
from activation.policies.packs import packs_in_force
from activation.publication import Publication, PublishedSegment
from tellerline.consent_journal import ConsentJournal
from tellerline.documents import check_document


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that a plan is made from.

    Args:
        publication: The pinned version.
        segment: The segment in it.
        facts: What its author said.
        destination_id: The destination.
        entry: Its entry in the register.
        mapping: What would leave.
        scope: What consent is needed for.
        terms: What the packs ask of consent.
        acknowledged: What the destination holds.
    """

    publication: Publication
    segment: PublishedSegment
    facts: SegmentFacts
    destination_id: str
    entry: DestinationEntry
    mapping: Mapping
    scope: ConsentScope
    terms: ConsentTerms
    acknowledged: Acknowledged

    def live_consent(self, context: Context) -> LiveConsent:
        """Return the live consent state for this question."""
        journal = ConsentJournal(context.settings.consent_journal)
        return LiveConsent(journal, context.state, self.scope, self.terms.maximum_age)


def ask(
    context: Context, publication: Publication, segment_id: str, destination_id: str
) -> Question:
    """Gather what a plan of `segment_id` for `destination_id` is made from.

    Raises:
        RunStoppedError: The segment, the destination, a pack or a mapping is missing or wrong.
    """
    settings = context.settings
    segment = publication.segment(segment_id)
    facts = check_document(dict(segment.facts), SegmentFacts, f"segment {segment_id}")
    entry = read_register(settings.governance, settings.environment).entry(destination_id)
    packs = packs_in_force(settings.governance, context.clock.now().date())
    return Question(
        publication=publication,
        segment=segment,
        facts=facts,
        destination_id=destination_id,
        entry=entry,
        mapping=map_fields(segment_id, facts, destination_id, entry),
        scope=ConsentScope(entry.channel, facts.purpose),
        terms=consent_terms(packs),
        acknowledged=read_acknowledged(settings, context.state, destination_id, segment_id),
    )
