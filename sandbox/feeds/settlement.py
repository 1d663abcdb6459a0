"""What keeps balances plausible: card bills, sweeps, deposits before money runs out, dividends."""

from __future__ import annotations

import random
from itertools import accumulate

from sandbox.feeds.members import Account
from sandbox.feeds.stage import Stage
from sandbox.feeds.transactions import Pocket, Text
from sandbox.feeds.transfers import PHONE_CHECK

LOW_CENTS = 5_000
HIGH_CENTS = 1_400_000
SWEEP_STEP = 5_000
THANKS = Text("ach", "PAYMENT - THANK YOU")
COUNTER_CHECK = Text("branch", "DEPOSIT BR CHECK")
DIVIDEND = Text("internal", "DIVIDEND EARNED")


def settle(stage: Stage, accounts: list[Account]) -> None:
    """Settle the accounts of one household: cards first, then checking, then savings."""
    usable = [
        account for account in accounts if not account.owners[0][0].is_quiet and account.end > 0
    ]
    for account in usable:
        if account.kind == "credit_card":
            _pay_card(stage, account)
    for account in usable:
        if account.kind == "checking":
            _keep_afloat(stage, account, account.owners[0][0].account("savings"))
    for account in usable:
        if account.kind == "savings":
            _keep_afloat(stage, account, None)
        if account.kind in {"savings", "money_market", "certificate"}:
            _pay_dividends(stage, account)


def _pocket(account: Account) -> Pocket:
    return Pocket(account.owners[0][0], account)


def _pay_card(stage: Stage, card: Account) -> None:
    """Pay a credit card bill each month: all of it, or a part for those who revolve."""
    source = card.owners[0][0].account("checking")
    stream = stage.streams.of("card bill", int(card.number))
    due, share = 1 + int(stream.random() * 27), 1.0 if stream.random() < 0.55 else 0.12
    text = Text("internal", f"CREDIT CARD PAYMENT {card.mask}")
    for month in stage.calendar.months:
        day = month.first + due - 1
        draw = stream.random()
        if not card.begin < day < stage.calendar.days:
            continue
        owed = card.balance + sum(cents for when, cents in card.changes.items() if when < day)
        cents = max(round(owed * (share if draw < 0.9 else 1.0)), owed - card.limit)
        if cents <= 0:
            continue
        if source is not None:
            stage.transactions.post(stream, day, _pocket(source), -cents, text)
        # Whoever has no checking here pays from elsewhere.
        thanks = text if source is not None else THANKS
        stage.transactions.post(stream, day, _pocket(card), cents, thanks)


def _keep_afloat(stage: Stage, account: Account, savings: Account | None) -> None:
    """Bring money before it runs out, and put aside what is too much."""
    member = account.owners[0][0]
    stream = stage.streams.of("afloat", int(account.number))
    floor = LOW_CENTS if account.kind == "checking" else 0
    high = HIGH_CENTS if member.kind != "business" else HIGH_CENTS * 9
    balance, spare = account.balance, savings.balance if savings else 0
    changes = account.changes
    for day in range(account.begin, min(account.end, member.end, stage.calendar.days)):
        if day in changes:
            balance += changes[day]
        if day < member.begin:
            continue
        if balance < floor:
            cents = floor - balance + SWEEP_STEP * (4 + stream.getrandbits(4))
            cents = -(-cents // SWEEP_STEP) * SWEEP_STEP
            balance += cents
            if savings and savings.begin <= day < savings.end and spare > cents:
                spare -= cents
                _move(stage, stream, day, (savings, account), cents)
            else:
                _deposit(stage, stream, day, account, cents)
        elif savings and balance > high and savings.begin <= day < savings.end:
            cents = (balance - high // 2) // SWEEP_STEP * SWEEP_STEP
            balance -= cents
            spare += cents
            _move(stage, stream, day, (account, savings), cents)


def _move(
    stage: Stage, stream: random.Random, day: int, way: tuple[Account, Account], cents: int
) -> None:
    source, target = way
    text = Text("internal", f"TRANSFER {source.mask} {target.mask}")
    stage.transactions.post(stream, day, _pocket(source), -cents, text)
    stage.transactions.post(stream, day, _pocket(target), cents, text)


def _deposit(stage: Stage, stream: random.Random, day: int, account: Account, cents: int) -> None:
    """Pay in from outside: a check by phone or at the counter."""
    pocket = _pocket(account)
    if stream.getrandbits(1):
        stage.transactions.post(stream, day, pocket, cents, PHONE_CHECK)
        pocket.member.sessions.append((day, "rdc", cents))
    else:
        stage.transactions.post(stream, day, pocket, cents, COUNTER_CHECK)


def _pay_dividends(stage: Stage, account: Account) -> None:
    """Pay a month's interest on its last day."""
    stream = stage.streams.of("dividend", int(account.number))
    days = range(account.begin, stage.calendar.days)
    balances = list(
        accumulate((account.changes.get(day, 0) for day in days), initial=account.balance)
    )
    for day in stage.calendar.month_ends:
        is_used = account.owners[0][0].begin <= day < account.end
        if account.begin <= day and is_used and not account.is_dormant:
            cents = int(balances[day - account.begin] * account.product.rate / 12)
            if cents > 0:
                stage.transactions.post(stream, day, _pocket(account), cents, DIVIDEND)
