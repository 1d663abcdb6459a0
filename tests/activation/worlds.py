"""Small worlds for the waterfall, and what must come out of them, computed without a database."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
from hypothesis import strategies as st

from activation.consent import ConsentScope
from activation.destinations.fields import MappedField
from activation.governance.segments import Channel, FrequencyCap, Purpose
from activation.plan.mapping import Mapping as FieldMapping
from activation.plan.waterfall import WaterfallInputs, run_waterfall

NOW = datetime(2026, 11, 20, 9, 0)  # noqa: DTZ001 - the journal's timestamps are UTC without zone
TODAY = date(2026, 11, 19)
KEY = bytes(range(32))
SEGMENT = "retention__dormant_digital"
CAP = FrequencyCap(maximum_touches=3, window_days=30)
FIELDS = (MappedField("email", "email"), MappedField("tenure", "tenure_band"))
MAPPING = FieldMapping(fields=FIELDS, attributes=("tenure_band",), kinds=("email",))
STEPS = (
    "no_consent_record",
    "consent_withdrawn",
    "suppressed_deceased",
    "frequency_cap",
    "holdout",
    "no_reviewed_attributes",
    "no_valid_identifier",
    "policy_consent_text",
)


@dataclass
class Person:
    """One member as the published datasets and the live journal have them.

    Attributes:
        is_in_audience: Whether the segment has the member.
        consents: Rows of `consents`: (channel, purpose, is_granted, text_version).
        events: Rows of the live state: (is_granted, text_version), or none.
        suppressions: (channel, reason).
        touches: (channel, days before the business date, count).
        holdouts: Segments that hold the member out, perhaps twice.
        band: The attribute, or no row of attributes at all.
        identities: (kind, value, is_valid).
        held: The acknowledged token: none, the right one, another or an empty one.
    """

    is_in_audience: bool = True
    consents: list[tuple[str, str, bool | None, str | None]] = field(
        default_factory=lambda: [("email", "product_marketing", True, "v1")]
    )
    live: tuple[bool | None, str | None] | None = (True, "v1")
    suppressions: list[tuple[str, str | None]] = field(default_factory=list)
    touches: list[tuple[str, int, int]] = field(default_factory=list)
    holdouts: list[str] = field(default_factory=list)
    has_attributes: bool = True
    band: str | None = "over_5_years"
    identities: list[tuple[str, str | None, bool]] = field(default_factory=list)
    held: str | None = None


def member_id(number: int) -> str:
    """Return the pseudonym of a person by place."""
    return hashlib.sha256(f"person {number}".encode()).hexdigest()


def emails(people: list[Person]) -> dict[int, str]:
    """Return the one valid address of each person who has one."""
    return {
        number: min(values)
        for number, person in enumerate(people)
        if (
            values := [v for k, v, is_valid in person.identities if k == "email" and is_valid and v]
        )
    }


def token_of(address: str, band: str | None) -> str:
    """Return the HMAC of everything that leaves for a member."""
    attributes = json.dumps({"tenure_band": band}, separators=(",", ":"), ensure_ascii=False)
    content = f"email=email,tenure=tenure_band\x1f{address}\x1f{attributes}"
    return hmac.new(KEY, content.encode(), hashlib.sha256).hexdigest()


def expected(
    people: list[Person], accepted: tuple[str, ...] | None
) -> dict[str, tuple[str, str | None]]:
    """Return operation and reason of exclusion by member, in plain Python."""
    addresses = emails(people)
    return {
        member_id(number): outcome
        for number, person in enumerate(people)
        if (outcome := _outcome(number, person, addresses, accepted))
    }


def _outcome(
    number: int, person: Person, addresses: Mapping[int, str], accepted: tuple[str, ...] | None
) -> tuple[str, str | None] | None:
    is_held = person.held is not None
    if not person.is_in_audience:
        if not is_held:
            return None
        withdrew = person.live is not None and person.live[0] is False
        return "remove", "consent_withdrawn" if withdrew else "left_segment"
    reason = next(_reasons(number, person, addresses, accepted), None)
    if reason:
        return ("remove" if is_held else "excluded"), reason
    if person.held in {None, "empty"}:
        return "add", None
    return ("unchanged" if person.held == "same" else "update"), None


def _reasons(
    number: int, person: Person, addresses: Mapping[int, str], accepted: tuple[str, ...] | None
) -> Iterator[str]:
    consents = [c for c in person.consents if c[:2] == ("email", "product_marketing")]
    if not consents or person.live is None:
        yield "no_consent_record"
        return
    if consents[0][2] is not True or person.live[0] is not True:
        yield "consent_withdrawn"
    reasons = [reason for channel, reason in person.suppressions if channel in {"all", "email"}]
    if reasons:
        yield f"suppressed_{min([r for r in reasons if r is not None], default='unspecified')}"
    touched = sum(n for channel, days, n in person.touches if channel == "email" and days < 30)
    if touched >= CAP.maximum_touches and person.held is None:
        yield "frequency_cap"
    if SEGMENT in person.holdouts:
        yield "holdout"
    if not person.has_attributes:
        yield "no_reviewed_attributes"
    mine = addresses.get(number)
    if mine is None:
        yield "no_valid_identifier"
    elif any(
        other.casefold() == mine.casefold() and member_id(n) < member_id(number)
        for n, other in addresses.items()
    ):
        yield "identifier_shared"
    if accepted is not None and not {consents[0][3], person.live[1]} <= set(accepted):
        yield "policy_consent_text"


def planned(
    people: list[Person], accepted: tuple[str, ...] | None
) -> list[tuple[int, str, str, str | None, bool]]:
    """Return seq, member, operation, reason and presence in the audience from the real query."""
    with duckdb.connect(config={"threads": 1}) as connection:
        for name, (columns, rows) in _relations(people).items():
            document = json.dumps([dict(zip(columns, row, strict=True)) for row in rows])
            connection.execute(
                f"create table {name} as select unnest(from_json($1, $2), recursive := true)",
                [document, json.dumps([columns])],
            )
        run_waterfall(
            connection,
            WaterfallInputs(
                segment_id=SEGMENT,
                scope=ConsentScope(Channel.EMAIL, Purpose.PRODUCT_MARKETING),
                cap=CAP,
                business_date=TODAY.isoformat(),
                mapping=MAPPING,
                accepted_texts=accepted,
                token_pads=_pads(),
            ),
        )
        return connection.execute(
            "select seq, member_id, operation, excluded_reason, is_in_audience from plan "
            "order by seq"
        ).fetchall()


def _pads() -> tuple[bytes, bytes]:
    block = KEY.ljust(64, b"\0")
    return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)


def _relations(people: list[Person]) -> dict[str, tuple[dict[str, str], list[tuple[Any, ...]]]]:
    addresses = emails(people)
    each = [(member_id(number), number, person) for number, person in enumerate(people)]
    text = "VARCHAR"
    return {
        "audience": (
            {"member_id": text, "reason": text},
            [(m, "because") for m, _, p in each if p.is_in_audience],
        ),
        "consents": (
            {"member_id": text, "channel": text, "purpose": text, "is_granted": "BOOLEAN",
             "text_version": text},
            [(m, *row) for m, _, p in each for row in p.consents],
        ),
        "live_consent": (
            {"member_id": text, "is_granted": "BOOLEAN", "text_version": text,
             "consent_event_id": text, "recorded_at": "TIMESTAMP"},
            [(m, *p.live, f"event {n}", str(NOW)) for m, n, p in each if p.live is not None],
        ),
        "suppressions": (
            {"member_id": text, "channel": text, "suppression_reason": text},
            [(m, *row) for m, _, p in each for row in p.suppressions],
        ),
        "caps": (
            {"member_id": text, "channel": text, "touched_date": "DATE", "touch_count": "BIGINT"},
            [
                (m, channel, str(TODAY - timedelta(days=days)), count)
                for m, _, p in each
                for channel, days, count in p.touches
            ],
        ),
        "holdouts": (
            {"segment_id": text, "member_id": text},
            [(segment, m) for m, _, p in each for segment in p.holdouts],
        ),
        "attributes": (
            {"member_id": text, "tenure_band": text},
            [(m, p.band) for m, _, p in each if p.has_attributes],
        ),
        "identities": (
            {"member_id": text, "identifier_kind": text, "identifier_value": text,
             "is_valid": "BOOLEAN"},
            [(m, *row) for m, _, p in each for row in p.identities],
        ),
        "acknowledged": (
            {"member_id": text, "record_id": text, "attributes": text, "token": text},
            [
                (m, f"record {n}", "{}", _held_token(p, addresses.get(n, "")))
                for m, n, p in each
                if p.held is not None
            ],
        ),
    }  # fmt: skip


def _held_token(person: Person, address: str) -> str:
    if person.held == "same":
        return token_of(address, person.band if person.has_attributes else None)
    return "" if person.held == "empty" else "f" * 64


def people() -> st.SearchStrategy[list[Person]]:
    """Return small populations that hit every step, alone and together."""
    channel = st.sampled_from(["email", "direct_mail"])
    text = st.sampled_from(["v1", "v2", None])
    granted = st.sampled_from([True, True, True, True, False, None])
    consent = st.tuples(
        channel, st.sampled_from(["product_marketing", "credit_offers"]), granted, text
    )
    rarely = st.sampled_from([False, False, False, False, True])
    return st.lists(
        st.builds(
            Person,
            is_in_audience=st.sampled_from([True, True, True, False]),
            consents=st.lists(consent, max_size=3, unique_by=lambda row: row[:2]),
            live=st.none() | st.tuples(granted, text),
            suppressions=st.lists(
                st.tuples(
                    st.sampled_from(["all", "email", "direct_mail"]),
                    st.sampled_from(["deceased", "employee", None]),
                ),
                max_size=1,
            ),
            touches=st.lists(
                st.tuples(channel, st.sampled_from([0, 29, 30, 31]), st.integers(1, 3)), max_size=2
            ),
            holdouts=st.lists(st.sampled_from([SEGMENT, "another"]), max_size=2),
            has_attributes=rarely.map(lambda value: not value),
            band=st.sampled_from(["a", "b", 'quo"te', "ü", None]),
            identities=st.lists(
                st.tuples(
                    st.sampled_from(["email", "email", "phone"]),
                    st.sampled_from(["a@x.example", "A@x.example", "b@x.example", "", None]),
                    st.booleans(),
                ),
                max_size=3,
            ),
            held=st.sampled_from([None, None, "same", "other", "empty"]),
        ),
        max_size=12,
    )
