"""Which features each score reads, and the bins of each feature with the words for its reason code.

A bin holds the values from `lower` up to, but not including, `upper`; None is without bound.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple


class Bin(NamedTuple):
    """One bin of a feature, and what a member in it is told."""

    lower: float | None
    upper: float | None
    reason: str


def _bins(*parts: float | str) -> tuple[Bin, ...]:
    """Return bins from words and cuts in turn: words, cut, words, cut, words."""
    reasons = [part for part in parts if isinstance(part, str)]
    cuts = [part for part in parts if not isinstance(part, str)]
    bounds = pairwise([None, *cuts, None])
    return tuple(Bin(*bound, reason) for bound, reason in zip(bounds, reasons, strict=True))


def _held(noun: str) -> tuple[Bin, ...]:
    return _bins(f"no {noun} here", 1, f"{noun} here")


def _paid(noun: str) -> tuple[Bin, ...]:
    return _bins(f"no {noun} paid elsewhere", 1, f"{noun} paid elsewhere within 90 days")


BINS = {
    "tenure_days": _bins(
        "member for less than a year", 365, "member for one to five years", 1825,
        "member for five years or more",
    ),
    "open_account_count": _bins(
        "one account or none here", 2, "two or three accounts here", 4, "four accounts or more here"
    ),
    "deposit_balance_amount": _bins(
        "deposits under 1,000 dollars", 1_000, "deposits of 1,000 to 4,999 dollars", 5_000,
        "deposits of 5,000 to 14,999 dollars", 15_000, "deposits of 15,000 dollars or more",
    ),
    "card_balance_amount": _bins(
        "owes nothing on a card here", 0.01, "owes under 1,500 dollars on a card here", 1_500,
        "owes 1,500 dollars or more on a card here",
    ),
    "certificate_count": _held("certificate"),
    "credit_card_count": _held("credit card"),
    "auto_loan_count": _held("vehicle loan"),
    "mortgage_count": _held("mortgage"),
    "days_since_login": _bins(
        "logged in within 15 days", 15, "no login for 15 to 59 days", 60,
        "no login for 60 days or more",
    ),
    "page_view_count_30_days": _bins(
        "looked at no pages within 30 days", 1, "looked at one or two pages within 30 days", 3,
        "looked at three to five pages within 30 days", 6,
        "looked at six pages or more within 30 days",
    ),
    "days_since_payroll": _bins(
        "wages paid in within 35 days", 35, "wages stopped coming in 35 days ago or earlier", 9_999,
        "no wages seen here",
    ),
    "transfer_in_count_90_days": _bins(
        "no transfers from other banks within 90 days", 1,
        "one or two transfers from other banks within 90 days", 3,
        "three transfers or more from other banks within 90 days",
    ),
    "debit_count_30_days": _bins(
        "no debits within 30 days", 1, "one to four debits within 30 days", 5,
        "five to nineteen debits within 30 days", 20, "twenty debits or more within 30 days",
    ),
    "recent_debit_ratio": _bins(
        "none of the debits of 90 days fell in the last 30", 0.0001,
        "less than a fifth of the debits of 90 days fell in the last 30", 0.2,
        "debits kept their pace over 90 days", 0.45,
        "nearly half or more of the debits of 90 days fell in the last 30",
    ),
    "card_payment_count_90_days": _paid("credit card"),
    "auto_loan_payment_count_90_days": _paid("vehicle loan"),
    "mortgage_payment_count_90_days": _paid("mortgage"),
}  # fmt: skip

_ENGAGEMENT = ("days_since_payroll", "debit_count_30_days", "page_view_count_30_days")
FEATURES = {
    "churn_risk": (
        "tenure_days", "open_account_count", "days_since_login", "days_since_payroll",
        "debit_count_30_days", "recent_debit_ratio",
    ),
    "propensity_credit_card": (
        *_ENGAGEMENT, "tenure_days", "open_account_count", "card_payment_count_90_days",
    ),
    "propensity_auto_loan": (
        *_ENGAGEMENT, "open_account_count", "auto_loan_payment_count_90_days",
    ),
    "propensity_certificate": (*_ENGAGEMENT, "tenure_days", "deposit_balance_amount"),
    "propensity_personal_loan": (
        *_ENGAGEMENT, "card_balance_amount", "card_payment_count_90_days",
    ),
    "propensity_mortgage": (
        *_ENGAGEMENT, "deposit_balance_amount", "mortgage_payment_count_90_days",
    ),
    "propensity_heloc": (*_ENGAGEMENT, "mortgage_count", "mortgage_payment_count_90_days"),
    "propensity_direct_deposit": (
        "open_account_count", "deposit_balance_amount", "transfer_in_count_90_days",
        "debit_count_30_days",
    ),
}  # fmt: skip


def bin_of(feature: str, value: float) -> int:
    """Return the index of the bin that holds `value`."""
    return next(
        index
        for index, found in enumerate(BINS[feature])
        if found.upper is None or value < found.upper
    )
