"""The seeds of scores: read what is defined, write what was trained and measured."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import md5

from benchmarks.scoring.worlds import PROJECT

FOLDER = PROJECT / "seeds" / "scores"
COEFFICIENTS = (
    "score_id", "version", "feature_id", "bin_lower", "bin_upper", "points", "reason",
    "trained_from", "trained_until",
)  # fmt: skip
MEASUREMENTS = (
    "score_id", "version", "measure", "decile", "measured_value", "measured_on", "points_checksum",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Definition:
    """One line of `score_definitions`, as far as it is needed here.

    Args:
        score_id: The score.
        version: The version in force.
        is_choice: Whether it chooses among scorecards instead of being one.
        product: The product that it speaks of.
        days: Within how many days after the as-of day the outcome counts.
        excluded_by: The feature that takes a member out when it is more than 0.
        has_next_best: Whether it takes part in the choice of the next best product.
        floor_measure: The measure that decides whether it is good enough.
        floor: The least value of that measure.
    """

    score_id: str
    version: int
    is_choice: bool
    product: str | None
    days: int
    excluded_by: str | None
    has_next_best: bool
    floor_measure: str
    floor: float


def read_seed(name: str) -> list[dict[str, str]]:
    """Return the rows of a seed of scores."""
    with (FOLDER / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_definitions() -> list[Definition]:
    """Return all scores in the order of the seed."""
    return [
        Definition(
            row["score_id"],
            int(row["version"]),
            row["kind"] == "choice",
            row["product_type"] or None,
            int(row["outcome_days"]),
            row["excluded_by"] or None,
            bool(row["next_best_indicator"]),
            row["floor_measure"],
            float(row["floor_value"]),
        )
        for row in read_seed("score_definitions")
    ]


def points_checksum(definition: Definition, definitions: Iterable[Definition]) -> str:
    """Return what stands for the points of a score, as `msr_score_cards` reckons it.

    Args:
        definition: The score. One that chooses stands for all scorecards among which it does.
        definitions: All scores.
    """
    cards = {
        (item.score_id, str(item.version))
        for item in definitions
        if (item.has_next_best if definition.is_choice else item.score_id == definition.score_id)
    }
    texts = [
        f"{row['score_id']}:{row['feature_id']}:{_bound(row['bin_lower'])}:"
        f"{_bound(row['bin_upper'])}:{row['points']}"
        for row in read_seed("score_coefficients")
        if (row["score_id"], row["version"]) in cards
    ]
    return md5("|".join(sorted(texts)).encode(), usedforsecurity=False).hexdigest()


def _bound(text: str) -> str:
    return f"{Decimal(text):.6f}" if text else ""


def write_seed(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Replace a seed; None becomes an empty cell."""
    with (FOLDER / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
