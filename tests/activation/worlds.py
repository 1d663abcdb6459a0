"""Small worlds for the waterfall, and what must come out of them, computed without a database."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
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
# Two kinds of address leave: a member gets both or none.
BOTH = FieldMapping(
    fields=(*FIELDS, MappedField("phone", "phone")),
    attributes=("tenure_band",),
    kinds=("email", "phone"),
)
STEPS = (
    "no_consent_record",
    "consent_withdrawn",
    "address_withdrawn",
    "suppressed_deceased",
    "frequency_cap",
    "holdout",
    "no_reviewed_attributes",
    "no_valid_identifier",
    "policy_consent_text",
    "identifier_shared",
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
        is_erased: Whether the member was erased on request, which takes the live state away.
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
    is_erased: bool = False
    held: str | None = None

    @property
    def live_now(self) -> tuple[bool | None, str | None] | None:
        """The live state that counts for the member."""
        return None if self.is_erased else self.live

    @property
    def has_withdrawn(self) -> bool:
        """Whether the member's word binds an address, whoever else has it."""
        published = [c[2] for c in self.consents if c[:2] == ("email", "product_marketing")]
        live = [self.live[0]] if self.live is not None else []
        return self.is_erased or any(granted is not True for granted in published + live)


def member_id(number: int) -> str:
    """Return the pseudonym of a person by place."""
    return hashlib.sha256(f"person {number}".encode()).hexdigest()


def sent_values(person: Person, kinds: tuple[str, ...]) -> dict[str, str]:
    """Return the one valid value of each kind that would leave for a person who has one."""
    return {
        kind: min(values)
        for kind in kinds
        if (values := [v for k, v, is_valid in person.identities if k == kind and is_valid and v])
    }


def addresses_of(person: Person, kinds: tuple[str, ...]) -> set[tuple[str, str]]:
    """Return the addresses at which a person would be reached."""
    return {(kind, value.casefold()) for kind, value in sent_values(person, kinds).items()}


def claims_of(person: Person, kinds: tuple[str, ...]) -> set[tuple[str, str]]:
    """Return every address that a person has, valid or not, first or not."""
    return {(kind, v.casefold()) for kind, v, _ in person.identities if kind in kinds and v}


def withdrawn_addresses(
    people: list[Person], kinds: tuple[str, ...], but: int | None = None
) -> set[tuple[str, str]]:
    """Return the addresses of all persons, `but` one, whose withdrawal is in force."""
    return {
        address
        for number, person in enumerate(people)
        if person.has_withdrawn and number != but
        for address in claims_of(person, kinds)
    }


def token_of(person: Person, mapping: FieldMapping) -> str:
    """Return the HMAC of everything that leaves for a member."""
    values, band = (
        sent_values(person, mapping.kinds),
        person.band if person.has_attributes else None,
    )
    attributes = json.dumps({"tenure_band": band}, separators=(",", ":"), ensure_ascii=False)
    fields = ",".join(f"{f.name}={f.column}" for f in mapping.fields)
    content = "\x1f".join([fields, *(values.get(kind, "") for kind in mapping.kinds), attributes])
    return hmac.new(KEY, content.encode(), hashlib.sha256).hexdigest()


def expected(
    people: list[Person], accepted: tuple[str, ...] | None, mapping: FieldMapping = MAPPING
) -> dict[str, tuple[str, str | None]]:
    """Return operation and reason of exclusion by member, in plain Python."""
    kinds = mapping.kinds
    reasons = {
        number: next(_reasons(number, people, accepted, kinds), None)
        for number, person in enumerate(people)
        if person.is_in_audience
    }
    # One after another, those who are there already first: an address that is taken is taken.
    taken: set[tuple[str, str]] = set()
    left = [n for n in range(len(people)) if competes(n, people, accepted, kinds)]
    for number in sorted(left, key=lambda n: (people[n].held is None, member_id(n))):
        mine = addresses_of(people[number], kinds)
        if mine & taken:
            if number in reasons and reasons[number] is None:
                reasons[number] = "identifier_shared"
        else:
            taken |= mine
    return {
        member_id(number): outcome
        for number, person in enumerate(people)
        if (outcome := _outcome(number, people, reasons.get(number), kinds))
    }


def competes(
    number: int, people: list[Person], accepted: tuple[str, ...] | None, kinds: tuple[str, ...]
) -> bool:
    """Say whether a person may be written to at all, be it in another audience than this one."""
    person = people[number]
    found = list(_reasons(number, people, accepted, kinds))
    if person.is_in_audience:
        return not set(found) - {"frequency_cap", "holdout", "no_reviewed_attributes"}
    # Of whom the audience does not have, the publication knows the consent and the text.
    consents = [c for c in person.consents if c[:2] == ("email", "product_marketing")]
    return (
        bool(consents)
        and not person.has_withdrawn
        and not addresses_of(person, kinds) & withdrawn_addresses(people, kinds, number)
        and not list(_suppressions(person))
        and (accepted is None or consents[0][3] in accepted)
    )


