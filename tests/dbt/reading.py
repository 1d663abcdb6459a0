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


class Reader:
    """Reads descriptors by the dictionary in the seeds."""

    def __init__(self) -> None:
        self.patterns = [
            row | {"words": plain(row["pattern"])} for row in read_seed("merchant_patterns")
        ]
        self.categories = {m["merchant_id"]: m["category_id"] for m in read_seed("merchants")}
        self.products = {
            c["category_id"]: c["competitor_product"] or None
            for c in read_seed("merchant_categories")
        }
        self.prefixes = sorted((p["prefix"] for p in read_seed("merchant_prefixes")), key=len)
        self.codes = {m["mcc"]: m["category_id"] for m in read_seed("mcc_categories")}
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
            return Reading(STATE_OF_OTHERS[channel], None, mcc, Decimal(1))
        is_entry = channel == "ach" and bool(row["ach_company_name"])
        words = self._words(row, is_entry=is_entry)
        sensitive = row["direction"] == "debit" and bool(self.words & set(words.split()))
        entry = self._entry(row) if is_entry else None
        if mcc in self.withheld or sensitive or (entry and entry["category_id"] == "withheld"):
            return Reading("withheld", None, None, Decimal(1))
        pattern = self._pattern(words)
        if pattern and not (entry and entry["outranks_merchant"] == "true"):
            merchant, confidence = pattern
            return Reading(self.categories[merchant], merchant, mcc, confidence)
        if entry:
            return Reading(entry["category_id"], None, mcc, Decimal(entry["confidence"]))
        if mcc in self.codes:
            return Reading(self.codes[mcc], None, mcc, Decimal("0.70"))
        return Reading("unknown", None, mcc, Decimal(0))

    def _words(self, row: Row, *, is_entry: bool) -> str:
        if is_entry:
            return plain(f"{row['ach_company_name']} {row['ach_entry_description'] or ''}")
        text = (row["descriptor"] or "").strip().upper().replace('"', "")
        text = re.sub(r"^POS DEBIT +(\d\d/\d\d +)?(\d\d:\d\d +)?", "", text)
        for prefix in reversed(self.prefixes):
            if row["channel"] in CARDS and text.startswith(prefix):
                text = text[len(prefix) :]
                break
        text = re.sub(r"\d{3}-\d{3}-\d{4}", " ", text)
        text = re.sub(r"X{2,}\d{2,4}", " ", text)
        text = re.sub(r"\d{1,2}:\d{2}", " ", text)
        text = re.sub(r"# *\d+", " ", text)
        text = re.sub(r"\* *[A-Z]{0,2}\d[A-Z0-9]{4,}", " ", text)
        kept = [
            word
            for word in plain(text).split()
            if not re.fullmatch(r"\d{3,}", word) and not re.fullmatch(r"[A-Z]*\d[A-Z0-9]{5,}", word)
        ]
        return " ".join(kept)

    def _pattern(self, words: str) -> tuple[str, Decimal] | None:
        found = []
        for pattern in self.patterns:
            text, sure = pattern["words"], Decimal(pattern["confidence"])
            if pattern["match_kind"] == "word":
                if text in words.split():
                    found.append((True, len(text), sure, pattern))
            elif (words + " ").startswith(text + " ") or (
                pattern["match_kind"] == "prefix" and words.startswith(text)
            ):
                found.append((True, len(text), sure, pattern))
            elif len(words) >= 8 and text.startswith(words):
                found.append((False, len(text), sure - Decimal("0.15"), pattern))
        if not found:
            return None
        best = min(found, key=lambda f: (not f[0], -f[1], -f[2], f[3]["rule_id"]))
        return best[3]["merchant_id"], best[2]

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
    return " ".join(re.sub(r"[^A-Z0-9&+]+", " ", re.sub(r"[.'\u2019]", "", text.upper())).split())
