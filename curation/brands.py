"""Brands of the name-suggestion-index as merchants of the dictionary.

The index (https://nsi.guide, BSD-3-Clause) groups brands into trees such as
`brands/shop/supermarket` and says where each one trades. `trees.csv` gives the category of a tree.
Merchants that were put into the seeds by hand are never changed; what came from the index before is
written again.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.patterns import patterns_of, words_of
from curation.seeds import read_rows, write_rows

TREES = Path(__file__).with_name("trees.csv")
# Names that are words or places as well, one a line: such a name needs a category code that agrees
# before it counts as the brand.
EVERYDAY = Path(__file__).with_name("everyday.txt")
MERCHANTS = Path("merchants/merchants.csv")
PATTERNS = Path("merchants/merchant_patterns.csv")
FORBIDDEN = Path("governance/forbidden_words.csv")
INDEX = "nsi"
# Names that tell of health or creed although no forbidden word stands in them.
TELLING = frozenset({"AFLAC", "THRIVENT", "UNITED HEALTHCARE", "DESERET BOOK", "MARDEL"})
# Have charging stations, and are not who is paid for them.
HOSTS = frozenset({"INTEL CORPORATION", "MICHIGAN STATE UNIVERSITY"})
# Railways and carriers of current own substations too, and send no bills to households.
CARRIERS = re.compile(r"TRANSIT|RAIL|TRANSPORT|TRANSMISSION|AMTRAK|METRO")
IN_BRACKETS = re.compile(r"\s*[(/].*$")
US = re.compile(r"us(-.*)?|conus|q30", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Brand:
    """A brand of the index.

    Args:
        name: Its name as people know it.
        tree: Where the index has it.
        category_id: The category of the tree.
        mcc: The code under which such a merchant usually trades; empty for none.
        places: Where it trades, as the index words it.
        is_worldwide: Whether it trades everywhere, and its tree is one where that is so.
    """

    name: str
    tree: str
    category_id: str
    mcc: str
    places: frozenset[str]
    is_worldwide: bool

    @property
    def is_american(self) -> bool:
        """Whether it trades in the United States."""
        return self.is_worldwide or any(US.fullmatch(place) for place in self.places)


def read_brands(index: Path) -> Iterator[Brand]:
    """Yield the brands of `dist/json/nsi.json` whose names can stand in a descriptor.

    Args:
        index: The file of the package.
    """
    trees = json.loads(index.read_text(encoding="utf-8"))["nsi"]
    for row in read_rows(TREES):
        for item in trees.get(row["tree"], {"items": []})["items"]:
            name = _name(item)
            is_carrier = row["category_id"] == "utilities" and CARRIERS.search(words_of(name))
            if name and not is_carrier and words_of(name) not in HOSTS:
                places = frozenset(
                    place.lower()
                    for place in item["locationSet"].get("include", ())
                    if isinstance(place, str)
                )
                yield Brand(
                    name=name,
                    tree=row["tree"],
                    category_id=row["category_id"],
                    mcc=row["mcc"],
                    places=places,
                    is_worldwide="001" in places and row["takes_worldwide"] == "yes",
                )


def _name(item: dict[str, Any]) -> str:
    """Return the name in Latin letters, or nothing."""
    plain = unicodedata.normalize("NFKD", item["displayName"].replace("\u2019", "'"))
    text = "".join(letter for letter in plain if not unicodedata.combining(letter))
    text = IN_BRACKETS.sub("", text).strip()
    has_code = re.search(r"\d{3}", text) is not None
    return text if text.isascii() and len(words_of(text)) > 1 and not has_code else ""


def forbidden_words(seeds: Path) -> dict[str, tuple[str, ...]]:
    """Return the words that no indicator may rest on, each with where it is no secret."""
    return {
        row["word"]: tuple(filter(None, row["except_in"].split("|")))
        for row in read_rows(seeds / FORBIDDEN)
    }


def is_sensitive(name: str, words: Mapping[str, tuple[str, ...]]) -> bool:
    """Return whether a name speaks of what no indicator may rest on.

    As in descriptors, words count as they stand, without their plurals and inflections.
    """
    text = words_of(name)
    return text in TELLING or any(
        f" {word} " in functools.reduce(_without, phrases, f" {text} ")
        for word, phrases in words.items()
    )


def _without(text: str, phrase: str) -> str:
    return text.replace(f" {phrase} ", "  ")


def refresh(seeds: Path, index: Path) -> int:
    """Write merchants and patterns again; return how many merchants come from the index.

    Args:
        seeds: The folder of the dbt project's seeds.
        index: The file `dist/json/nsi.json` of the package name-suggestion-index.
    """
    own = [row for row in read_rows(seeds / MERCHANTS) if row["source"] != INDEX]
    own_ids = {row["merchant_id"] for row in own}
    own_patterns = [row for row in read_rows(seeds / PATTERNS) if row["merchant_id"] in own_ids]
    taken = {words_of(row["pattern"]) for row in own_patterns}
    taken |= {words_of(row["merchant_name"]) for row in own}
    common = frozenset(EVERYDAY.read_text(encoding="utf-8").split())
    merchants = [tuple(row.values()) for row in own]
    patterns = [tuple(row.values()) for row in own_patterns]
    count = 0
    for brand in _chosen(index, taken, forbidden_words(seeds)):
        merchant_id = re.sub(r"[^a-z0-9]+", "_", words_of(brand.name).lower()).strip("_")
        # A brand whose every text means another merchant is that one by another spelling.
        own_texts = [
            (number, pattern)
            for number, pattern in enumerate(patterns_of(brand.name, common), 1)
            if pattern.text not in taken
        ]
        if merchant_id in own_ids or not own_texts:
            continue
        own_ids.add(merchant_id)
        count += 1
        merchants.append((merchant_id, brand.name, brand.category_id, INDEX))
        for number, pattern in own_texts:
            taken.add(pattern.text)
            patterns.append(pattern.row(f"{merchant_id}_{number}", merchant_id))
    write_rows(
        seeds / MERCHANTS, ("merchant_id", "merchant_name", "category_id", "source"), merchants
    )
    write_rows(
        seeds / PATTERNS,
        ("rule_id", "merchant_id", "match_kind", "pattern", "confidence", "is_common_word"),
        patterns,
    )
    return count


def _chosen(
    index: Path, taken: AbstractSet[str], forbidden: Mapping[str, tuple[str, ...]]
) -> Iterator[Brand]:
    """Yield American brands, each name once, that the seeds neither have nor may have."""
    seen = set(taken)
    for brand in read_brands(index):
        text = words_of(brand.name)
        bare = text.removeprefix("THE ")
        if not brand.is_american or is_sensitive(brand.name, forbidden) or seen & {text, bare}:
            continue
        seen |= {text, bare}
        yield brand