def _outcome(
    number: int, people: list[Person], reason: str | None, kinds: tuple[str, ...]
) -> tuple[str, str | None] | None:
    person = people[number]
    is_held = person.held is not None
    if not person.is_in_audience:
        return ("remove", _why_gone(number, people, kinds)) if is_held else None
    if reason:
        return ("remove" if is_held else "excluded"), reason
    if person.held in {None, "empty"}:
        return "add", None
    return ("unchanged" if person.held == "same" else "update"), None


def _why_gone(number: int, people: list[Person], kinds: tuple[str, ...]) -> str:
    person = people[number]
    if person.live_now is not None and person.live_now[0] is False:
        return "consent_withdrawn"
    if addresses_of(person, kinds) & withdrawn_addresses(people, kinds, number):
        return "address_withdrawn"
    return next(_suppressions(person), "left_segment")


def _suppressions(person: Person) -> Iterator[str]:
    reasons = [reason for channel, reason in person.suppressions if channel in {"all", "email"}]
    if reasons:
        yield f"suppressed_{min([r for r in reasons if r is not None], default='unspecified')}"


def _reasons(
    number: int, people: list[Person], accepted: tuple[str, ...] | None, kinds: tuple[str, ...]
) -> Iterator[str]:
    person = people[number]
    consents = [c for c in person.consents if c[:2] == ("email", "product_marketing")]
    live = person.live_now
    if not consents or live is None:
        yield "no_consent_record"
        return
    if consents[0][2] is not True or live[0] is not True:
        yield "consent_withdrawn"
    if addresses_of(person, kinds) & withdrawn_addresses(people, kinds, number):
        yield "address_withdrawn"
    yield from _suppressions(person)
    touched = sum(n for channel, days, n in person.touches if channel == "email" and days < 30)
    if touched >= CAP.maximum_touches and person.held is None:
        yield "frequency_cap"
    if SEGMENT in person.holdouts:
        yield "holdout"
    if not person.has_attributes:
        yield "no_reviewed_attributes"
    if len(sent_values(person, kinds)) < len(kinds):
        yield "no_valid_identifier"
    if accepted is not None and not {consents[0][3], live[1]} <= set(accepted):
        yield "policy_consent_text"


def planned(
    people: list[Person], accepted: tuple[str, ...] | None, mapping: FieldMapping = MAPPING
) -> list[tuple[int, str, str, str | None, bool, str | None]]:
    """Return seq, member, operation, reason, presence in the audience, and the other claimant."""
    with duckdb.connect(config={"threads": 1}) as connection:
        for name, (columns, rows) in _relations(people, mapping).items():
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
                mapping=mapping,
                accepted_texts=accepted,
                token_pads=_pads(),
            ),
        )
        return connection.execute(
            "select seq, member_id, operation, excluded_reason, is_in_audience, "
            "claimant_id from plan order by seq"
        ).fetchall()


def _pads() -> tuple[bytes, bytes]:
    block = KEY.ljust(64, b"\0")
    return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)


def _relations(
    people: list[Person], mapping: FieldMapping
) -> dict[str, tuple[dict[str, str], list[tuple[Any, ...]]]]:
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
            [(m, *p.live_now, f"event {n}", str(NOW)) for m, n, p in each if p.live_now],
        ),
        "withdrawals": (
            {"member_id": text},
            [(m,) for m, _, p in each if p.is_erased or (p.live and p.live[0] is not True)],
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
                (m, f"record {n}", "{}", _held_token(p, mapping))
                for m, n, p in each
                if p.held is not None
            ],
        ),
    }  # fmt: skip


def _held_token(person: Person, mapping: FieldMapping) -> str:
    if person.held == "same":
        return token_of(person, mapping)
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
    anybody = st.builds(
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
        is_erased=st.sampled_from([False] * 9 + [True]),
        held=st.sampled_from([None, None, "same", "other", "empty"]),
    )
    # Nothing wrong with most of these but that they share.
    address = st.sampled_from(["a@x.example", "A@x.example", "b@x.example", "c@x.example"])
    claimant = st.builds(
        Person,
        live=st.sampled_from([(True, "v1")] * 9 + [(False, "v1")]),
        identities=st.tuples(
            st.tuples(st.just("email"), address, st.just(True)),
            st.tuples(st.just("phone"), address, st.just(True)),
        ).map(list),
        held=st.sampled_from([None, None, "same"]),
    )
    return st.lists(anybody | claimant, max_size=12)
