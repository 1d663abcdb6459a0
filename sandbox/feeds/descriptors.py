"""Statement texts: clean names made as dirty as networks and processors make them."""

from __future__ import annotations

import random
from typing import NamedTuple

from sandbox.feeds.streams import pick
from sandbox.feeds.world import Category, Institution, Merchant, Place, World

# Where a text changes with every purchase.
CODE_MARK = "\x00"
# How many texts of one merchant a member sees, codes aside.
TEXTS = 2
DIGITS = (("{n3}", 3), ("{n4}", 4), ("{n5}", 5), ("{n8}", 8))
KINDS = {"fuel": "fuel", "table": "tip"}
_LETTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODES = tuple(a + b + c for a in _LETTERS[2:18] for b in _LETTERS[:16] for c in _LETTERS[8:24:4])


class Shop(NamedTuple):
    """A merchant as one member meets it: its place and texts are fixed.

    `kind` says how a purchase changes between authorisation and posting: tip, fuel or nothing.
    """

    merchant: Merchant
    amounts: tuple[int, ...]
    clocks: tuple[str, ...]
    texts: tuple[str, ...]
    tail: str
    kind: str


def shop_at(
    stream: random.Random, world: World, category: Category, merchant: Merchant, place: Place
) -> Shop:
    """Return a merchant as a member at `place` meets it, with the texts that they see."""
    style = world.styles[merchant.style]
    texts = []
    for _ in range(TEXTS):
        name = pick(stream, style.templates).replace("{stem}", pick(stream, merchant.stems))
        if "{" in name:
            name = _fill(stream, name)
        name = name[: pick(stream, style.cuts)]
        texts.append(name + _place(stream, place) if style.with_place else name)
    return Shop(
        merchant=merchant,
        amounts=category.amounts,
        clocks=category.clocks,
        texts=tuple(texts),
        tail=f",USD,debit,{category.channel},{merchant.mcc},",
        kind=KINDS.get(merchant.style, ""),
    )


def _fill(stream: random.Random, template: str) -> str:
    """Return `template` with digits, telephone numbers and the mark of changing codes."""
    digits = str(stream.getrandbits(80) | 1 << 79)[::-1]
    text = template.replace("{code}", CODE_MARK)
    if "{phone}" in text:
        text = text.replace("{phone}", f"8{digits[0]}{digits[0]}-555-01{digits[1:3]}")
    for mark, count in DIGITS:
        if mark in text:
            text = text.replace(mark, digits[-count:])
    return text


def _place(stream: random.Random, place: Place) -> str:
    """Return city and state as networks append them, padded, cut, with a comma or without."""
    draw = stream.random()
    if draw < 0.03:
        return f", {place.city}, {place.state}"
    if draw < 0.15:
        return f"  {place.city[:13]} {place.state}US"
    if draw < 0.22:
        return f" {place.city[:10]}"
    return f" {place.city[:13]} {place.state}"


def disturb(text: str, bits: int, short_date: str, mask: str) -> str:
    """Return `text` as a bank's own system garbles it.

    Args:
        text: The descriptor.
        bits: A random number below 52, one for each way.
        short_date: MM/DD of the purchase.
        mask: The masked card number.
    """
    if bits < 12:
        return f"POS DEBIT {short_date} 0{bits % 10}:{10 + bits * 4} {text}"
    if bits < 24:
        return f"{text} {mask}"
    if bits < 32:
        return f"CHECKCARD {short_date.replace('/', '')} {text}"
    if bits < 40:
        return text.replace(" ", "  ", 1)
    if bits < 44:
        return f'DBT CRD {bits}15 "{text}"'
    return f"PURCHASE AUTHORIZED ON {short_date} {text}"


def ach_text(
    stream: random.Random, institution: Institution, direction_class: str | None = None
) -> tuple[str, str, str]:
    """Return (descriptor, entry description, entry class) of payments to one institution.

    The three stay the same for as long as the agreement lasts, as they do in life.
    """
    entry = pick(stream, institution.entries)
    entry_class = direction_class or pick(stream, ("PPD", "PPD", "WEB", "WEB", "TEL"))
    text = pick(stream, institution.texts)
    draw = stream.random()
    if draw < 0.25:
        text = f"{institution.company} {entry} {stream.getrandbits(20):06d}"
    elif draw < 0.40:
        text = f"{text} {entry_class} ID: {stream.getrandbits(33):010d}"[:60]
    elif draw < 0.48:
        text = f"ACH DEBIT {text[:22]}" if not direction_class else f"ACH CREDIT {text[:22]}"
    elif draw < 0.54:
        text = text[:22].replace(" ", "  ", 1)
    return text, entry, entry_class


def bill_pay_text(stream: random.Random, text: str) -> str:
    """Return how the institution's own bill payment shows a payee."""
    return pick(
        stream,
        (
            f"BILL PAY {text[:22]} ON-LINE XXXXX{stream.getrandbits(12):04d}",
            f"BILLPAY {text[:22]}",
            f"ONLINE BILL PAYMENT TO {text[:25]}",
            f"OLB BILLPMT {text[:18]}",
        ),
    )
