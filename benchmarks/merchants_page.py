"""The page docs/merchants.md: how descriptors are read, how that is measured, and the result."""

from __future__ import annotations

from pathlib import Path

from benchmarks.merchants_scores import Part, Scores

PAGE = Path(__file__).resolve().parents[1] / "docs" / "merchants.md"


def page(scores: Scores) -> str:
    """Return the text of docs/merchants.md."""
    lines = [
        INTRODUCTION,
        (
            "| part | descriptors | merchant precision | merchant coverage "
            "| sub-category precision | category precision | coverage |"
        ),
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_line(part) for part in (scores.known, *scores.parts, *scores.unseen)]
    lines += [
        BASELINE,
        (
            "| part | merchant precision | merchant coverage | sub-category precision "
            "| category precision |"
        ),
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {part.name} | {part.merchant_precision:.1%} | {part.merchant_coverage:.1%} "
        f"| {part.precision:.1%} | {part.parent_precision:.1%} |"
        for part in (scores.baseline.known, *scores.baseline.unseen)
    ]
    lines += [CLAIMED, "| part | read as a known merchant |", "| --- | --- |"]
    lines += [f"| {part} | {ratio:.1%} |" for part, ratio in scores.claimed]
    lines += [CALIBRATION, "| answer, confidence from | answers | mean confidence | right |"]
    lines.append("| --- | --- | --- | --- |")
    lines += [
        f"| {band} | {count} | {sure:.2f} | {right:.1%} |"
        for band, count, sure, right in scores.bands
    ]
    return "\n".join(lines) + "\n"


def _line(part: Part) -> str:
    unseen = part.name.startswith("unseen")
    merchant = (
        ("", "") if unseen else (f"{part.merchant_precision:.1%}", f"{part.merchant_coverage:.1%}")
    )
    return (
        f"| {part.name} | {part.count} | {merchant[0]} | {merchant[1]} | {part.precision:.1%} "
        f"| {part.parent_precision:.1%} | {part.coverage:.1%} |"
    )


INTRODUCTION = """# Merchant standardisation

A descriptor is read once: facilitators, telephone numbers, dates, masks and numbers come off; then
the best of these says what it is, and names itself as the rule that matched.

| reading | where | confidence |
| --- | --- | --- |
| sensitive code, word or phrase | `seeds/governance` | withheld: no text or merchant is kept |
| ACH entry that says it all | `ach_entry_rules` | as the rule states |
| ACH entry that names a bank's product | the same | the same; the bank stays the merchant |
| merchant, the pattern stands at the start | `merchant_patterns` | 0.85 to 0.98 |
| merchant, the name is cut short | the same | 0.15 less; counts as stated below |
| merchant, the pattern stands behind other words | the same | 0.20 less; as stated below |
| merchant by a common word without a code | the same | 0.25 less |
| other ACH entry | `ach_entry_rules` | as the rule states |
| word of a trade | `merchant_words` | as the word was right among the dictionary's own names |
| category code | `mcc_categories` | 0.85 |

A code that belongs to another category than a merchant known by a common word outweighs the word.
A name cut short counts where the code agrees, or where there is none and the text is as long as
networks cut; one behind other words where no code speaks against it. What has no shops (`presence`
in `merchant_categories`: banks, insurers, streaming) is not recognised under the code of a local
trade. A merchant of less than 0.70 gives way to an entry or a word that is
surer and says something else. Sensitive words count for what is paid; of money received only those
of gambling and adult matters do, and never against wages. Towns, streets and animal hospitals that
hold such a word are `innocent_phrases` in `macros/merchants.sql`.
What no rule recognises waits in `dim_unknown_merchants`, the most frequent first; payees of fewer
than ten members are not in it.

## Upkeep

    make install-dev                                              # the packages that curation reads
    python -m curation codes                                      # codes from the package iso18245
    npm pack name-suggestion-index                                # brands (BSD-3-Clause)
    python -m curation brands nsi.json                            # lines with the source nsi
    python -m curation unseen nsi.json                            # merchants of the evaluation
    python -m benchmarks merchants                                # measures, and writes this page

Lines put in by hand have the source `own` and are never changed by these commands. Names that are
places or words as well stand in `curation/everyday.txt`. To take a name
out of the queue, add a line to `merchants` and its patterns.

## How it is measured

`sandbox/feeds/evaluation` makes labelled descriptors. Known merchants are those of the dictionary,
by their names, by what statements of the simulated world call them, and as companies of 16
characters in ACH entries. Unseen merchants are brands of Canada, Britain, Ireland, Australia, New
Zealand and South Africa that the dictionary does not have. Names are put into frames of statements,
with places, numbers, prefixes and masks, and cut; one in twenty codes is a neighbour of the usual
one. Neither frames nor unseen merchants are consulted when rules are written. What that does not
make up for: both were made by people who know the domain, the set is not a sample of any
institution's statements, brands are easier to read than local shops, and a code agrees with the
label more often than in life. Measure on your own statements before relying on a figure.

Category is the broader level (`parent_category_id`), sub-category the finer one (`category_id`).
Coverage is the share of descriptors with an answer, precision the share of right ones among them.

## Result
"""
BASELINE = """
The baseline takes the longest name with which the text begins, and else the category of the code:
"""
CLAIMED = """
Unseen merchants that are taken for known ones, which is always wrong:
"""
CALIBRATION = """
## Calibration

How often answers of a confidence are right: the merchant where one is named, and otherwise the
sub-category.
"""
