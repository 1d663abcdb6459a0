"""Indicators reckoned in plain Python from an institution's feed files.

Not reckoned: predictive scores, whose coefficients have tests of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from tests.dbt.reading import Reading, read_seed
from tests.dbt.reckoning import Payment
from tests.dbt.reckoning_events import FAMILY_EVENTS, LIFE_EVENTS
from tests.dbt.reckoning_flows import PAY, Measures

TENURES = {
    "client__tenure_under_1_year": range(365),
    "client__tenure_1_to_5_years": range(365, 1825),
    "client__tenure_over_5_years": range(1825, 99_999),
}
STAGES = {
    "client__life_stage_starting_out": range(18, 26),
    "client__life_stage_building": range(26, 46),
    "client__life_stage_established": range(46, 65),
    "client__life_stage_retired": range(65, 200),
}


@dataclass(frozen=True)
class Fact:
    """What an indicator says of a member, as far as it is reckoned.

    Args:
        count: The evidence count.
        amount: The evidence amount.
        confidence: How sure it is.
    """

    count: int | None = None
    amount: Decimal | None = None
    confidence: Decimal | None = None


Facts = dict[str, dict[str, Fact]]


def reckon(measures: Measures) -> Facts:
    """Return every indicator that is reckoned, with the adult members who have it."""
    found: Facts = {}
    for kli_id, members in _all(measures):
        kept = {m: fact for m, fact in members.items() if m in measures.institution.adults}
        found.setdefault(kli_id, {}).update(kept)
    return found


def _all(measures: Measures) -> Iterator[tuple[str, dict[str, Fact]]]:
    classes: dict[tuple[str, Reading], list[Payment]] = defaultdict(list)
    for payment in measures.institution.payments:
        classes[payment.direction, payment.reading].append(payment)
    for rule in read_seed("kli_rules"):
        yield rule["kli_id"], _rule(measures, classes, rule)
    yield from _bands(measures)
    yield from _persons(measures)
    yield from _digital(measures)
    for kli_id, reckoned in (LIFE_EVENTS | FAMILY_EVENTS).items():
        yield (
            kli_id,
            {
                member: Fact(confidence=Decimal(str(sure)))
                for member, sure in reckoned(measures).items()
            },
        )
    yield "behaviour__direct_deposit", _direct_deposit(measures)
    yield "competitive__payroll", _payroll_elsewhere(measures)
    yield "behaviour__funded_not_active", _funded_not_active(measures)


def _rule(
    measures: Measures, classes: dict[tuple[str, Reading], list[Payment]], rule: dict[str, str]
) -> dict[str, Fact]:
    bank = measures.institution
    values = set(rule["match_values"].split("|"))
    start = measures.today - timedelta(int(rule["window_days"]))
    found: dict[str, list[Payment]] = defaultdict(list)
    for (direction, reading), payments in classes.items():
        said = {
            "category": reading.category,
            "merchant": reading.merchant,
            "mcc": reading.mcc,
            "competitor_product": bank.reader.products[reading.category],
        }[rule["match_on"]]
        if said in values and direction == rule["direction"]:
            for payment in payments:
                if payment.day > start:
                    found[payment.member].append(payment)
    held = {}
    for member, payments in found.items():
        amount = sum((p.amount for p in payments), Decimal(0))
        if (
            bank.is_kind(member, rule["member_type"])
            and len(payments) >= int(rule["minimum_count"])
            and amount >= Decimal(rule["minimum_amount"])
        ):
            sure = sum((p.reading.confidence for p in payments), Decimal(0)) / len(payments)
            held[member] = Fact(len(payments), amount, sure)
    return held


def _bands(measures: Measures) -> Iterator[tuple[str, dict[str, Fact]]]:
    of = {member: measures.of(member) for member in measures.institution.members}
    for line in read_seed("kli_bands"):
        least, below = float(line["at_least"]), float(line["below"] or "inf")
        yield (
            line["kli_id"],
            {
                member: Fact(confidence=Decimal(line["confidence"]))
                for member, known in of.items()
                if (value := known[line["measure"]]) is not None and least <= value < below
            },
        )


def _persons(measures: Measures) -> Iterator[tuple[str, dict[str, Fact]]]:
    bank, today = measures.institution, measures.today
    regions = read_seed("zip_regions")
    by_prefix = {row["zip3"]: row["kli_id"] for row in regions}
    for member, row in bank.members.items():
        tenure = (today - row["member_since_date"]).days
        stages = [kli_id for kli_id, days in TENURES.items() if tenure in days]
        if row["birth_year"] is not None and row["member_type"] == "individual":
            age = today.year - row["birth_year"]
            stages += [kli_id for kli_id, ages in STAGES.items() if age in ages]
        stages.append(by_prefix.get(row["home_zip"][:3], "geography__outside"))
        yield from ((kli_id, {member: Fact()}) for kli_id in stages)
        for product in bank.products[member]:
            count = sum(a["product_type"] == product for a in bank.accounts[member])
            yield f"fi_product__{product}", {member: Fact(count)}
    moved = bank.former_homes.items()
    yield (
        "geography__moved",
        {member: Fact() for member, last in moved if last + timedelta(1) > today - timedelta(120)},
    )


def _digital(measures: Measures) -> Iterator[tuple[str, dict[str, Fact]]]:
    bank, today = measures.institution, measures.today
    yield (
        "behaviour__recent_login",
        {
            member: Fact(count)
            for member, days in bank.logins.items()
            if (count := measures.count(days, 30))
        },
    )
    yield (
        "behaviour__dormant_digital",
        {
            member: Fact(len(days))
            for member, days in bank.logins.items()
            if len(days) >= 3 and (today - max(days)).days >= 45
        },
    )
    for use in ("bill_pay", "p2p", "rdc"):
        yield (
            f"behaviour__{use}",
            {
                member: Fact(count)
                for member, uses in bank.uses.items()
                if (count := measures.count(uses[use], 90)) >= 2
            },
        )
    for line in read_seed("kli_pages"):
        yield (
            line["kli_id"],
            {
                member: Fact(count)
                for member, visits in bank.visits.items()
                if (count := measures.count((d for d, page in visits if page == line["page"]), 45))
                >= int(line["minimum_count"])
            },
        )


def _direct_deposit(measures: Measures) -> dict[str, Fact]:
    found = {}
    for member in measures.institution.members:
        wages = [
            p
            for p in measures.recent(member, 65)
            if p.direction == "credit" and p.reading.category in PAY
        ]
        if len(wages) >= 2:
            found[member] = Fact(len(wages), sum((p.amount for p in wages), Decimal(0)))
    return found


def _payroll_elsewhere(measures: Measures) -> dict[str, Fact]:
    found = {}
    for member in measures.institution.members:
        credits_ = [p for p in measures.recent(member, 100) if p.direction == "credit"]
        if any(p.reading.category == "payroll" for p in credits_):
            continue
        banks: dict[Reading, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for payment in credits_:
            reading = payment.reading
            if measures.products[reading.category] == "deposit":
                same = Reading(reading.category, reading.merchant, reading.mcc, reading.confidence)
                banks[same][payment.day] += payment.amount
        like = [
            (len(days), sum(days.values(), Decimal(0)), reading.confidence)
            for reading, days in banks.items()
            if len(days) >= 3 and max(days.values()) <= Decimal("1.3") * min(days.values())
        ]
        if like:
            count, amount, sure = max(like, key=lambda bank: bank[:2])
            share = min(Decimal("0.5") + Decimal("0.1") * count, Decimal("0.95"))
            found[member] = Fact(count, amount, sure * share)
    return found


def _funded_not_active(measures: Measures) -> dict[str, Fact]:
    bank, today = measures.institution, measures.today
    latest: dict[str, tuple[date, bool]] = {}
    for application in bank.applications.values():
        funded, member = application.get("account.funded"), application["member"]
        if funded is None:
            continue
        is_used = (
            application.get("login.first", date.min) >= funded
            or any(day >= funded for day in bank.logins[member])
            or any(
                p.account == application["account"]
                and p.direction == "debit"
                and p.channel != "internal"
                and p.day >= funded
                for p in bank.payments
            )
        )
        latest[member] = max(latest.get(member, (date.min, False)), (funded, is_used))
    return {
        member: Fact(1)
        for member, (funded, is_used) in latest.items()
        if not is_used and (today - funded).days < 90
    }
