"""Merchants of the evaluation that the dictionary must not know.

Brands of other English-speaking countries, taken as they come: nobody who writes rules reads the
file, or the evaluation would measure what its author remembers.
"""

from __future__ import annotations

from pathlib import Path

from curation.brands import MERCHANTS, forbidden_words, is_sensitive, read_brands
from curation.patterns import words_of
from curation.seeds import read_rows, write_rows

FILE = Path("sandbox/feeds/evaluation/unseen_merchants.csv")
COLUMNS = ("name", "category_id", "mcc")
COUNTRIES = frozenset({"ca", "gb", "au", "nz", "ie", "za"})
# Not paid by card in a shop, or of two categories: a convenience store may be one of fuel or food.
LEFT_OUT = (
    "brands/amenity/bank",
    "brands/office/estate_agent",
    "brands/office/mortgage",
    "brands/shop/convenience",
    "brands/shop/gas",
    "operators/power",
)


def write(project: Path, index: Path) -> int:
    """Write the file; return how many merchants it names.

    Args:
        project: The repository's root.
        index: The file `dist/json/nsi.json` of the package name-suggestion-index.
    """
    known = {words_of(row["merchant_name"]) for row in read_rows(project / "seeds" / MERCHANTS)}
    forbidden = forbidden_words(project / "seeds")
    seen = set(known)
    rows = []
    for brand in read_brands(index):
        text = words_of(brand.name)
        is_abroad = brand.places <= COUNTRIES and bool(brand.places)
        if (
            is_abroad
            and brand.mcc
            and text not in seen
            and not brand.tree.startswith(LEFT_OUT)
            and not is_sensitive(brand.name, forbidden)
        ):
            seen.add(text)
            rows.append((text, brand.category_id, brand.mcc))
    write_rows(project / FILE, COLUMNS, sorted(rows))
    return len(rows)
