"""Events of life and of a family, reckoned in plain Python."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from tests.dbt.reckoning import Payment
from tests.dbt.reckoning_flows import Flow, Measures

Event = Callable[[Measures], set[str]]
EVERYDAY = {"food", "dining", "shopping", "vehicle"}


def _wages(measures: Measures, member: str) -> list[Flow]:
    """Return flows of wages, the one that came last first."""
    found = [
        flow
        for flow in measures.flows[member]
        if flow.direction == "credit" and flow.category == "payroll"
    ]
    return sorted(found, key=lambda flow: (flow.days[-1], flow.days[0]), reverse=True)


def _debits(measures: Measures, member: str, days: int, *categories: str) -> list[Payment]:
    return [
        p
        for p in measures.recent(member, days)
        if p.direction == "debit" and p.reading.category in categories
    ]


def new_job(measures: Measures) -> set[str]:
    """Wages of another employer within 90 days, after those of a former one."""
    start, found = measures.today - timedelta(90), set()
    for member in measures.institution.members:
        wages = _wages(measures, member)
        if wages and wages[0].days[0] > start:
            found |= {member for former in wages[1:] if former.days[-1] < wages[0].days[0]}
    return found


def job_loss(measures: Measures) -> set[str]:
    """Regular wages that ended, no others and no pension since, and purchases go on."""
    today, found = measures.today, set()
    for member in measures.institution.members:
        wages = _wages(measures, member)
        if not wages or wages[0].cadence == "irregular":
            continue
        last = wages[0].days[-1]
        since = (today - last).days
        is_pensioner = any(
            p.direction == "credit" and p.reading.category == "retirement_income"
            for p in measures.recent(member, 180)
        )
        bought = sum(
            p.direction == "debit" and measures.parents[p.reading.category] in EVERYDAY
            for p in measures.recent(member, 30)
        )
        if (
            20 + int(wages[0].gap + 0.5) <= since < 150
            and measures.last_wages(member) == last
            and bought >= 3
            and not is_pensioner
        ):
            found.add(member)
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
    """Return when a loan of a kind was first paid elsewhere or opened here."""
    starts = [p.day for p in _debits(measures, member, 180, kind)]
    starts += [
        account["opened_date"]
        for account in measures.institution.accounts[member]
        if account["product_type"] == kind
    ]
    return min(starts, default=None)


def home_purchase(measures: Measures) -> set[str]:
    """A first mortgage."""
    return {
        member
        for member in measures.institution.members
        if (first := _first_of(measures, member, "mortgage")) and _is_new(measures, member, first)
    }


def vehicle_purchase(measures: Measures) -> set[str]:
    """A first vehicle loan, or a first purchase at a dealer."""
    found = set()
    for member in measures.institution.members:
        dealer = _debits(measures, member, 180, "car_dealers")
        starts = [_first_of(measures, member, "auto_loan")]
        if sum(p.amount for p in dealer) >= 500:
            starts.append(min(p.day for p in dealer))
        if any(first and _is_new(measures, member, first) for first in starts):
            found.add(member)
    return found


def burst(least: int, ratio: int, *categories: str) -> Event:
    """Return who bought so often within 60 days, and so many times as often as before."""

    def reckoned(measures: Measures) -> set[str]:
        found = set()
        for member in measures.institution.members:
            now = len(_debits(measures, member, 60, *categories))
            before = len(_debits(measures, member, 180, *categories)) - now
            if now >= least and now / 60 >= ratio * before / 120:
                found.add(member)
        return found

    return reckoned


def studying(measures: Measures) -> set[str]:
    """Six payments for education of 300 dollars in all."""
    return {
        member
        for member in measures.institution.members
        if len(paid := _debits(measures, member, 180, "education")) >= 6
        and sum(p.amount for p in paid) >= 300
    }


def retirement(measures: Measures) -> set[str]:
    """A pension within 150 days, and wages that end at most 30 days after it began."""
    found = set()
    for member in measures.institution.members:
        pensions = [
            flow
            for flow in measures.flows[member]
            if flow.direction == "credit" and flow.category == "retirement_income"
        ]
        wages = _wages(measures, member)
        if pensions and wages:
            first = min(flow.days[0] for flow in pensions)
            is_recent = (measures.today - first).days < 150
            if is_recent and wages[0].days[-1] <= first + timedelta(30):
                found.add(member)
    return found


LIFE_EVENTS: dict[str, Event] = {
    "behaviour__new_job": new_job,
    "behaviour__job_loss": job_loss,
    "behaviour__home_purchase": home_purchase,
    "behaviour__vehicle_purchase": vehicle_purchase,
    "behaviour__moving": burst(2, 3, "moving"),
    "behaviour__studying": studying,
}
FAMILY_EVENTS: dict[str, Event] = {
    "client__marriage": burst(3, 4, "jewelry"),
    "client__new_child": burst(5, 3, "baby_and_kids", "childcare"),
    "client__retirement": retirement,
}
