"""What members must pay each month: homes, cars, cards, loans, utilities, subscriptions."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.feeds.days import Month
from sandbox.feeds.descriptors import ach_text, bill_pay_text
from sandbox.feeds.life import age_of
from sandbox.feeds.members import Account, Member
from sandbox.feeds.plan import NEVER
from sandbox.feeds.stage import Stage
from sandbox.feeds.streams import pick, pick_popular
from sandbox.feeds.transactions import Pocket, Text
from sandbox.feeds.world import Biller, Institution

# product held elsewhere: share of adults, dollars from and to, spread, from age, to age
ELSEWHERE: dict[str, tuple[float, int, int, float, int, int]] = {
    "auto_loan": (0.16, 240, 780, 0.0, 19, 78),
    "credit_card": (0.34, 60, 1900, 0.7, 19, 90),
    "heloc": (0.03, 120, 620, 0.05, 30, 75),
    "student_loan": (0.15, 110, 520, 0.0, 20, 46),
    "personal_loan": (0.05, 120, 480, 0.0, 21, 70),
    "brokerage": (0.12, 50, 900, 0.0, 22, 75),
    "bnpl": (0.06, 18, 140, 0.4, 19, 45),
    "crypto": (0.04, 25, 400, 0.3, 19, 50),
    "insurance": (0.62, 70, 310, 0.0, 19, 95),
}
UTILITIES = {
    "electric": 0.8,
    "gas": 0.45,
    "water": 0.5,
    "internet": 0.75,
    "mobile": 0.8,
    "hoa": 0.1,
}
PERMANENT = frozenset({"insurance", "brokerage", "credit_card"})
HOME_AGE = 26


@dataclass(slots=True)
class Obligation:
    """A payment on about the same day of each month from day `begin` until day `end`.

    `form` says how it is paid: ach, bill_pay, card, check, p2p or internal.
    """

    kind: str
    payee: str
    form: str
    text: Text
    day_of_month: int
    cents: int
    spread: float
    begin: int
    end: int
    loan: Account | None = None
    paid_on: list[str] = field(default_factory=list)


def oblige(stage: Stage, member: Member, partner: Member | None) -> None:
    """Let a member pay what they owe each month, and write down what it really is."""
    account = member.account("checking", "savings")
    if member.is_quiet or account is None or member.kind == "minor" or member.end == 0:
        return
    stream = stage.streams.of("obligations", member.key)
    if member.kind == "business":
        found = _suppliers(stage, stream, member)
    else:
        found = _loans_here(stream, member)
        is_secondary = partner is not None and bool(partner.truth.get("housing"))
        if not is_secondary:
            found += _housing(stage, stream, member)
            found += _utilities(stage, stream, member)
        found += _held_elsewhere(stage, stream, member)
        found += _subscriptions(stage, stream, member)
    # Newcomers bring their bills along after a few weeks.
    earliest = member.begin + 20 if member.begin else 0
    for obligation in found:
        obligation.begin = max(obligation.begin, earliest)
    payments = stage.streams.of("payments", member.key)
    pocket = Pocket(member, account)
    for month in stage.calendar.months:
        for obligation in found:
            _pay(stage, payments, pocket, obligation, month)
    member.truth["obligations"] = [_truth(stage, obligation) for obligation in found]


def _pay(
    stage: Stage, stream: random.Random, pocket: Pocket, what: Obligation, month: Month
) -> None:
    """Post the payment of one month; the stream is read whether there is one or not."""
    calendar, (member, account) = stage.calendar, pocket
    card = member.account("credit_card") if what.form == "card" else None
    source = card if card and what.day_of_month % 2 else account
    late = int(stream.random() * 1.4)
    cents = round(what.cents * (1 + what.spread * (2 * stream.random() - 1)))
    day = month.first + min(what.day_of_month, month.length) - 1 + late
    if what.form != "card":
        day = calendar.banking_day(day)
    due_day = day if what.begin <= day < what.end else -1
    stage.transactions.post(stream, due_day, Pocket(member, source), -cents, what.text)
    if not max(what.begin, 0, source.begin) <= day < min(what.end, calendar.days, source.end):
        return
    what.paid_on.append(calendar.iso[day])
    if what.form in {"bill_pay", "p2p"}:
        member.sessions.append((day, what.form, cents))
    if what.loan is not None and what.loan.begin <= day < what.loan.end:
        interest = round(what.loan.balance * what.loan.product.rate / 12)
        what.loan.changes[day] -= max(cents - interest, cents // 4)


def _loans_here(stream: random.Random, member: Member) -> list[Obligation]:
    """Pay the loans that this institution made."""
    years = {
        "mortgage": 300,
        "auto_loan": 54,
        "personal_loan": 36,
        "heloc": 120,
        "student_loan": 96,
    }
    found = []
    for loan in member.accounts:
        if loan.kind not in years or loan.owners[0][0] is not member:
            continue
        months = years[loan.kind]
        cents = round(loan.balance * (loan.product.rate / 24 + 1 / months)) + 2_500
        text = Text("internal", f"LOAN PAYMENT {loan.kind.replace('_', ' ').upper()} {loan.mask}")
        end = min(member.end, loan.end)
        day = 1 + int(stream.random() * 27)
        found.append(
            Obligation(loan.kind, "", "internal", text, day, cents, 0.0, loan.begin, end, loan)
        )
    return found


def _housing(stage: Stage, stream: random.Random, member: Member) -> list[Obligation]:
    """Return what a household pays for its home: rent until it buys, a mortgage after."""
    age = age_of(member, stage.plan.start.year)
    draw = stream.random()
    purchase = min(member.event("home_purchase"), member.end)
    mortgage_share = 0.34 if age >= HOME_AGE else 0.06
    if member.account("mortgage"):
        member.truth["housing"] = "mortgage here"
        return []
    if draw < mortgage_share:
        member.truth["housing"] = "mortgage elsewhere"
        return [_mortgage_elsewhere(stage, stream, member, 0, member.end)]
    if draw < mortgage_share + 0.38:
        member.truth["housing"] = "rent"
        return [
            _rent(stage, stream, purchase),
            _mortgage_elsewhere(stage, stream, member, purchase + 35, member.end),
        ]
    member.truth["housing"] = "no payments"
    return []


def _mortgage_elsewhere(
    stage: Stage, stream: random.Random, member: Member, begin: int, end: int
) -> Obligation:
    institution = pick_popular(stream, stage.world.institutions["mortgage"])
    dollars = (900, 3_400)
    return _to_institution(stream, member, institution, dollars, spread=0.0, when=(begin, end))


def _rent(stage: Stage, stream: random.Random, end: int) -> Obligation:
    biller = pick_popular(stream, stage.world.billers["rent"])
    obligation = _to_biller(stream, "rent", biller, 0, end)
    obligation.day_of_month = 1 + int(stream.random() * 4)
    draw = stream.random()
    if draw < 0.18:
        obligation.form, obligation.payee = "check", "a landlord"
        obligation.text = Text("check", f"CHECK {1000 + stream.getrandbits(12)}")
    elif draw < 0.32:
        people = stage.world.people
        name = f"{pick(stream, people['given'])} {pick(stream, people['surnames'])}".upper()
        obligation.form, obligation.payee = "p2p", "a landlord"
        obligation.text = Text("p2p", f"ZELLE TO {name}")
    return obligation


def _utilities(stage: Stage, stream: random.Random, member: Member) -> list[Obligation]:
    found = []
    for kind, share in UTILITIES.items():
        if stream.random() >= share * (1 if member.is_primary else 0.35):
            continue
        biller = pick_popular(stream, stage.world.billers[kind])
        obligation = _to_biller(stream, kind, biller, 0, member.end)
        obligation.spread = 0.25 if kind in {"electric", "gas", "water"} else 0.0
        move = member.event("move")
        if kind in {"electric", "water"} and move < NEVER:
            obligation.end = min(obligation.end, move)
            biller = pick(stream, stage.world.billers[kind])
            found.append(_to_biller(stream, kind, biller, move + 5, member.end))
        found.append(obligation)
    return found


def _held_elsewhere(stage: Stage, stream: random.Random, member: Member) -> list[Obligation]:
    age = age_of(member, stage.plan.start.year)
    found = []
    for product, (share, low, high, spread, youngest, oldest) in ELSEWHERE.items():
        has_it = stream.random() < share * (1 if member.is_primary else 0.7)
        institution = pick_popular(stream, stage.world.institutions[product])
        begin, end = 0, member.end
        if product == "auto_loan" and not has_it and "vehicle_purchase" in member.life:
            has_it, begin = stream.random() < 0.5, member.event("vehicle_purchase") + 30
        elif product == "student_loan" and "graduation" in member.life:
            has_it, begin = stream.random() < 0.6, member.event("graduation") + 90
        elif product not in PERMANENT and stream.random() < 0.12:
            # Some loans are paid off one day.
            end = min(end, int(stream.random() * 700))
        if has_it and youngest <= age <= oldest:
            dollars, when = (low, high), (begin, end)
            found.append(
                _to_institution(stream, member, institution, dollars, spread=spread, when=when)
            )
    return found


def _subscriptions(stage: Stage, stream: random.Random, member: Member) -> list[Obligation]:
    found = []
    for kind, mean in (("streaming", 1.6), ("software", 0.5)):
        billers = stage.world.billers[kind]
        count = int(stream.random() * 2 * mean * (1 if member.is_primary else 0.4) + 0.5)
        chosen = {pick_popular(stream, billers) for _ in range(count)}
        for biller in sorted(chosen):
            begin = 0 if stream.random() < 0.8 else int(stream.random() * 500)
            found.append(_to_biller(stream, kind, biller, begin, member.end))
    return found


def _suppliers(stage: Stage, stream: random.Random, member: Member) -> list[Obligation]:
    chosen = {pick(stream, stage.world.suppliers) for _ in range(1 + int(stream.random() * 4))}
    return [_to_biller(stream, "supplier", biller, 0, member.end) for biller in sorted(chosen)]


def _to_institution(
    stream: random.Random,
    member: Member,
    institution: Institution,
    dollars: tuple[int, int],
    *,
    spread: float,
    when: tuple[int, int],
) -> Obligation:
    """Return a monthly payment to a competitor, as ACH debit or through our own bill payment."""
    text, entry, entry_class = ach_text(stream, institution)
    form, fact = "ach", Text("ach", text, institution.company, entry, entry_class)
    if stream.random() < 0.16 and member.kind == "adult":
        form, fact = "bill_pay", Text("ach", bill_pay_text(stream, pick(stream, institution.texts)))
    low, high = dollars
    cents = round(100 * (low + (high - low) * stream.random() ** 1.6))
    if institution.product in {"brokerage", "crypto"}:
        cents = max(2_500, round(cents, -3))
    day = 1 + int(stream.random() * 27)
    return Obligation(
        institution.product, institution.name, form, fact, day, cents, spread, when[0], when[1]
    )


def _to_biller(
    stream: random.Random, kind: str, biller: Biller, begin: int, end: int
) -> Obligation:
    low, high = biller.dollars
    cents = round(100 * (low + (high - low) * stream.random()))
    day = 1 + int(stream.random() * 28)
    text = pick(stream, biller.texts)
    draw = stream.random()
    if biller.mcc:
        if kind == "streaming":
            cents = cents // 100 * 100 + 99
        if draw < 0.15:
            text = f"RECURRING {text}"
        fact = Text("card_not_present", text, mcc=biller.mcc)
        return Obligation(kind, biller.name, "card", fact, day, cents, 0.0, begin, end)
    if draw < 0.12:
        fact = Text("ach", bill_pay_text(stream, text))
        return Obligation(kind, biller.name, "bill_pay", fact, day, cents, 0.0, begin, end)
    entry_class = "CCD" if kind == "supplier" else pick(stream, ("PPD", "WEB", "WEB", "TEL"))
    fact = Text("ach", text, biller.company, pick(stream, biller.entries), entry_class)
    return Obligation(kind, biller.name, "ach", fact, day, cents, 0.0, begin, end)


def _truth(stage: Stage, what: Obligation) -> dict[str, Any]:
    date: Callable[[int], str] = stage.calendar.text
    return {
        "kind": what.kind,
        "where": "here" if what.loan is not None else "elsewhere",
        "payee": what.payee,
        "form": what.form,
        "descriptor": what.text.descriptor,
        "company": what.text.company,
        "day_of_month": what.day_of_month,
        "amount": what.cents / 100,
        "from": date(max(what.begin, 0)) if what.begin < NEVER else None,
        "to": date(what.end) if what.end < NEVER else None,
        "paid_on": what.paid_on,
    }
