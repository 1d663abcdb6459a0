"""Events of life and of a family, reckoned in plain Python."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

from tests.dbt.reckoning import Payment
from tests.dbt.reckoning_flows import Flow, Measures

# How sure an event is, by member.
Event = Callable[[Measures], dict[str, float]]
EVERYDAY = {"food", "dining", "shopping", "vehicle"}
# What names no employer: legal forms, processors of payrolls, and that wages are paid.
NAMELESS = {
    "LLC", "LLP", "PLLC", "LP", "INC", "INCORPORATED", "CORP", "CORPORATION", "CO", "COMPANY",
    "LTD", "LIMITED", "PC", "THE", "ADP", "TOTALSOURCE", "PAYCHEX", "TPS", "GUSTO", "PAYCOM",
    "PAYLOCITY", "PAYCOR", "TRINET", "INSPERITY", "JUSTWORKS", "RIPPLING", "CERIDIAN", "DAYFORCE",
    "UKG", "INTUIT", "QUICKBOOKS", "PAYROLL", "PAYRL", "PAYR", "DIRDEP",
}  # fmt: skip


def _individuals(measures: Measures) -> list[str]:
    bank = measures.institution
    return [member for member in bank.members if bank.is_kind(member, "individual")]


def _wages(measures: Measures, member: str) -> list[Flow]:
    """Return flows of wages, the one that came last first."""
    found = [
        flow
        for flow in measures.flows[member]
        if flow.direction == "credit" and flow.category == "payroll"
    ]
    return sorted(found, key=lambda flow: (flow.days[-1], flow.days[0]), reverse=True)


def _debits(measures: Measures, member: str, days: int, *categories: str) -> list[Payment]:
    return _moved(measures, member, days, "debit", *categories)


def _moved(
    measures: Measures, member: str, days: int, direction: str, *categories: str
) -> list[Payment]:
    return [
        p
        for p in measures.recent(member, days)
        if p.direction == direction and p.reading.category in categories
    ]


def _employer(flow: Flow) -> str:
    words = re.findall(r"[A-Z0-9&+]+", re.sub(r"[.'\u2019]", "", flow.party))
    return " ".join(word for word in words if word not in NAMELESS)


def _is_one_employer(flow: Flow, other: Flow) -> bool:
    """Say whether one name begins the other."""
    short, long = sorted((_employer(flow), _employer(other)), key=len)
    return bool(short) and long.startswith(short)


def _is_like_pay(flow: Flow, former: Flow) -> bool:
    """Say whether as much comes as often."""
    amount, before = flow.typical, former.typical
    is_as_often = abs(int(flow.gap + 0.5) - int(former.gap + 0.5)) <= 1
    return is_as_often and abs(round(amount, 2) - round(before, 2)) <= 0.05 * round(before, 2)


def new_job(measures: Measures) -> dict[str, float]:
    """Wages of another employer within 90 days, after those of all former ones."""
    start, found = measures.today - timedelta(90), {}
    for member in _individuals(measures):
        new, *others = _wages(measures, member) or [None]
        if (
            new
            and others
            and new.days[0] > start
            and all(other.days[-1] < new.days[0] for other in others)
            and not any(_is_one_employer(new, other) for other in others)
        ):
            is_like = any(_is_like_pay(new, other) for other in others)
            found[member] = 0.50 if is_like else 0.95
    return found


def job_loss(measures: Measures) -> dict[str, float]:
    """Regular wages that ended, no others and no pension since, and purchases go on."""
    today, found = measures.today, {}
    for member in _individuals(measures):
        wages = _wages(measures, member)
        if not wages or wages[0].cadence == "irregular":
            continue
        last = wages[0].days[-1]
        since = (today - last).days
        bought = sum(
            p.direction == "debit" and measures.parents[p.reading.category] in EVERYDAY
            for p in measures.recent(member, 30)
        )
        if (
            20 + int(wages[0].gap + 0.5) <= since < 150
            and measures.last_income(member) == last
            and bought >= 3
        ):
            found[member] = 0.80
    return found


def _is_new(measures: Measures, member: str, first: date) -> bool:
    """Say whether it began within 120 days and two months after the first payments seen."""
    seen = [
        p.day
        for p in measures.recent(member, 180)
        if p.direction == "debit" and p.reading.category != "withheld"
    ]
    is_recent = first > measures.today - timedelta(120)
    return is_recent and bool(seen) and (first - min(seen)).days >= 62


def _first_of(measures: Measures, member: str, kind: str) -> date | None:
    """Return when a first loan of a kind was paid elsewhere or opened here.

    Nothing where it may be no new one: a joint owner's, one that is paid off or of which nobody
    knows when it was opened, and one elsewhere of who has been here for less than a year.
    """
    bank, starts = measures.institution, []
    for account in bank.ever_held[member]:
        if account["product_type"] == kind:
            opened, is_own = account["opened_date"], account["ownership_role"] == "primary"
            day = min(opened or account["first_seen"], account["first_seen"])
            starts.append((day, account["is_open"] and is_own and opened is not None))
    if paid := [p.day for p in _debits(measures, member, 180, kind)]:
        joined = bank.members[member]["member_since_date"]
        starts.append((min(paid), (min(paid) - joined).days >= 365))
    day, is_sound = min(starts, default=(date.min, False))
    return day if is_sound else None


def home_purchase(measures: Measures) -> dict[str, float]:
    """A first mortgage; all but certain where rent ends about when it begins."""
    found = {}
    for member in _individuals(measures):
        first = _first_of(measures, member, "mortgage")
        if first and _is_new(measures, member, first):
            rent = max((p.day for p in _debits(measures, member, 180, "rent")), default=date.min)
            found[member] = 0.90 if -62 <= (rent - first).days <= 31 else 0.60
    return found


def vehicle_purchase(measures: Measures) -> dict[str, float]:
    """A first vehicle loan, or a first purchase at a dealer."""
    found = {}
    for member in _individuals(measures):
        dealer = _debits(measures, member, 180, "car_dealers")
        got = sum(p.amount for p in _moved(measures, member, 180, "credit", "car_dealers"))
        first = _first_of(measures, member, "auto_loan")
        if first and _is_new(measures, member, first):
            found[member] = 0.80
        elif sum(p.amount for p in dealer) - got >= 2000 and _is_new(
            measures, member, min(p.day for p in dealer)
        ):
            found[member] = 0.50
    return found


def burst(least: int, ratio: int, *categories: str, sure: float, has_refunds: bool) -> Event:
    """Return who bought so often within 60 days, and so many times as often as before.

    Args:
        least: How often at least.
        ratio: How many times as often.
        categories: What is bought.
        sure: How sure it is above the least; at the least it is 0.30 where refunds count.
        has_refunds: Whether each refund takes a purchase back.
    """

    def reckoned(measures: Measures) -> dict[str, float]:
        found = {}
        for member in _individuals(measures):
            now = len(_debits(measures, member, 60, *categories))
            before = len(_debits(measures, member, 180, *categories)) - now
            if has_refunds:
                now -= len(_moved(measures, member, 60, "credit", *categories))
            if now >= least and now / 60 >= ratio * before / 120:
                found[member] = 0.30 if has_refunds and now == least else sure
        return found

    return reckoned


def studying(measures: Measures) -> dict[str, float]:
    """Six payments for education of 300 dollars in all."""
    return {
        member: 0.55
        for member in _individuals(measures)
        if len(paid := _debits(measures, member, 180, "education")) >= 6
        and sum(p.amount for p in paid) >= 300
    }


def retirement(measures: Measures) -> dict[str, float]:
    """A pension within 150 days, and wages that ended at most 30 days after it began."""
    found = {}
    for member in _individuals(measures):
        pensions = [
            flow
            for flow in measures.flows[member]
            if flow.direction == "credit" and flow.category == "retirement_income"
        ]
        wages = _wages(measures, member)
        if pensions and wages and not any(flow.is_active(measures.today) for flow in wages):
            first = min(flow.days[0] for flow in pensions)
            is_recent = (measures.today - first).days < 150
            if is_recent and wages[0].days[-1] <= first + timedelta(30):
                found[member] = 0.50
    return found


LIFE_EVENTS: dict[str, Event] = {
    "behaviour__new_job": new_job,
    "behaviour__job_loss": job_loss,
    "behaviour__home_purchase": home_purchase,
    "behaviour__vehicle_purchase": vehicle_purchase,
    "behaviour__moving": burst(2, 3, "moving", sure=0.90, has_refunds=False),
    "behaviour__studying": studying,
}
FAMILY_EVENTS: dict[str, Event] = {
    "client__marriage": burst(3, 4, "jewelry", sure=0.75, has_refunds=True),
    "client__new_child": burst(5, 3, "baby_and_kids", "childcare", sure=0.75, has_refunds=True),
    "client__retirement": retirement,
}
