"""Other money that moves: person to person, cash, checks, deposits, transfers between accounts."""

from __future__ import annotations

import random

from sandbox.feeds.members import Member
from sandbox.feeds.stage import Stage
from sandbox.feeds.streams import days_of, pick, pick_weighted
from sandbox.feeds.transactions import Pocket, Text

P2P_SHARE = 0.45
PHONE_CHECK = Text("check", "MOBILE CHECK DEPOSIT")
# kind: times a day of an adult whose money life is here
RATES = {
    "p2p": 0.045,
    "atm": 0.03,
    "internal": 0.01,
    "rdc": 0.009,
    "check": 0.008,
    "goods": 0.006,
    "branch": 0.004,
}


def transfer(stage: Stage, member: Member) -> None:
    """Let a member move money in the ways that are neither cards nor bills."""
    account = member.account("checking", "savings")
    if member.is_quiet or account is None or member.kind == "minor":
        return
    pocket = Pocket(member, account)
    if member.outcome == "active":
        _first_use(stage, pocket)
    stream = stage.streams.of("transfers", member.key)
    rates = RATES.copy()
    if stream.random() > P2P_SHARE:
        del rates["p2p"]
    friends, savings = _friends(stage, stream), member.account("savings")
    rate = sum(rates.values()) * (1.0 if member.is_primary else 0.3)
    for day in days_of(stream, rate, stage.calendar.load, member.begin, member.end):
        kind = pick_weighted(stream, rates)
        if kind == "goods":
            cents, text = _goods(stage, stream)
        else:
            cents, text = _movement(stream, kind, friends, pocket)
        stage.transactions.post(stream, day, pocket, cents, text)
        is_act = kind == "rdc" or (kind == "p2p" and cents < 0)
        if is_act and account.begin <= day < account.end:
            member.sessions.append((day, kind, abs(cents)))
        if kind == "internal" and savings is not None and savings is not account:
            stage.transactions.post(stream, day, Pocket(member, savings), -cents, text)


def _first_use(stage: Stage, pocket: Pocket) -> None:
    """Let a newcomer deposit a check by phone on the day on which they begin."""
    stream = stage.streams.of("first use", pocket.member.key)
    cents = 5_000 + int(stream.random() * 60_000)
    stage.transactions.post(stream, pocket.member.begin, pocket, cents, PHONE_CHECK)
    pocket.member.sessions.append((pocket.member.begin, "rdc", cents))


def _goods(stage: Stage, stream: random.Random) -> tuple[int, Text]:
    """Buy goods online and pay by ACH."""
    shop = pick(stream, stage.world.online_shops)
    cents = 900 + int(stream.random() ** 2 * 24_000)
    text = Text("ach", pick(stream, shop.texts), shop.company, shop.entries[0], "WEB")
    return -cents, text


def _friends(stage: Stage, stream: random.Random) -> list[str]:
    people = stage.world.people
    return [
        f"{pick(stream, people['given'])} {pick(stream, people['surnames'])}".upper()
        for _ in range(2 + int(stream.random() * 4))
    ]


def _movement(
    stream: random.Random, kind: str, friends: list[str], pocket: Pocket
) -> tuple[int, Text]:
    """Return the cents, below 0 for a debit, and the text of one movement."""
    draw, size = stream.random(), stream.random()
    if kind == "p2p":
        sign, way = (-1, "TO") if draw < 0.6 else (1, "FROM")
        name = pick(stream, friends)
        service = "VENMO" if size < 0.15 else "ZELLE"
        text = f"{service} {way} {name}" if draw < 0.9 else f"{service} PAYMENT {way} {name[:14]}"
        return sign * (500 + int(size**3 * 45_000)), Text("p2p", text)
    if kind == "atm":
        text = f"ATM WITHDRAWAL {stream.getrandbits(13):05d} {pocket.account.mask}"
        return -2_000 * (1 + int(size * 10)), Text("atm", text, mcc="6011")
    if kind == "check":
        return -2_500 - int(size**2 * 90_000), Text("check", f"CHECK {1_000 + int(draw * 900)}")
    if kind == "rdc":
        return 1_500 + int(size**2 * 120_000), PHONE_CHECK
    if kind == "branch":
        return 4_000 + int(size**2 * 150_000), Text("branch", "DEPOSIT BR CASH")
    return _between(draw, size, pocket)


def _between(draw: float, size: float, pocket: Pocket) -> tuple[int, Text]:
    """Move money between own accounts; careless cores print the number in full."""
    member, own = pocket
    sign, way = (-1, "TO") if draw < 0.7 else (1, "FROM")
    other = member.account("savings") or own
    shown = other.number if size < 0.35 or member.is_canary else other.mask
    text = Text("internal", f"ONLINE TRANSFER {way} {shown}")
    return sign * (2_500 + int(size**2 * 80_000)), text
