"""The transactions feed: one row per transaction and version."""

from __future__ import annotations

import random
from typing import NamedTuple

from sandbox.feeds.days import Calendar
from sandbox.feeds.members import Account, Member
from sandbox.feeds.sheets import Sheet, quote
from sandbox.feeds.streams import identifier
from sandbox.feeds.world.catalog import clock

HEADER = (
    "transaction_id,version,member_number,account_number,authorized_at,posted_date,status,amount,"
    "currency,direction,channel,mcc,descriptor,ach_company_name,ach_entry_description,"
    "ach_entry_class,reversal_of_transaction_id"
)


class Text:
    """What a transaction says about itself; `fields` is the end of its row."""

    __slots__ = ("company", "descriptor", "fields")

    def __init__(
        self,
        channel: str,
        descriptor: str,
        company: str = "",
        entry: str = "",
        entry_class: str = "",
        *,
        mcc: str = "",
    ) -> None:
        self.descriptor = descriptor
        self.company = company
        self.fields = (
            f"{channel},{mcc},{quote(descriptor)},{quote(company)},{quote(entry)},{entry_class},\n"
        )


class Pocket(NamedTuple):
    """A member and the account that they use."""

    member: Member
    account: Account


class TransactionSheet(Sheet):
    """The feed's rows, and the balances that they move."""

    __slots__ = ("calendar", "merchants", "with_merchants")

    def __init__(self, calendar: Calendar, first: int, *, with_merchants: bool = False) -> None:
        super().__init__(first, calendar.days)
        self.calendar = calendar
        self.with_merchants = with_merchants
        self.merchants: list[str] = []

    def post(self, stream: random.Random, day: int, pocket: Pocket, cents: int, text: Text) -> None:
        """Post a transaction in one version; its day may lie beyond the last.

        Args:
            stream: Read for the transaction id and the time, always to the same amount.
            day: When it is posted; nothing is written for days that are not simulated.
            pocket: Whose it is, and which balance it moves.
            cents: How much: above 0 for a credit, below for a debit.
            text: What it says.
        """
        transaction_id = identifier(stream)
        seconds = 32_400 + stream.getrandbits(14)
        member, account = pocket
        if not (0 <= day < self.days and account.begin <= day < account.end):
            return
        account.changes[day] += cents if account.is_deposit else -cents
        if day < self.first:
            return
        date = self.calendar.iso[day]
        direction = "credit" if cents > 0 else "debit"
        amount = abs(cents)
        self.lines[day].append(
            f"{transaction_id},1,{member.number},{account.number},{date}T{clock(seconds)}Z,{date},"
            f"posted,{amount / 100:.2f},USD,{direction},{text.fields}"
        )
        self.cents[day] += amount
