"""Score cards on the page of the indicators that scores make: what for, how good, until when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from activation.pages.markdown import code, day, in_words, node_link, table
from activation.pages.sources import Score, Sources
from tellerline.errors import ContractError

SEED = "seeds/scores/score_definitions.csv"
# How people call what is measured, and how many places they read of it.
MEASURES = {
    "auc": ("area under the curve", 3),
    "offer_lift": ("lift of the offer", 2),
    "psi": ("stability index", 3),
}


def score_cards(sources: Sources, family: str) -> str:
    """Return the cards of all scores, where an indicator of the family comes from one.

    Raises:
        ContractError: A definition has a date or a number that is none.
    """
    if not any(
        f"{family}__{score.facts['indicator']}" in sources.indicators for score in sources.scores
    ):
        return ""
    cards = node_link("msr_score_cards", "model", "msr_score_cards")
    return "\n\n".join(
        (
            "## Score cards",
            f"""A score past its review or short of what is asked of it makes no indicator, and a
build with an audience that rests on it fails. The figures are of a simulated institution until
yours has measured its own. Features, deciles and whether each may be used on the day: {cards}.""",
            table(
                ("Score", "For what and whom", "Foretells", "Found", "Limits", "Review"),
                [_card(score) for score in sources.scores],
            ),
        )
    )


def _card(score: Score) -> tuple[str, ...]:
    facts = score.facts
    try:
        found = "; ".join(
            f"{words} {float(row['measured_value']):.{places}f}{_bound(facts, measure)}"
            for measure, (words, places) in MEASURES.items()
            if (row := score.measured.get(measure))
        )
        review = day(date.fromisoformat(facts["review_date"]))
    except ValueError:
        raise ContractError(
            f"the score {facts['score_id']}",
            "has a date or a number that is none.",
            f"Correct {SEED} and the measurements beside it.",
        ) from None
    return (
        f"**{facts['title']}** {code(facts['score_id'])}, version {facts['version']}",
        f"{facts['purpose']} {facts['population']}",
        facts["outcome"],
        found or "not measured",
        facts["limits"],
        f"by {review}, {in_words(facts['owner'])}",
    )


def _bound(facts: Mapping[str, str], measure: str) -> str:
    """Say what is asked of a measure."""
    if measure == facts["floor_measure"]:
        return f" (at least {float(facts['floor_value']):.2f})"
    if measure == "psi":
        return f" (at most {float(facts['maximum_psi']):.2f})"
    return ""
