"""Behavioural indicators reckoned in plain Python, sharing nothing with the models."""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from tests.dbt.reading import read_seed
from tests.dbt.reckoning import Institution

DEPOSITS = {"checking", "savings", "money_market", "certificate"}
Reckoning = Callable[[Institution], set[str]]


def visitors(page: str, least: int) -> Reckoning:
    """Return who visited a page at least so often within 45 days."""

    def reckon(institution: Institution) -> set[str]:
        start = institution.today - timedelta(45)
        return {
            member
            for member, visits in institution.visits.items()
            if sum(day > start and seen == page for day, seen in visits) >= least
        }

    return reckon


def residents(kli_id: str) -> Reckoning:
    """Return whose home ZIP code begins with a prefix of the region."""
    prefixes = {row["zip3"] for row in read_seed("zip_regions") if row["kli_id"] == kli_id}

    def reckon(institution: Institution) -> set[str]:
        return {m for m, row in institution.members.items() if row["home_zip"][:3] in prefixes}

    return reckon


def depositors(least: int, below: int | None) -> Reckoning:
    """Return whose deposits lie in a band; who has accounts but no deposits has zero."""

    def reckon(institution: Institution) -> set[str]:
        return {
            member
            for member, accounts in institution.accounts.items()
            for held in [
                sum(
                    (a["current_balance"] for a in accounts if a["product_type"] in DEPOSITS),
                    Decimal(0),
                )
            ]
            if held >= least and (below is None or held < below)
        }

    return reckon


def holders(least: int, below: int) -> Reckoning:
    """Return who holds so many kinds of product."""

    def reckon(institution: Institution) -> set[str]:
        return {m for m, kinds in institution.products.items() if least <= len(kinds) < below}

    return reckon


def frequent_payers(least: int) -> Reckoning:
    """Return who made so many payments within 30 days, transfers here and secrets left out."""

    def reckon(institution: Institution) -> set[str]:
        counts: dict[str, int] = defaultdict(int)
        for payment in institution.within(30, institution.payments):
            hidden = payment.reading.category in ("withheld", "internal_transfers")
            if payment.direction == "debit" and not hidden:
                counts[payment.member] += 1
        return {member for member, count in counts.items() if count >= least}

    return reckon


def fortnightly_paid(institution: Institution) -> set[str]:
    """Return whose largest regular income comes every 14 days."""
    days: dict[tuple[str, str], dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for payment in institution.within(400, institution.payments):
        if payment.direction == "credit" and payment.reading.category == "payroll":
            days[payment.member, payment.company][payment.day] += payment.amount
    found = set()
    for (member, _), paid in days.items():
        dates = sorted(paid)
        gaps = [(b - a).days for a, b in itertools.pairwise(dates)]
        if len(gaps) < 2:
            continue
        low, middle, high = statistics.quantiles(gaps, n=4, method="inclusive")
        is_regular = low >= 0.75 * middle and high <= 1.25 * middle and 12 <= middle <= 17
        is_fortnight = gaps.count(14) >= 0.6 * len(gaps)
        goes_on = dates[-1] >= institution.today - timedelta(round(1.5 * middle))
        if is_regular and is_fortnight and goes_on:
            found.add(member)
    return found


def recently_unpaid(institution: Institution) -> set[str]:
    """Return whose regular wages ended while the account is still in use."""
    spent = {
        p.member
        for p in institution.within(30, institution.payments)
        if p.direction == "debit" and p.reading.category != "withheld"
    }
    days: dict[tuple[str, str], set[date]] = defaultdict(set)
    for payment in institution.within(400, institution.payments):
        if payment.direction == "credit" and payment.reading.category == "payroll":
            days[payment.member, payment.company].add(payment.day)
    found = set()
    for (member, _), paid in days.items():
        dates = sorted(paid)
        gaps = [(b - a).days for a, b in itertools.pairwise(dates)]
        if len(gaps) < 2 or member not in spent:
            continue
        low, middle, high = statistics.quantiles(gaps, n=4, method="inclusive")
        since = (institution.today - dates[-1]).days
        if low >= 0.75 * middle and high <= 1.25 * middle and 30 + middle <= since < 150:
            found.add(member)
    return found


# How to reckon each, and how many members of the fixture have it at least.
BEHAVIOURS: dict[str, tuple[Reckoning, int]] = {
    "intent__mortgage": (visitors("/products/mortgages", 1), 20),
    "geography__dallas": (residents("geography__dallas"), 50),
    "client__deposits_under_1k": (depositors(0, 1000), 5),
    "client__deposits_1k_to_10k": (depositors(1000, 10_000), 50),
    "client__deposits_10k_to_50k": (depositors(10_000, 50_000), 5),
    "fi_product__single_product": (holders(1, 2), 20),
    "fi_product__several_products": (holders(3, 99), 20),
    "behaviour__everyday_account": (frequent_payers(20), 0),
    "behaviour__paid_biweekly": (fortnightly_paid, 40),
    "behaviour__job_loss": (recently_unpaid, 0),
}
