"""Which accounts members have when the first day begins, and how accounts come and end."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import date, timedelta

from sandbox.feeds.days import Calendar
from sandbox.feeds.life import age_of
from sandbox.feeds.members import Account, Member, account_number
from sandbox.feeds.plan import NEVER
from sandbox.feeds.streams import Streams, pick
from sandbox.feeds.world import World

# Account serials that a group can give away.
SERIALS = 16_000

# product: (share of members whose money life is here, share of the others)
SHARES = {
    "REWARD-CHK": (0.40, 0.12),
    "FREE-CHK": (1.0, 0.38),
    "SHARE-SAV": (0.52, 0.48),
    "MM-PLUS": (0.06, 0.07),
    "CD-12M": (0.05, 0.11),
    "CD-24M": (0.02, 0.04),
    "VISA-CASH": (0.20, 0.08),
    "VISA-PLAT": (0.12, 0.05),
    "AL-NEW": (0.06, 0.08),
    "AL-USED": (0.07, 0.08),
    "MTG-30F": (0.08, 0.04),
    "MTG-15F": (0.02, 0.01),
    "HELOC-VAR": (0.04, 0.02),
    "PL-SIG": (0.05, 0.05),
    "STU-REFI": (0.02, 0.01),
}
PRIMARY = 0.62
# kind: dollars at the median and the spread of the logarithm
BALANCES = {
    "checking": (1_900, 0.9),
    "savings": (3_200, 1.3),
    "money_market": (14_000, 0.9),
    "certificate": (11_000, 0.8),
    "credit_card": (1_300, 1.0),
    "personal_loan": (7_500, 0.6),
    "auto_loan": (19_000, 0.5),
    "mortgage": (228_000, 0.5),
    "heloc": (31_000, 0.6),
    "student_loan": (24_000, 0.6),
}
# One of a pair excludes the other.
RIVALS = {
    "FREE-CHK": "REWARD-CHK",
    "VISA-PLAT": "VISA-CASH",
    "AL-USED": "AL-NEW",
    "MTG-15F": "MTG-30F",
}
SHARED_KINDS = frozenset({"checking", "savings"})
TEENAGE = 13


@dataclass(slots=True)
class Openings:
    """Opens accounts with running serials for one group."""

    calendar: Calendar
    world: World
    group: int
    opened: int = 0

    def open(
        self,
        stream: random.Random,
        member: Member,
        code: str,
        opened: date,
        *,
        role: str = "primary",
        cents: int | None = None,
    ) -> Account:
        """Open an account of product `code` for a member.

        Args:
            stream: What to draw from.
            member: The first owner.
            code: The product.
            opened: The date; the account is there from that day or from the first one.
            role: primary or business.
            cents: The first balance; drawn when None.
        """
        product = self.world.products[code]
        serial = self.group * SERIALS + self.opened
        self.opened += 1
        length = 12 if product.kind in SHARED_KINDS else 11
        if product.kind == "credit_card" and serial < 10**8:
            length = 10
        limit = 0
        if product.limits:
            low, high = product.limits
            limit = round(low + stream.random() ** 2 * (high - low)) // 100 * 10_000
        if cents is None:
            median, spread = BALANCES[product.kind]
            cents = round(100 * median * math.exp(stream.gauss(0, spread)))
        account = Account(
            number=account_number(serial, length),
            product=product,
            opened=opened,
            begin=max(0, self.calendar.index(opened)),
            end=NEVER,
            balance=min(cents, limit) if limit else cents,
            limit=limit,
        )
        account.owners.append((member, role, account.begin))
        member.accounts.append(account)
        return account


def hold(household: list[Member], streams: Streams, openings: Openings) -> None:
    """Give those who are members on the first day their accounts."""
    if household[0].outcome:
        return
    for member in household:
        stream = streams.of("holdings", member.key)
        member.is_primary = stream.random() < PRIMARY
        if member.kind == "adult":
            _hold_adult(stream, member, household, openings)
        elif member.kind == "minor":
            _hold_minor(stream, member, household, openings)
        else:
            member.is_primary = True
            _hold_business(stream, member, openings)
        _end_accounts(stream, member, openings.calendar)


def _hold_adult(
    stream: random.Random, member: Member, household: list[Member], openings: Openings
) -> None:
    if member.end == 0 and member.fate == "closed" and stream.random() < 0.3:
        return
    first = household[0]
    is_partner = member is not first and first.kind == "adult" and first.end > 0
    shares_money = is_partner and stream.random() < 0.65
    if shares_money:
        member.is_primary = first.is_primary
        for account in first.accounts:
            if account.kind in SHARED_KINDS and account.end == NEVER:
                account.owners.append((member, "joint", account.begin))
                member.accounts.append(account)
    codes: set[str] = set()
    for code, (here, elsewhere) in SHARES.items():
        share = here if member.is_primary else elsewhere
        if stream.random() >= share or RIVALS.get(code) in codes:
            continue
        if shares_money and openings.world.products[code].kind in SHARED_KINDS:
            continue
        codes.add(code)
    if not codes and not member.accounts:
        codes.add("SHARE-SAV")
    # Sorted: the order of a set of texts differs from one process to the next.
    for code in sorted(codes):
        openings.open(stream, member, code, _since_joining(stream, member, openings.calendar))


def _hold_minor(
    stream: random.Random, member: Member, household: list[Member], openings: Openings
) -> None:
    codes = ["YOUTH-SAV"]
    if age_of(member, openings.calendar.start.year) >= TEENAGE and stream.random() < 0.5:
        codes.append("STUDENT-CHK")
    parent = household[0]
    for code in codes:
        cents = int(stream.random() * 60_000) + 500
        account = openings.open(stream, member, code, member.since, cents=cents)
        if parent.kind == "adult" and parent.end > 0:
            account.owners.append((parent, "joint", account.begin))
            parent.accounts.append(account)


def _hold_business(stream: random.Random, member: Member, openings: Openings) -> None:
    cents = int(stream.random() ** 2 * 9_000_000) + 250_000
    openings.open(stream, member, "BIZ-CHK", member.since, role="business", cents=cents)
    if stream.random() < 0.4:
        openings.open(stream, member, "BIZ-SAV", member.since, role="business")
    if stream.random() < 0.3:
        openings.open(stream, member, "VISA-CASH", member.since, role="business")


def _since_joining(stream: random.Random, member: Member, calendar: Calendar) -> date:
    tenure = (calendar.start - member.since).days
    share = 0.0 if stream.random() < 0.5 else stream.random()
    return member.since + timedelta(days=int(share * (tenure - 1)))


def _end_accounts(stream: random.Random, member: Member, calendar: Calendar) -> None:
    """Close what leavers leave, and let a few accounts sleep."""
    for account in member.accounts:
        if account.owners[0][0] is not member:
            continue
        if member.fate == "closed" and len(account.owners) == 1:
            account.end = member.end
            if member.end == 0:
                account.end = -1 - int(stream.random() * 80)
                opened = calendar.index(account.opened)
                account.end = max(account.end, min(-1, opened + 1))
                account.balance = 0
        elif member.fate == "deceased" and member.end == 0:
            account.is_dormant = True
    if not member.is_primary and stream.random() < 0.06:
        for account in member.accounts:
            account.is_dormant = account.kind == "savings"


def pick_deposit(stream: random.Random, member: Member) -> Account | None:
    """Return one of the member's accounts that money can be paid into when they begin."""
    found = [
        account
        for account in member.accounts
        if account.kind in SHARED_KINDS and account.begin <= member.begin < account.end
    ]
    return pick(stream, found) if found else None
