"""Descriptors whose merchant and category are known because they were made from them."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import NamedTuple

from sandbox.feeds.evaluation.noise import code_of, disturb
from sandbox.feeds.streams import Streams, pick

KNOWN, ABBREVIATED, ENTRIES = "known", "known by statement name", "known by ACH entry"
WITH_CODE, WITHOUT_CODE = "unseen with code", "unseen without code"
# What payers' banks see of an ACH payment: company names of 16 characters, entries of 10.
COMPANY_LENGTH = 16
ENTRY_WORDS = (
    "PAYMENT",
    "ONLINE PMT",
    "WEB PMTS",
    "AUTOPAY",
    "EPAY",
    "BILLPAY",
    "PMT 0626",
    "ACH PMT",
)
ENTRY_CLASSES = ("PPD", "WEB", "TEL")
# How many of the known come without a code, as feeds of some processors have them.
SHARE_WITHOUT_CODE = 0.15


class Named(NamedTuple):
    """A merchant by a name under which it trades.

    `merchant_id` is empty for merchants that the dictionary does not know; `mcc` for those that are
    paid by ACH.
    """

    name: str
    merchant_id: str
    category_id: str
    mcc: str


class Labelled(NamedTuple):
    """One descriptor with what it truly is."""

    part: str
    channel: str
    mcc: str
    descriptor: str
    company: str
    entry: str
    entry_class: str
    merchant_id: str
    category_id: str


def unseen_merchants() -> list[Named]:
    """Return the merchants that the dictionary does not know."""
    text = resources.files(__package__).joinpath("unseen_merchants.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return [Named(row["name"], "", row["category_id"], row["mcc"]) for row in rows]


def labelled_descriptors(
    known: Sequence[Named], abbreviated: Sequence[Named], *, rounds: int, seed: int
) -> Iterator[Labelled]:
    """Yield descriptors of known and unseen merchants, the same ones for the same seed.

    Args:
        known: Merchants of the dictionary by their names.
        abbreviated: Merchants of the dictionary by what statements call them.
        rounds: How often each name is shown.
        seed: Names the set.
    """
    streams = Streams(seed)
    parts = ((KNOWN, known), (ABBREVIATED, abbreviated), (WITH_CODE, unseen_merchants()))
    for part, merchants in parts:
        for number, merchant in enumerate(merchants):
            stream = streams.of(part, number)
            for _ in range(rounds):
                yield _shown(stream, part, merchant)
    for number, merchant in enumerate(unseen_merchants()):
        stream = streams.of(WITHOUT_CODE, number)
        for _ in range(rounds):
            yield _shown(stream, WITHOUT_CODE, merchant._replace(mcc=""))


def _shown(stream: random.Random, part: str, merchant: Named) -> Labelled:
    if part == KNOWN and not merchant.mcc:
        company = merchant.name[:COMPANY_LENGTH].rstrip()
        entry, entry_class = pick(stream, ENTRY_WORDS), pick(stream, ENTRY_CLASSES)
        return Labelled(
            ENTRIES, "ach", "", f"{company} {entry}", company, entry, entry_class,
            merchant.merchant_id, merchant.category_id,
        )  # fmt: skip
    has_code = part == WITH_CODE or stream.random() >= SHARE_WITHOUT_CODE
    code = code_of(stream, merchant.mcc) if merchant.mcc and has_code else ""
    return Labelled(
        part, "card_present", code, disturb(stream, merchant.name).text, "", "", "",
        merchant.merchant_id, merchant.category_id,
    )  # fmt: skip
