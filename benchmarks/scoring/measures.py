"""How good scores are: discrimination, calibration by decile, stability, lift of a choice."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

DECILES = 10
# Shares are never taken for less than this, so that an empty bin has a logarithm.
LEAST_SHARE = 0.0001


class Scored(NamedTuple):
    """One member's score and what became of it."""

    score: int
    probability: float
    outcome: bool


def area_under_curve(scored: Sequence[Scored]) -> float:
    """Return how often one with the outcome scores higher than one without; ties count half."""
    ordered = sorted(item.score for item in scored if not item.outcome)
    positives = [item.score for item in scored if item.outcome]
    wins = 0.0
    for score in positives:
        below = bisect_right(ordered, score - 1)
        wins += below + (bisect_right(ordered, score) - below) / 2
    return wins / (len(ordered) * len(positives))


def calibration(scored: Sequence[Scored]) -> list[tuple[float, float]]:
    """Return (ratio foretold, ratio found) by decile of the score, the lowest first."""
    ordered = sorted(scored)
    found = []
    for decile in range(DECILES):
        first, last = (len(ordered) * end // DECILES for end in (decile, decile + 1))
        part = ordered[first:last]
        found.append(
            (
                sum(item.probability for item in part) / len(part),
                sum(item.outcome for item in part) / len(part),
            )
        )
    return found


def stability_index(before: Sequence[int], after: Sequence[int]) -> float:
    """Return the population stability index of scores over the deciles of the earlier ones.

    Equal scores share a bin, so there may be fewer than ten.
    """
    ordered = sorted(before)
    cuts = sorted({ordered[len(ordered) * decile // DECILES] for decile in range(1, DECILES)})
    pairs = zip(_shares(before, cuts), _shares(after, cuts), strict=True)
    return sum((new - old) * math.log(new / old) for old, new in pairs)


def _shares(scores: Sequence[int], cuts: Sequence[int]) -> list[float]:
    counts = [0] * (len(cuts) + 1)
    for score in scores:
        counts[bisect_right(cuts, score)] += 1
    return [max(count / len(scores), LEAST_SHARE) for count in counts]
