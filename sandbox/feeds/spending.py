"""Card purchases: what members buy, where, how often; pending first and posted later."""

from __future__ import annotations

import random
from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from sandbox.feeds.descriptors import CODE_MARK, CODES, Shop, disturb, shop_at
from sandbox.feeds.life import EVENT_DAYS, age_of
from sandbox.feeds.members import Account, Member
from sandbox.feeds.sheets import quote
from sandbox.feeds.stage import Stage
from sandbox.feeds.streams import days_of, pick, pick_popular
from sandbox.feeds.world import Place

# Shops are drawn by random bits: table sizes are powers of two.
USUAL_SHOPS, SPECIAL_SHOPS = 32, 8
LOCAL_SHARE = 0.10
# Rows of the transactions feed that do not depend on the density, per member and day.
REGULAR_ROWS = 0.30
# Card purchases a day of an adult whose money life is here, at the default density.
PURCHASES = 0.66
EVENT_PURCHASES = 0.28
# Purchases for an event begin before it.
EVENT_LEAD = 15
# Purchases a day of those who study, fees among them.
STUDY_PURCHASES = 0.08
TEEN_AGE = 13
# Of 256: how often a seasonal shop replaces the usual one.
SEASON_SHARE = {"": 0, "summer": 26, "school": 22, "holiday": 66}
# Of 256: purchases that show as pending first; that are reversed; that are sent back later.
PENDING = 140
REVERSED = 1
RETURNED = 3


@dataclass(frozen=True, slots=True)
class Card:
    """A card in use from day `begin` until day `end`, on a checking or a credit card account."""

    member: Member
    account: Account
    begin: int
    end: int
    who: str

    @classmethod
    def of(cls, member: Member, account: Account, begin: int, end: int) -> Card:
        """Return a member's card, no longer than the member and the account last."""
        begin = max(begin, member.begin, account.begin)
        end = min(end, member.end, member.leaving, account.end)
        return cls(member, account, begin, end, f"{member.number},{account.number},")


class Shops(NamedTuple):
    """Where a card is used: usually, and at seasons."""

    usual: list[Shop]
    seasonal: dict[str, list[Shop]]


class Purchase(NamedTuple):
    """One purchase, before it becomes rows."""

    day: int
    shop: Shop
    cents: int
    key: str
    bits: int


def spend(stage: Stage, member: Member) -> None:
    """Let a member use their card for everyday purchases and around events of life."""
    account = member.account("checking")
    carried = member.account("credit_card") or account
    if member.is_quiet or carried is None or member.end <= 0:
        return
    stream = stage.streams.of("tastes", member.key)
    if account is not None and stream.random() < 0.55:
        carried = account
    rate = _rate(stage, stream.random(), member)
    place = pick(stream, stage.world.away)
    usual = _shops(stage, stream, _weights(stage, member), member.place, USUAL_SHOPS)
    seasonal = {name: _special(stage, member, name, place) for name in stage.calendar.seasons}
    shops = Shops(usual, seasonal)
    member.truth["shops"] = sorted({shop.merchant.name for shop in usual})
    days = stage.calendar.days
    _buy(stage, Card.of(member, carried, 0, days), rate, shops, "purchases")
    for added in member.accounts:
        if added.kind == "credit_card" and added.begin > member.begin:
            card = Card.of(member, added, added.begin + 3, days)
            _buy(stage, card, rate / 2, shops, "new card purchases")
    if member.graduation:
        card = Card.of(member, carried, 0, min(member.graduation, days))
        shops = Shops(_special(stage, member, "studying", member.place), {})
        _buy(stage, card, STUDY_PURCHASES, shops, "studying purchases")
    for event, day in sorted(member.life.items()):
        if event in stage.world.tastes and day - EVENT_LEAD < days:
            place = member.moves[0][1] if event == "move" and member.moves else member.place
            shops = Shops(_special(stage, member, event, place), {})
            card = Card.of(member, carried, day - EVENT_LEAD, day + EVENT_DAYS)
            _buy(stage, card, EVENT_PURCHASES, shops, f"{event} purchases")


def _rate(stage: Stage, draw: float, member: Member) -> float:
    """Return purchases a day."""
    density = max(0.0, stage.plan.density - REGULAR_ROWS) / (0.9 - REGULAR_ROWS)
    if member.kind == "minor":
        is_teen = age_of(member, stage.plan.start.year) >= TEEN_AGE
        return 0.25 * density if is_teen else 0.0
    rate = PURCHASES if member.is_primary else PURCHASES * 0.35
    return rate * density * (0.35 + 1.3 * draw)


def _weights(stage: Stage, member: Member) -> dict[str, float]:
    """Return how often a member buys in each category."""
    if member.kind == "business":
        return stage.world.tastes["business"]
    if member.kind == "minor":
        return stage.world.tastes["teenager"]
    weights = stage.world.usual_weights.copy()
    for taste in member.tastes:
        for name, weight in stage.world.tastes[taste].items():
            weights[name] += weight
    return weights


