"""The seed of merchant category codes: codes and titles of the package `iso18245`.

Which category a code means is our own judgement and stays as the seed has it.
"""

from __future__ import annotations

from pathlib import Path

import iso18245

from curation.seeds import read_rows, write_rows

SEED = Path("merchants/mcc_categories.csv")
COLUMNS = ("mcc", "title", "category_id")


def public_codes() -> dict[str, str]:
    """Return the title of every public code, as the package's sources word it.

    Networks word codes differently; the first source that has a title gives it. Codes that no
    source describes are reserved ones and left out.
    """
    titles = {}
    for code in iso18245.get_all_mccs():
        worded = (
            code.usda_description,
            code.iso_description,
            code.visa_description,
            code.mastercard_description,
            code.stripe_description,
        )
        title = next((" ".join(text.split()) for text in worded if text.strip()), "")
        if title:
            titles[code.mcc] = title
    return dict(sorted(titles.items()))


def refresh(seeds: Path) -> int:
    """Write the seed again; return how many codes have no category.

    Args:
        seeds: The folder of the dbt project's seeds.
    """
    held = {row["mcc"]: row["category_id"] for row in read_rows(seeds / SEED)}
    rows = [(mcc, title, held.get(mcc, "")) for mcc, title in public_codes().items()]
    write_rows(seeds / SEED, COLUMNS, rows)
    return sum(1 for row in rows if not row[2])
