"""Recurring flows and measures of members, reckoned in plain Python."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property

from tests.dbt.reading import read_seed
from tests.dbt.reckoning import DEPOSITS, Institution, Payment

UNSCHEDULED = {
    "withheld", "internal_transfers", "person_to_person", "cash", "checks", "branch_services",
}  # fmt: skip
YEARLY = {"weekly": 52, "biweekly": 26, "semimonthly": 24, "monthly": 12, "quarterly": 4}
PAY_DAYS = {"weekly": 7, "biweekly": 14, "semimonthly": 15, "monthly": 30, "quarterly": 91}
INCOMES = {"payroll", "retirement_income", "gig_income"}
PAY = {"payroll", "retirement_income"}
SUBSCRIPTIONS = {"streaming", "games_and_apps", "business_software", "fitness"}
BOUGHT = {"food", "dining", "shopping", "travel", "vehicle", "leisure"}
LENT = {"mortgage", "heloc", "auto_loan", "student_loan", "personal_loan"}


@dataclass(frozen=True)
class Flow:
    """Payments between a member and one other party, a sum for each day."""

    member: str
    direction: str
    category: str
    party: str
    by_day: dict[date, float]
    is_card: bool

    @cached_property
    def days(self) -> list[date]:
        """The days, the earliest first."""
        return sorted(self.by_day)

    @cached_property
    def gaps(self) -> list[int]:
        """Days from one payment to the next."""
        return [(after - before).days for before, after in itertools.pairwise(self.days)]

    @cached_property
    def gap(self) -> float:
        """The middle gap."""
        return statistics.median(self.gaps)

    @cached_property
    def cadence(self) -> str:
        """How often it comes; irregular where gaps differ by more than a quarter."""
        if len(self.gaps) < 2:
            return "irregular"
        low, middle, high = statistics.quantiles(self.gaps, n=4, method="inclusive")
        if low < 0.75 * middle or high > 1.25 * middle:
            return "irregular"
        if 6 <= middle <= 8:
            return "weekly"
        if 12 <= middle <= 17:
            is_fortnight = self.gaps.count(14) >= 0.6 * len(self.gaps)
            return "biweekly" if is_fortnight else "semimonthly"
        if 26 <= middle <= 35:
            return "monthly"
        return "quarterly" if 85 <= middle <= 97 else "irregular"

    @property
    def typical(self) -> float:
        """The middle amount."""
        return statistics.median(self.by_day.values())

    @property
    def monthly(self) -> float:
        """The typical amount by month."""
        return self.typical * YEARLY[self.cadence] / 12

    def is_active(self, today: date) -> bool:
        """Say whether it goes on: half a gap late is not too late."""
        return self.cadence != "irregular" and self.days[-1] >= today - timedelta(
            rounded(1.5 * self.gap)
        )


def rounded(number: float) -> int:
    """Return the nearest whole number, halves up."""
    return int(number + 0.5)


class Measures:
    """What members are measured by."""

    def __init__(self, institution: Institution) -> None:
        self.institution = institution
        self.today = institution.today
        self.known: dict[str, dict[str, float | None]] = {}
        self.flows: dict[str, list[Flow]] = defaultdict(list)
        for flow in _flows(institution):
            self.flows[flow.member].append(flow)
        self.payments: dict[str, list[Payment]] = defaultdict(list)
        for payment in institution.payments:
            self.payments[payment.member].append(payment)
        self.parents = institution.reader.parents
        self.products = institution.reader.products
        self.months = {
            row["competitor_product"]: int(row["balance_months"])
            for row in read_seed("held_away_factors")
        }

    def of(self, member: str) -> dict[str, float | None]:
        """Return the measures of a member, those of `kli_bands` among them."""
        if member not in self.known:
            self.known[member] = self._measure(member)
        return self.known[member]

    def _measure(self, member: str) -> dict[str, float | None]:
        bank, today = self.institution, self.today
        accounts = bank.accounts[member]
        active = [flow for flow in self.flows[member] if flow.is_active(today)]
        owed = [flow for flow in active if flow.direction == "debit"]
        income = [f for f in active if f.direction == "credit" and f.category in INCOMES]
        best = min(income, key=lambda f: (-round(f.monthly, 2), f.party), default=None)
        deposits = [a["current_balance"] for a in accounts if a["product_type"] in DEPOSITS]
        loans = [a["current_balance"] for a in accounts if a["product_type"] in LENT]
        # Of a loan that was overpaid nothing is owed.
        owing = sum((max(balance, Decimal(0)) for balance in loans), Decimal(0))
        loan_sum = float(owing) if accounts else None
        away = sum(f.monthly * self.months.get(self.products[f.category] or "", 0) for f in owed)
        logins = self.count(bank.logins[member], 30)
        measures: dict[str, float | None] = {
            "deposit_balance_amount": float(sum(deposits, Decimal(0))) if deposits else None,
            "loan_balance_amount": loan_sum,
            "product_type_count": len(bank.products[member]),
            "income_source_count": len(income),
            "monthly_income_amount": sum(f.monthly for f in income) if income else None,
            "pay_cadence_days": PAY_DAYS[best.cadence] if best else None,
            "days_to_next_pay": (
                (best.days[-1] + timedelta(rounded(best.gap)) - today).days if best else None
            ),
            "recurring_payee_count": len(owed),
            "subscription_count": sum(_is_subscription(flow) for flow in owed),
            "card_on_file_count": sum(flow.is_card for flow in owed),
            "competitor_product_count": len(
                {product for f in owed if (product := self.products[f.category])}
            ),
            "held_away_loan_amount": away,
            "lending_wallet_ratio": _share(loan_sum, away),
            "card_wallet_ratio": _share(
                self.sum(member, 90, "debit", lambda c: self.parents[c] in BOUGHT),
                self.sum(member, 90, "debit", lambda c: c == "credit_card"),
            ),
            "deposit_wallet_ratio": _share(
                self.sum(member, 90, "credit", lambda c: self.parents[c] == "income"),
                self.sum(member, 90, "credit", lambda c: c == "deposit_transfers"),
            ),
            "payment_count_30_days": sum(
                p.direction == "debit"
                and p.reading.category not in ("withheld", "internal_transfers")
                for p in self.recent(member, 30)
            ),
        }
        return measures | self._points(member, measures, logins)

    def _points(
        self, member: str, measures: dict[str, float | None], logins: int
    ) -> dict[str, float | None]:
        bank, today = self.institution, self.today
        payments = measures["payment_count_30_days"] or 0
        payees = measures["recurring_payee_count"] or 0
        is_paid = self.is_paid_here(member)
        uses = [self.count(bank.uses[member][use], 90) for use in ("bill_pay", "p2p", "rdc")]
        services = (logins > 0) + sum(count >= 2 for count in uses)
        services += (measures["card_on_file_count"] or 0) > 0
        index = (
            30 * is_paid + 20 * (payees >= 3) + 20 * (payments >= 10) + 15 * (logins >= 4)
            + 15 * ((measures["product_type_count"] or 0) >= 2)
        )  # fmt: skip
        tenure = (today - bank.members[member]["member_since_date"]).days
        is_funded = (measures["deposit_balance_amount"] or 0) > 0 or bool(self.funded(member))
        score = 25 * (is_funded + bool(bank.logins[member]) + (payments > 0) + is_paid)
        return {
            "digital_service_count": services,
            "primary_institution_index": index,
            "activation_score": score if tenure < 180 else None,
        }

    def funded(self, member: str) -> list[date]:
        """Return the days on which applications of a member were funded."""
        return [
            application["account.funded"]
            for application in self.institution.applications.values()
            if application["member"] == member and "account.funded" in application
        ]

    def last_income(self, member: str) -> date | None:
        """Return the day of the last wages or pension paid here."""
        return max(
            (
                p.day
                for p in self.payments[member]
                if p.direction == "credit" and p.reading.category in PAY
            ),
            default=None,
        )

    def is_paid_here(self, member: str) -> bool:
        """Say whether wages or a pension came within the last 60 days."""
        last = self.last_income(member)
        return last is not None and (self.today - last).days < 60

    def recent(self, member: str, days: int) -> list[Payment]:
        """Return a member's payments of the last so many days."""
        return [p for p in self.payments[member] if p.day > self.today - timedelta(days)]

    def count(self, days: Iterable[date], within: int) -> int:
        """Return how many of the days are among the last so many."""
        return sum(day > self.today - timedelta(within) for day in days)

    def sum(
        self, member: str, days: int, direction: str, is_meant: Callable[[str], bool]
    ) -> float | None:
        """Return the amounts of some categories; None where a member paid or got nothing at all."""
        if not any(p.reading.category != "withheld" for p in self.recent(member, 180)):
            return None
        return float(
            sum(
                (
                    p.amount
                    for p in self.recent(member, days)
                    if p.direction == direction and is_meant(p.reading.category)
                ),
                Decimal(0),
            )
        )


def _share(part: float | None, rest: float | None) -> float | None:
    return part / (part + rest) if part is not None and rest is not None and part + rest else None


def _is_subscription(flow: Flow) -> bool:
    amounts = flow.by_day.values()
    return flow.category in SUBSCRIPTIONS and max(amounts) <= 1.3 * min(amounts)


def _flows(institution: Institution) -> Iterable[Flow]:
    sums: dict[tuple[str, ...], dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    channels: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for payment in institution.within(400, institution.payments):
        if payment.channel not in ("ach", "card_not_present"):
            continue
        if payment.reading.category in UNSCHEDULED:
            continue
        key = (payment.member, payment.direction, payment.reading.category, payment.party)
        sums[key][payment.day] += payment.amount
        channels[key][payment.channel] += 1
    for key, by_day in sums.items():
        count, span = len(by_day), (max(by_day) - min(by_day)).days
        if count >= 2 and span >= 6 * (count - 1):
            amounts = {day: float(amount) for day, amount in by_day.items()}
            yield Flow(*key, amounts, set(channels[key]) == {"card_not_present"})
