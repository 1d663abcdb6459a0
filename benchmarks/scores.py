"""How good the scores are, against the simulator's hidden truth; the baseline is chance.

dbt scores a world that no scorecard was trained on, as of two days. What becomes of its members
after the later day says how well scores tell them apart and how true their probabilities are. The
figures go into `seeds/scores/score_measurements.csv`, which decides whether a score may be used,
and into the page of score cards.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure
from benchmarks.scoring.measures import Scored, area_under_curve, calibration, stability_index
from benchmarks.scoring.page import write_page
from benchmarks.scoring.seeds import (
    MEASUREMENTS,
    Definition,
    points_checksum,
    read_definitions,
    write_seed,
)
from benchmarks.scoring.worlds import AS_OF, EARLIER, World, outcome

SEED = 13
MEMBERS = 30_000
SCORES_MODEL = "kli_predictive__scores"
Row = dict[str, Any]
Measures = list[tuple[str, int | None, float]]
CHANCE = {"auc": 0.5, "offer_lift": 1.0}


def measure(members: int) -> Iterator[Figure]:
    """Yield the figure of each score for so many members; 0 for 30,000."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), SEED, members or MEMBERS)
        world.simulate()
        yield from measure_world(world)


def measure_world(world: World) -> Iterator[Figure]:
    """Measure every score on a simulated world, write seed and page, and yield the figures."""
    scored = {}
    for day in (EARLIER, AS_OF):
        world.build(SCORES_MODEL, day)
        scored[day] = world.rows(f"select * from klis.{SCORES_MODEL}")
    truths = world.truths()
    definitions = read_definitions()
    found = {
        item.score_id: _measure_choice(item, definitions, scored[AS_OF], truths)
        if item.is_choice
        else _measure_card(item, scored, truths)
        for item in definitions
    }
    write_seed(
        "score_measurements",
        MEASUREMENTS,
        [
            (item.score_id, item.version, name, decile, round(value, 6), AS_OF.isoformat(), points)
            for item in definitions
            for points in [points_checksum(item, definitions)]
            for name, decile, value in found[item.score_id]
        ],
    )
    write_page()
    for item in definitions:
        value = {name: value for name, _, value in found[item.score_id]}[item.floor_measure]
        chance = CHANCE[item.floor_measure]
        yield Figure(
            item.score_id,
            value,
            item.floor_measure,
            chance,
            value / chance,
            f"at least {item.floor:.2f}",
            value >= item.floor,
        )


def _measure_card(
    card: Definition, scored: dict[Any, list[Row]], truths: dict[str, Row]
) -> Measures:
    before, after = (
        [row for row in scored[day] if row["score_id"] == card.score_id] for day in (EARLIER, AS_OF)
    )
    items = [
        Scored(row["score"], float(row["probability"]), known)
        for row in after
        if (known := outcome(truths[row["member_id"]], card.product, AS_OF, card.days)) is not None
    ]
    positives = sum(item.outcome for item in items)
    measures: Measures = [
        ("member_count", None, len(items)),
        ("positive_count", None, positives),
        ("base_ratio", None, positives / len(items)),
        ("auc", None, area_under_curve(items)),
        (
            "psi",
            None,
            stability_index([row["score"] for row in before], [row["score"] for row in after]),
        ),
    ]
    for decile, (predicted, observed) in enumerate(calibration(items), 1):
        measures += [("predicted_ratio", decile, predicted), ("observed_ratio", decile, observed)]
    return measures


def _measure_choice(
    choice: Definition, definitions: list[Definition], scored: list[Row], truths: dict[str, Row]
) -> Measures:
    """Measure how many times as often as average members those apply who were chosen for it."""
    products = {item.score_id: item.product for item in definitions if item.has_next_best}
    known = {
        (row["member_id"], row["score_id"]): outcome(
            truths[row["member_id"]], products[row["score_id"]], AS_OF, choice.days
        )
        or False
        for row in scored
        if row["score_id"] in products
    }
    best: dict[str, Row] = {}
    for row in sorted(
        (row for row in scored if row["score_id"] in products and row["band"] != "low"),
        key=lambda row: (-row["score"], -row["probability"], row["score_id"]),
    ):
        best.setdefault(row["member_id"], row)
    rates = {
        score_id: _ratio([hit for (_, scored_id), hit in known.items() if scored_id == score_id])
        for score_id in products
    }
    hits = sum(known[member, row["score_id"]] for member, row in best.items())
    expected = sum(rates[row["score_id"]] for row in best.values())
    return [
        ("member_count", None, len(best)),
        ("positive_count", None, hits),
        ("base_ratio", None, expected / len(best)),
        ("offer_lift", None, hits / expected),
    ]


def _ratio(hits: list[bool]) -> float:
    return sum(hits) / len(hits)
