"""Measures indicators on a simulated institution that no pattern was developed on."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.klis.claims import HABITS, claims
from benchmarks.klis.page import PAGE, page
from benchmarks.klis.results import Result, measure_claim
from benchmarks.klis.truth import Truth
from benchmarks.scoring.worlds import AS_OF, World

# Patterns are developed on the demo's institution, seed 7.
SEED, MEMBERS, DAYS = 31, 20_000, 180
MODEL = "fct_member_klis"


def measure(members: int) -> Iterator[Figure]:
    """Yield the figures for so many members; 0 for 20,000, whose result is written to the page."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), SEED, members or MEMBERS, DAYS)
        world.simulate()
        yield from figures(measure_world(world), writes=not members)


def measure_world(world: World) -> list[Result]:
    """Build the indicators of a simulated institution, and measure each that the truth knows."""
    world.build(MODEL, AS_OF)
    truths = {member: Truth(facts, AS_OF) for member, facts in world.truths().items()}
    population = {
        row["member_id"]
        for row in world.rows(
            "select member_id from core.dim_members where member_status = 'active' and not is_minor"
        )
    } & truths.keys()
    held: dict[str, dict[str, float]] = defaultdict(dict)
    for row in world.rows(f"select member_id, kli_id, confidence from klis.{MODEL}"):
        held[row["kli_id"]][row["member_id"]] = float(row["confidence"])
    return [measure_claim(claim, truths, population, held[claim.kli_id]) for claim in claims()]


def figures(results: list[Result], *, writes: bool) -> Iterator[Figure]:
    """Yield the precision of each claim against that of a guess.

    Args:
        results: What was measured.
        writes: Write the page too.
    """
    if writes:
        PAGE.write_text(page(results), encoding="utf-8")
    for result in results:
        is_habit = result.claim.group == HABITS
        goal = (
            "better than a guess"
            if is_habit
            else f"not below the confidence of {result.confidence:.0%}, chance allowed for"
        )
        yield Figure(
            result.claim.kli_id,
            round(100 * result.precision, 2),
            "% right",
            round(100 * result.base_ratio, 2),
            round(result.precision / result.base_ratio, 2) if result.holding else 0.0,
            goal,
            result.precision > result.base_ratio if is_habit else result.is_honest,
        )
