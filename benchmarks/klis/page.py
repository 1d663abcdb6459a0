"""The page docs/klis.md: how right indicators are, how that is measured, and its limits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.klis.claims import EVENTS, HABITS, MONEY, PERSON, PRODUCTS
from benchmarks.klis.results import BANDS, Result, merge_bands

PAGE = Path(__file__).resolve().parents[2] / "docs" / "klis.md"
TITLES = {
    EVENTS: "Events of life",
    PRODUCTS: "Products elsewhere, and rent",
    MONEY: "Income",
    PERSON: "The member",
    HABITS: "Lifestyles",
}


def page(results: Sequence[Result]) -> str:
    """Return the text of the page."""
    lines = [INTRODUCTION]
    for group, title in TITLES.items():
        found = [result for result in results if result.claim.group == group]
        lines += [f"### {title}", "", NOTES[group], "", *_table(found), ""]
    lines += [CALIBRATION, *_calibration(results), "", LIMITS]
    return "\n".join(lines)


def _table(results: Sequence[Result]) -> list[str]:
    return [
        (
            "| indicator | given to | right | confidence | a guess | true of | found "
            "| leaves a trace for | found of these |"
        ),
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_line(result) for result in results),
    ]


def _line(result: Result) -> str:
    confidence = f"{result.confidence:.2f}" if result.given else ""
    return (
        f"| `{result.claim.kli_id}` | {result.given:,} | {_share(result.right, result.given)} "
        f"| {confidence} | {result.base_ratio:.1%} | {result.holding:,} "
        f"| {_share(result.found, result.holding)} | {result.seen:,} "
        f"| {_share(result.found_seen, result.seen)} |"
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""


def _calibration(results: Sequence[Result]) -> list[str]:
    lines = [
        "| indicators, confidence from | answers | mean confidence | right |",
        "| --- | ---: | ---: | ---: |",
    ]
    for group in (EVENTS, PRODUCTS, MONEY, PERSON):
        bands = merge_bands(result for result in results if result.claim.group == group)
        lines += [
            f"| {TITLES[group].lower()}, {band / BANDS:.1f} | {count:,} | {total / count:.2f} "
            f"| {hits / count:.1%} |"
            for band, (count, total, hits) in bands.items()
        ]
    return lines


INTRODUCTION = """\
# How right indicators are

Made by `python -m benchmarks klis`; not edited by hand. The simulator keeps what its members really
are (`.truth`), which nothing but tests and measurements may read. Patterns are developed on one
simulated institution (seed 7) and measured here on another (seed 31): 20,000 members, 180 days, as
of the last one. The confidence of an event is about the lower end of the 95 % interval of what was
found on the first.

    python -m benchmarks klis                                  # measures, and writes this page
    python -m benchmarks klis --members 2000                   # a quicker look; the page stays
    python -m benchmarks.klis --seed 7 --folder /tmp/world     # keeps the institution and its build

- *Right*: of those who have the indicator, the share of whom the truth says the same. An event may
  lie up to 62 days before the indicator's window, as first wages and instalments come after it, and
  up to 15 days ahead, as purchases come before it.
- *A guess*: the share of all adult members of whom it is true, which is how often a guess is right.
- *Found*: of all of whom it is true within the indicator's window, the share who have it.
- *Leaves a trace*: of these, those whose feeds show it at all: wages, pensions and payments that go
  through this institution, by a text that says what they are.

Scores are measured apart: see [score cards](scores.md); names of merchants: see
[merchants](merchants.md).

## Result
"""
NOTES = {
    EVENTS: (
        "A loan granted here counts as the purchase that it pays for. New jobs wait for a second\n"
        "payment of wages, lost ones for 20 days and one gap without any, so that events of the\n"
        "last weeks are not found yet."
    ),
    PRODUCTS: "True: the obligation stands on the day. A trace: two payments in the rule's window.",
    MONEY: "Cadences are those of wages, pensions and gigs that are paid here.",
    PERSON: "Life stages are told by the year of birth alone.",
    HABITS: (
        "The simulator lets members with a lifestyle buy more of something; others buy it too. An\n"
        "indicator says that much was bought, not why: the share shows only that it leans the\n"
        "right way, and its confidence, which is that of the merchants' names, claims no more."
    ),
}
CALIBRATION = """\
## Calibration

How often indicators of a confidence are right; lifestyles are left out, as their confidence speaks
of merchants.
"""
LIMITS = """\
## Limits

- A simulated institution is tidier than a real one: texts vary less, and nobody does what nobody
  thought of. The figures say how well a pattern finds what the simulator hides. Measure on members
  whose answers are known before relying on one.
- Nobody here refinances a loan, moves a bill from another bank, is paid by an employer of a new
  name or has a vehicle mended at a dealer at great cost. All of these look like new jobs and
  purchases: where nothing speaks against them, confidence is far below what is found here.
- Benefits are never read: Social Security, unemployment and other assistance are withheld with
  their texts, and Social Security does not tell retirement from disability. Retirement is therefore
  found only where a pension is paid here as well, and who lives on Social Security alone looks like
  one whose wages ended.
- A cash purchase of a home, or one by a partner who pays elsewhere, leaves no trace here.
- The window holds no holiday season: in November and December presents look like the beginnings of
  bursts of purchases for children and of jewelry.
- Events of few members, retirement above all, are measured on a handful: their shares are rough.
"""