def _special(stage: Stage, member: Member, purpose: str, place: Place) -> list[Shop]:
    """Return the shops of a season or an event."""
    stream = stage.streams.of(f"{purpose} shops", member.key)
    return _shops(stage, stream, stage.world.tastes[purpose], place, SPECIAL_SHOPS)


def _shops(
    stage: Stage, stream: random.Random, weights: dict[str, float], place: Place, count: int
) -> list[Shop]:
    """Return the shops of a member, each as often as they buy there."""
    names = list(weights)
    bounds = list(accumulate(weights.values()))
    known: dict[str, list[Shop]] = {}
    table = []
    draw, total = stream.random, bounds[-1]
    for _ in range(count):
        name = names[bisect(bounds, draw() * total)]
        shops = known.setdefault(name, [])
        if len(shops) < 3 and draw() < 0.5 / (len(shops) + 0.5):
            category = stage.world.categories[name]
            merchants = category.merchants
            if category.local_merchants and draw() < LOCAL_SHARE:
                merchants = category.local_merchants
            merchant = pick_popular(stream, merchants)
            shops.append(shop_at(stream, stage.world, category, merchant, place))
        table.append(shops[int(draw() * len(shops))])
    return table


def _buy(stage: Stage, card: Card, rate: float, shops: Shops, purpose: str) -> None:
    """Draw the purchases of one card, in the order of days."""
    stream = stage.streams.of(purpose, card.member.key)
    season, bits_of = stage.calendar.season, stream.getrandbits
    usual, seasonal = shops
    mask = len(usual) - 1
    for day in days_of(stream, rate, stage.calendar.load, card.begin, card.end):
        bits = bits_of(64)
        shop = usual[bits & mask]
        name = season[day]
        if seasonal and name and bits >> 6 & 255 < SEASON_SHARE[name]:
            shop = seasonal[name][bits & SPECIAL_SHOPS - 1]
        amount = shop.amounts[bits >> 14 & 255]
        # A tenth up or down, so that amounts do not repeat.
        cents = amount + amount * ((bits >> 22 & 127) - 64) // 640
        key = f"{bits_of(64):016x}"
        _purchase(stage, card, Purchase(day, shop, max(cents, 50), key, bits >> 29))


def _purchase(stage: Stage, card: Card, purchase: Purchase) -> None:
    """Write one purchase: pending and posted, or posted at once."""
    sheet, calendar, account = stage.transactions, stage.calendar, card.account
    day, shop, cents, key, bits = purchase
    text = shop.texts[bits & 1]
    if CODE_MARK in text:
        text = text.replace(CODE_MARK, CODES[bits >> 3 & 1023] + CODES[bits >> 11 & 1023])
    noise = bits >> 8 & 255
    if noise < 52:
        text = disturb(text, noise, calendar.short[day], account.mask)
    moment = f"{card.who}{calendar.iso[day]}T{shop.clocks[bits >> 16 & 1023]}Z,"
    tail = f"{shop.tail}{quote(text)},,,,\n"
    posted, version = day + (bits >> 26 & 1), 1
    if bits >> 27 & 255 < PENDING:
        posted, version = posted + 1, 2
        if day >= sheet.first:
            held = _held(shop.kind, cents)
            sheet.lines[day].append(f"{key},1,{moment},pending,{held / 100:.2f}{tail}")
            sheet.cents[day] += held
    if sheet.with_merchants and day >= sheet.first:
        name, category, _, _, _, is_known = shop.merchant
        sheet.merchants.append(f"{key},{quote(name)},{category},{str(is_known).lower()}\n")
    if posted < calendar.days:
        account.changes[posted] += -cents if account.is_deposit else cents
        if posted >= sheet.first:
            sheet.lines[posted].append(
                f"{key},{version},{moment}{calendar.iso[posted]},posted,{cents / 100:.2f}{tail}"
            )
            sheet.cents[posted] += cents
    if bits >> 19 & 255 < RETURNED and shop.kind != "fuel":
        _undo(stage, card, purchase, posted + 2 + (bits >> 5 & 7), tail)


def _held(kind: str, cents: int) -> int:
    """Return the cents held until a purchase posts: pumps hold a sum, tables lack the tip."""
    if kind == "fuel":
        return 100 if cents % 3 else 17_500
    if kind == "tip":
        return cents * 100 // 119
    return cents


def _undo(stage: Stage, card: Card, purchase: Purchase, day: int, tail: str) -> None:
    """Credit a purchase again: a reversal names what it undoes, a return does not."""
    sheet, account, cents = stage.transactions, card.account, purchase.cents
    if day >= sheet.days:
        return
    account.changes[day] += cents if account.is_deposit else -cents
    if day < sheet.first:
        return
    is_reversal = purchase.bits >> 19 & 255 < REVERSED or purchase.bits & 1
    named = purchase.key if is_reversal else ""
    key = f"{int(purchase.key, 16) ^ 0x5A5A5A5A5A5A5A5A:016x}"
    date = stage.calendar.iso[day]
    tail = tail.replace(",debit,", ",credit,", 1)[:-1]
    sheet.lines[day].append(
        f"{key},1,{card.who}{date}T15:00:00Z,{date},posted,{cents / 100:.2f}{tail}{named}\n"
    )
    sheet.cents[day] += cents
