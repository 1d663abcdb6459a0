"""Why a member is not sent, or is taken away: the closed list of reasons.

They stand in plans, summaries, the ledger and a member's story; `docs/auditor.md` explains each.
"""

from __future__ import annotations

from enum import StrEnum


class Exclusion(StrEnum):
    """A reason, in the order of the steps: the first that holds is the one recorded."""

    NO_CONSENT_RECORD = "no_consent_record"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    ADDRESS_WITHDRAWN = "address_withdrawn"
    FREQUENCY_CAP = "frequency_cap"
    HOLDOUT = "holdout"
    NO_REVIEWED_ATTRIBUTES = "no_reviewed_attributes"
    NO_VALID_IDENTIFIER = "no_valid_identifier"
    POLICY_CONSENT_TEXT = "policy_consent_text"
    IDENTIFIER_SHARED = "identifier_shared"
    LEFT_SEGMENT = "left_segment"


SUPPRESSED = "suppressed_"
"""Before the reason of a published suppression; stands between `ADDRESS_WITHDRAWN` and the cap."""
