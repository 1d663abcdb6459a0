"""Descriptors read in plain Python by the seeds, sharing nothing with the models."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.dbt.sessions import ROOT

Row = dict[str, Any]
CARDS = ("card_present", "card_not_present")
# What terminals and the bank's own system write before a descriptor.
BEFORE = re.compile(
    r"(PURCHASE AUTHORIZED ON \d\d/\d\d +)|((POS DEBIT|CHECKCARD|DBT CRD|RECURRING|\d\d/\d\d"
    r"|\d\d:\d\d|\d{3,}|#\d+|[X*]+\d{2,4}) +)"
)
BILL_PAY = re.compile(r"(BILL ?PAY|ONLINE BILL PAYMENT TO|OLB BILLPMT) +")
# Addresses, a town and animals.
INNOCENT = re.compile(
    r"\b(FALLS CHURCH|(ON|AT|\d+|[NSEW]|NORTH|SOUTH|EAST|WEST) (CHURCH|HOSPITAL|CASINO) (ST|STREET"
    r"|RD|ROAD|AVE|AVENUE|DR|DRIVE|LN|LANE|BLVD|HWY|PKWY|WAY|SQ)|(CHURCH|HOSPITAL|CASINO) (STREET"
    r"|ROAD|AVENUE|DRIVE|LANE|BLVD|HWY|PKWY)|(ANIMAL|PET|VET|VETERINARY|CAT|DOG|EQUINE) (HOSPITALS?"
    r"|URGENT CARE|HEALTHCARE|CLINICS?|MEDICAL|DENTAL)|(AUTO|BIKE|CAR|CARPET|COMPUTER|DENT"
    r"|FURNITURE|GLASS|GOLF|GUITAR|LAWN|MOWER|PHONE|PLANT|SHOE|SKI|TIRE|TRUCK|WATCH) CLINICS?)\b"
)
STATE_OF_OTHERS = {
    "p2p": "person_to_person",
    "internal": "internal_transfers",
    "atm": "cash",
    "check": "checks",
    "branch": "branch_services",
}


def read_seed(name: str) -> list[dict[str, str]]:
    """Return the lines of a seed."""
    path = next((ROOT / "seeds").rglob(f"{name}.csv"))
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class Reading:
    """What a descriptor says."""

    category: str
    merchant: str | None
    mcc: str | None
    confidence: Decimal
    words: str = ""


@dataclass(frozen=True)
class Left:
    """What is left of a text where it may be cut short."""

    text: str
    may_be_cut: bool


class Reader:
    """Reads descriptors by the dictionary in the seeds."""

    def __init__(self) -> None:
        self.patterns = [
            row | {"words": plain(row["pattern"])} for row in read_seed("merchant_patterns")
        ]
        self.by_start: dict[str, list[Row]] = {}
        self.by_word: dict[str, list[Row]] = {}
        for pattern in self.patterns:
            self.by_start.setdefault(f"{pattern['words']}  "[:3], []).append(pattern)
            self.by_word.setdefault(pattern["words"].split()[0], []).append(pattern)
        self.categories = {m["merchant_id"]: m["category_id"] for m in read_seed("merchants")}
        self.parents = {
            c["category_id"]: c["parent_category_id"] for c in read_seed("merchant_categories")
        }
        self.trades = read_seed("merchant_words")
        self.products = {
            c["category_id"]: c["competitor_product"] or None
            for c in read_seed("merchant_categories")
        }
        self.presence = {c["category_id"]: c["presence"] for c in read_seed("merchant_categories")}
        self.prefixes = sorted((p["prefix"] for p in read_seed("merchant_prefixes")), key=len)
        self.codes = {
            m["mcc"]: m["category_id"] for m in read_seed("mcc_categories") if m["category_id"]
        }
        self.entries = read_seed("ach_entry_rules")
        self.words = {
            w["word"]: w["kind"] for w in read_seed("forbidden_words") if w["is_withheld"] == "true"
        }
        self.withheld = {
            m["mcc"] for m in read_seed("forbidden_mccs") if m["is_withheld"] == "true"
        }
        self.cache: dict[tuple[Any, ...], Reading] = {}

    def read(self, row: Row) -> Reading:
        """Return what a transaction's descriptor says."""
        key = tuple(
            row[name]
            for name in (
                "channel", "direction", "mcc", "descriptor", "ach_company_name",
                "ach_entry_description", "ach_entry_class",
            )
        )  # fmt: skip
        if row["channel"] == "ach" and row["ach_company_name"]:
            key = (*key[:3], None, *key[4:])
        if key not in self.cache:
            self.cache[key] = self._read(row)
        return self.cache[key]

    def _read(self, row: Row) -> Reading:
        channel, mcc = row["channel"], row["mcc"]
        if channel in STATE_OF_OTHERS:
            said = self.codes.get(mcc)
            sure = Decimal("0.85") if said else Decimal(1)
            return Reading(said or STATE_OF_OTHERS[channel], None, mcc, sure)
        is_entry = channel == "ach" and bool(row["ach_company_name"])
        words = self._words(row, is_entry=is_entry)
        entry = self._entry(row) if is_entry else None
        outranks = entry is not None and entry["outranks_merchant"] == "true"
        sensitive = self._is_sensitive(words, is_credit=row["direction"] == "credit")
        if (
            mcc in self.withheld
            or (sensitive and not (outranks and row["direction"] == "credit"))
            or (entry and entry["category_id"] == "withheld")
        ):
            return Reading("withheld", None, None, Decimal(1))
        code_category = self.codes.get(mcc)
        text = (row["ach_company_name"] if is_entry else row["descriptor"] or "").strip()
        left = Left(
            plain(row["ach_company_name"]) if is_entry else words,
            may_be_cut=len(text) >= (15 if is_entry else 20),
        )
        is_billed = channel not in CARDS
        trade = (
            self._trade(words, code_category, is_billed=is_billed)
            if row["direction"] == "debit"
            else None
        )
        pattern = None if outranks else self._pattern(words, left, code_category)
        if pattern and (found := self._of_merchant(pattern, entry, trade)):
            category, confidence = found
            return Reading(category, pattern[0], mcc, confidence, words)
        if rule := entry or trade:
            return Reading(rule["category_id"], None, mcc, Decimal(rule["confidence"]), words)
        if mcc in self.codes:
            return Reading(self.codes[mcc], None, mcc, Decimal("0.85"), words)
        return Reading("unknown", None, mcc, Decimal(0), words)

    def _words(self, row: Row, *, is_entry: bool) -> str:
        if is_entry:
            return plain(f"{row['ach_company_name']} {row['ach_entry_description'] or ''}")
        text = (row["descriptor"] or "").strip().upper().replace('"', "")
        while found := BEFORE.match(text):
            text = text[found.end() :]
        text = BILL_PAY.sub("", text, count=1) if BILL_PAY.match(text) else text
        for prefix in reversed(self.prefixes):
            if row["channel"] in CARDS and text.startswith(prefix):
                text = text[len(prefix) :]
                break
        text = re.sub(r"\d{3}-\d{3}-\d{4}", " ", text)
        text = re.sub(r"[X*]{2,}\d{2,4}", " ", text)
        text = re.sub(r"\d{1,2}:\d{2}", " ", text)
        text = re.sub(r"# *\d+", " ", text)
        text = re.sub(r"\* *[A-Z]{0,2}\d[A-Z0-9]{4,}", " ", text)
        text = plain(text)
        text = re.sub(r"\b([A-Z]{4,})\d{3,}\b", r"\1", text)
        text = re.sub(r"\b([A-Z]{3})\d{7,}\b", r"\1", text)
        text = re.sub(r"\b([A-Z]{4,})\d{3,}([A-Z]+)\b", r"\1 \2", text)
        kept = [
            word
            for word in text.split()
            if not re.fullmatch(r"\d{3,}", word) and not re.fullmatch(r"[A-Z]*\d[A-Z0-9]{5,}", word)
        ]
        return " ".join(kept)

    def _of_merchant(
        self, pattern: tuple[str, Decimal], entry: Row | None, trade: Row | None
    ) -> tuple[str, Decimal] | None:
        """Return category and confidence; nothing where entry or trade outweighs the merchant."""
        merchant, confidence = pattern
        category = self.categories[merchant]
        if category == "deposit_transfers" and entry and self.products[entry["category_id"]]:
            return entry["category_id"], Decimal(entry["confidence"])
        other = entry or trade
        is_outweighed = (
            confidence < Decimal("0.70")
            and other is not None
            and Decimal(other["confidence"]) > confidence
            and other["category_id"] != category
        )
        return None if is_outweighed else (category, confidence)

    def _is_sensitive(self, words: str, *, is_credit: bool) -> bool:
        told = f" {INNOCENT.sub(' ', words)} "
        return any(
            f" {word} " in told and (not is_credit or kind in ("gambling", "adult"))
            for word, kind in self.words.items()
        )

    def _pattern(
        self, words: str, left: Left, code_category: str | None
    ) -> tuple[str, Decimal] | None:
        code_parent = self.parents[code_category] if code_category else None
        is_local = code_category is not None and self.presence[code_category] == "local"
        found = []
        near = self.by_start.get(f"{words}  "[:3], [])
        far = [pattern for word in set(words.split()) for pattern in self.by_word.get(word, [])]
        for pattern in [*near, *far]:
            place, sure = self._place(pattern, words, left), Decimal(pattern["confidence"])
            is_common = pattern["is_common_word"] == "true"
            category = self.categories[pattern["merchant_id"]]
            has_no_shop = is_local and self.presence[category] == "remote"
            is_plain = place == "start" and not is_common and not has_no_shop
            is_possible = code_parent is None and (place != "cut" or left.may_be_cut)
            if not place or not (is_plain or is_possible or code_parent == self.parents[category]):
                continue
            if place != "start":
                sure -= Decimal("0.15") if place == "cut" else Decimal("0.20")
            elif is_common and code_parent is None:
                sure -= Decimal("0.25")
            rank = ("start", "cut", "inside").index(place)
            length = len(pattern["words"])
            seen = min(length, len(left.text)) if place == "cut" else length
            found.append((place == "inside", -seen, rank, -sure, pattern["rule_id"], pattern))
        if not found:
            return None
        best = min(found, key=lambda f: f[:5])
        return best[5]["merchant_id"], -best[3]

    @staticmethod
    def _place(pattern: Row, words: str, left: Left) -> str | None:
        """Return where a pattern stands in a text: at its start, cut short, inside, or nowhere.

        What is cut short is `left`: the whole text, or the company's name of an ACH entry.
        """
        text, kind = pattern["words"], pattern["match_kind"]
        if kind == "word":
            return "start" if text in words.split() else None
        if f"{words} ".startswith(f"{text} ") or (kind == "prefix" and words.startswith(text)):
            return "start"
        if len(left.text) >= 8 and text.startswith(left.text):
            return "cut"
        if kind != "word" and len(text) > 18 and words.startswith(text[:18]):
            return "cut"
        is_told_inside = len(text) >= 8 and pattern["is_common_word"] != "true"
        return "inside" if is_told_inside and f" {text} " in f" {words} " else None

    def _trade(
        self, words: str, code_category: str | None, *, is_billed: bool
    ) -> dict[str, str] | None:
        found = [
            rule
            for rule in self.trades
            if f" {rule['phrase']} " in f" {words} "
            and (code_category is None or code_category in rule["refines_category_id"].split())
        ]
        best = min(
            found,
            key=lambda r: (-Decimal(r["confidence"]), -len(r["phrase"]), r["rule_id"]),
            default=None,
        )
        if best and is_billed and best["billed_category_id"]:
            return best | {"category_id": best["billed_category_id"]}
        return best

    def _entry(self, row: Row) -> dict[str, str] | None:
        entry = (row["ach_entry_description"] or "").strip().upper()
        company = row["ach_company_name"].strip().upper()
        found = [
            rule
            for rule in self.entries
            if rule["direction"] in ("", row["direction"])
            and rule["entry_class"] in ("", row["ach_entry_class"])
            and entry.startswith(rule["entry_start"])
            and begins(company, rule["company_start"])
        ]
        return min(found, key=lambda r: (-Decimal(r["confidence"]), r["rule_id"]), default=None)


def begins(company: str, start: str) -> bool:
    """Return whether a company's name begins so: one word is a whole word, several may be cut."""
    behind = company.removeprefix(start)
    is_cut = behind != "" and behind[0].isalpha() and start != "" and not re.search("[ .]", start)
    return company.startswith(start) and not is_cut


def plain(text: str) -> str:
    """Return letters, digits, & and + in single-spaced words."""
    parted = re.sub(r"\.(COM|NET|ORG)", " COM", text.upper())
    return " ".join(re.sub(r"[^A-Z0-9&+]+", " ", re.sub(r"[.'\u2019]", "", parted)).split())
