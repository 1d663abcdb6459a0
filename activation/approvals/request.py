"""What is asked for: one exact plan, or an envelope inside which routine refreshes may run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from activation.governance.people import Role
from activation.governance.segments import Word
from activation.plan.document import Plan
from tellerline.canonical import canonical_json
from tellerline.clock import Clock, new_id, parse_timestamp, timestamp
from tellerline.documents import Document
from tellerline.errors import UsageError

REQUEST_NAMESPACE = "request@tellerline"
DECISION_NAMESPACE = "decision@tellerline"
Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


def _check_moment(text: str) -> str:
    try:
        return timestamp(parse_timestamp(text))
    except ValueError:
        raise PydanticCustomError("moment", "is no time with a zone") from None


Moment = Annotated[str, AfterValidator(_check_moment)]


class Envelope(Document):
    """The bounds of routine refreshes: members after the run, and changes as a percentage."""

    minimum_members: int = Field(ge=0)
    maximum_members: int = Field(ge=1)
    maximum_change_percent: int = Field(ge=0, le=100)

    @model_validator(mode="after")
    def _band_is_a_band(self) -> Envelope:
        if self.minimum_members > self.maximum_members:
            msg = "minimum_members is above maximum_members"
            raise ValueError(msg)
        return self


class Content(Document):
    """What the request is about; a plan must agree with every word of it."""

    segment_id: Word
    segment_version: str
    segment_fingerprint: str = Sha256
    destination_id: Word
    destination_fingerprint: str = Sha256
    columns: tuple[str, ...]
    purpose: Word
    channel: Word
    packs: tuple[str, ...]


class Request(Document):
    """One request, as its maker signs it."""

    v: Literal[1] = 1
    request_id: str = Field(pattern=r"^[0-9A-Z]{26}$")
    content: Content
    plan_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    counts: dict[str, Any]
    envelope: Envelope | None = None
    roles: tuple[Role, ...] = Field(min_length=1)
    requested_by: str
    requested_at: Moment
    not_after: Moment

    @property
    def requested(self) -> datetime:
        """When it was signed."""
        return parse_timestamp(self.requested_at)

    @property
    def expires(self) -> datetime:
        """When it stops being of use."""
        return parse_timestamp(self.not_after)

    def to_bytes(self) -> bytes:
        """Return the canonical bytes that are signed."""
        return canonical_json(self.model_dump(mode="json"))


class Decision(Document):
    """What one person says to a request, as that person signs it."""

    v: Literal[1] = 1
    decision_id: str = Field(pattern=r"^[0-9A-Z]{26}$")
    decision: Literal["approve", "reject", "revoke"]
    request_id: str
    request_sha256: str = Sha256
    decided_by: str
    decided_at: Moment
    reason: str = Field(default="", max_length=500)

    @property
    def decided(self) -> datetime:
        """When it was signed."""
        return parse_timestamp(self.decided_at)

    def to_bytes(self) -> bytes:
        """Return the canonical bytes that are signed."""
        return canonical_json(self.model_dump(mode="json"))


def content_of(plan: Plan) -> Content:
    """Return what a plan is about."""
    document: Mapping[str, Any] = plan.document
    return Content(
        segment_id=document["segment"]["id"],
        segment_version=document["segment"]["version"],
        segment_fingerprint=document["segment"]["fingerprint"],
        destination_id=document["destination"]["id"],
        destination_fingerprint=document["destination"]["fingerprint"],
        columns=tuple(document["columns"]),
        purpose=document["purpose"],
        channel=document["channel"],
        packs=tuple(document["packs"]),
    )


def make_request(
    plan: Plan, *, maker: str, clock: Clock, valid_for: timedelta, envelope: Envelope | None = None
) -> Request:
    """Return the request for this exact plan, or for an envelope around it.

    Raises:
        UsageError: The policies in force demand the exact plan.
    """
    need = plan.document["approval"]
    if envelope is not None and need["exact"] and need["reasons"] != ["it is a new export"]:
        raise UsageError(
            f"plan {plan.plan_id}",
            f"needs the approval of its exact content because {' and '.join(need['reasons'])}.",
            "Ask without an envelope.",
        )
    now = clock.now()
    return Request(
        request_id=new_id(clock),
        content=content_of(plan),
        plan_sha256=None if envelope else plan.sha256,
        counts=dict(plan.counts),
        envelope=envelope,
        roles=tuple(Role(word) for word in need["roles"]),
        requested_by=maker,
        requested_at=timestamp(now),
        not_after=timestamp(now + valid_for),
    )
