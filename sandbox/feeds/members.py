"""Members and their accounts, as one group of the simulation holds them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sandbox.feeds.plan import NEVER
from sandbox.feeds.world import Place, Product

DEPOSITS = frozenset({"checking", "savings", "money_market", "certificate"})
DAYS_OF_ADULTHOOD = 18 * 365


@dataclass(slots=True)
class Account:
    """An account and how its balance moves.

    Attributes:
        number: 10 to 12 digits, the last a check digit.
        product: What it is.
        opened: When it was opened.
        begin: Index of the first day on which it exists, 0 for those that existed before.
        end: Index of the day on which it is closed.
        balance: Cents at the beginning of day `begin`: what is there, or what is owed.
        limit: Cents of a credit line.
        changes: Cents by which the balance changes, by day.
        owners: Who holds it, in which role, from which day.
        is_dormant: Nothing has moved for long.
    """

    number: str
    product: Product
    opened: date
    begin: int
    end: int
    balance: int
    limit: int = 0
    changes: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    owners: list[tuple[Member, str, int]] = field(default_factory=list)
    is_dormant: bool = False

    @property
    def kind(self) -> str:
        """The product type."""
        return self.product.kind

    @property
    def is_deposit(self) -> bool:
        """Whether the balance is the member's and not the bank's."""
        return self.product.kind in DEPOSITS

    @property
    def mask(self) -> str:
        """The number as statements show it."""
        return f"XXXXXXXXXXXX{self.number[-4:]}"


@dataclass(slots=True)
class Member:
    """A person or a business with a member number, or who applied for one.

    Attributes:
        number: Nine digits.
        household: Shared by those who live or do business together.
        kind: adult, minor or business.
        since: When they joined, or would have.
        is_member: False for applicants who never became one.
        joined: Index of the day on which they joined, 0 for those who were there before.
        begin: Index of the first day on which they use their accounts.
        end: Index of the day on which they close or die.
        fate: What happens on day `end`: closed or deceased.
        leaving: Index of the day from which one who will close moves pay and purchases elsewhere.
        graduation: Index of the day until which they study; 0 for those who do not.
        is_primary: This is where their money life is; otherwise it is elsewhere.
        outcome: Of a newcomer's application: active, inactive, unfunded, declined or abandoned.
        devices: (device id, type) in digital banking.
        sessions: (day, event, cents) that other parts of their life cause in digital banking.
        truth: What they really are, for tests alone.
    """

    number: str
    household: int
    kind: str
    birth_year: int | None
    since: date
    place: Place
    zip_code: str
    branch: str
    is_member: bool = True
    joined: int = 0
    begin: int = 0
    end: int = NEVER
    fate: str = "active"
    leaving: int = NEVER
    graduation: int = 0
    outcome: str = ""
    is_employee: bool = False
    is_primary: bool = True
    is_canary: bool = False
    tastes: tuple[str, ...] = ()
    life: dict[str, int] = field(default_factory=dict)
    accounts: list[Account] = field(default_factory=list)
    devices: list[tuple[str, str]] = field(default_factory=list)
    sessions: list[tuple[int, str, int]] = field(default_factory=list)
    applications: list[Application] = field(default_factory=list)
    moves: list[tuple[int, Place, str]] = field(default_factory=list)
    truth: dict[str, Any] = field(default_factory=dict)

    @property
    def is_quiet(self) -> bool:
        """Whether they never use what they have."""
        return self.outcome in {"inactive", "unfunded", "declined", "abandoned"}

    @property
    def key(self) -> int:
        """The number as a key of random streams."""
        return int(self.number)

    def account(self, *kinds: str) -> Account | None:
        """Return an account of the first of `kinds` that they have when they begin."""
        for kind in kinds:
            for account in self.accounts:
                if account.kind == kind and account.begin <= self.begin:
                    return account
        return None

    def event(self, name: str) -> int:
        """Return the day of an event of life, a far one when it never comes."""
        return self.life.get(name, NEVER)


class Step(NamedTuple):
    """One event of an application: when, what, about which account and which sum."""

    day: int
    second: int
    event: str
    account: Account | None = None
    cents: int = 0


@dataclass(slots=True)
class Application:
    """One application for a product, from start to wherever it gets."""

    application_id: str
    product: Product
    channel: str
    steps: list[Step] = field(default_factory=list)


def member_number(value: int) -> str:
    """Return a member number as the core writes it."""
    return f"{100_001 + value:09d}"


def account_number(serial: int, length: int) -> str:
    """Return an account number of `length` digits whose last one is a Luhn check digit.

    Serials are scattered over the digits one to one, so that numbers tell nothing of their order.
    """
    space = 10 ** (length - 1)
    body = f"{(serial * 7_654_321_237 + 4_110_271) % space:0{length - 1}d}"
    return body + check_digit(body)


_DOUBLED = {str(digit): sum(map(int, str(2 * digit))) for digit in range(10)}


def check_digit(body: str) -> str:
    """Return the Luhn check digit of `body` (ISO/IEC 7812-1, annex B)."""
    total = sum(_DOUBLED[digit] for digit in body[::-2]) + sum(map(int, body[-2::-2]))
    return str(-total % 10)
