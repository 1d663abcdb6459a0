"""The register of destinations: who receives data, under which contract, and how fields map.

One file, `governance/destinations.yml`, which compliance signs for. Where a destination is reached
can be overridden by the environment (`TELLERLINE_<ID>_BASE_URL`), so that a proxy that checks the
traffic, or a sandbox, can stand in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from activation.governance.segments import Channel, Line, Purpose, Word
from tellerline.canonical import canonical_json, sha256_hex
from tellerline.documents import Document, read_document
from tellerline.errors import ConfigurationError


class Relationship(StrEnum):
    """What the receiver is to the institution under Regulation P (12 CFR 1016.13 to .15)."""

    SERVICE_PROVIDER = "service_provider"
    JOINT_MARKETER = "joint_marketer"
    AFFILIATE = "affiliate"
    NONAFFILIATED = "nonaffiliated"


class Contract(Document):
    """The agreement that lets data go there."""

    reference: Line
    expires_on: date


class FieldSource(Document):
    """Where the value of one destination field comes from: an identifier or an attribute."""

    identifier: Word | None = None
    attribute: Word | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> FieldSource:
        if (self.identifier is None) == (self.attribute is None):
            msg = "name either an identifier or an attribute"
            raise ValueError(msg)
        return self


class LimitOverrides(Document):
    """Limits of this account where they differ from the destination's own, and our patience."""

    records_per_batch: int | None = Field(default=None, ge=1)
    requests_per_period: int | None = Field(default=None, ge=1)
    period_seconds: int | None = Field(default=None, ge=1)
    concurrency: int | None = Field(default=None, ge=1, le=64)
    attempts: int | None = Field(default=None, ge=1, le=20)
    first_pause_milliseconds: int | None = Field(default=None, ge=1, le=60_000)
    settle_seconds: int | None = Field(default=None, ge=0, le=3600)

    def by_name(self) -> dict[str, Any]:
        """Return the limits that are set, pauses in seconds."""
        limits = self.model_dump(exclude_none=True)
        if (pause := limits.pop("first_pause_milliseconds", None)) is not None:
            limits["first_pause_seconds"] = pause / 1000
        return limits


class Guards(Document):
    """What a plan may change at most before it needs a look."""

    maximum_removals: int = Field(default=10_000, ge=0)
    maximum_removal_ratio: float = Field(default=0.3, ge=0, le=1)
    minimum_consent_ratio: float = Field(default=0.05, ge=0, le=1)


class DestinationEntry(Document):
    """One receiver of data."""

    type: Word
    title: Line
    owner: Word
    relationship: Relationship
    contract: Contract
    due_diligence_on: date
    channel: Channel
    purposes: tuple[Purpose, ...] = Field(min_length=1)
    base_url: str = Field(min_length=1)
    credentials: str = ""
    options: dict[Word, str | int | bool] = Field(default_factory=dict)
    limits: LimitOverrides = LimitOverrides()
    guards: Guards = Guards()
    fields: dict[str, FieldSource] = Field(min_length=1)

    def fingerprint(self) -> str:
        """Return a hash of everything here except where the destination is reached."""
        facts = self.model_dump(mode="json", exclude={"base_url", "credentials", "guards"})
        return sha256_hex(canonical_json(facts))


class Register(Document):
    """All receivers by id."""

    destinations: dict[Word, DestinationEntry] = Field(min_length=1)

    def entry(self, destination_id: str) -> DestinationEntry:
        """Return the entry of `destination_id`.

        Raises:
            ConfigurationError: There is none.
        """
        entry = self.destinations.get(destination_id)
        if entry is None:
            known = ", ".join(sorted(self.destinations))
            raise ConfigurationError(
                f"destination {destination_id}",
                f"is not in the register ({known}).",
                "Add it to governance/destinations.yml.",
            )
        return entry


def read_register(governance: Path, environment: Mapping[str, str]) -> Register:
    """Return the register with each base URL as the environment has it."""
    register = read_document(governance / "destinations.yml", Register)
    entries = {
        destination_id: entry.model_copy(
            update={
                "base_url": environment.get(
                    f"TELLERLINE_{destination_id.upper()}_BASE_URL", entry.base_url
                )
            }
        )
        for destination_id, entry in register.destinations.items()
    }
    return Register(destinations=entries)
