"""Contact data: invented people at example domains, with the dirt of real address books."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass, replace

from sandbox.feeds.members import Member
from sandbox.feeds.sheets import quote
from sandbox.feeds.stage import Stage
from sandbox.feeds.streams import day_after, identifier, pick, pick_popular
from sandbox.feeds.world import Place
from sandbox.feeds.world.catalog import clock

HEADER = (
    "member_number,updated_at,first_name,last_name,email,phone,street_address,city,state,"
    "postal_code"
)
NO_EMAIL, BAD_EMAIL = 0.05, 0.02
BAD_EMAILS = (
    "none",
    "n/a",
    "{local}@",
    "{local}@@example.com",
    "{local} example.org",
    "@example.net",
)
PHONE_FORMS = (
    "({a}) 555-{n}",
    "{a}-555-{n}",
    "{a}555{n}",
    "+1 {a} 555 {n}",
    "1{a}555{n}",
    "{a}.555.{n}",
)
# Fictional numbers of an area code: 555-0100 to 555-0199.
FICTIONAL = 100


@dataclass(frozen=True, slots=True)
class Contact:
    """What one row says."""

    given: str
    surname: str
    email: str
    phone: str
    street: str
    place: Place
    postal_code: str


def register(stage: Stage, household: list[Member]) -> None:
    """Write the first contact data of a household's members and what changes later."""
    stream = stage.streams.of("contacts", household[0].household)
    people = stage.world.people
    surname = pick_popular(stream, people["surnames"])
    street = _street(stage, stream)
    family: list[Contact] = []
    for position, member in enumerate(household):
        own = stage.streams.of("contact", member.key)
        given = pick_popular(own, people["given"])
        same_name = own.random() < (0.8 if position else 1.0)
        name = surname if same_name else pick_popular(own, people["surnames"])
        given, name = _dress(stage, own, member, given, name)
        contact = Contact(
            given=given,
            surname=name,
            email=_email(stage, own, member, given, name),
            phone=_phone(stage, own, member.household * 4 + position),
            street=street,
            place=member.place,
            postal_code=_postal_code(own, member.zip_code),
        )
        contact = _share(own, member, contact, family)
        if member.is_canary:
            contact = _canary(stage, own, contact)
        family.append(contact)
        if member.is_member and member.joined < stage.calendar.days:
            _write(stage, own, member, member.joined, contact)
            _changes(stage, member, contact)


def _changes(stage: Stage, member: Member, contact: Contact) -> None:
    """Write a new email address, a new surname or a new home on the day it comes."""
    stream = stage.streams.of("contact changes", member.key)
    later: list[tuple[int, str]] = [
        (day_after(stream, 1100, member.joined + 1), "email"),
        (day_after(stream, 2200, member.joined + 1), "phone"),
    ]
    if stream.random() < 0.3 and "marriage" in member.life:
        later.append((member.life["marriage"] + 10, "surname"))
    later += [(day, "home") for day, _, _ in member.moves]
    for day, what in sorted(later):
        if day >= stage.calendar.days:
            return
        draws = stage.streams.of(f"contact change {what}", member.key)
        contact = _changed(stage, draws, member, contact, what)
        _write(stage, draws, member, day, contact)
        member.truth.setdefault("contact_changes", []).append([what, stage.calendar.text(day)])


def _changed(
    stage: Stage, stream: random.Random, member: Member, contact: Contact, what: str
) -> Contact:
    if what == "email":
        email = _email(stage, stream, member, contact.given, contact.surname)
        return replace(contact, email=contact.email if member.is_canary else email)
    if what == "phone":
        return replace(contact, phone=_phone(stage, stream, int(member.number) * 31 + 7))
    if what == "surname":
        if member.is_canary:
            return contact
        return replace(contact, surname=pick_popular(stream, stage.world.people["surnames"]))
    _, place, zip_code = member.moves[0]
    household = stage.streams.of("new home", member.household)
    street = contact.street if member.is_canary else _street(stage, household)
    return replace(
        contact, street=street, place=place, postal_code=_postal_code(household, zip_code)
    )


