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
        self.prefixes = sorted((p["prefix"] for p in read_seed("merchant_prefixes")), key=len)
        self.codes = {
            m["mcc"]: m["category_id"] for m in read_seed("mcc_categories") if m["category_id"]
        }
        self.entries = read_seed("ach_entry_rules")
        self.words = {w["word"] for w in read_seed("forbidden_words") if w["is_withheld"] == "true"}
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
        sensitive = row["direction"] == "debit" and bool(self.words & set(words.split()))
        entry = self._entry(row) if is_entry else None
        if mcc in self.withheld or sensitive or (entry and entry["category_id"] == "withheld"):
            return Reading("withheld", None, None, Decimal(1))
        code_category = self.codes.get(mcc)
        left = plain(row["ach_company_name"]) if is_entry else words
        pattern = self._pattern(words, left, self.parents.get(code_category))
        if pattern and not (entry and entry["outranks_merchant"] == "true"):
            merchant, confidence = pattern
            return Reading(self.categories[merchant], merchant, mcc, confidence, words)
        trade = self._trade(words, code_category) if row["direction"] == "debit" else None
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
        kept = [
            word
            for word in plain(text).split()
            if not re.fullmatch(r"\d{3,}", word) and not re.fullmatch(r"[A-Z]*\d[A-Z0-9]{5,}", word)
        ]
        return " ".join(kept)

    def _pattern(
        self, words: str, left: str, code_parent: str | None
    ) -> tuple[str, Decimal] | None:
        found = []
        near = self.by_start.get(f"{words}  "[:3], [])
        far = [pattern for word in set(words.split()) for pattern in self.by_word.get(word, [])]
        for pattern in [*near, *far]:
            place, sure = self._place(pattern, words, left), Decimal(pattern["confidence"])
            is_common = pattern["is_common_word"] == "true"
            parent = self.parents[self.categories[pattern["merchant_id"]]]
            is_plain = place == "start" and not is_common
            if not place or not (is_plain or code_parent in (None, parent)):
                continue
            if place != "start":
                sure -= Decimal("0.15") if place == "cut" else Decimal("0.20")
            elif is_common and code_parent is None:
                sure -= Decimal("0.25")
            rank = ("start", "cut", "inside").index(place)
            found.append((rank, -len(pattern["words"]), -sure, pattern["rule_id"], pattern))
        if not found:
            return None
        best = min(found, key=lambda f: f[:4])
        return best[4]["merchant_id"], -best[2]

    @staticmethod
    def _place(pattern: Row, words: str, left: str) -> str | None:
        """Return where a pattern stands in a text: at its start, cut short, inside, or nowhere.

        What is cut short is `left`: the whole text, or the company's name of an ACH entry.
        """
        text, kind = pattern["words"], pattern["match_kind"]
        if kind == "word":
            return "start" if text in words.split() else None
        if f"{words} ".startswith(f"{text} ") or (kind == "prefix" and words.startswith(text)):
            return "start"
        if len(left) >= 8 and text.startswith(left):
            return "cut"
        if kind != "word" and len(text) > 18 and words.startswith(text[:18]):
            return "cut"
        is_told_inside = len(text) >= 8 and pattern["is_common_word"] != "true"
        return "inside" if is_told_inside and f" {text} " in f" {words} " else None

    def _trade(self, words: str, code_category: str | None) -> dict[str, str] | None:
        found = [
            rule
            for rule in self.trades
            if f" {rule['phrase']} " in f" {words} "
            and (code_category is None or code_category in rule["refines_category_id"].split())
        ]
        return min(
            found,
            key=lambda r: (-Decimal(r["confidence"]), -len(r["phrase"]), r["rule_id"]),
            default=None,
        )

    def _entry(self, row: Row) -> dict[str, str] | None:
        entry = (row["ach_entry_description"] or "").strip().upper()
        company = row["ach_company_name"].strip().upper()
        found = [
            rule
            for rule in self.entries
            if rule["direction"] in ("", row["direction"])
            and rule["entry_class"] in ("", row["ach_entry_class"])
            and entry.startswith(rule["entry_start"])
            and company.startswith(rule["company_start"])
        ]
        return min(found, key=lambda r: (-Decimal(r["confidence"]), r["rule_id"]), default=None)


def plain(text: str) -> str:
    """Return letters, digits, & and + in single-spaced words."""
    parted = re.sub(r"\.(COM|NET|ORG)", " COM", text.upper())
    return " ".join(re.sub(r"[^A-Z0-9&+]+", " ", re.sub(r"[.'\u2019]", "", parted)).split())
