"""How a name shows in descriptors: the patterns that are made from it."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from typing import NamedTuple

ON_THE_WEB = re.compile(r"[.](COM|NET|ORG)")
MARKS = re.compile(r"[.'\u2019]")
GAPS = re.compile(r"[^A-Z0-9&+]+")
# What stands behind an "&" is the other half of the name.
LEGAL_FORMS = re.compile(r"(?<=[^&]) (INC|LLC|CO|CORP|COMPANY|CORPORATION|USA|AMERICA)$")
AND_BETWEEN = re.compile(r"(?<=.) ?& ?(?=.)")
# A name that is written together is told by its beginning, whatever follows.
LEAST_TOGETHER = 8
LEAST_UNMISTAKABLE = 4
SURE, LESS_SURE, EVERYDAY = "0.98", "0.90", "0.85"
SHORT = {
    "AND": "&",
    "COMPANY": "CO",
    "MARKET": "MKT",
    "MARKETS": "MKT",
    "RESTAURANT": "REST",
    "CENTER": "CTR",
    "SUPERMARKET": "SUPERMKT",
    "SUPERMARKETS": "SUPERMKT",
    "FINANCIAL": "FIN",
    "INSURANCE": "INS",
    "MORTGAGE": "MTG",
    "SERVICES": "SVCS",
    "NATIONAL": "NATL",
    "AMERICAN": "AMER",
    "FEDERAL": "FED",
    "ELECTRIC": "ELEC",
    "COOPERATIVE": "COOP",
}


class Pattern(NamedTuple):
    """One pattern of the seed."""

    text: str
    kind: str
    confidence: str
    is_common_word: bool

    def row(self, rule_id: str, merchant_id: str) -> tuple[str, ...]:
        """Return its line of the seed."""
        common = "true" if self.is_common_word else "false"
        return (rule_id, merchant_id, self.kind, self.text, self.confidence, common)


def words_of(name: str) -> str:
    """Return a name as descriptors are compared: as the macro `plain_words` has it."""
    parted = ON_THE_WEB.sub(" COM", name.upper())
    return GAPS.sub(" ", MARKS.sub("", parted)).strip()


def patterns_of(name: str, everyday: AbstractSet[str]) -> list[Pattern]:
    """Return the patterns of a name, the fullest first.

    Args:
        name: The merchant's name.
        everyday: Words that others bear too, in upper case: plain English, towns, persons' names.
    """
    full = words_of(name)
    texts = [full, full.removeprefix("THE "), LEGAL_FORMS.sub("", full.removeprefix("THE "))]
    texts.append(" ".join(SHORT.get(word, word) for word in texts[-1].split()))
    texts.append(AND_BETWEEN.sub(" ", texts[-1]))
    texts.append(texts[1].replace(" & ", " AND ") if " & " in texts[1] else texts[1])
    made = {text: _pattern(text, everyday) for text in texts if len(text) > 1}
    together = re.sub(r"[ &+]", "", texts[1])
    if " " in texts[1] and len(together) >= LEAST_TOGETHER:
        made.setdefault(together, Pattern(together, "prefix", LESS_SURE, is_common_word=False))
    return list(made.values())


def _pattern(text: str, everyday: AbstractSet[str]) -> Pattern:
    is_common = " " not in text and (text in everyday or len(text) < LEAST_UNMISTAKABLE)
    if is_common:
        return Pattern(text, "start", EVERYDAY, is_common_word=True)
    sure = SURE if " " in text or len(text) > LEAST_UNMISTAKABLE else LESS_SURE
    return Pattern(text, "start", sure, is_common_word=False)