def _dress(
    stage: Stage, stream: random.Random, member: Member, given: str, surname: str
) -> tuple[str, str]:
    """Write a name as cores do: with suffixes, nicknames in quotation marks, a firm's name."""
    people, draw = stage.world.people, stream.random()
    if member.kind == "business":
        firm = f"{pick(stream, people['businesses'])} {pick(stream, people['business_forms'])}"
        return given, firm.replace(" ,", ",")
    if draw < 0.015:
        return f'{given} "{pick(stream, people["nicknames"])}"', surname
    if draw < 0.04:
        return given, surname + pick(stream, people["suffixes"])
    if draw < 0.07:
        return given.upper(), surname.upper()
    return given, surname


def _share(
    stream: random.Random, member: Member, contact: Contact, family: list[Contact]
) -> Contact:
    """Let families share an address, a telephone, or both; children use their parents'."""
    if not family:
        return contact
    if member.kind == "minor":
        member.truth["shares"] = ["email", "phone"]
        return replace(contact, email=family[0].email, phone=family[0].phone)
    draw, shared = stream.random(), []
    if draw < 0.10 and family[0].email:
        contact = replace(contact, email=family[0].email)
        shared.append("email")
    if 0.05 < draw < 0.35:
        contact = replace(contact, phone=family[0].phone)
        shared.append("phone")
    member.truth["shares"] = shared
    return contact


def _email(stage: Stage, stream: random.Random, member: Member, given: str, surname: str) -> str:
    """Return an address that no other member has, none, or one that cannot be one."""
    digits = int(member.number) * 7_919 % 1_000_003
    local = f"{_ascii(given)}.{_ascii(surname)}"[:40] + f"{digits}"
    draw, host = stream.random(), pick_popular(stream, stage.world.people["mail_hosts"])
    if draw < NO_EMAIL and member.kind != "business":
        return ""
    if draw < NO_EMAIL + BAD_EMAIL:
        member.truth["has_bad_email"] = True
        return pick(stream, BAD_EMAILS).format(local=local)
    address = f"{local}@{host}"
    return address.upper() if draw > 0.96 else address


def _ascii(name: str) -> str:
    """Return the letters of a name that addresses hold."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in plain if letter.isalnum()) or "x"


def _phone(stage: Stage, stream: random.Random, serial: int) -> str:
    """Return a fictional number in one of the forms that people write."""
    codes = stage.world.area_codes
    place = serial * 6_007 % (len(codes) * FICTIONAL)
    area, line = codes[place // FICTIONAL], f"01{place % FICTIONAL:02d}"
    draw, form = stream.random(), pick_popular(stream, PHONE_FORMS)
    return "" if draw < 0.04 else form.format(a=area, n=line)


def _street(stage: Stage, stream: random.Random) -> str:
    people = stage.world.people
    street = f"{100 + stream.getrandbits(13)} {pick(stream, people['streets'])} "
    street += pick(stream, people["street_types"])
    return f"{street}, Apt {1 + stream.getrandbits(8)}" if stream.random() < 0.2 else street


def _postal_code(stream: random.Random, zip_code: str) -> str:
    plus_four = f"{1_000 + stream.getrandbits(12)}"
    return f"{zip_code}-{plus_four}" if stream.random() < 0.3 else zip_code


def _canary(stage: Stage, stream: random.Random, contact: Contact) -> Contact:
    """Return contact data whose every text occurs nowhere else."""
    mark = identifier(stream)[:10]
    return replace(
        contact,
        given=f"Canary{mark}",
        surname=f"Zqcanary{mark}",
        email=f"canary.{mark}@canary.example.com",
        phone=contact.phone or f"({stage.world.area_codes[0]}) 555-0199",
        street=f"{100 + stream.getrandbits(12)} Canary {mark} Way",
    )


def _write(stage: Stage, stream: random.Random, member: Member, day: int, contact: Contact) -> None:
    second = 36_000 + stream.getrandbits(14)
    moment = f"{stage.calendar.text(day)}T{clock(second)}Z"
    place = contact.place
    stage.contacts.add(
        day,
        f"{member.number},{moment},{quote(contact.given)},{quote(contact.surname)},"
        f"{contact.email},{contact.phone},{quote(contact.street)},{place.city.title()},"
        f"{place.state},{contact.postal_code}\n",
    )
    member.truth["contact"] = {
        "first_name": contact.given,
        "last_name": contact.surname,
        "email": contact.email,
        "phone": contact.phone,
        "street_address": contact.street,
    }
