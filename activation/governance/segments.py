"""What a segment says of itself: `config.meta.segment` of its dbt model, checked word by word."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from tellerline.documents import Document

# What the name of a segment's model begins with; the rest is the segment's id.
SEGMENT_PREFIX = "seg_"
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Channel(StrEnum):
    """A delivery outlet. A consent is given for a channel and a purpose."""

    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"
    IN_APP = "in_app"
    PHONE = "phone"
    DIRECT_MAIL = "direct_mail"
    PAID_MEDIA = "paid_media"


class Purpose(StrEnum):
    """What a communication is for. A consent is given for a channel and a purpose."""

    PRODUCT_MARKETING = "product_marketing"
    CREDIT_OFFERS = "credit_offers"
    SERVICE = "service"
    THIRD_PARTY_SHARING = "third_party_sharing"
    # Leaves members out of other audiences. Nobody is asked consent for it, and it goes nowhere.
    SUPPRESSION = "suppression"


class LegalBasis(StrEnum):
    """Why the institution may address these members."""

    CONSENT = "consent"
    LEGITIMATE_INTEREST = "legitimate_interest"
    CONTRACT = "contract"


class Sensitivity(StrEnum):
    """How much harm a leak would do."""

    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"


class FrequencyCap(Document):
    """At most so many touches of a member on one channel within the last so many days."""

    maximum_touches: int = Field(ge=1, le=100)
    window_days: int = Field(ge=1, le=365)


class SegmentFacts(Document):
    """The facts without which no segment leaves the building.

    `destinations` names, for each destination, the attributes that may go there with the members.
    An audience without destinations is counted, compared and published, and cannot leave.
    """

    title: Line
    owner: Word
    purpose: Purpose
    goal_kli: Word
    legal_basis: LegalBasis
    channels: tuple[Channel, ...] = Field(min_length=1)
    destinations: dict[Word, tuple[Word, ...]]
    sensitivity: Sensitivity
    credit_related: bool
    holdout_ratio: Decimal = Field(ge=0, le=Decimal("0.5"))
    frequency_cap: FrequencyCap
    minimum_size: int = Field(ge=1)
    maximum_size: int = Field(ge=1)
    expires_on: date
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")

    @model_validator(mode="after")
    def _band_is_a_band(self) -> SegmentFacts:
        if self.minimum_size > self.maximum_size:
            msg = "minimum_size is above maximum_size"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _suppression_stays_whole_and_here(self) -> SegmentFacts:
        if self.purpose is Purpose.SUPPRESSION and (self.destinations or self.holdout_ratio):
            msg = "an audience of purpose suppression has no destinations and holds nobody out"
            raise ValueError(msg)
        return self
