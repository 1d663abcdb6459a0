"""The page of score cards: `docs/scores.md`, made from the seeds of scores alone."""

from __future__ import annotations

from benchmarks.scoring.seeds import read_seed
from benchmarks.scoring.worlds import PROJECT

PAGE = PROJECT / "docs" / "scores.md"
HEAD = """\
# Score cards

Made by `python -m benchmarks scores` from `seeds/scores/`; not edited by hand. What a score is for
and until when it may be used stands in `score_definitions.csv`, its points in
`score_coefficients.csv` (`python -m benchmarks.scoring` trains them), what was found of it in
`score_measurements.csv`. `tellerline dictionary pages --write` brings new figures to dbt docs.

- A scorecard adds the points of one bin a feature: 500 stands for average odds, and each 100 more
  double them. The three bins that add most, and ten at least, are the member's
  reason codes.
- Scores are trained on one simulated institution and measured on another, as of a day, by what
  becomes of members after it. A real institution trains and measures on its own history before use:
  the figures below say how well the method finds what the simulator hides, and no more.
- No feature is a prohibited basis (age, sex, marital status) or a proxy for one (ZIP). Minors, the
  deceased, former members and businesses get no score.
- A score below its floor, above its greatest stability index, past its review date, in a version
  that was not measured, or with other points than those that were, gives no indicator, and a build
  with a segment that rests on it fails.
"""
Rows = list[dict[str, str]]


def write_page() -> None:
    """Write the page."""
    PAGE.write_text(render_page(), encoding="utf-8")


def render_page() -> str:
    """Return the page as the seeds have it."""
    coefficients, measurements = read_seed("score_coefficients"), read_seed("score_measurements")
    parts = [HEAD]
    for definition in read_seed("score_definitions"):
        key = (definition["score_id"], definition["version"])
        card, found = (
            [row for row in rows if (row["score_id"], row["version"]) == key]
            for rows in (coefficients, measurements)
        )
        parts.append(_card(definition, card, found))
    return "\n".join(parts)


def _card(definition: dict[str, str], card: Rows, found: Rows) -> str:
    values = {row["measure"]: float(row["measured_value"]) for row in found if not row["decile"]}
    facts = [
        ("id and version", f"`{definition['score_id']}`, version {definition['version']}"),
        ("purpose", definition["purpose"]),
        ("population", definition["population"]),
        ("outcome", definition["outcome"]),
        *_training(card),
        *_findings(found, values),
        ("floor", f"{definition['floor_measure']} of {definition['floor_value']}"),
        ("greatest stability index", definition["maximum_psi"]),
        (
            "bands",
            f"high from {definition['high_score']}, medium from {definition['medium_score']}",
        ),
        ("limits", definition["limits"]),
        ("owner", definition["owner"]),
        ("review by", definition["review_date"]),
    ]
    lines = [f"## {definition['title']}", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {text} |" for name, text in facts]
    return "\n".join([*lines, *_deciles(found), *_points(card), ""])


def _training(card: Rows) -> list[tuple[str, str]]:
    if not card:
        return []
    return [("trained on", f"{card[0]['trained_from']} to {card[0]['trained_until']}, simulated")]


def _findings(found: Rows, values: dict[str, float]) -> list[tuple[str, str]]:
    if not found:
        return [("measured", "not yet: not usable")]
    facts = [
        (
            "measured",
            f"as of {found[0]['measured_on']} on {values['member_count']:,.0f} members, "
            f"{values['positive_count']:,.0f} with the outcome, {values['base_ratio']:.2%} expected"
            if "offer_lift" in values
            else f"as of {found[0]['measured_on']} on {values['member_count']:,.0f} members, "
            f"{values['positive_count']:,.0f} with the outcome ({values['base_ratio']:.2%})",
        )
    ]
    named = (
        ("auc", "area under the curve", "{:.3f}"),
        ("offer_lift", "lift of the offer", "{:.2f}"),
        ("psi", "stability index", "{:.3f}"),
    )
    facts += [(title, form.format(values[name])) for name, title, form in named if name in values]
    return facts


def _deciles(found: Rows) -> list[str]:
    ratios = {
        (row["measure"], int(row["decile"])): float(row["measured_value"])
        for row in found
        if row["decile"]
    }
    if not ratios:
        return []
    deciles = sorted({decile for _, decile in ratios})
    lines = ["", "| decile of score | foretold | found |", "| ---: | ---: | ---: |"]
    for decile in deciles:
        foretold, seen = (
            ratios[measure, decile] for measure in ("predicted_ratio", "observed_ratio")
        )
        lines.append(f"| {decile} | {foretold:.2%} | {seen:.2%} |")
    return lines


def _points(card: Rows) -> list[str]:
    if not card:
        return []
    lines = ["", "| feature | bin | points |", "| --- | --- | ---: |"]
    return lines + [
        f"| `{row['feature_id']}` | {row['reason']} | {row['points']} |" for row in card
    ]
