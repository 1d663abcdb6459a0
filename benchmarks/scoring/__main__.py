"""`python -m benchmarks.scoring`: train all scorecards and write their coefficients.

They are trained on a world of their own: `python -m benchmarks scores` measures them on another.
Versions other than those in force stay in the seed as they are.
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.scoring.features import FEATURES
from benchmarks.scoring.seeds import (
    COEFFICIENTS,
    Definition,
    read_definitions,
    read_seed,
    write_seed,
)
from benchmarks.scoring.training import Coefficient, fit
from benchmarks.scoring.worlds import AS_OF, START, World, outcome

SEED = 11
MEMBERS = 30_000
FEATURES_MODEL = "kli_predictive__features"


def main(
    members: Annotated[int, typer.Option(help="Members of the world to train on.")] = MEMBERS,
    folder: Annotated[
        Path | None, typer.Option(help="Use the world simulated and built in this folder.")
    ] = None,
) -> None:
    """Train all scorecards and write `seeds/scores/score_coefficients.csv`.

    Example: python -m benchmarks.scoring --members 30000
    """
    if folder is not None:
        _train(World(folder, SEED, members))
        return
    with tempfile.TemporaryDirectory() as made:
        world = World(Path(made), SEED, members)
        world.simulate()
        world.build(FEATURES_MODEL, AS_OF)
        _train(world)


def _train(world: World) -> None:
    rows, truths = world.rows(f"select * from klis.{FEATURES_MODEL}"), world.truths()
    cards = [card for card in read_definitions() if not card.is_choice]
    trained = {(card.score_id, str(card.version)) for card in cards}
    lines: list[tuple[object, ...]] = [
        tuple(row[name] for name in COEFFICIENTS)
        for row in read_seed("score_coefficients")
        if (row["score_id"], row["version"]) not in trained
    ]
    for card in cards:
        found = [
            (row, known)
            for row in rows
            if not (card.excluded_by and row[card.excluded_by] > 0)
            and (known := outcome(truths[row["member_id"]], card.product, AS_OF, card.days))
            is not None
        ]
        coefficients = fit(
            FEATURES[card.score_id], [row for row, _ in found], [known for _, known in found]
        )
        lines += [_line(card, coefficient) for coefficient in coefficients]
    write_seed("score_coefficients", COEFFICIENTS, lines)


def _line(card: Definition, coefficient: Coefficient) -> tuple[object, ...]:
    until = AS_OF + timedelta(days=card.days)
    return (card.score_id, card.version, *coefficient, START.isoformat(), until.isoformat())


if __name__ == "__main__":
    typer.run(main)
