"""Members of all segments, reckoned in plain Python from their one-sentence descriptions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from tests.dbt.reckoning import DEPOSITS
from tests.dbt.reckoning_flows import Measures
from tests.dbt.reckoning_indicators import Fact, Facts


class Person:
    """A member as segments see them."""

    def __init__(self, measures: Measures, facts: Facts, member: str) -> None:
        bank, today = measures.institution, measures.today
        row = bank.members[member]
        self.facts = {kli_id: held[member] for kli_id, held in facts.items() if member in held}
        self.is_adult = member in bank.adults
        self.is_individual = row["member_type"] == "individual"
        self.products = bank.products[member]
        self.account_count = len({account["account_id"] for account in bank.accounts[member]})
        self.tenure = (today - row["member_since_date"]).days
        self.deposits = sum(
            (
                account["current_balance"]
                for account in bank.accounts[member]
                if account["product_type"] in DEPOSITS
            ),
            Decimal(0),
        )
        self.has_deposits = bool(self.products & DEPOSITS)
        logins = bank.logins[member]
        self.since_login = (today - max(logins)).days if logins else None
        self.login_count = measures.count(logins, 30)
        self.users = {
            use
            for use in ("bill_pay", "p2p", "rdc")
            if measures.count(bank.uses[member][use], 90) >= 2
        }
        funded = measures.funded(member)
        self.since_funding = (today - max(funded)).days if funded else None
        income = measures.last_income(member)
        self.since_income = (today - income).days if income else None

    @property
    def is_paid_here(self) -> bool:
        """Whether wages or a pension came within 60 days."""
        return self.since_income is not None and self.since_income < 60

    @property
    def engagement(self) -> str:
        """How much digital banking is used."""
        if self.since_login is None:
            return "never"
        if self.since_login >= 60:
            return "dormant"
        return "occasional" if self.login_count < 4 else "active"

    def has(self, kli_id: str, sure: str, amount: int) -> bool:
        """Say whether an indicator is held surely and for such an amount."""
        fact = self.facts.get(kli_id, Fact())
        return (
            fact.amount is not None
            and fact.confidence is not None
            and fact.amount >= amount
            and round(fact.confidence, 2) >= Decimal(sure)
        )

    def lacks(self, *products: str) -> bool:
        """Say whether none of the products is held here."""
        return not self.products & set(products)


Rule = Callable[[Person], bool]


def reckon_segments(measures: Measures, facts: Facts) -> dict[str, set[str]]:
    """Return the members of each segment."""
    people = {m: Person(measures, facts, m) for m in measures.institution.members}
    return {
        segment: {member for member, person in people.items() if person.is_adult and rule(person)}
        for segment, rule in _rules()
    }


def _within(value: int | None, first: int, last: int) -> bool:
    return value is not None and first <= value <= last


def _not_adopted(use: str) -> Rule:
    return lambda p: (
        p.is_individual
        and "checking" in p.products
        and p.engagement == "active"
        and use not in p.users
    )


def _rules() -> Iterator[tuple[str, Rule]]:
    yield (
        "business__payroll_processor",
        lambda p: (
            p.has("business__payroll_processor", "0.85", 500)
            and not p.is_individual
            and "checking" in p.products
            and p.lacks("money_market")
        ),
    )
    yield (
        "cross_sell__checking_without_savings",
        lambda p: (
            p.is_individual
            and p.tenure >= 180
            and "checking" in p.products
            and p.deposits >= 1000
            and p.lacks("savings", "money_market")
        ),
    )
    yield (
        "cross_sell__home_improver_without_heloc",
        lambda p: (
            p.has("spend__home_improvement", "0.8", 500)
            and "mortgage" in p.products
            and p.lacks("heloc")
        ),
    )
    yield (
        "deposit_growth__balance_without_certificate",
        lambda p: (
            p.is_individual
            and p.tenure >= 365
            and p.has_deposits
            and p.deposits >= 10_000
            and p.lacks("certificate")
        ),
    )
    yield (
        "deposit_growth__brokerage_elsewhere",
        lambda p: (
            p.has("competitive__brokerage", "0.85", 500)
            and "checking" in p.products
            and p.lacks("money_market", "certificate")
        ),
    )
    yield (
        "deposit_growth__payroll_elsewhere",
        lambda p: (
            p.has("competitive__payroll", "0.75", 0)
            and p.is_individual
            and p.tenure >= 90
            and "checking" in p.products
            and not p.is_paid_here
        ),
    )
    yield "digital_adoption__bill_pay_not_adopted", _not_adopted("bill_pay")
    yield "digital_adoption__person_to_person_not_adopted", _not_adopted("p2p")
    yield "digital_adoption__rdc_not_adopted", _not_adopted("rdc")
    yield (
        "onboarding__funded_not_active",
        lambda p: (
            "behaviour__funded_not_active" in p.facts
            and p.is_individual
            and _within(p.since_funding, 7, 60)
        ),
    )
    yield (
        "onboarding__funded_without_direct_deposit",
        lambda p: (
            p.is_individual
            and _within(p.since_funding, 14, 60)
            and "checking" in p.products
            and not p.is_paid_here
        ),
    )
    yield (
        "onboarding__not_enrolled_in_digital",
        lambda p: (
            p.is_individual
            and p.account_count >= 1
            and _within(p.tenure, 14, 90)
            and p.since_login is None
        ),
    )
    yield (
        "re_engagement__never_logged_in",
        lambda p: (
            p.is_individual and p.account_count >= 1 and p.tenure >= 90 and p.since_login is None
        ),
    )
    yield (
        "re_engagement__occasional_digital",
        lambda p: (
            p.is_individual
            and p.account_count >= 1
            and p.engagement == "occasional"
            and _within(p.since_login, 14, 59)
        ),
    )
    yield (
        "recapture__auto_loan_elsewhere",
        lambda p: (
            p.has("competitive__auto_loan", "0.85", 400)
            and p.account_count >= 1
            and p.lacks("auto_loan")
        ),
    )
    yield (
        "recapture__credit_card_elsewhere",
        lambda p: (
            p.has("competitive__credit_card", "0.85", 500)
            and "checking" in p.products
            and p.lacks("credit_card")
        ),
    )
    yield (
        "recapture__mortgage_elsewhere",
        lambda p: (
            p.has("competitive__mortgage", "0.85", 800)
            and p.account_count >= 1
            and p.lacks("mortgage")
        ),
    )
    yield (
        "retention__direct_deposit_stopped",
        lambda p: p.is_individual and "checking" in p.products and _within(p.since_income, 60, 180),
    )
    yield (
        "retention__dormant_digital",
        lambda p: (
            (p.facts.get("behaviour__dormant_digital", Fact(0)).count or 0) >= 5
            and _within(p.since_login, 60, 365)
            and p.account_count >= 1
        ),
    )
    yield "suppression__new_members", lambda p: p.tenure < 90
    yield "suppression__no_open_account", lambda p: p.account_count == 0
